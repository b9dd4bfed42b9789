"""What `--style IMAGE_OR_PRESET[:WEIGHT]` means, and how it is remembered inside a painting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nst_core import presets
from nst_core.commandline.answers import MistakeError
from nst_core.commandline.files import is_file
from nst_core.errors import BadImage, UserError

_PICTURE_ENDINGS: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".heic", ".heif"}
    | {".bmp", ".tif", ".tiff", ".svg", ".pdf", ".jxl"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """One style: a preset or a file, and its share."""

    source: presets.Preset | Path
    weight: float = 1.0

    def remembered(self, data: bytes) -> dict[str, Any]:
        """Return what a painting remembers of it: of a file only its name, never its folder."""
        if isinstance(self.source, presets.Preset):
            return {"preset": self.source.id, "weight": self.weight}
        return {"file": self.source.name, "sha256": sha256(data).hexdigest(), "weight": self.weight}


def manner(text: str) -> Manner:
    """Return what the person named.

    Args:
        text: a path, or a preset's id or title; after a colon perhaps its weight.

    Raises:
        UserError: neither a picture file nor a painting.
        MistakeError: a weight that is no number above 0.
    """
    if source := _existing(text):
        return Manner(source=source)
    name, colon, weight = text.rpartition(":")
    if colon and (source := _existing(name)):
        return Manner(source=source, weight=_weight(text, weight))
    if colon and _is_number(weight):
        text = name
    raise _unknown(text)


def recall(remembered: object, painting: str) -> Manner:
    """Return a style that a painting remembers.

    Args:
        remembered: what `Manner.remembered` said, or whatever a stranger wrote there.
        painting: the painting's name, for complaints.

    Raises:
        UserError: a preset that does not exist here.
        MistakeError: it was a picture of the person's own, or cannot be understood.
    """
    entry = remembered if isinstance(remembered, dict) else {}
    preset, weight = entry.get("preset"), entry.get("weight", 1.0)
    if isinstance(preset, str) and isinstance(weight, int | float):
        return Manner(source=presets.find(preset), weight=_weight(f"{preset}:{weight}", str(weight)))
    if isinstance(file := entry.get("file"), str):
        shown = "".join(letter for letter in file if letter.isprintable())[:80]
        raise MistakeError(
            f"“{painting}” was painted after your own picture “{shown}”: give it again with --style."
        )
    raise MistakeError(f"“{painting}” does not say after what it was painted: name it with --style.")


def _existing(text: str) -> presets.Preset | Path | None:
    if preset := presets.all_presets().get(text):
        return preset
    if is_file(Path(text)):
        return Path(text)
    try:
        return None if _looks_like_a_path(text) else presets.find(text)
    except UserError:
        return None


def _unknown(text: str) -> Exception:
    if _looks_like_a_path(text):
        return BadImage("image_missing", name=Path(text).name or text)
    try:
        presets.find(text)
    except UserError as error:
        return MistakeError(f"{error} `nst presets` lists them all, and a picture file works as well.")
    raise AssertionError(text)  # it was asked for only because it is unknown


def _looks_like_a_path(text: str) -> bool:
    return "/" in text or "\\" in text or Path(text).suffix.lower() in _PICTURE_ENDINGS


def _weight(text: str, weight: str) -> float:
    if _is_number(weight) and 0 < float(weight) < math.inf:
        return float(weight)
    raise MistakeError(f"“{text}” needs a number above 0 after its colon, for example 0.5 or 2.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
