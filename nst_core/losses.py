"""The terms of the objective: pure functions, each with its formula and its source."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-8


def gram_matrix(feature_map: Tensor) -> Tensor:
    """Return the correlations between the channels of a feature map.

    Args:
        feature_map: (N, C, H, W), activations of one layer.

    Returns:
        (N, C, C) float32, symmetric, positive semi-definite: G = F Fᵀ / (H·W), F being
        feature_map with its pixels in one row per channel.

    Source: Gatys, Ecker & Bethge 2016, style representation.
    Differs: divides by H·W here, so that a style image may have another size.
    """
    gram: Tensor = _Gram.apply(feature_map.float())  # type: ignore[no-untyped-call]
    return gram


class _Kept(Protocol):
    """What `_Gram` remembers on its way forward."""

    size: torch.Size
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Gram(torch.autograd.Function):
    """A Gram matrix with its gradient in one product, laid out like the features.

    Autograd's own takes two products and returns channels first, while the network's features lie in memory
    channels last: adding the two kinds cost more than the products.
    """

    @staticmethod
    def forward(ctx: _Kept, feature_map: Tensor) -> Tensor:
        positions = feature_map.permute(0, 2, 3, 1).flatten(1, 2)
        ctx.save_for_backward(positions)
        ctx.size = feature_map.shape[2:]
        return positions.transpose(1, 2) @ positions / positions.shape[1]

    @staticmethod
    def backward(ctx: _Kept, gradient: Tensor) -> Tensor:
        (positions,) = ctx.saved_tensors
        both = (gradient + gradient.transpose(1, 2)) / positions.shape[1]
        return (positions @ both).view(-1, *ctx.size, positions.shape[2]).permute(0, 3, 1, 2)


def content_loss(feature_map: Tensor, target: Tensor) -> Tensor:
    """Return how far a feature map is from the content image's.

    Args:
        feature_map: (N, C, H, W), of the pastiche.
        target: the same shape, of the content image.

    Returns:
        () float32 ≥ 0: mean (F − P)² / mean P².

    Source: Gatys, Ecker & Bethge 2016, content loss.
    Differs: divides by the target's own energy, so that every photo holds on equally hard.
    """
    # Not `mse_loss`: its gradient is laid out channels first, whatever the features are.
    return (feature_map - target).square().mean() / (target.square().mean() + EPSILON)


def style_loss(gram: Tensor, target: Tensor) -> Tensor:
    """Return how far one layer's Gram matrix is from the style image's.

    Args:
        gram: (N, C, C), of the pastiche.
        target: the same shape, of the style image.

    Returns:
        () float32 ≥ 0: (Σ D² / Σ |D|) / mean |A|, with D = G − A and A the target.

    Source: Gatys, Ecker & Bethge 2016, style loss, Σ D².
    Differs: divided by Σ |D| (held constant would be a gradient normalisation; here it is part
    of the value, as in crowsonkb/style-transfer-pytorch's scaled MSE), the gradient does not
    fade as the match gets close; divided by mean |A|, every painting pulls equally hard.
    """
    difference = gram - target
    scaled = difference.square().sum() / (difference.abs().sum() + EPSILON)
    return scaled / (target.abs().mean() + EPSILON)


def self_similarity(feature_map: Tensor, *, grid: int, weight: Tensor | None = None) -> Tensor:
    """Return how alike any two places of a picture are, standardised.

    Args:
        feature_map: (1, C, H, W), activations of one layer.
        grid: places along the longer side; the features of what lies in one place are averaged.
        weight: (1, 1, H, W) ≥ 0, how much each position counts; None where all count alike. Two places
            count by the product of their weights.

    Returns:
        (N²,) with N places: cosines of their centred features, each times its places' weights, then centred
        and of length 1, so that the product of two of them is their correlation.

    Source: Kolkin, Salavon & Shakhnarovich 2019 (STROTSS), content loss.
    Differs: features are centred and the matrix is standardised as a whole, not row by row.
    """
    height, width = feature_map.shape[2:]
    share = min(1.0, grid / max(height, width))
    down, across = (
        _averages(length, max(1, round(length * share)), feature_map) for length in (height, width)
    )
    # Not `adaptive_avg_pool2d`: its gradient is laid out channels first, whatever the features are.
    rows = feature_map.permute(0, 2, 3, 1).flatten(0, 1)
    places = (across @ (down @ rows.flatten(1)).view(-1, *rows.shape[1:])).flatten(0, 1)
    places = functional.normalize(places - places.mean(0, keepdim=True), dim=1)
    if weight is not None:
        places = places * (down @ weight[0, 0] @ across.T).reshape(-1, 1)
    cosines = (places @ places.T).flatten()
    return functional.normalize(cosines - cosines.mean(), dim=0)


def _averages(length: int, places: int, like: Tensor) -> Tensor:
    """Return (places, length): each row averages what lies in one place, as adaptive pooling divides it."""
    number = torch.arange(places, device=like.device)[:, None]
    position = torch.arange(length, device=like.device)
    first, end = number * length // places, ((number + 1) * length + places - 1) // places
    inside = ((position >= first) & (position < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def structure_loss(similarity: Tensor, target: Tensor) -> Tensor:
    """Return how differently two pictures are laid out.

    Args:
        similarity: (N²,), `self_similarity` of the pastiche.
        target: the same of the content image.

    Returns:
        () float32 in [0, 2]: 1 − their correlation. What a place looks like does not count, only
        which places look alike: so the layout is held without holding on to the photo's surface.
    """
    return 1.0 - similarity @ target


def total_variation(image: Tensor) -> Tensor:
    """Return how much neighbouring pixels differ.

    Args:
        image: (N, C, H, W).

    Returns:
        () float32 ≥ 0: mean dx² + mean dy², the edge pixels repeated outwards.

    Source: Mahendran & Vedaldi 2015, with β = 2.
    """
    padded = functional.pad(image, (0, 1, 0, 1), mode="replicate")
    dx = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    dy = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    return dx.square().mean() + dy.square().mean()


def mix(targets: list[Tensor], weights: list[float]) -> Tensor:
    """Return the weighted mean of several style images' statistics.

    Args:
        targets: tensors of one shape.
        weights: positive, in any unit: only their ratios count.
    """
    shares = torch.tensor(weights, dtype=targets[0].dtype, device=targets[0].device)
    shares = shares / shares.sum()
    return torch.einsum("s,s...->...", shares, torch.stack(targets))
