"""Which place of the style image looks most like each place of the content image.

A Gram matrix only knows how often features meet; where a manner of painting lives in shapes, whole
places of the painting have to be laid over the photo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ROWS_AT_ONCE = 2048
"""Of the similarity matrix, which would not fit into memory as a whole at large sizes."""
PRICE_ROUNDS = 60
PRICE_STEP = 0.02


def hypercolumns(maps: Mapping[str, Tensor], layers: Collection[str], size: tuple[int, int]) -> Tensor:
    """Return every layer's features above each position of one grid.

    Args:
        maps: layer → (1, C, H, W), of one picture.
        layers: which of them, in this order.
        size: (height, width) of the grid.

    Returns:
        (ΣC, height · width): columns of features, each layer divided by its number of channels so that
        wide layers do not outweigh narrow ones.

    Source: Kolkin et al. 2022 (NNST), hypercolumns.
    """
    planes = [
        functional.interpolate(maps[layer] / maps[layer].shape[1], size, mode="bilinear", align_corners=False)
        for layer in layers
    ]
    return torch.cat(planes, dim=1)[0].flatten(1)


def nearest(query: Tensor, styles: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Return for each column of the query the style column that is most like it.

    Args:
        query: (C, N) hypercolumns.
        styles: for each style image (C, M) hypercolumns.
        shares: how much of the picture each style image should get; only ratios count.

    Returns:
        (C, N) columns out of `styles`: each with the greatest centred cosine similarity, every set
        centred by its own mean. With several styles each has a price, taken off its similarities, that
        is raised until each gets about its share of the positions.

    Source: Kolkin et al. 2022 (NNST), feature matching.
    Differs: several styles with shares.
    """
    wanted = functional.normalize(query - query.mean(1, keepdim=True), dim=0)
    found = [_most_similar(wanted, style) for style in styles]
    chosen = _choose(torch.stack([similarity for similarity, _ in found]), shares)
    target = torch.empty_like(query)
    for number, (style, (_, index)) in enumerate(zip(styles, found, strict=True)):
        here = chosen == number
        target[:, here] = style[:, index[here]]
    return target


def matching_loss(columns: Tensor, target: Tensor) -> Tensor:
    """Return how little columns look like their targets.

    Args:
        columns: (C, N) hypercolumns of the pastiche.
        target: (C, N), what was found for each of them.

    Returns:
        () float32 in [0, 2]: mean over N of 1 − cos.

    Source: Kolkin et al. 2022 (NNST).
    """
    return (1.0 - functional.cosine_similarity(columns, target, dim=0)).mean()


def _most_similar(wanted: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Return (similarity, index) of the best column of `style` for each column of `wanted`, (N,) each."""
    offered = functional.normalize(style - style.mean(1, keepdim=True), dim=0)
    rows = [(part.T @ offered).max(dim=1) for part in torch.split(wanted, ROWS_AT_ONCE, dim=1)]
    return torch.cat([row.values for row in rows]), torch.cat([row.indices for row in rows])


def _choose(similarities: Tensor, shares: Sequence[float]) -> Tensor:
    """Return which style each position gets; `similarities` is (styles, N)."""
    wanted = torch.tensor(shares, dtype=similarities.dtype, device=similarities.device)
    wanted = wanted / wanted.sum()
    prices = torch.zeros_like(wanted)
    for _ in range(PRICE_ROUNDS if len(shares) > 1 else 0):
        chosen = (similarities - prices[:, None]).argmax(dim=0)
        got = torch.bincount(chosen, minlength=len(shares)) / chosen.numel()
        prices = prices + PRICE_STEP * (got - wanted)
    return (similarities - prices[:, None]).argmax(dim=0)
