"""Whether a picture's features are spread as the style image's are, and not only on the average.

A Gram matrix knows two moments. A painting of few tones (a woodcut, an engraving, cut paper) has features
that are either there or not: another spread can have the same moments, and looks grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.losses import mix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINES: Final = 32
"""Along so many lines a layer's features are compared at a time; twice as many take twice the time."""
TURNS: Final = 16
"""So many sets of lines take turns. One set of 96 lines took longer and was judged 0.365, these are judged
0.371 (six pairs at 256 px): what lies across the lines was never looked at."""
QUANTILES: Final = 512
"""Of the goal, along each line."""
LEAST_SPREAD: Final = 0.1
"""In units of the features' size: a blank picture's do not spread, and nothing may be divided by that."""
EPSILON: Final = 1e-8


def directions(channels: int, *, like: Tensor) -> Tensor:
    """Return unit vectors in the space of a layer's features, always the same ones.

    Args:
        channels: C, how many the layer has.
        like: a tensor of the device and type that is wanted.

    Returns:
        (16, 32, C): sixteen sets, all together evenly distributed over all directions.
    """
    generator = torch.Generator().manual_seed(channels)
    drawn = torch.randn(TURNS, LINES, channels, generator=generator)
    return functional.normalize(drawn, dim=2).to(like)


def in_order(feature_map: Tensor, lines: Tensor, *, stride: int = 1) -> Tensor:
    """Return what each line sees of a feature map, from the least to the most.

    Args:
        feature_map: (1, C, H, W), activations of one layer.
        lines: (D, C) unit vectors.
        stride: 1 for all places, 2 for every other one of every other row, and so on.

    Returns:
        (D, ⌈H / stride⌉ · ⌈W / stride⌉): each row are the products of one line with the features of all
        these places, in rising order.
    """
    # Channels last, as they lie in memory.
    places = feature_map[..., ::stride, ::stride].permute(0, 2, 3, 1).flatten(0, 2)
    return (lines @ places.T).sort(dim=1).values


def stretched(rising: Tensor, count: int) -> Tensor:
    """Return as many evenly spaced quantiles of each row.

    Args:
        rising: (D, N), rows in rising order.
        count: how many are wanted, 1 and more.

    Returns:
        (D, count), the first the least and the last the most of each row, linear in between.
    """
    return functional.interpolate(rising[None], size=count, mode="linear", align_corners=True)[0]


def distribution_loss(rising: Tensor, target: Tensor) -> Tensor:
    """Return how differently two pictures' features of one layer are spread.

    Args:
        rising: (D, N), `in_order` of the pastiche.
        target: (D, N), that of the style image, `stretched` to the pastiche's number of places.

    Returns:
        () float32 ≥ 0: mean |q − p| / max(mean |p − p̄|, 0.1 · mean |p|), with q and p the two and p̄ the
        mean of each row of p.

    Source: Heitz et al. 2021, sliced Wasserstein loss.
    Differs: W₁ instead of W₂², whose gradient fades near the goal; divided by the target's own spread, so
    that every painting pulls equally hard.
    """
    spread = (target - target.mean(dim=1, keepdim=True)).abs().mean()
    size = torch.maximum(spread, LEAST_SPREAD * target.abs().mean()) + EPSILON
    return (rising - target).abs().mean() / size


class DistributionLoss:
    """How differently a picture's features are spread than the style images', over several layers.

    Each call looks along the next set of lines, so that its value changes a little from call to call: what
    comes of many steps is right along all of them.

    Args:
        styles: for each style image layer → (1, C, H, W), of any size, and its share; only ratios count.
            With several the goal lies in between: the mean of their quantiles (their barycentre).
        strides: which of them, and of how many places one is looked at along each side: sorting all of a
            shallow layer's would take as long as the network.

    Source: Heitz et al. 2021, sliced Wasserstein loss.
    Differs: the lines are not drawn anew but take turns, so that the goal is known beforehand, a step can be
    recorded and the same inputs paint the same picture.
    """

    def __init__(
        self, styles: Sequence[tuple[Mapping[str, Tensor], float]], strides: Mapping[str, int]
    ) -> None:
        shares = [share for _, share in styles]
        first = styles[0][0]
        self._strides = strides
        self._lines = {layer: directions(first[layer].shape[1], like=first[layer]) for layer in strides}
        self._goals = {
            layer: mix([_goal(maps[layer], self._lines[layer], stride) for maps, _ in styles], shares)
            for layer, stride in strides.items()
        }
        # On the device: a recorded step cannot be told a new number.
        self._turn = torch.zeros(1, dtype=torch.long, device=first[next(iter(strides))].device)

    def __call__(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Return () float32 ≥ 0, the mean over the layers of `distribution_loss`.

        Args:
            maps: layer → (1, C, H', W'), of the pastiche.
        """
        terms = []
        for layer, goals in self._goals.items():
            lines = self._lines[layer].index_select(0, self._turn)[0]
            rising = in_order(maps[layer], lines, stride=self._strides[layer])
            goal = stretched(goals.index_select(0, self._turn)[0], rising.shape[1])
            terms.append(distribution_loss(rising, goal))
        self._turn.add_(1).remainder_(TURNS)
        return torch.stack(terms).mean()


def _goal(feature_map: Tensor, lines: Tensor, stride: int) -> Tensor:
    """Return (16, 32, 512), what each line of each set should see."""
    return torch.stack([stretched(in_order(feature_map, some, stride=stride), QUANTILES) for some in lines])
