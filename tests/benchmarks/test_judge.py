from __future__ import annotations

import math

import pytest
import torch
from judging.judge import Judge, correlation, lpips, self_similarity, sliced_wasserstein
from torch import Tensor


def test_self_similarity_is_the_cosine_of_centred_columns() -> None:
    """Slow version in plain Python over every two places."""
    columns = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    mean = [sum(row) / 4 for row in columns.tolist()]
    places = [[columns[c, n].item() - mean[c] for c in range(5)] for n in range(4)]

    def cosine(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True)) / (math.hypot(*one) * math.hypot(*two))

    expected = [cosine(one, two) for one in places for two in places]
    assert self_similarity(columns).tolist() == pytest.approx(expected, abs=1e-5)


def test_structure_does_not_care_for_a_change_of_all_features_alike() -> None:
    """Features scaled and shifted everywhere alike keep the layout."""
    columns = torch.randn(6, 30, generator=torch.Generator().manual_seed(2))
    moved = 3.0 * columns + torch.arange(6.0)[:, None]
    assert correlation(self_similarity(columns), self_similarity(moved)).item() == pytest.approx(
        1.0, abs=1e-5
    )


def test_sliced_wasserstein_of_a_shift_is_its_mean_length_along_the_directions() -> None:
    """Moving all points by one vector moves every projection by its part of it, at any number of points."""
    points = torch.randn(2, 600, generator=torch.Generator().manual_seed(3))
    shifted = points[:, :300].repeat(1, 2) + torch.tensor([[3.0], [4.0]])
    distance = sliced_wasserstein(points[:, :300], shifted).item()
    assert distance == pytest.approx(5.0 * 2.0 / math.pi, rel=0.1)  # mean of |cos| over the circle is 2/π


def test_sliced_wasserstein_to_itself_is_nothing() -> None:
    """Order does not count."""
    points = torch.randn(3, 50, generator=torch.Generator().manual_seed(4))
    assert sliced_wasserstein(points, points.flip(1)).item() == pytest.approx(0.0, abs=1e-6)


class Eye:
    """Sees the picture itself."""

    linear: tuple[()] = ()

    def __call__(self, image: Tensor) -> Tensor:
        return image[0].flatten(1)


class Texture(Eye):
    """Sees the picture itself, in one layer."""

    def __call__(self, image: Tensor) -> list[Tensor]:
        return [image[0]]


def test_the_unit_of_style_is_the_photos_distance() -> None:
    """Half way from the photo to the painting is 0.5; the painting's halves are measured by the same rule."""
    photo, painting = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.8)
    painting[..., 4:] = 0.4
    judge = Judge(photo, painting, layout=Eye(), texture=Texture())  # type: ignore[arg-type]
    assert judge(painting).style == pytest.approx(0.0, abs=1e-6)
    assert judge(painting / 2).style == pytest.approx(0.5, rel=1e-3)
    assert judge.halves == pytest.approx(0.4 / 0.6, rel=0.01)


def test_lpips_weighs_the_channels_that_differ() -> None:
    """By hand: unit columns (1, 0) and (0, 1), weights 2 and 3, differ by 2 + 3 in every place."""
    one = torch.tensor([1.0, 0.0]).view(2, 1, 1).expand(2, 4, 4)
    two = torch.tensor([0.0, 7.0]).view(2, 1, 1).expand(2, 4, 4)
    assert lpips([one], [two], [torch.tensor([2.0, 3.0])]).item() == pytest.approx(5.0)
