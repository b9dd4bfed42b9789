"""What a picture is worth: structure kept, style arrived. The formulas, and one class that applies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.oklab import to_oklab

if TYPE_CHECKING:
    from judging.networks import Layout, Texture

DIRECTIONS: Final = 256
QUANTILES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What the judge says of one picture."""

    structure: float
    """Correlation of the spatial self-similarity with the photo's: 1 for the photo itself."""
    style: float
    """Distance to the painting in units of the photo's own: 0 for the painting itself, 1 for the photo."""
    colour: float
    """The same for colours alone."""
    lpips: float | None
    """Perceptual distance to the photo; None where LPIPS's weights are not at hand."""

    @property
    def score(self) -> float:
        """Structure × what of the way to the painting's style was gone."""
        return self.structure * max(0.0, 1.0 - self.style)


class Judge:
    """Judges pictures of one photo in the manner of one painting, all at one size.

    Args:
        photo: (1, 3, H, W) in [0, 1].
        painting: such a picture with the same long side.
        layout: judges structure.
        texture: judges style.
    """

    def __init__(self, photo: Tensor, painting: Tensor, *, layout: Layout, texture: Texture) -> None:
        self._layout, self._texture = layout, texture
        self._similarity = self_similarity(layout(photo))
        self._seen = texture(photo)
        self._wanted = self._shades(texture(painting))
        self._palette = shades(to_oklab(painting)[0].flatten(1))
        self._style_of_photo = _distances(self._shades(self._seen), self._wanted)
        middle = painting.shape[3] // 2
        halves = [self._shades(texture(half)) for half in (painting[..., :middle], painting[..., middle:])]
        self.halves = self._style(_distances(*halves))
        """How far the painting's left half is from its right one, in the unit of `Scores.style`: what is
        nearer to the painting than that differs from it by what is shown rather than by how."""
        self._colour_of_photo = _distance(shades(to_oklab(photo)[0].flatten(1)), self._palette)

    def __call__(self, picture: Tensor) -> Scores:
        """Return the scores of a (1, 3, H, W) picture in [0, 1] of the photo's size."""
        seen = self._texture(picture)
        style = self._style(_distances(self._shades(seen), self._wanted))
        colour = _distance(shades(to_oklab(picture)[0].flatten(1)), self._palette)
        linear = self._texture.linear
        return Scores(
            structure=correlation(self_similarity(self._layout(picture)), self._similarity).item(),
            style=style,
            colour=(colour / self._colour_of_photo).item(),
            lpips=lpips(seen, self._seen, linear).item() if linear else None,
        )

    @staticmethod
    def _shades(seen: list[Tensor]) -> list[Tensor]:
        return [shades(maps.flatten(1)) for maps in seen]

    def _style(self, distances: list[Tensor]) -> float:
        return (torch.stack(distances) / torch.stack(self._style_of_photo)).mean().item()


def _distances(seen: list[Tensor], wanted: list[Tensor]) -> list[Tensor]:
    return [_distance(ours, theirs) for ours, theirs in zip(seen, wanted, strict=True)]


def self_similarity(columns: Tensor) -> Tensor:
    """Return how alike any two places of one picture are.

    Args:
        columns: (C, N), the features of N places.

    Returns:
        (N²,) cosines of the centred features of any two places.
    """
    centred = functional.normalize(columns - columns.mean(1, keepdim=True), dim=0)
    return (centred.T @ centred).flatten()


def correlation(left: Tensor, right: Tensor) -> Tensor:
    """Return Pearson's correlation of two (N,) tensors."""
    return torch.corrcoef(torch.stack([left, right]))[0, 1]


def sliced_wasserstein(left: Tensor, right: Tensor) -> Tensor:
    """Return how far two clouds of points are from each other.

    Args:
        left: (C, N) points.
        right: (C, M) points.

    Returns:
        () mean of the one-dimensional Wasserstein-1 distances along 256 directions, always the same ones.

    Source: Bonneel et al. 2015.
    """
    return _distance(shades(left), shades(right))


def shades(points: Tensor) -> Tensor:
    """Return what a cloud of points looks like along 256 directions, always the same ones.

    Args:
        points: (C, N).

    Returns:
        (256, 1024), evenly spaced quantiles along each direction.
    """
    generator = torch.Generator().manual_seed(0)
    directions = functional.normalize(torch.randn(DIRECTIONS, points.shape[0], generator=generator), dim=1)
    return _quantiles(directions @ points)


def _distance(left: Tensor, right: Tensor) -> Tensor:
    return (left - right).abs().mean()


def lpips(seen: list[Tensor], other: list[Tensor], linear: list[Tensor]) -> Tensor:
    """Return the perceptual distance of two pictures of one size.

    Args:
        seen: AlexNet's maps of one picture, (C, H, W) each.
        other: of the other one.
        linear: (C,) weights of the channels for each map.

    Source: Zhang et al. 2018 (LPIPS, AlexNet).
    """
    terms = [
        torch.einsum("c,chw->hw", weight.flatten(), (_unit(one) - _unit(two)).square()).mean()
        for one, two, weight in zip(seen, other, linear, strict=True)
    ]
    return torch.stack(terms).sum()


def _quantiles(values: Tensor) -> Tensor:
    """Return (D, 1024) evenly spaced quantiles of (D, N) values."""
    in_order = values.sort(dim=1).values
    return functional.interpolate(in_order[None], size=QUANTILES, mode="linear", align_corners=True)[0]


def _unit(maps: Tensor) -> Tensor:
    return maps / (maps.square().sum(0, keepdim=True).sqrt() + 1e-10)
