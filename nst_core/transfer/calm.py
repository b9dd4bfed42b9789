"""Calm places of a photo, such as a sky or a wood: nothing there says which place of the painting to look up.

Left alone, every bit of such a place finds the same bit of the painting, and what comes is a carpet. A
painter fills a sky with what the manner is made of. So the shapes of the painting are laid faintly over calm
places before anything is painted, and from there on the picture so far, which knows of them, looks up its
matches in calm places as well: strokes join into swirls, and stars come out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.oklab import to_oklab
from nst_core.transfer.walk import at_scale, resized

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE_PX: Final = 32
"""Long side of the copy by which calm is judged: what is smaller than a pixel of it, leaves and fur, makes no
unrest."""
NEIGHBOURHOOD: Final = 0.06
"""Standard deviation of the window that is looked at around a place, as a share of the long side."""
CONTRAST: Final = 0.06
"""A standard deviation of OkLab's lightness that is no longer calm."""
SHAPE: Final = 0.06
"""Shapes wider than this share of the long side are the photo's business: with 0.12 not only The Starry
Night's swirls came, but its moon, and Kandinsky's bolder shapes were in the sky instead of below it."""


def calmness(image: Tensor) -> Tensor:
    """Return how little happens around each place of a picture.

    Args:
        image: (1, 3, H, W) sRGB in [0, 1].

    Returns:
        (1, 1, H, W) in [0, 1], 1 where it is all one tone: exp(−variance / 0.06²), the variance being that
        of OkLab's lightness over a Gaussian window, found in a copy with a long side of at most 32 px.
    """
    lightness = to_oklab(at_scale(image, min(SIDE_PX, max(image.shape[2:]))))[:, :1]
    radius_px = NEIGHBOURHOOD * max(lightness.shape[2:])
    mean = smoothed(lightness, radius_px)
    variance = smoothed(lightness.square(), radius_px) - mean.square()
    calm = torch.exp(-variance.clamp_min(0.0) / CONTRAST**2)
    return functional.interpolate(
        calm, (image.shape[2], image.shape[3]), mode="bilinear", align_corners=False
    )


def sown(
    image: Tensor, styles: Sequence[tuple[Tensor, float]], *, amount: float, brush: int = 100, seed: int = 0
) -> Tensor:
    """Lay the shapes of paintings over the calm places of a photo.

    Args:
        image: (1, 3, H, W) sRGB in [0, 1], the photo, with the paintings' colours.
        styles: such pictures of any size, each with its share; only ratios count.
        amount: 0 for the photo itself, 1 for the shapes in full.
        brush: how large the shapes are, in percent; the whole painting is laid out at 100 and below.
        seed: which part of a painting lies where, and which way round; 0 for the middle as it is.

    Returns:
        The photo plus, where it is calm, what of a painting is smaller than 0.06 of the long side; all
        paintings weighed by their shares.
    """
    size = (image.shape[2], image.shape[3])
    whole = sum(share for _, share in styles)
    radius_px = SHAPE * max(size)
    shapes = torch.zeros_like(image)
    for number, (style, share) in enumerate(styles):
        laid = _covering(style, size, enlargement=max(1.0, brush / 100), seed=seed and seed + number)
        shapes += share / whole * (laid - smoothed(laid, radius_px))
    return (image + amount * calmness(image) * shapes).clamp(0.0, 1.0)


def smoothed(image: Tensor, sigma_px: float) -> Tensor:
    """Return (N, C, H, W) after a Gaussian filter, the edge pixels repeated outwards."""
    reach = max(1, math.ceil(3 * sigma_px))
    steps = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    channels = image.shape[1]
    weights = torch.exp(-0.5 * (steps / max(sigma_px, 1e-3)).square())
    weights = (weights / weights.sum()).expand(channels, 1, -1)
    padded = functional.pad(image, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, weights[:, :, None, :], groups=channels)
    return functional.conv2d(rows, weights[:, :, :, None], groups=channels)


def _covering(style: Tensor, size: tuple[int, int], *, enlargement: float, seed: int) -> Tensor:
    """Return a part of the painting of this (height, width), at 1.0 as large a part as there is."""
    height, width = size
    share = enlargement * max(height / style.shape[2], width / style.shape[3])
    laid = resized(
        style, (max(height, round(style.shape[2] * share)), max(width, round(style.shape[3] * share)))
    )
    spare = torch.tensor([laid.shape[2] - height, laid.shape[3] - width])
    generator = torch.Generator().manual_seed(seed)
    at = torch.tensor([0.5, 0.5]) if seed == 0 else torch.rand(2, generator=generator)
    top, left = (spare * at).round().int().tolist()
    part = laid[:, :, top : top + height, left : left + width]
    return part.flip(3) if seed % 2 else part
