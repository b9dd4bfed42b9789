"""How good the pictures are: judged by networks that no mode optimises, and blind by whoever looks.

    python benchmarks/quality.py --quick                    six pairs, small
    python benchmarks/quality.py --quick --processes 2      two pictures at a time, sooner done on two cores
    python benchmarks/quality.py --photos A --paintings B   every photo of A × every painting of B
    python benchmarks/quality.py --quick --blind SHEETS     also sheets to judge without names
    python benchmarks/quality.py --quick --strips OUT.jpg   also every painter's pictures side by side
    python benchmarks/quality.py --reveal SHEETS VOTES      who they were (VOTES: lines like "7 A", "8 =")

A picture that is in the folder --out is not painted again: clear it when a recipe has changed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from judging.blind import Contest, lay_out, reveal
from judging.judge import Judge
from judging.networks import Layout, Texture
from judging.painters import (
    PAINTERS,
    PAINTING,
    PEER,
    PHOTO,
    Pair,
    Place,
    Studio,
    Task,
    extractor_of_this_process,
    opened,
    paint_all,
)
from judging.report import Judged, by_painting, frontier, style_at, table, wins
from judging.strips import draw_strips

from nst_core.features import pick_device
from nst_core.images import to_tensor
from nst_core.memory import keep_memory
from nst_core.protocol import AVAILABLE_MODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from judging.painters import Painted

HERE: Final = Path(__file__).parent
PHOTOS: Final = HERE / "photos"
PAINTINGS: Final = HERE.parent / "nst_core" / "presets"
ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
QUICK_PAINTINGS: Final = (
    "composition_viii",
    "durer_lion",
    "great_wave",
    "starry_night",
    "scream",
    "arcimboldo_spring",
)
DTYPES: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
QUICK_PX: Final = 192
QUICK_PAIRS: Final = 6
"""Each of the quick paintings once; all twelve took two slow cores more than half an hour."""
FULL_PX: Final = 512
DEFAULT_STRENGTH: Final = 50
STRUCTURES: Final = (0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> int:
    """Paint, judge and print."""
    keep_memory(os.environ)
    arguments = _arguments()
    if arguments.reveal:
        return _reveal(*arguments.reveal)
    pairs = _pairs(arguments)
    place = Place(folder=arguments.out, device=pick_device(arguments.device), dtype=DTYPES[arguments.dtype])
    tasks = _tasks(pairs, arguments)
    painted = paint_all(tasks, place, processes=arguments.processes)
    judged = list(_judged(painted, len(tasks), Layout(), Texture(arguments.alexnet)))
    studio = Studio(place.folder, extractor_of_this_process(place))
    _print(judged, arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps([_row(one) for one in judged], indent=1))
    if arguments.strips:
        _draw_strips(pairs, studio, arguments)
    if arguments.blind:
        contests = list(_contests(pairs, studio, arguments))
        lay_out(contests, arguments.blind, seed=arguments.seed)
        print(
            f"\n{len(contests)} sheets in {arguments.blind}; do not open its key.json before you have voted."
        )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="six pairs at 192 px and three strengths")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder of photos")
    parser.add_argument("--paintings", type=Path, nargs="+", default=[PAINTINGS], help="folders of paintings")
    parser.add_argument("--painters", nargs="+", choices=PAINTERS, default=None)
    parser.add_argument("--strengths", type=int, nargs="+", default=None, help="default 10 … 90; 25 50 75")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--size", type=int, default=None, help="long side in px")
    parser.add_argument("--pairs", type=int, default=None, help="at most so many pairs, spread evenly")
    parser.add_argument(
        "--alexnet", type=Path, help="AlexNet's weights; default: torchvision downloads its own"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="of the features; to compare bfloat16, judge it into another --out and compare the scores",
    )
    parser.add_argument(
        "--processes",
        type=at_least_one,
        default=1,
        help="pictures painted at a time, each with its share of the cores and seconds of its own",
    )
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="where the pictures go")
    parser.add_argument("--json", type=Path, help="every picture's scores as JSON")
    parser.add_argument("--blind", type=Path, help="folder for sheets without names")
    parser.add_argument("--strips", type=Path, help="a JPEG with every painter's pictures side by side")
    parser.add_argument("--reveal", nargs=2, type=Path, metavar=("SHEETS", "VOTES"))
    parser.add_argument("--seed", type=int, default=0, help="of the order of the blind sheets")
    arguments = parser.parse_args()
    quick = arguments.quick
    arguments.size = arguments.size or (QUICK_PX if quick else FULL_PX)
    arguments.pairs = arguments.pairs or (QUICK_PAIRS if quick else None)
    arguments.strengths = arguments.strengths or ([25, 50, 75] if quick else [10, 30, 50, 70, 90])
    arguments.painters = arguments.painters or [*AVAILABLE_MODES, PEER, PHOTO, PAINTING]
    return arguments


def at_least_one(text: str) -> int:
    """Return a number from the command line.

    Raises:
        ArgumentTypeError: it is no whole number of 1 or more.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 1 or more")
    return int(text)


def _pairs(arguments: argparse.Namespace) -> list[Pair]:
    """Return every photo with every painting; quick: each of a few paintings with two photos, in turn."""
    photos = _pictures([arguments.photos])
    paintings = _pictures(arguments.paintings)
    if arguments.quick:
        chosen = [path for path in paintings if path.stem in QUICK_PAINTINGS] or paintings[:6]
        pairs = [
            Pair(photo=photos[(2 * number + turn) % len(photos)], painting=painting)
            for number, painting in enumerate(chosen)
            for turn in (0, 1)
        ]
    else:
        pairs = [Pair(photo=photo, painting=painting) for photo in photos for painting in paintings]
    if arguments.pairs is None or arguments.pairs >= len(pairs):
        return pairs
    return [pairs[number * len(pairs) // arguments.pairs] for number in range(arguments.pairs)]


def _pictures(folders: Iterable[Path]) -> list[Path]:
    found = sorted(path for folder in folders for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not found:
        raise SystemExit("error: no pictures there: name a folder with PNG, JPEG or WebP files")
    return found


def _tasks(pairs: Sequence[Pair], arguments: argparse.Namespace) -> list[Task]:
    """Return what is to be painted; one strength and seed for what knows neither."""
    return [
        Task(pair=pair, painter=painter, strength=strength, seed=seed, size_px=arguments.size)
        for pair in pairs
        for painter in arguments.painters
        for strength in (arguments.strengths if painter in AVAILABLE_MODES else [DEFAULT_STRENGTH])
        for seed in (arguments.seeds if painter in AVAILABLE_MODES else [0])
    ]


def _judged(
    paintings: Iterable[tuple[Task, Painted]], count: int, layout: Layout, texture: Texture
) -> Iterator[Judged]:
    judges: dict[str, Judge] = {}
    for number, (task, painted) in enumerate(paintings, start=1):
        if task.pair.name not in judges:
            files = (task.pair.photo, task.pair.painting)
            photo, painting = (to_tensor(opened(path, task.size_px)) for path in files)
            judges = {task.pair.name: Judge(photo, painting, layout=layout, texture=texture)}
        judge = judges[task.pair.name]
        scores = judge(to_tensor(opened(painted.path, task.size_px)))
        print(
            f"{number}/{count} {task.pair.name}, {task.painter} {task.strength}: {scores.score:.3f}",
            file=sys.stderr,
            flush=True,
        )
        yield Judged(task=task, scores=scores, seconds=painted.seconds, halves=judge.halves)


def _print(judged: Sequence[Judged], arguments: argparse.Namespace) -> None:
    print(f"\n{arguments.size} px, {len({one.task.pair.name for one in judged})} pairs\n\n{table(judged)}\n")
    halves = statistics.fmean({one.task.pair.name: one.halves for one in judged}.values())
    print(f"In the unit of style, the two halves of a painting are {halves:.3f} apart in the mean.\n")
    strength = _strongest(judged, "best")
    if strength is None:
        return
    print(f"Strength {strength} suits `best` best over all pairs. There:")
    for rival in arguments.painters:
        if rival == "best":
            continue
        theirs = _strongest(judged, rival)
        if theirs is not None:
            won, of = wins(judged, of="best", over=rival, strength=strength, theirs=theirs)
            print(f"- above {rival} on {won} of {of} pairs")
    print(
        "- by painting: "
        + ", ".join(f"{k} {v:.3f}" for k, v in by_painting(judged, "best", strength).items())
    )
    if len(arguments.strengths) > 1:
        _print_frontiers(judged, [painter for painter in arguments.painters if painter in AVAILABLE_MODES])


def _print_frontiers(judged: Sequence[Judged], modes: Sequence[str]) -> None:
    print("\nStyle distance where the structure is\n\n| mode | " + " | ".join(map(str, STRUCTURES)) + " |")
    print("|---" * (len(STRUCTURES) + 1) + "|")
    for mode in modes:
        points = frontier(judged, mode)
        cells = ["–" if (style := style_at(points, kept)) is None else f"{style:.3f}" for kept in STRUCTURES]
        print(f"| {mode} | " + " | ".join(cells) + " |")


def _strongest(judged: Sequence[Judged], painter: str) -> int | None:
    """Return the strength with the best mean score, or None where the painter painted nothing."""
    totals: dict[int, float] = {}
    for one in judged:
        if one.task.painter == painter:
            totals[one.task.strength] = totals.get(one.task.strength, 0.0) + one.scores.score
    return max(totals, key=totals.__getitem__) if totals else None


def _contests(pairs: Sequence[Pair], studio: Studio, arguments: argparse.Namespace) -> Iterator[Contest]:
    """Yield `best` against each other mode and the peer, at the default strength."""
    for rival in (*(mode for mode in AVAILABLE_MODES if mode != "best"), PEER):
        for pair in pairs:
            tasks = [Task(pair=pair, painter=painter, size_px=arguments.size) for painter in ("best", rival)]
            pictures = [studio.paint(task).path for task in tasks]
            yield Contest(pair=pair, painters=("best", rival), pictures=(pictures[0], pictures[1]))


def _draw_strips(pairs: Sequence[Pair], studio: Studio, arguments: argparse.Namespace) -> None:
    """Draw each pair's photo and painting, and what the painters made of them at the default strength."""
    painters = [painter for painter in arguments.painters if painter not in (PHOTO, PAINTING)]
    tasks = [
        [Task(pair=pair, painter=painter, size_px=arguments.size) for painter in painters] for pair in pairs
    ]
    rows = [
        [pair.photo, pair.painting, *(studio.paint(task).path for task in row)]
        for pair, row in zip(pairs, tasks, strict=True)
    ]
    draw_strips(["photo", "painting", *painters], rows, arguments.strips)


def _reveal(folder: Path, votes: Path) -> int:
    lines = [line.split() for line in votes.read_text().splitlines() if line.strip()]
    for painters, count in reveal({line[0]: line[-1] for line in lines}, folder).items():
        print(f"{' against '.join(painters)}: " + ", ".join(f"{name} {n}" for name, n in count.most_common()))
    return 0


def _row(one: Judged) -> dict[str, object]:
    scores = one.scores
    return {
        "pair": one.task.pair.name,
        "painter": one.task.painter,
        "strength": one.task.strength,
        "seed": one.task.seed,
        "size_px": one.task.size_px,
        "structure": scores.structure,
        "style": scores.style,
        "colour": scores.colour,
        "lpips": scores.lpips,
        "score": scores.score,
        "seconds": one.seconds,
    }


if __name__ == "__main__":
    sys.exit(main())
