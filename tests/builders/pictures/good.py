"""Pictures that have to be understood, whatever made them."""

from __future__ import annotations

import functools
import importlib.util
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

from pictures.card import (
    COLORS,
    GREYS,
    HEIGHT_PX,
    SEE_THROUGH,
    WHITE,
    WIDTH_PX,
    Color,
    Quarters,
    card,
    picture,
    saved,
    see_through,
)
from pictures.raw import chunk, linear_grey_profile, odd_cmyk_profile, png, png_16_bit, rotated_rgb_profile

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodPicture:
    """A file and what a person sees in it."""

    name: str
    data: bytes
    quarters: Quarters = COLORS
    tolerance: int = 1
    """How far a channel may be off: lossy formats and colour conversion round."""


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return an image, or the card, as a good JPEG."""
    return saved(picture() if image is None else image, "JPEG", quality=95, **options)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A phone's maker"
    return exif


def stored(orientation: int) -> Image.Image:
    """Return the card's pixels as a camera stores them that was held so (EXIF 2.3, tag 0x0112)."""
    upright = card()
    pixels = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    return Image.fromarray(np.ascontiguousarray(pixels))


def cmyk_inks() -> Image.Image:
    """Return a quarter each of cyan, magenta and yellow ink, and one of bare paper."""
    pixels = np.zeros((HEIGHT_PX, WIDTH_PX, 4), np.uint8)
    for index in range(3):
        row, column = divmod(index, 2)
        pixels[row * 32 : row * 32 + 32, column * 48 : column * 48 + 48, index] = 255
    return Image.frombytes("CMYK", (WIDTH_PX, HEIGHT_PX), pixels.tobytes())


def _turned_jpeg(orientation: int) -> bytes:
    return jpeg(stored(orientation), exif=_exif(orientation))


def _sixteen_bit_png(color_type: int, channels: int) -> bytes:
    is_grey = channels <= 2
    pixels = card(GREYS if is_grey else COLORS)[..., : 1 if is_grey else 3].astype(int) * 257
    if channels in {2, 4}:
        alpha = np.full((HEIGHT_PX, WIDTH_PX, 1), 65535)
        alpha[:, 48:] = 0
        pixels = np.concatenate([pixels, alpha], axis=2)
    return png_16_bit(pixels, color_type=color_type)


def _one_bit_key() -> bytes:
    scanlines = (b"\0" + bytes(6) + b"\xff" * 6) * HEIGHT_PX
    return png(WIDTH_PX, HEIGHT_PX, depth=1, color_type=0, scanlines=scanlines, tRNS=b"\0\0")


def _broken_apng() -> bytes:
    """Return a PNG that announces an animation of no frames; Pillow warns of it."""
    data = saved(picture(), "PNG")
    after_header = 8 + 25
    return data[:after_header] + chunk(b"acTL", bytes(8)) + data[after_header:]


def _half_there() -> Image.Image:
    image = picture()
    image.putalpha(128)
    return image


def _palette_see_through() -> bytes:
    image = picture().quantize(8)
    white_index = image.getpixel((90, 60))
    return saved(image, "PNG", transparency=white_index)


def _animated(kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    later = [picture(((0, 0, 0), WHITE, (0, 0, 0), WHITE)), picture(GREYS)]
    return saved(picture(), kind, save_all=True, append_images=later, duration=100, **options)


def _grey_tiff(kind: type[np.generic], white: float) -> bytes:
    grey = card(GREYS)[..., 0].astype(np.float64) * white
    return saved(Image.fromarray(grey.astype(kind)), "TIFF")


def heic(image: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - pillow_heif's own
    """Return an image as a HEIC file."""
    import pillow_heif  # noqa: PLC0415 - optional

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    return buffer.getvalue()


NAIVE_INKS: Quarters = ((0, 255, 255), (255, 0, 255), (255, 255, 0), WHITE)
ODD_INKS: Quarters = ((0, 0, 255), (255, 0, 0), (0, 255, 0), WHITE)
ROTATED: Quarters = tuple((g, b, r) for r, g, b in COLORS)  # type: ignore[assignment]


_PALE: Quarters = tuple(  # type: ignore[assignment]
    tuple(round(value * 128 / 255 + 127) for value in color) for color in COLORS
)
_XMP_TURN = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def _linear_greys() -> Quarters:
    """Return what sRGB's own formula makes of `GREYS` as amounts of light."""
    light = [color[0] / 255 for color in GREYS]
    srgb = [1.055 * x ** (1 / 2.4) - 0.055 if x > 0.0031308 else 12.92 * x for x in light]
    return tuple((round(255 * v),) * 3 for v in srgb)  # type: ignore[return-value]


def _lab() -> Image.Image:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    converted = ImageCms.applyTransform(picture(), to_lab)
    assert converted is not None
    return converted


_LOSSY = 6
"""How far a channel may be off after a good JPEG, WebP, AVIF or HEIC; 1 is rounding."""
_BLACK: Color = (0, 0, 0)
_GOOD: dict[str, tuple[Callable[[], bytes], Quarters, int]] = {
    "jpeg": (jpeg, COLORS, _LOSSY),
    "jpeg-progressive": (lambda: jpeg(progressive=True), COLORS, _LOSSY),
    "jpeg-grey": (lambda: jpeg(picture(GREYS, "L")), GREYS, _LOSSY),
    **{f"jpeg-exif-{turn}": (functools.partial(_turned_jpeg, turn), COLORS, _LOSSY) for turn in range(1, 9)},
    "jpeg-broken-exif": (lambda: jpeg(exif=b"Exif\0\0II*\0\xff"), COLORS, _LOSSY),
    "jpeg-xmp-turn": (lambda: jpeg(stored(6), xmp=_XMP_TURN), COLORS, _LOSSY),
    "jpeg-cmyk": (lambda: jpeg(cmyk_inks()), NAIVE_INKS, _LOSSY),
    "jpeg-cmyk-profile": (lambda: jpeg(cmyk_inks(), icc_profile=odd_cmyk_profile()), ODD_INKS, 12),
    "jpeg-rgb-profile": (lambda: jpeg(icc_profile=rotated_rgb_profile()), ROTATED, _LOSSY),
    "jpeg-broken-profile": (lambda: jpeg(icc_profile=b"no profile at all " * 20), COLORS, _LOSSY),
    "jpeg-cut-profile": (lambda: jpeg(icc_profile=rotated_rgb_profile()[:200]), COLORS, _LOSSY),
    "jpeg-foreign-profile": (lambda: jpeg(icc_profile=odd_cmyk_profile()), COLORS, _LOSSY),
    "mpo": (lambda: _animated("MPO", quality=95), COLORS, _LOSSY),
    "png": (lambda: saved(picture(), "PNG"), COLORS, 1),
    "png-profile": (lambda: saved(picture(), "PNG", icc_profile=rotated_rgb_profile()), ROTATED, 2),
    "png-grey-profile": (
        lambda: saved(picture(GREYS, "L"), "PNG", icc_profile=linear_grey_profile()),
        _linear_greys(),
        2,
    ),
    "png-exif-6": (lambda: saved(stored(6), "PNG", exif=_exif(6)), COLORS, 1),
    "png-alpha": (lambda: saved(see_through(), "PNG"), SEE_THROUGH, 1),
    "png-half-alpha": (lambda: saved(_half_there(), "PNG"), _PALE, 1),
    "png-grey-alpha": (
        lambda: saved(see_through().convert("LA"), "PNG"),
        ((88, 88, 88), WHITE, (69, 69, 69), WHITE),
        1,
    ),
    "png-palette": (lambda: saved(picture().quantize(8), "PNG"), COLORS, 1),
    "png-palette-see-through": (_palette_see_through, (*COLORS[:3], WHITE), 1),
    "png-color-key": (
        lambda: saved(picture(), "PNG", transparency=COLORS[1]),
        (COLORS[0], WHITE, *COLORS[2:]),
        1,
    ),
    "png-grey-key": (
        lambda: saved(picture(GREYS, "L"), "PNG", transparency=GREYS[1][0]),
        (GREYS[0], WHITE, *GREYS[2:]),
        1,
    ),
    "png-1-bit": (
        lambda: saved(picture((_BLACK, WHITE, WHITE, _BLACK), "1"), "PNG"),
        (_BLACK, WHITE, WHITE, _BLACK),
        0,
    ),
    "png-1-bit-key": (_one_bit_key, (WHITE, WHITE, WHITE, WHITE), 0),
    "png-grey-16": (lambda: _sixteen_bit_png(0, 1), GREYS, 1),
    "png-grey-alpha-16": (lambda: _sixteen_bit_png(4, 2), (GREYS[0], WHITE, GREYS[2], WHITE), 1),
    "png-rgb-16": (lambda: _sixteen_bit_png(2, 3), COLORS, 1),
    "png-rgba-16": (lambda: _sixteen_bit_png(6, 4), SEE_THROUGH, 1),
    "apng": (lambda: _animated("PNG"), COLORS, 1),
    "apng-broken": (_broken_apng, COLORS, 1),
    "webp": (lambda: saved(picture(), "WEBP", quality=95), COLORS, 8),
    "webp-lossless-alpha": (lambda: saved(see_through(), "WEBP", lossless=True), SEE_THROUGH, 1),
    "webp-exif-8": (lambda: saved(stored(8), "WEBP", lossless=True, exif=_exif(8)), COLORS, 1),
    "webp-animated": (lambda: _animated("WEBP", lossless=True), COLORS, 1),
    "gif": (lambda: saved(picture(), "GIF"), COLORS, 1),
    "gif-animated": (lambda: _animated("GIF"), COLORS, 1),
    "gif-see-through": (lambda: saved(see_through(), "GIF"), SEE_THROUGH, 1),
    "avif": (lambda: saved(picture(), "AVIF", quality=95), COLORS, _LOSSY),
    "avif-exif-6": (lambda: saved(stored(6), "AVIF", quality=95, exif=_exif(6)), COLORS, _LOSSY),
    "avif-alpha": (lambda: saved(see_through(), "AVIF", quality=95), SEE_THROUGH, _LOSSY),
    "bmp": (lambda: saved(picture(), "BMP"), COLORS, 1),
    "bmp-palette": (lambda: saved(picture().quantize(8), "BMP"), COLORS, 1),
    "tiff": (lambda: saved(picture(), "TIFF"), COLORS, 1),
    "tiff-lzw": (lambda: saved(picture(), "TIFF", compression="tiff_lzw"), COLORS, 1),
    "tiff-exif-6": (lambda: saved(stored(6), "TIFF", exif=_exif(6)), COLORS, 1),
    "tiff-cmyk": (lambda: saved(cmyk_inks(), "TIFF"), NAIVE_INKS, 1),
    "tiff-lab": (lambda: saved(_lab(), "TIFF"), COLORS, 4),
    "tiff-float": (lambda: _grey_tiff(np.float32, 1 / 255), GREYS, 1),
    "tiff-32-bit": (lambda: _grey_tiff(np.int32, 257), GREYS, 1),
    "tiff-16-bit": (lambda: _grey_tiff(np.uint16, 257), GREYS, 1),
    "tiff-pages": (lambda: _animated("TIFF"), COLORS, 1),
}
if importlib.util.find_spec("pillow_heif"):
    _GOOD |= {
        "heic": (lambda: heic(picture()), COLORS, _LOSSY),
        "heic-exif-6": (lambda: heic(stored(6), exif=_exif(6).tobytes()), COLORS, _LOSSY),
        "heic-alpha": (lambda: heic(see_through()), SEE_THROUGH, _LOSSY),
    }

GOOD_NAMES = tuple(_GOOD)


@functools.cache
def good(name: str) -> GoodPicture:
    """Return one of the good pictures, one of `GOOD_NAMES`."""
    build, quarters, tolerance = _GOOD[name]
    return GoodPicture(name=name, data=build(), quarters=quarters, tolerance=tolerance)
