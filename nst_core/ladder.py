"""A picture as a file that keeps under a size limit, with its settings inside."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from PIL import ExifTags, Image, PngImagePlugin

from nst_core.srgb import srgb_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Format = Literal["png", "jpeg", "webp"]

_QUALITIES: Final = (95, 92, 88, 84, 80)
_KEY: Final = "gafuu"
_ASCII: Final = b"ASCII\0\0\0"
"""How EXIF marks the character code of a user comment."""
_MOST_JPEG_EXIF_BYTES: Final = 65_000
"""A JPEG's segment holds no more; settings that long stay out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A picture as a file."""

    data: bytes
    format: Format
    """What it ended as: under a size limit a PNG may become a JPEG."""
    width_px: int
    height_px: int


def attempts(
    picture: Image.Image, wanted: Format, *, max_bytes: int | None, settings: dict[str, Any] | None
) -> Iterator[Encoded]:
    """Yield an RGB picture as smaller and smaller files, the best first.

    A PNG is followed by JPEGs, a WebP by WebPs, of quality 95 down to 80, then of fewer pixels.
    """
    text = None if settings is None else json.dumps({_KEY: settings})
    if wanted == "png":
        yield _file(picture, "png", _png(picture, text))
    lossy: Format = "webp" if wanted == "webp" else "jpeg"
    save: Callable[[Image.Image, int, str | None], bytes] = _webp if lossy == "webp" else _jpeg
    data = b""
    for quality in _QUALITIES:
        data = save(picture, quality, text)
        yield _file(picture, lossy, data)
    while max_bytes is not None and max(picture.size) > 1:
        # Bytes grow more slowly than pixels: small steps, so that not too much detail is lost.
        picture = _scaled(picture, min(0.9, max(0.75, math.sqrt(max_bytes / len(data)))))
        data = save(picture, _QUALITIES[-1], text)
        yield _file(picture, lossy, data)


def plain_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Return an RGB picture as a JPEG without any metadata."""
    return _saved(picture, "JPEG", quality=quality)


def settings_in(image: Image.Image) -> dict[str, Any] | None:
    """Return the settings in a picture whose header Pillow has read, or None.

    Raises:
        Exception: of many types, from hostile files; the caller has a net for them.
    """
    text = image.info.get(_KEY)
    if text is None:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        text = comment.removeprefix(_ASCII)
    settings = json.loads(text)[_KEY]
    return settings if isinstance(settings, dict) else None


def _file(picture: Image.Image, name: Format, data: bytes) -> Encoded:
    return Encoded(data=data, format=name, width_px=picture.width, height_px=picture.height)


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    width_px, height_px = (max(1, int(side_px * scale)) for side_px in picture.size)
    return picture.resize((width_px, height_px), Image.Resampling.LANCZOS)


def _png(picture: Image.Image, text: str | None) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\0")  # rendering intent: perceptual
    if text is not None:
        chunks.add_text(_KEY, text)
    return _saved(picture, "PNG", pnginfo=chunks)


def _jpeg(picture: Image.Image, quality: int, text: str | None) -> bytes:
    exif = _exif(text)
    exif = exif if len(exif) <= _MOST_JPEG_EXIF_BYTES else b""
    # Not `optimize`: Pillow's buffer for it is too small for noise at full chroma.
    return _saved(picture, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile(), exif=exif)


def _webp(picture: Image.Image, quality: int, text: str | None) -> bytes:
    return _saved(picture, "WEBP", quality=quality, icc_profile=srgb_profile(), exif=_exif(text))


def _exif(text: str | None) -> bytes:
    if text is None:
        return b""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + text.encode("ascii")
    return exif.tobytes()


def _saved(picture: Image.Image, name: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    bare = picture.copy()
    bare.info = {}  # Pillow writes what it finds there: comments, profiles, resolution
    buffer = io.BytesIO()
    bare.save(buffer, name, **options)
    return buffer.getvalue()
