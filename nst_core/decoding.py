"""Encoded bytes → a picture as it is meant to be seen; Pillow, and no torch.

Every check that a header allows is made before a pixel is decoded; then the picture is turned as its
EXIF says, brought to sRGB and laid on white. Whatever an image library raises becomes a `BadImage`
here and nowhere else.
"""

from __future__ import annotations

import importlib
import io
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from PIL import Image, features

from nst_core import formats
from nst_core.errors import BadImage, UserError
from nst_core.ladder import plain_jpeg, settings_in
from nst_core.limits import DEFAULT_LIMITS, Limits, check_bytes, check_frames, check_size
from nst_core.srgb import upright_srgb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPENERS: Final = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile", "jpg"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile", "zlib"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile", "webp"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile", "pil"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile", "avif"),
    "HEIC": ("pillow_heif", "HeifImageFile", "pil"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile", "pil"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile", "pil"),
}
"""Module, class, and the feature of Pillow's build it needs. They are called directly because
`Image.open` asks every plugin there is, and refuses very large pictures without telling their size.
A phone's multi-picture JPEG (MPO) is read as the JPEG that it begins with."""
_MOST_JPEG_SCANS: Final = 200
"""A progressive JPEG has about ten. Each costs a pass over all pixels; hostile ones have thousands."""
_REDUCIBLE: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"})


class Decode(Protocol):
    """Decodes a picture; `decode`, wherever it runs."""

    def __call__(
        self,
        data: bytes,
        *,
        role: str = "picture",
        limits: Limits = DEFAULT_LIMITS,
        long_side_px: int | None = None,
        backdrop: str = "white",
    ) -> Image.Image:
        """Return what `decode` returns, and raise what it raises."""


def decode(
    data: bytes,
    *,
    role: str = "picture",
    limits: Limits = DEFAULT_LIMITS,
    long_side_px: int | None = None,
    backdrop: str = "white",
) -> Image.Image:
    """Return an encoded picture as it is meant to be seen.

    Args:
        data: a JPEG, PNG, WebP, GIF, AVIF, HEIC, BMP or TIFF file; of an animation the first frame.
        role: "content", "style", "mask" or "picture": what a complaint calls it.
        limits: what is accepted, checked before any pixel is decoded.
        long_side_px: a hint that no more detail is needed than for this long side. A larger picture
            comes back smaller, but at least twice this: that saves most of the time and memory.
        backdrop: the colour on which it is laid where it is transparent.

    Returns:
        RGB in sRGB, turned as its EXIF says, opaque, no metadata.

    Raises:
        BadImage: no picture, or none that can be painted.
        UploadTooLarge: more bytes than accepted.
    """
    kind = _recognise(data, role, limits)
    with library_errors(kind, role):
        image = _open(data, kind, role, limits)
        if kind == "JPEG" and long_side_px is not None:
            image.draft(None, scaled_size(*image.size, 2 * long_side_px))
        return finish(image, role, limits, long_side_px, backdrop)


def scaled_size(width_px: int, height_px: int, long_side_px: int) -> tuple[int, int]:
    """Return (width, height) with the longer side scaled to `long_side_px`, each at least 1."""
    scale = long_side_px / max(width_px, height_px)
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))


def fit(image: Image.Image, long_side_px: int) -> Image.Image:
    """Return the image, enlarged or shrunk, with its longer side `long_side_px` (Lanczos)."""
    size = scaled_size(*image.size, long_side_px)
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def view(image: Image.Image, *, long_side_px: int = 1024, quality: int = 88) -> bytes:
    """Return a JPEG without metadata for showing, never larger than the image itself."""
    shown = fit(image.convert("RGB"), min(long_side_px, max(image.size)))
    return plain_jpeg(shown, quality)


def read_settings(data: bytes) -> dict[str, Any] | None:
    """Return the settings that `encode` put into a file, or None. No bytes make it raise."""
    try:
        kind = _recognise(data, "picture", DEFAULT_LIMITS)
        with library_errors(kind, "picture"):
            return settings_in(_open(data, kind, "picture", DEFAULT_LIMITS))
    except UserError:
        return None


def read_picture(path: Path, *, role: str = "picture", limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return a picture's file as it is.

    Raises:
        BadImage: there is no such file, or it cannot be opened.
        UploadTooLarge: more bytes than accepted; they were not read.
    """
    try:
        if path.is_file():  # a pipe or a device could be endless
            check_bytes(path.stat().st_size, role, limits)
            return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadImage("image_missing", name=path.name or str(path)) from error
    raise BadImage("image_missing", name=path.name or str(path))


def _recognise(data: bytes, role: str, limits: Limits) -> str:
    """Return the file's format; refuse what is not one of ours."""
    check_bytes(len(data), role, limits)
    if kind := formats.picture_format(data):
        return kind
    if document := formats.document_kind(data):
        raise BadImage("image_is_document", role=role, kind=document)
    if foreign := formats.foreign_format(data):
        raise BadImage("image_unsupported", role=role, kind=foreign)
    raise BadImage("image_unreadable", role=role)


@contextmanager
def library_errors(kind: str, role: str) -> Iterator[None]:
    """Turn everything that image libraries raise on bad bytes into a `BadImage`; hush their warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except MemoryError as error:
        raise BadImage("image_too_costly", role=role) from error
    except Exception as error:
        # Pillow alone raises a dozen unrelated types on damaged files: struct.error, SyntaxError, …
        raise BadImage("image_damaged", role=role, kind=kind) from error


def _open(data: bytes, kind: str, role: str, limits: Limits) -> Image.Image:
    """Return the picture with its header read, checked, and no pixel decoded."""
    if kind == "WebP":
        check_size(formats.webp_size_px(data), role, limits)
    if kind == "GIF":
        check_frames(formats.gif_frames(data, most=limits.max_frames), role, limits)
    if kind == "JPEG":
        _check_jpeg(data, role)
    module, opener_name, feature = _OPENERS[kind]
    try:
        opener = getattr(importlib.import_module(module), opener_name)
    except ImportError as error:
        raise BadImage("image_unsupported", role=role, kind=kind) from error
    if not features.check(feature):
        raise BadImage("image_unsupported", role=role, kind=kind)
    image: Image.Image = opener(io.BytesIO(data), "")
    check_size(image.size, role, limits)
    if kind not in {"GIF", "TIFF"}:  # asking these two walks the file; a TIFF's pages are no animation
        check_frames(getattr(image, "n_frames", 1), role, limits)
    return image


def _check_jpeg(data: bytes, role: str) -> None:
    if formats.jpeg_bits(data) not in {0, 8}:
        raise BadImage("image_unsupported", role=role, kind=formats.DEEP_JPEG)
    if data.count(b"\xff\xda") > _MOST_JPEG_SCANS:
        raise BadImage("image_damaged", role=role, kind="JPEG")


def finish(
    image: Image.Image, role: str, limits: Limits, long_side_px: int | None, backdrop: str = "white"
) -> Image.Image:
    """Decode the pixels and return them upright, in sRGB and opaque."""
    expected = image.size
    image.load()
    if image.size != expected:  # some decoders learn it only from the pixels
        check_size(image.size, role, limits)
    if long_side_px is not None:
        image = _reduced(image, long_side_px)
    upright = upright_srgb(image, backdrop)
    return upright if long_side_px is None else _reduced(upright, long_side_px)  # now in any case reducible


def _reduced(image: Image.Image, long_side_px: int) -> Image.Image:
    factor = max(image.size) // (2 * long_side_px)
    if factor <= 1 or image.mode not in _REDUCIBLE or "transparency" in image.info:
        return image
    return image.reduce(factor)
