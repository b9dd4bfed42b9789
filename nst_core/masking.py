"""Where a picture is to be painted: white there, black where it stays a photo, grey in between."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from nst_core.errors import BadImage
from nst_core.images import DEFAULT_LIMITS, decode

if TYPE_CHECKING:
    from PIL import Image

    from nst_core.decoding import Decode
    from nst_core.images import Limits

MOST_DISTORTION: Final = 1.05
"""Of the sides' ratio: rounding while a copy was made smaller stays below it, a crop does not."""
LEAST_WHITE: Final = 8
"""Of 255: a black area saved as JPEG is not quite black."""


def read_mask(
    data: bytes,
    content_size_px: tuple[int, int],
    *,
    limits: Limits = DEFAULT_LIMITS,
    long_side_px: int | None = None,
    read: Decode = decode,
) -> Image.Image:
    """Return a mask as a grey picture; where it is transparent it is black.

    Args:
        data: a picture file of any size.
        content_size_px: the content image's (width, height), or another size of its shape.
        limits: what is accepted.
        long_side_px: a hint that no more detail is needed.
        read: decodes it.

    Raises:
        BadImage: no picture, all black, or of another shape than the content.
        UploadTooLarge: more bytes than accepted.
    """
    mask = read(data, role="mask", limits=limits, long_side_px=long_side_px, backdrop="black").convert("L")
    ratio = (mask.width / mask.height) / (content_size_px[0] / content_size_px[1])
    if abs(math.log(ratio)) > math.log(MOST_DISTORTION):
        raise BadImage("mask_shape")
    if np.asarray(mask).max() < LEAST_WHITE:
        raise BadImage("mask_black")
    return mask


def mask_tensor(mask: Image.Image) -> Tensor:
    """Return a grey picture as (1, 1, H, W) float32: the share of paint in each place."""
    return torch.from_numpy(np.array(mask, dtype=np.float32) / 255)[None, None]
