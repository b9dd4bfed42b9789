"""What each part of `best` is worth: every part taken out in turn, judged as in `quality.py`.

    python benchmarks/ablation.py --size 192 --pairs 6      a line per part, mean over the pairs
    python benchmarks/ablation.py --only "no matching"      one of them
    python benchmarks/ablation.py --processes 2             two pictures at a time, sooner done on two cores

Pictures go to --out, and side by side to --strips, so that they can be looked at: the judge errs.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from judging.judge import Judge, Scores
from judging.networks import Layout, Texture
from judging.painters import Pair, Place, extractor_of_this_process, in_processes, opened
from judging.report import mean_and_interval
from judging.strips import draw_strips
from quality import PAINTINGS, PHOTOS, QUICK_PAINTINGS, at_least_one

from nst_core.features import pick_device
from nst_core.images import to_pil, to_tensor
from nst_core.memory import keep_memory
from nst_core.protocol import StyleParams
from nst_core.transfer.best import paint_best
from nst_core.transfer.recipe import BestRecipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

WHOLE: Final = "whole"
EVERYTHING_PX: Final = 1 << 20
"""Larger than any picture."""
RECIPES: Final[Mapping[str, BestRecipe]] = {
    WHOLE: BestRecipe(),
    "no matching": BestRecipe(match_weight=0.0),
    "no Gram matrices": BestRecipe(style_weight=0.0),
    "features spread as they may": BestRecipe(distribution_weight=0.0),
    "no self-similarity": BestRecipe(structure_weight=0.0),
    "photo not recoloured first": BestRecipe(recolors=False),
    "no total variation": BestRecipe(tv_weight=0.0),
    "one scale": BestRecipe(coarsest_px=EVERYTHING_PX, coarsest_of_small_px=EVERYTHING_PX),
    "calm places as any other": BestRecipe(calm_loyalty=BestRecipe().loyalty, sowing=0.0, calm_freedom=0.0),
    "calm places laid out as the photo": BestRecipe(calm_freedom=0.0),
    "calm places not sown": BestRecipe(sowing=0.0),
    "landmarks as any other place": BestRecipe(landmark_loyalty=0.0, landmark_structure=0.0),
    "only the picture so far asks": BestRecipe(loyalty=0.0, calm_loyalty=0.0),
    "deep layers at every scale": BestRecipe(fine_px=EVERYTHING_PX),
}


def main() -> int:
    """Paint, judge and print a Markdown table."""
    keep_memory(os.environ)
    arguments = _arguments()
    names = arguments.only or list(RECIPES)
    judges = _judges(_pairs(arguments.pairs), arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(
        "| `best` | structure | style ↓ | colour ↓ | score | against the whole |\n|---|---|---|---|---|---|"
    )
    whole: list[Scores] = []
    painted = _painted([Piece(pair=pair, recipe=name) for name in names for pair in judges], arguments)
    for name in names:
        scores = [
            judges[piece.pair](_tensor(path, arguments.size))
            for piece, path in itertools.islice(painted, len(judges))
        ]
        whole = whole or scores
        print(_line(name, scores, whole), flush=True)
    if arguments.strips:
        rows = [[_file(arguments.out, Piece(pair=pair, recipe=name)) for name in names] for pair in judges]
        draw_strips(names, rows, arguments.strips)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=192, help="long side in px")
    parser.add_argument("--pairs", type=int, default=6, help="how many, each with another painting")
    parser.add_argument("--only", nargs="+", choices=RECIPES, help="the first of them is compared with")
    parser.add_argument(
        "--alexnet", type=Path, help="AlexNet's weights; default: torchvision downloads its own"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--processes",
        type=at_least_one,
        default=1,
        help="pictures painted at a time, each with its share of the cores",
    )
    parser.add_argument("--out", type=Path, default=Path("build/ablation"), help="where the pictures go")
    parser.add_argument("--strips", type=Path, help="a JPEG with all of them side by side")
    return parser.parse_args()


def _pairs(count: int) -> list[Pair]:
    """Return each of the quick paintings with a photo of its own, in turn."""
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix in {".jpg", ".png", ".webp"})
    return [
        Pair(photo=photos[number % len(photos)], painting=PAINTINGS / f"{name}.jpg")
        for number, name in enumerate(QUICK_PAINTINGS[:count])
    ]


def _judges(pairs: Sequence[Pair], arguments: argparse.Namespace) -> dict[Pair, Judge]:
    layout, texture = Layout(), Texture(arguments.alexnet)
    return {
        pair: Judge(
            _tensor(pair.photo, arguments.size),
            _tensor(pair.painting, arguments.size),
            layout=layout,
            texture=texture,
        )
        for pair in pairs
    }


def _tensor(path: Path, size_px: int) -> Tensor:
    return to_tensor(opened(path, size_px))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One pair to be painted by one recipe."""

    pair: Pair
    recipe: str


def _painted(pieces: Sequence[Piece], arguments: argparse.Namespace) -> Iterator[tuple[Piece, Path]]:
    """Yield every piece and its picture, in order."""
    place = Place(folder=arguments.out, device=pick_device(arguments.device))
    paint = functools.partial(_paint, place, arguments.size)
    return in_processes(paint, pieces, processes=arguments.processes)


def _paint(place: Place, size_px: int, piece: Piece) -> Path:
    content, style = (_tensor(path, size_px) for path in (piece.pair.photo, piece.pair.painting))
    params = StyleParams(long_side_px=size_px)
    recipe, extractor = RECIPES[piece.recipe], extractor_of_this_process(place)
    _, walk = paint_best(content, [(style, 1.0)], params, extractor=extractor, recipe=recipe)
    *_, (_, picture, _) = walk
    path = _file(place.folder, piece)
    to_pil(picture).save(path)
    return path


def _file(folder: Path, piece: Piece) -> Path:
    name = piece.recipe.replace(" ", "_")
    return folder / f"{piece.pair.photo.stem}-{piece.pair.painting.stem}-{name}.png"


def _line(name: str, scores: Sequence[Scores], whole: Sequence[Scores]) -> str:
    gains = [one.score - other.score for one, other in zip(scores, whole, strict=True)]
    gain, low, high = mean_and_interval(gains)
    cells = [
        f"{statistics.fmean(one.structure for one in scores):.3f}",
        f"{statistics.fmean(one.style for one in scores):.3f}",
        f"{statistics.fmean(one.colour for one in scores):.3f}",
        f"{statistics.fmean(one.score for one in scores):.3f}",
        "" if scores is whole else f"{gain:+.3f} ({low:+.3f} … {high:+.3f})",
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
