"""Picture ↔ image tensor, and pictures as files: what goes into a painting and what comes out of it.

In: `nst_core.decoding`, then a tensor. Out: clamped and rounded, under a size limit if need be, with no
metadata but our own settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from nst_core.decoding import (
    decode,
    finish,
    fit,
    library_errors,
    read_picture,
    read_settings,
    scaled_size,
    view,
)
from nst_core.errors import Fault
from nst_core.ladder import Encoded, Format, attempts
from nst_core.limits import DEFAULT_LIMITS, Limits, check_size

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "DEFAULT_LIMITS",
    "Encoded",
    "Format",
    "Limits",
    "decode",
    "encode",
    "fit",
    "load_image",
    "preview",
    "read_picture",
    "read_settings",
    "resize",
    "scaled_size",
    "to_pil",
    "to_tensor",
    "view",
]


def load_image(
    source: str | Path | bytes | Image.Image,
    *,
    long_side_px: int | None = None,
    role: str = "picture",
    limits: Limits = DEFAULT_LIMITS,
) -> Tensor:
    """Return any picture as a tensor.

    Args:
        source: a path, an encoded file, or a picture that Pillow has opened.
        long_side_px: scale the longer side to this; None keeps the picture's own size.
        role: "content", "style" or "picture": what a complaint calls it.
        limits: what is accepted.

    Returns:
        (1, 3, H, W) float32 sRGB in [0, 1], on the CPU.

    Raises:
        BadImage: no file there, no picture, or none that can be painted.
        UploadTooLarge: more bytes than accepted.
    """
    if isinstance(source, Image.Image):
        check_size(source.size, role, limits)
        with library_errors(source.format or "picture", role):
            image = finish(source, role, limits, long_side_px)
    else:
        data = source if isinstance(source, bytes) else read_picture(Path(source), role=role, limits=limits)
        image = decode(data, role=role, limits=limits, long_side_px=long_side_px)
    return to_tensor(image if long_side_px is None else fit(image, long_side_px))


def resize(image: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Return the image at another size, antialiased.

    Args:
        image: (N, C, H, W) in [0, 1].
        size_px: (height, width).

    Returns:
        (N, C, height, width), bicubic, clamped to [0, 1] because bicubic overshoots at edges.
    """
    scaled = torch.nn.functional.interpolate(image, size_px, mode="bicubic", antialias=True)
    return scaled.clamp(0, 1)


def to_tensor(image: Image.Image) -> Tensor:
    """Return (1, 3, H, W) float32 in [0, 1]."""
    pixels = np.array(image.convert("RGB"))  # (H, W, 3)
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).contiguous().float() / 255


def to_pil(image: Tensor) -> Image.Image:
    """Return (1, 3, H, W) as RGB: clamped and rounded; what is no number becomes black."""
    pixels = image.detach().float().nan_to_num(0.0).clamp(0, 1).mul(255).round()
    return Image.fromarray(pixels[0].to("cpu", torch.uint8).permute(1, 2, 0).contiguous().numpy())


def encode(
    image: Tensor | Image.Image,
    *,
    format: Format,  # noqa: A002 - the word that people and Pillow use for it
    max_bytes: int | None = None,
    settings: dict[str, Any] | None = None,
) -> Encoded:
    """Return a picture as a file, tagged as sRGB.

    Args:
        image: (1, 3, H, W), or a Pillow image.
        format: "png" (exact), "jpeg" (no chroma subsampling) or "webp", both of quality 95.
        max_bytes: the file is not larger: quality goes down to 80 (a PNG becomes a JPEG for that),
            then the picture gets smaller.
        settings: kept in the file as JSON; `read_settings` finds them again.

    Raises:
        Fault: no picture fits into `max_bytes`.
    """
    picture = image.convert("RGB") if isinstance(image, Image.Image) else to_pil(image)
    for attempt in attempts(picture, format, max_bytes=max_bytes, settings=settings):
        if max_bytes is None or len(attempt.data) <= max_bytes:
            return attempt
    raise Fault(f"no picture fits into {max_bytes} bytes")


def preview(image: Tensor, *, long_side_px: int = 384) -> bytes:
    """Return a small JPEG of (1, 3, H, W), for a picture that is still growing."""
    return view(to_pil(image), long_side_px=long_side_px, quality=80)
