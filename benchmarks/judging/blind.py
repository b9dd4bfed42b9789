"""Judging without names: sheets of two pictures each, votes, and who they were for."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from judging.painters import opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from judging.painters import Pair

KEY_FILE: Final = "key.json"
SMALL_PX: Final = 224
MARGIN_PX: Final = 12
CAPTION_PX: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Two pictures of one pair, by two painters."""

    pair: Pair
    painters: tuple[str, str]
    pictures: tuple[Path, Path]


def lay_out(contests: Sequence[Contest], folder: Path, *, seed: int) -> list[Path]:
    """Draw a sheet for every contest: photo and painting small, the two pictures as A and B.

    Args:
        contests: what is to be judged.
        folder: where the sheets go, and `key.json`, which tells who is who and is not to be opened.
        seed: decides the order of the sheets and which picture is A.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # An order to judge in, not a secret.
    chance = random.Random(seed)  # noqa: S311
    shuffled = chance.sample(list(contests), len(contests))
    key, sheets = {}, []
    for number, contest in enumerate(shuffled, start=1):
        order = chance.sample((0, 1), 2)
        sheet = folder / f"{number:02}.png"
        _draw(contest, order, sheet, number)
        key[str(number)] = {
            "A": contest.painters[order[0]],
            "B": contest.painters[order[1]],
            "pair": contest.pair.name,
        }
        sheets.append(sheet)
    (folder / KEY_FILE).write_text(json.dumps(key, indent=1))
    return sheets


def reveal(votes: Mapping[str, str], folder: Path) -> dict[tuple[str, str], Counter[str]]:
    """Return for each two painters how often each was preferred, and how often neither.

    Args:
        votes: number of a sheet, as it stands on the sheet (7) or in its file's name (07) → "A", "B" or "=".
        folder: the one that `lay_out` filled.

    Raises:
        SystemExit: a vote that is none of these, or for a sheet that is not there.
    """
    key = json.loads((folder / KEY_FILE).read_text())
    counts: dict[tuple[str, str], Counter[str]] = {}
    for written, vote in votes.items():
        number = written.lstrip("0")
        if number not in key or vote not in {"A", "B", "="}:
            raise SystemExit(f"error: sheet {written} with the vote {vote!r}: write lines like 7 A, 8 B, 9 =")
        painters = tuple(sorted((key[number]["A"], key[number]["B"])))
        winner = "neither" if vote == "=" else key[number][vote]
        counts.setdefault((painters[0], painters[1]), Counter())[winner] += 1
    return counts


def _draw(contest: Contest, order: Sequence[int], path: Path, number: int) -> None:
    left, right = (Image.open(contest.pictures[place]) for place in order)
    small = [opened(file, SMALL_PX) for file in (contest.pair.photo, contest.pair.painting)]
    width = left.width + right.width + SMALL_PX + 4 * MARGIN_PX
    height = max(left.height, right.height, sum(one.height for one in small) + MARGIN_PX)
    sheet = Image.new("RGB", (width, height + CAPTION_PX + 2 * MARGIN_PX), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=CAPTION_PX - 8)
    top = CAPTION_PX + MARGIN_PX
    places = (MARGIN_PX, SMALL_PX + 2 * MARGIN_PX, SMALL_PX + left.width + 3 * MARGIN_PX)
    for x, caption in zip(places, (f"sheet {number}", "A", "B"), strict=True):
        pen.text((x, MARGIN_PX // 2), caption, "black", font)
    sheet.paste(small[0], (places[0], top))
    sheet.paste(small[1], (places[0], top + small[0].height + MARGIN_PX))
    sheet.paste(left, (places[1], top))
    sheet.paste(right, (places[2], top))
    sheet.save(path)
