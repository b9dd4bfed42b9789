"""What --style means."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nst_core import presets
from nst_core.commandline.answers import MistakeError
from nst_core.commandline.manner import Manner, manner, recall
from nst_core.errors import BadImage


@pytest.mark.parametrize(
    ("text", "preset", "weight"),
    [
        ("starry_night", "starry_night", 1.0),
        ("starry_night:2", "starry_night", 2.0),
        ("starry_night:0.25", "starry_night", 0.25),
        ("The Great Wave off Kanagawa:3", "great_wave", 3.0),
        ("星月夜", "starry_night", 1.0),
    ],
)
def test_a_preset_is_named_by_id_or_title_with_a_weight(text: str, preset: str, weight: float) -> None:
    """The weight stands after a colon; without one it is 1."""
    assert manner(text) == Manner(source=presets.find(preset), weight=weight)


def test_a_path_is_a_picture_of_ones_own(tmp_path: Path) -> None:
    """With or without weight; a colon in a file's name is part of the name."""
    plain, colon = tmp_path / "a.png", tmp_path / "b:2"
    plain.write_bytes(b"1")
    colon.write_bytes(b"2")

    assert manner(str(plain)) == Manner(source=plain)
    assert manner(f"{plain}:2") == Manner(source=plain, weight=2.0)
    assert manner(str(colon)) == Manner(source=colon)
    assert manner(f"{colon}:3") == Manner(source=colon, weight=3.0)


def test_a_preset_wins_over_a_file_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called like a painting is reached by ./ before its name."""
    monkeypatch.chdir(tmp_path)
    Path("scream").write_bytes(b"1")

    assert manner("scream").source == presets.find("scream")
    assert manner("./scream").source == Path("scream")


def test_a_missing_file_is_not_taken_for_a_painting() -> None:
    """What looks like a path is answered as a path, without its folder."""
    with pytest.raises(BadImage) as caught:
        manner("pictures/starry_night.jpg:2")

    assert caught.value.values == {"name": "starry_night.jpg"}


def test_what_a_painting_remembers_is_recalled(tmp_path: Path) -> None:
    """A preset comes back with its weight; of a file only name and sha256 are kept, so it is asked for."""
    preset = manner("scream:2.5")
    own = Manner(source=tmp_path / "cat.jpg")

    assert recall(preset.remembered(b""), "p.png") == preset
    assert own.remembered(b"meow") == {
        "file": "cat.jpg",
        "sha256": hashlib.sha256(b"meow").hexdigest(),
        "weight": 1.0,
    }
    with pytest.raises(MistakeError, match=r"“p\.png” was painted after your own picture “cat\.jpg”"):
        recall(own.remembered(b"meow"), "p.png")
