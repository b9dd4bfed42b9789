"""sRGB, linear light and OkLab, a space in which equal steps look equal.

Source: Björn Ottosson, “A perceptual color space for image processing”, 2020; the transfer function is
that of IEC 61966-2-1. OkLab starts from linear light: NNST's own code gives it sRGB values, a mistake.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

LMS_FROM_RGB: Final = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
LAB_FROM_LMS: Final = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
FITTING_ROUNDS: Final = 10
"""Of halving: the greatest chroma that fits is then known to a thousandth."""
TOLERANCE: Final = 1e-5
"""Of what counts as inside [0, 1]: what float32 gets wrong on the way through both matrices."""


def to_linear(image: Tensor) -> Tensor:
    """Return the linear light of sRGB values in [0, 1], any shape."""
    return torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055).clamp_min(0.0).pow(2.4))  # noqa: PLR2004 - the standard's own constants


def to_srgb(light: Tensor) -> Tensor:
    """Return the sRGB values of linear light in [0, 1], any shape."""
    bent = 1.055 * light.clamp_min(0.0).pow(1 / 2.4) - 0.055
    return torch.where(light <= 0.0031308, 12.92 * light, bent)  # noqa: PLR2004 - the standard's own constants


def to_oklab(image: Tensor) -> Tensor:
    """Return lightness, a and b of a picture.

    Args:
        image: (N, 3, H, W) sRGB in [0, 1].

    Returns:
        (N, 3, H, W): lightness in [0, 1]; a (green to red) and b (blue to yellow) within about ±0.33.
    """
    lms = _through(LMS_FROM_RGB, to_linear(image)).clamp_min(0.0).pow(1 / 3)
    return _through(LAB_FROM_LMS, lms)


def from_oklab(lab: Tensor) -> Tensor:
    """Return the picture of OkLab values.

    Args:
        lab: (N, 3, H, W), also of colours that sRGB does not have.

    Returns:
        (N, 3, H, W) sRGB in [0, 1]. A colour that sRGB does not have keeps lightness and hue and loses
        only as much chroma as it must: clipping red, green and blue one by one would change its hue.
    """
    lab = torch.cat([lab[:, :1].clamp(0.0, 1.0), lab[:, 1:]], dim=1)
    light = _light(lab)
    outside = ((light < -TOLERANCE) | (light > 1.0 + TOLERANCE)).any(dim=1)
    if outside.any():
        colors = lab.movedim(1, -1)[outside].T[None, :, :, None]
        fitted = _light(_fitted(colors))[0, :, :, 0].T
        light = light.movedim(1, -1).masked_scatter(outside[..., None], fitted).movedim(-1, 1)
    return to_srgb(light.clamp(0.0, 1.0)).clamp(0.0, 1.0)


def _fitted(lab: Tensor) -> Tensor:
    """Return colours outside of sRGB with the greatest chroma that is inside."""
    fits, too_much = torch.zeros_like(lab[:, :1]), torch.ones_like(lab[:, :1])
    for _ in range(FITTING_ROUNDS):
        share = (fits + too_much) / 2
        light = _light(torch.cat([lab[:, :1], share * lab[:, 1:]], dim=1))
        inside = ((light >= -TOLERANCE) & (light <= 1.0 + TOLERANCE)).all(dim=1, keepdim=True)
        fits, too_much = torch.where(inside, share, fits), torch.where(inside, too_much, share)
    return torch.cat([lab[:, :1], fits * lab[:, 1:]], dim=1)


def _light(lab: Tensor) -> Tensor:
    return _through(_inverse(LMS_FROM_RGB), _through(_inverse(LAB_FROM_LMS), lab).pow(3))


def _inverse(matrix: tuple[tuple[float, ...], ...]) -> list[list[float]]:
    inverse: list[list[float]] = torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64)).tolist()
    return inverse


def _through(matrix: tuple[tuple[float, ...], ...] | list[list[float]], image: Tensor) -> Tensor:
    """Return each pixel's three numbers multiplied by a matrix."""
    factors = torch.tensor(matrix, dtype=image.dtype, device=image.device)
    return torch.einsum("oc,nchw->nohw", factors, image)
