"""Pictures for the judge are painted one after another, or some at a time in real processes."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

import pytest
import torch
from judging.painters import Pair, Place, Task, opened, paint_all
from quality import PAINTINGS, PHOTOS, QUICK_PAINTINGS, _arguments, _pairs, at_least_one

from nst_core.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def test_two_at_a_time_paint_every_task_once(tmp_path: Path) -> None:
    """Each is on disk with the size asked for; what is there is neither painted nor timed again."""
    pair = Pair(photo=PHOTOS / "coffee.jpg", painting=PAINTINGS / "scream.jpg")
    tasks = [Task(pair=pair, painter="classic", strength=strength, size_px=64) for strength in (20, 80)]
    place = Place(folder=tmp_path / "pictures", device=torch.device("cpu"))
    painted = dict(paint_all(tasks, place, processes=2))
    assert list(painted) == tasks
    pictures = [opened(painted[task].path, 64) for task in tasks]
    assert all(max(picture.size) == 64 for picture in pictures)
    assert pictures[0].tobytes() != pictures[1].tobytes()
    assert all(one.seconds is not None and one.seconds > 0 for one in painted.values())
    again = dict(paint_all(tasks, place, processes=1))
    assert [again[task].path for task in tasks] == [painted[task].path for task in tasks]
    assert all(one.seconds is None for one in again.values())


def test_what_goes_wrong_in_a_process_is_told(tmp_path: Path) -> None:
    """In its own words, rather than missing from the table."""
    pair = Pair(photo=PHOTOS / "coffee.jpg", painting=PAINTINGS / "scream.jpg")
    task = Task(pair=pair, painter="classic", size_px=48)
    with pytest.raises(UserError, match="size is 48: choose a whole number from 64 to"):
        list(paint_all([task], Place(folder=tmp_path, device=torch.device("cpu")), processes=2))


def test_processes_are_at_least_one() -> None:
    """Zero would paint nothing; whoever writes a word is told what to give."""
    assert at_least_one("2") == 2
    for wrong in ("0", "-1", "two"):
        with pytest.raises(ArgumentTypeError, match=f"'{wrong}': give a whole number, 1 or more"):
            at_least_one(wrong)


def test_quick_takes_each_of_its_paintings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for more gets a second photo of each; in full every photo meets every painting."""

    def pairs(*arguments: str) -> list[Pair]:
        monkeypatch.setattr("sys.argv", ["quality.py", *arguments])
        return _pairs(_arguments())

    quick = pairs("--quick")
    assert sorted(pair.painting.stem for pair in quick) == sorted(QUICK_PAINTINGS)
    assert len({pair.photo for pair in quick}) >= 4
    assert len(set(pairs("--quick", "--pairs", "12"))) == 12
    photos, paintings = (len(list(folder.glob("*.jpg"))) for folder in (PHOTOS, PAINTINGS))
    assert len(set(pairs())) == photos * paintings
