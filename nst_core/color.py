"""Colours of a whole picture, moved at once."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_VARIANCE = 1e-5
"""Of a colour axis: a grey picture has none, and nothing may be divided by it."""


def match_color(image: Tensor, palette: Tensor) -> Tensor:
    """Give a picture the mean colour and the colour covariance of another one.

    Args:
        image: (1, 3, H, W) sRGB in [0, 1].
        palette: such a picture of any size.

    Returns:
        The shape of `image`, in [0, 1]: x ↦ T (x − μ) + μ', with the symmetric T for which
        T Σ T = Σ': of all linear maps onto the palette's mean μ' and covariance Σ' the one that moves
        colours least.

    Source: Pitié & Kokaram 2007, the linear Monge-Kantorovitch map; used before style transfer by
    Gatys et al. 2017 in another form.
    """
    ours, theirs = image[0].flatten(1), palette[0].flatten(1)
    mean, mean_wanted = ours.mean(1, keepdim=True), theirs.mean(1, keepdim=True)
    covariance, wanted = _covariance(ours - mean), _covariance(theirs - mean_wanted)
    root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
    transport = inverse @ _power(root @ wanted @ root, 0.5) @ inverse
    moved = transport @ (ours - mean) + mean_wanted
    return moved.view_as(image[0])[None].clamp(0.0, 1.0)


def _covariance(centred: Tensor) -> Tensor:
    floor = SMALLEST_VARIANCE * torch.eye(3, dtype=centred.dtype, device=centred.device)
    covariance: Tensor = centred @ centred.T / centred.shape[1] + floor
    return covariance


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp_min(SMALLEST_VARIANCE**2).pow(exponent)
    power: Tensor = (vectors * powers) @ vectors.T
    return power
