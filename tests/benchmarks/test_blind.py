from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from judging.blind import KEY_FILE, Contest, lay_out, reveal
from judging.painters import Pair
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def contests(tmp_path: Path) -> list[Contest]:
    paths = {}
    for name, color in (("photo", "gray"), ("painting", "gold"), ("best", "red"), ("classic", "blue")):
        paths[name] = tmp_path / f"{name}.png"
        Image.new("RGB", (90, 60), color).save(paths[name])
    pair = Pair(photo=paths["photo"], painting=paths["painting"])
    one = Contest(pair=pair, painters=("best", "classic"), pictures=(paths["best"], paths["classic"]))
    return [one] * 12


def test_sheets_show_both_pictures_in_an_order_that_the_key_tells(
    contests: list[Contest], tmp_path: Path
) -> None:
    """Red is best and blue is classic: what stands left on the sheet is what the key calls A."""
    sheets = lay_out(contests, tmp_path / "sheets", seed=1)
    key = json.loads((tmp_path / "sheets" / KEY_FILE).read_text())
    for number, sheet in enumerate(sheets, start=1):
        picture = Image.open(sheet).convert("RGB")
        left = [picture.getpixel((x, 60)) for x in range(picture.width)]
        first = "best" if left.index((255, 0, 0)) < left.index((0, 0, 255)) else "classic"
        assert key[str(number)]["A"] == first
    assert {entry["A"] for entry in key.values()} == {"best", "classic"}, "always the same order is not blind"


def test_reveal_counts_votes_by_painter(contests: list[Contest], tmp_path: Path) -> None:
    """A vote for A is a vote for whoever stood there."""
    lay_out(contests, tmp_path / "sheets", seed=1)
    key = json.loads((tmp_path / "sheets" / KEY_FILE).read_text())
    votes = {number: "A" if entry["A"] == "best" else "B" for number, entry in key.items()}
    votes["3"] = "="
    counts = reveal(votes, tmp_path / "sheets")
    assert counts == {("best", "classic"): Counter({"best": 11, "neither": 1})}


def test_reveal_takes_a_sheet_s_number_as_its_file_has_it(contests: list[Contest], tmp_path: Path) -> None:
    """07.png says "sheet 7" inside; a voter may write either."""
    lay_out(contests, tmp_path / "sheets", seed=1)
    names = [path.stem for path in sorted((tmp_path / "sheets").glob("*.png"))]
    assert names[0] == "01"
    as_on_the_sheet = reveal(dict.fromkeys(map(str, range(1, 13)), "A"), tmp_path / "sheets")
    assert reveal(dict.fromkeys(names, "A"), tmp_path / "sheets") == as_on_the_sheet


def test_a_vote_for_nobody_is_refused_with_an_example(contests: list[Contest], tmp_path: Path) -> None:
    """One line that says how to write it."""
    lay_out(contests, tmp_path / "sheets", seed=1)
    with pytest.raises(SystemExit, match="write lines like 7 A"):
        reveal({"99": "A"}, tmp_path / "sheets")
