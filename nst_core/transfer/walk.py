"""The way from coarse to fine that every optimising mode goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from nst_core.memory import give_back_memory
from nst_core.transfer.optimise import Optimizer, optimise
from nst_core.transfer.scales import Scale, fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from nst_core.transfer.optimise import Losses, Objective, Pace

    Walk = Iterator[tuple[Scale, Tensor, Losses]]


def coarse_to_fine(
    start: Tensor,
    scales: Sequence[Scale],
    make_objective: Callable[[Scale, Tensor], Objective],
    *,
    optimizer: Optimizer = "adam",
    pace: Callable[[int], Pace],
) -> Walk:
    """Optimise at each scale, every scale starting from the one before.

    Args:
        start: (1, 3, H, W) in [0, 1].
        scales: coarse to fine.
        make_objective: (scale, the picture it starts from) → what is minimised there.
        optimizer: as in `optimise`.
        pace: a scale's long side in px → how Adam walks there.

    Yields:
        The scale, the picture so far at that scale, and the terms of the objective.
    """
    picture = start
    for scale in scales:
        give_back_memory()  # what one size left does not fit the next
        begin = resized(picture, (scale.height_px, scale.width_px))
        steps = optimise(
            begin,
            make_objective(scale, begin),
            steps=scale.steps,
            optimizer=optimizer,
            pace=pace(scale.long_side_px),
        )
        for picture, losses in steps:
            yield scale, picture, losses


def shaken(image: Tensor, seed: int, *, amount: float = 0.1) -> Tensor:
    """Return the image, or for a seed other than 0 the image with coarse noise that the seed decides.

    Args:
        image: (N, C, H, W); pictures and feature maps alike.
        seed: 0 for the image itself.
        amount: standard deviation of the noise, in units of each channel's own.
    """
    if seed == 0:
        return image
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(image.shape, generator=generator).to(image.device)
    return image + amount * image.std(dim=(2, 3), keepdim=True) * noise


def at_scale(image: Tensor, long_side_px: int) -> Tensor:
    """Return (N, 3, H, W) in [0, 1] with this long side and the same shape."""
    return resized(image, fitted(image.shape[2], image.shape[3], long_side_px))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, 3, H, W) in [0, 1] at another (height, width), antialiased."""
    if tuple(image.shape[2:]) == size:
        return image
    return functional.interpolate(image, size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
