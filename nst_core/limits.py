"""What a picture may be; standard library only, so that it can be checked before any decoder is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from nst_core.errors import BadImage, UploadTooLarge

_MIB: Final = 2**20
_MEGAPIXEL: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a picture may be, checked before it is decoded."""

    max_bytes: int = 25 * _MIB
    """A 48-megapixel phone photo is about 15 MiB."""
    max_megapixels: int = 64
    """Above the 50 of today's phones; 192 MB once decoded."""
    max_frames: int = 1000
    """Only the first frame is painted; a longer animation is a film, or an attack."""
    least_px: int = 16
    """The deepest layer of the extractors sees one pixel in sixteen."""
    max_ratio: int = 20
    """At a long side of 512 px the short one is then 26 px, still a picture."""


DEFAULT_LIMITS: Final = Limits()


def check_bytes(size_bytes: int, role: str, limits: Limits) -> None:
    """Refuse an empty file and one above the limit.

    Raises:
        BadImage: no bytes.
        UploadTooLarge: too many.
    """
    if size_bytes == 0:
        raise BadImage("image_empty", role=role)
    if size_bytes > limits.max_bytes:
        # Rounded up, so that a size just over the limit does not read like the limit.
        size_mib = math.ceil(size_bytes / _MIB * 10) / 10
        limit_mib = math.floor(limits.max_bytes / _MIB * 10) / 10
        raise UploadTooLarge(
            "upload_too_large", role=role, size_mib=f"{size_mib:g}", limit_mib=f"{limit_mib:g}"
        )


def check_size(size_px: tuple[int, int], role: str, limits: Limits) -> None:
    """Refuse a picture too small, too narrow, or of too many pixels; `size_px` is (width, height).

    Raises:
        BadImage: with the size and the limit.
    """
    width_px, height_px = size_px
    words: dict[str, Any] = {"role": role, "width_px": width_px, "height_px": height_px}
    short, long = sorted(size_px)
    if long > short * limits.max_ratio:
        raise BadImage("image_too_narrow", **words, ratio=limits.max_ratio)
    if short < limits.least_px:
        raise BadImage("image_too_small", **words, least_px=limits.least_px)
    if width_px * height_px > limits.max_megapixels * _MEGAPIXEL:
        raise BadImage("image_too_many_pixels", **words, most_mp=limits.max_megapixels)


def check_frames(frames: int, role: str, limits: Limits) -> None:
    """Refuse an animation that is too long.

    Raises:
        BadImage: with the limit.
    """
    if frames > limits.max_frames:
        raise BadImage("image_too_many_frames", role=role, most=limits.max_frames)
