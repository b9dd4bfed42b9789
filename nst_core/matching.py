"""Which place of the style image looks most like each place of the content image.

A Gram matrix only knows how often features meet; where a manner of painting lives in shapes, whole
places of the painting have to be laid over the photo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

ROWS_AT_ONCE = 2048
"""Of the similarity matrix, which would not fit into memory as a whole at large sizes."""
PRICE_ROUNDS = 60
PRICE_STEP = 0.02
EPSILON = 1e-8


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
    planes = [_on_grid(maps[layer], size) / maps[layer].shape[1] for layer in layers]
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


class MatchingLoss:
    """How little a picture's hypercolumns look like the columns that were found for them.

    Args:
        target: (ΣC, height · width), what was found for each position; not zero anywhere.
        maps: layer → (1, C, H, W), of any picture: they tell which layer has how many channels.
        layers: which of them the columns are made of, in this order.
        size: (height, width) of the grid.

    Source: Kolkin et al. 2022 (NNST).
    Differs: the columns are never put together, and the gradient is written out, because moving them about
    in memory took as long as the network.
    """

    def __init__(
        self, target: Tensor, maps: Mapping[str, Tensor], layers: Sequence[str], size: tuple[int, int]
    ) -> None:
        self._layers, self._size = layers, size
        directions = functional.normalize(target, dim=0).T
        counts = [maps[layer].shape[1] for layer in layers]
        self._directions = [part.contiguous() for part in torch.split(directions, counts, dim=1)]

    def __call__(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Return () float32 in [0, 2]: the mean over all positions of 1 − cos.

        Args:
            maps: layer → (1, C, H, W), of the pastiche.
        """
        planes = [_on_grid(maps[layer], self._size) for layer in self._layers]
        cosine: Tensor = _MeanCosine.apply(self._directions, *planes)  # type: ignore[no-untyped-call]
        return 1.0 - cosine


class _Kept(Protocol):
    """What `_MeanCosine` remembers on its way forward."""

    directions: Sequence[Tensor]
    size: torch.Size
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _MeanCosine(torch.autograd.Function):
    """The mean cosine of columns that lie spread over several planes, each divided by its channels."""

    @staticmethod
    def forward(ctx: _Kept, directions: Sequence[Tensor], *planes: Tensor) -> Tensor:
        parts = [plane.permute(0, 2, 3, 1).flatten(0, 2) for plane in planes]
        dot, square = parts[0].new_zeros(2, parts[0].shape[0], 1)
        for part, direction in zip(parts, directions, strict=True):
            channels = part.shape[1]
            dot += _row_dots(part, direction) / channels
            square += _row_dots(part, part) / channels**2
        length = square.sqrt().clamp_min(EPSILON)
        ctx.save_for_backward(dot, length, *parts)
        ctx.directions, ctx.size = directions, planes[0].shape[2:]
        cosines: Tensor = dot / length
        return cosines.mean()

    @staticmethod
    def backward(ctx: _Kept, gradient: Tensor) -> tuple[Tensor | None, ...]:
        dot, length, *parts = ctx.saved_tensors
        share = gradient / dot.shape[0]
        towards, along = share / length, -share * dot / length**3
        slopes = [
            torch.addcmul(part * (along / part.shape[1] ** 2), direction, towards / part.shape[1])
            for part, direction in zip(parts, ctx.directions, strict=True)
        ]
        return None, *(slope.view(1, *ctx.size, -1).permute(0, 3, 1, 2) for slope in slopes)


def _row_dots(left: Tensor, right: Tensor) -> Tensor:
    """Return (N, 1), the products of the rows of two (N, C) tensors, without a third (N, C) one."""
    return torch.bmm(left[:, None], right[:, :, None])[:, 0]


def _on_grid(feature_map: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(feature_map.shape[2:]) == size:
        return feature_map
    return functional.interpolate(feature_map, size, mode="bilinear", align_corners=False)


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
