"""The small pictures for lists of paintings."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageChops, ImageStat

from nst_core import presets
from nst_core.copies import THUMBNAIL_PX
from nst_core.errors import Fault

if TYPE_CHECKING:
    from pathlib import Path

GRID = (16, 16)


def test_every_bundled_painting_has_its_thumbnail() -> None:
    """A small copy of the same picture; what is downloaded has none, and no file stands there for nothing."""
    bundled = [preset for preset in presets.all_presets().values() if preset.bundled]
    for preset in bundled:
        small = Image.open(io.BytesIO(presets.thumbnail(preset) or b""))
        whole = Image.open(io.BytesIO(presets.read(preset)))
        assert (small.format, max(small.size)) == ("JPEG", THUMBNAIL_PX), preset.id
        coarse = [image.convert("RGB").resize(GRID, Image.Resampling.BOX) for image in (small, whole)]
        assert max(ImageStat.Stat(ImageChops.difference(*coarse)).mean) < 4, preset.id
    assert {path.stem for path in presets.THUMBNAILS.iterdir()} == {preset.id for preset in bundled}
    assert presets.thumbnail(presets.find("fish_magic")) is None


def test_missing_thumbnail_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is no mistake of anybody's who looks at a list."""
    monkeypatch.setattr(presets, "THUMBNAILS", tmp_path)
    with pytest.raises(Fault, match="starry_night"):
        presets.thumbnail(presets.find("starry_night"))
