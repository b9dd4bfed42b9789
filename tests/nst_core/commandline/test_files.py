"""Files that go out: checked before, whole or not there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nst_core.commandline.answers import MistakeError
from nst_core.commandline.files import is_file, write_all

if TYPE_CHECKING:
    from pathlib import Path


def test_all_files_are_written(tmp_path: Path) -> None:
    """Each has its bytes, an older one is replaced, and nothing else is left."""
    (tmp_path / "a.png").write_bytes(b"old")

    write_all({tmp_path / "a.png": b"new", tmp_path / "b.png": b"other"})

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a.png": b"new",
        "b.png": b"other",
    }


def test_when_one_cannot_be_written_none_is(tmp_path: Path) -> None:
    """The folder of the second vanished while the picture was painted: the first is not there either."""
    with pytest.raises(MistakeError, match="could not be written: No such file or directory"):
        write_all({tmp_path / "a.png": b"new", tmp_path / "gone" / "b.png": b"other"})

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "missing", "."])
def test_a_name_that_cannot_be_a_file_is_none(tmp_path: Path, name: str) -> None:
    """Whatever was typed, asking does not fail."""
    assert not is_file(tmp_path / name)
