"""A decoded Pillow image → what it is meant to look like: upright, RGB, sRGB, opaque, 8 bits."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import ExifTags, Image, ImageCms

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITES: Final = (255.0, 65535.0)
"""What white may be in a picture of wide whole numbers: mostly they are 8 or 16 bits in a wider type."""
_PROFILE_DATE: Final = slice(24, 36)


def upright_srgb(image: Image.Image, backdrop: str = "white") -> Image.Image:
    """Return a loaded picture as a person with a good viewer sees it.

    Args:
        image: any mode, with Pillow's `info` still in place: the profile, the EXIF and the
            transparent colour are read from it. It is not changed.
        backdrop: the colour on which it is laid where it is transparent.

    Returns:
        RGB in sRGB, turned as its EXIF says, opaque, without metadata.
    """
    profile = image.info.get("icc_profile")
    colors, alpha = _split_alpha(_eight_bits(image))
    result = _to_srgb(colors, profile)
    if alpha is not None:
        opaque = Image.new("RGB", result.size, backdrop)
        opaque.paste(result, mask=alpha)
        result = opaque
    turn = _TURNS.get(_orientation(image))
    result = result if turn is None else result.transpose(turn)
    result.info = {}
    return result


def srgb_profile() -> bytes:
    """Return an sRGB profile, the same bytes every time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Little CMS writes the time of day here; the same picture must give the same file.
    profile[_PROFILE_DATE] = bytes.fromhex("07D000010001000000000000")
    return bytes(profile)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken EXIF raises anything, and is no reason to refuse a picture
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return one-channel pictures of wide numbers as L: Pillow itself would clip them at 255."""
    if image.mode.startswith("I;16"):
        table = np.rint(np.arange(2**16) / 257).astype(np.uint8)
        return Image.fromarray(table[np.asarray(image)])
    if image.mode not in {"I", "F"}:
        return image
    numbers = np.array(image, dtype=np.float32)
    highest = float(numbers.max(where=np.isfinite(numbers), initial=0))
    np.nan_to_num(numbers, copy=False, posinf=highest, neginf=0)
    white = max(highest, 1.0) if image.mode == "F" else _white(highest)
    # In place: such a picture may have 64 million pixels.
    np.rint(numbers.clip(0, white, out=numbers) * np.float32(255 / white), out=numbers)
    return Image.fromarray(numbers.astype(np.uint8))


def _white(highest: float) -> float:
    return next((white for white in _WHITES if highest <= white), highest)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    if not image.has_transparency_data:
        return image, None
    is_grey = image.mode in {"L", "LA", "La"}
    whole = image.convert("LA" if is_grey else "RGBA")
    return whole.convert("L" if is_grey else "RGB"), whole.getchannel("A")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    source = image if image.mode in {"RGB", "L", "CMYK"} else image.convert("RGB")
    converted = _through_profile(source, profile) if profile else None
    return source.convert("RGB") if converted is None else converted


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the image in sRGB, or None when the profile is broken or for another kind of picture."""
    try:
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
