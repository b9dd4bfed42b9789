"""Pure checks: what a person sent and chose → what will be painted, before a byte is downloaded.

Nothing here knows Discord. Whatever is wrong becomes a `UserError` that says what to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nst_core import formats, presets
from nst_core.errors import BadImage, BadParameter, UploadTooLarge
from nst_core.protocol import AVAILABLE_MODES, RANGES, StyleParams

if TYPE_CHECKING:
    from bot.config import LimitsSection, Settings, StyleSection
    from bot.jobs.own_presets import OwnPreset
    from nst_core.presets import Preset

MIB: Final = 2**20
USUAL_BRUSH: Final = 100
"""Per cent: the strokes as they are in the style picture."""
_MEGAPIXEL: Final = 10**6
_PICTURE_ENDINGS: Final = frozenset(
    {"jpg", "jpeg", "jfif", "png", "webp", "gif", "avif", "heic", "heif", "bmp", "tif", "tiff"}
)
_DOCUMENT_TYPES: Final = {
    "image/svg+xml": "an SVG drawing",
    "application/pdf": "a PDF document",
    "application/postscript": "a PostScript drawing",
}
_SILENT_TYPES: Final = frozenset({None, "", "application/octet-stream"})
"""What Discord says of a file whose ending it does not know, HEIC and AVIF from some phones among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What Discord tells of an attachment before it is fetched."""

    filename: str
    size_bytes: int
    content_type: str | None = None
    width_px: int | None = None
    """None for what Discord does not take for a picture."""
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What somebody wants, as it arrived; None where it was left out."""

    content: Upload | None = None
    """None also where the content was looked at before."""
    style: Upload | None = None
    other_styles: tuple[Upload, ...] = ()
    kept_style: bool = False
    """The style is a picture that was looked at before."""
    preset: str | OwnPreset | None = None
    strength: int | None = None
    mode: str | None = None
    brush: int | None = None
    size: int | None = None
    keep_colors: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Wishes that can be granted, as far as one can tell without the pictures."""

    params: StyleParams
    preset: Preset | OwnPreset | None
    """None: the style is a picture."""


def accept(wishes: Wishes, settings: Settings, *, may_lack_style: bool = False) -> Accepted:
    """Check everything that can be checked without the pictures' bytes.

    Args:
        wishes: as they arrived.
        settings: defaults and limits.
        may_lack_style: the style will be asked for.

    Raises:
        BadParameter: neither or both of style and preset, an unknown preset, a value out of range.
        BadImage: an attachment that is no picture, empty, or of too many pixels.
        UploadTooLarge: more bytes than accepted.
    """
    preset = _choose_preset(wishes, may_lack_style=may_lack_style)
    params = _choose_params(wishes, settings.style)
    uploads = [("content", wishes.content), ("style", wishes.style)]
    for role, upload in (*uploads, *(("second_style", other) for other in wishes.other_styles)):
        if upload is not None:
            check_upload(upload, role=role, limits=settings.limits)
    return Accepted(params=params, preset=preset)


def check_upload(upload: Upload, *, role: str, limits: LimitsSection) -> None:
    """Refuse an attachment for what Discord tells of it.

    Raises:
        BadImage: it is no picture, empty, or of too many pixels.
        UploadTooLarge: more bytes than accepted.
    """
    if kind := _DOCUMENT_TYPES.get(_media_type(upload) or ""):
        raise BadImage("image_is_document", role=role, kind=kind)
    if not may_be_picture(upload):
        raise BadImage("image_unreadable", role=role)
    _check_size(upload.size_bytes, role=role, limits=limits)
    width_px, height_px = upload.width_px or 0, upload.height_px or 0
    if width_px * height_px > limits.megapixels * _MEGAPIXEL:
        most_mp = f"{limits.megapixels:g}"
        raise BadImage(
            "image_too_many_pixels", role=role, width_px=width_px, height_px=height_px, most_mp=most_mp
        )


def check_bytes(data: bytes, *, role: str, limits: LimitsSection) -> None:
    """Refuse a fetched file that no worker could read, so that its owner need not queue to be told.

    Raises:
        BadImage: it is empty, or its first bytes are those of no picture that we read.
        UploadTooLarge: more bytes than accepted.
    """
    _check_size(len(data), role=role, limits=limits)
    if formats.picture_format(data):
        return
    if kind := formats.document_kind(data):
        raise BadImage("image_is_document", role=role, kind=kind)
    if kind := formats.foreign_format(data):
        raise BadImage("image_unsupported", role=role, kind=kind)
    raise BadImage("image_unreadable", role=role)


def _choose_preset(wishes: Wishes, *, may_lack_style: bool) -> Preset | OwnPreset | None:
    """Return the preset, or None for a style picture; exactly one of them must be there."""
    named = wishes.preset.strip() if isinstance(wishes.preset, str) else wishes.preset
    has_picture = wishes.style is not None or wishes.kept_style
    if named and has_picture:
        raise BadParameter("style_both")
    if not named and not has_picture and not may_lack_style:
        raise BadParameter("style_missing")
    if isinstance(named, str):
        return presets.find(named) if named else None
    return named


def _choose_params(wishes: Wishes, defaults: StyleSection) -> StyleParams:
    mode = defaults.mode if wishes.mode is None else wishes.mode
    if mode not in AVAILABLE_MODES:
        raise BadParameter("not_a_choice", name="mode", value=mode, choices=", ".join(AVAILABLE_MODES))
    usual_px = min(defaults.long_side_px, defaults.largest_px)
    long_side_px = usual_px if wishes.size is None else wishes.size
    least_px, _ = RANGES["long_side_px"]
    if not least_px <= long_side_px <= defaults.largest_px:
        raise BadParameter(
            "out_of_range", name="size", value=long_side_px, least=least_px, most=defaults.largest_px
        )
    strength = defaults.strength if wishes.strength is None else wishes.strength
    brush = USUAL_BRUSH if wishes.brush is None else wishes.brush
    return StyleParams(
        mode=mode,
        strength=strength,
        brush=brush,
        long_side_px=long_side_px,
        keep_colors=bool(wishes.keep_colors),
    )


def _media_type(upload: Upload) -> str | None:
    """Return "image/png" of "Image/PNG; charset=utf-8"."""
    return upload.content_type and upload.content_type.partition(";")[0].strip().lower()


def may_be_picture(upload: Upload) -> bool:
    """Tell whether a file may be a picture, by what Discord tells of it."""
    media_type = _media_type(upload)
    if media_type in _SILENT_TYPES:
        return upload.filename.rpartition(".")[2].lower() in _PICTURE_ENDINGS
    return media_type is not None and media_type.startswith("image/")


def _check_size(size_bytes: int, *, role: str, limits: LimitsSection) -> None:
    if size_bytes == 0:
        raise BadImage("image_empty", role=role)
    if size_bytes > limits.upload_mib * MIB:
        tenths = math.ceil(size_bytes / MIB * 10) / 10  # rounded up: never "25.0, at most 25"
        raise UploadTooLarge(
            "upload_too_large", role=role, size_mib=f"{tenths:g}", limit_mib=f"{limits.upload_mib:g}"
        )
