"""Files that have to be refused, each with the sentence it deserves."""

from __future__ import annotations

import functools
import importlib.util
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from pictures.card import HEIGHT_PX, WIDTH_PX, noise, picture, saved
from pictures.good import heic
from pictures.raw import gif_of_frames, png_of_zeros

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPicture:
    """A file, the name it is sent under, and how it is refused."""

    name: str
    filename: str
    data: bytes
    code: str
    """A key of `SENTENCES`."""
    error: str = "BadImage"


def _photo(kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return a picture with so much detail that half of its file is half of its pixels."""
    return saved(noise(WIDTH_PX, HEIGHT_PX), kind, **options)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _twelve_bit_jpeg() -> bytes:
    data = bytearray(_photo("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = 0xC1, 12  # extended sequential, 12 bits per sample
    return bytes(data)


def _corrupt_jpeg() -> bytes:
    data = _photo("JPEG")
    start = data.index(b"\xff\xdb")
    return data[:start] + bytes(range(256)) * 8


def _jpeg_of_scans(scans: int) -> bytes:
    data = _photo("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def _long_webp() -> bytes:
    dark, light = (Image.new("RGB", (16, 16), color) for color in ("black", "white"))
    return saved(dark, "WEBP", save_all=True, append_images=[light, dark] * 501, duration=20)


def _huge_webp() -> bytes:
    side = (16384 - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    return b"RIFF" + struct.pack("<I", len(body)) + body


_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><circle r="20"/></svg>'
_BAD: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("empty.png", lambda: b"", "image_empty"),
    "text": ("notes.png", lambda: b"Dear diary, today I painted nothing.\n" * 9, "image_unreadable"),
    "one-letter": ("letter.bmp", lambda: b"B", "image_unreadable"),
    "web-page": ("page.jpg", lambda: b"<!DOCTYPE html><html><svg></svg></html>", "image_unreadable"),
    "svg": ("drawing.svg", _SVG.encode, "image_is_document"),
    "svg-named-png": (
        "drawing.png",
        f"<?xml version='1.0'?>\n<!-- {'made by hand ' * 40} -->\n{_SVG}".encode,
        "image_is_document",
    ),
    "svg-utf-16": ("drawing.svg", lambda: _SVG.encode("utf-16"), "image_is_document"),
    "pdf": ("paper.pdf", lambda: saved(picture(), "PDF"), "image_is_document"),
    "one-pixel": ("dot.png", lambda: saved(Image.new("RGB", (1, 1)), "PNG"), "image_too_small"),
    "ribbon": ("ribbon.png", lambda: saved(Image.new("RGB", (3, 5000)), "PNG"), "image_too_narrow"),
    "huge": ("huge.png", lambda: png_of_zeros(40_000), "image_too_many_pixels"),
    "huge-webp": ("huge.webp", _huge_webp, "image_too_many_pixels"),
    "ten-thousand-frames": ("film.gif", lambda: gif_of_frames(10_000), "image_too_many_frames"),
    "long-webp": (
        "film.webp",
        _long_webp,
        "image_too_many_frames",
    ),
    "cut-jpeg": ("cut.jpg", lambda: _half(_photo("JPEG")), "image_damaged"),
    "cut-png": ("cut.png", lambda: _half(_photo("PNG")), "image_damaged"),
    "cut-webp": ("cut.webp", lambda: _half(_photo("WEBP")), "image_damaged"),
    "cut-gif": ("cut.gif", lambda: _half(_photo("GIF")), "image_damaged"),
    "cut-avif": ("cut.avif", lambda: _half(_photo("AVIF")), "image_damaged"),
    "cut-bmp": ("cut.bmp", lambda: _half(_photo("BMP")), "image_damaged"),
    "cut-tiff": ("cut.tiff", lambda: _half(_photo("TIFF")), "image_damaged"),
    "jpeg-head-only": ("head.jpg", lambda: b"\xff\xd8\xff\xe0", "image_damaged"),
    "corrupt-jpeg": ("corrupt.jpg", _corrupt_jpeg, "image_damaged"),
    "many-scans": ("slow.jpg", lambda: _jpeg_of_scans(1000), "image_damaged"),
    "12-bit-jpeg": ("deep.jpg", _twelve_bit_jpeg, "image_unsupported"),
    "jpeg-xl": ("new.jxl", lambda: b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "image_unsupported"),
    "video": ("clip.png", lambda: b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(90), "image_unsupported"),
    "too-large": ("large.bmp", lambda: b"BM" + bytes(25 * 2**20), "upload_too_large"),
}
if importlib.util.find_spec("pillow_heif"):
    _BAD["cut-heic"] = ("cut.heic", lambda: _half(heic(picture())), "image_damaged")

BAD_NAMES = tuple(_BAD)


@functools.cache
def bad(name: str) -> BadPicture:
    """Return one of the bad pictures, one of `BAD_NAMES`."""
    filename, build, code = _BAD[name]
    error = "UploadTooLarge" if code == "upload_too_large" else "BadImage"
    return BadPicture(name=name, filename=filename, data=build(), code=code, error=error)
