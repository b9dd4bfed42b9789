"""Landmarks: what is one of a kind in a photo."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nst_core.features import load_extractor
from nst_core.transfer.landmarks import landmarks, rarity


def lone_disc(height_px: int, width_px: int) -> Tensor:
    """Return stripes all over, and one red disc in them, right of the middle."""
    rows, columns = torch.meshgrid(torch.arange(height_px), torch.arange(width_px), indexing="ij")
    unit = height_px / 96
    stripes = (0.5 + 0.3 * (columns / unit * 0.8).sin()).expand(3, -1, -1)
    inside = (rows - height_px / 2).square() + (columns - width_px * 0.7).square() < (14 * unit) ** 2
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    return torch.where(inside, red, stripes)[None]


@pytest.mark.parametrize("factor", [1, 4])
def test_a_lone_thing_is_a_landmark(factor: int) -> None:
    """Whatever size the picture has; what there is all over is none."""
    held = landmarks(load_extractor(), lone_disc(96 * factor, 128 * factor))
    assert held.min() >= 0.0
    assert held.max() <= 1.0
    height, width = held.shape[2:]
    disc = held[0, 0, height * 4 // 10 : height * 6 // 10, width * 6 // 10 : width * 8 // 10]
    assert disc.mean() > 0.5
    assert held[0, 0, :, : width // 2].mean() < 0.3 * disc.mean()


def test_nothing_is_a_landmark_where_all_is_alike() -> None:
    """A grey picture has none, nor has one too small to have other places."""
    extractor = load_extractor()
    assert landmarks(extractor, torch.full((1, 3, 64, 64), 0.5)).isfinite().all()
    assert landmarks(extractor, torch.rand(1, 3, 16, 16)).isfinite().all()


def test_rarity_compares_with_the_most_alike_that_are_no_neighbours() -> None:
    """Slow version in plain Python, place by place."""
    height, width, channels = 6, 7, 3
    features = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(5))
    mean = features.mean(dim=(2, 3))[0].tolist()
    columns = {
        (y, x): [features[0, c, y, x].item() - mean[c] for c in range(channels)]
        for y in range(height)
        for x in range(width)
    }

    def cosine(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True)) / (math.hypot(*one) * math.hypot(*two))

    expected = []
    for (y, x), here in columns.items():
        others = [
            cosine(here, there) for (v, u), there in columns.items() if abs(v - y) > 2 or abs(u - x) > 2
        ]
        most_alike = sorted(others, reverse=True)[:2]  # a twentieth of 42
        expected.append(1.0 - sum(most_alike) / 2)
    assert rarity(features).flatten().tolist() == pytest.approx(expected, abs=1e-5)
