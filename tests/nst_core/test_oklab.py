"""Colour spaces, against published values and a slow version in plain Python."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nst_core.oklab import from_oklab, to_linear, to_oklab, to_srgb

PUBLISHED = {
    (1.0, 1.0, 1.0): (1.0, 0.0, 0.0),
    (0.0, 0.0, 0.0): (0.0, 0.0, 0.0),
    (1.0, 0.0, 0.0): (0.627955, 0.224863, 0.125846),
    (0.0, 1.0, 0.0): (0.866440, -0.233888, 0.179498),
    (0.0, 0.0, 1.0): (0.452014, -0.032457, -0.311528),
}
"""sRGB and what CSS Color 4 gives for it in OkLab."""


def pixel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 3, 1, 1)


def slow_light(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def slow_rgb(lightness: float, a: float, b: float) -> tuple[float, ...]:
    """Return linear red, green and blue, by the lines of Ottosson's own C++."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def slow_greatest_share(lightness: float, a: float, b: float) -> float:
    """Return how much of the chroma sRGB has, in steps of a ten-thousandth."""
    for step in range(10_000, -1, -1):
        share = step / 10_000
        if all(-1e-5 <= light <= 1.00001 for light in slow_rgb(lightness, share * a, share * b)):
            return share
    raise AssertionError


@pytest.mark.parametrize(("color", "expected"), PUBLISHED.items())
def test_published_colors(color: tuple[float, ...], expected: tuple[float, ...]) -> None:
    """Black, white and the three primaries."""
    assert to_oklab(pixel(color)).flatten().tolist() == pytest.approx(expected, abs=2e-4)


def test_light_is_the_standards() -> None:
    """Every value that eight bits can have, there and back."""
    values = torch.arange(256, dtype=torch.float64) / 255
    light = to_linear(values)
    assert light.tolist() == pytest.approx([slow_light(value / 255) for value in range(256)], abs=1e-9)
    torch.testing.assert_close(to_srgb(light), values, rtol=0, atol=1e-6)


def test_every_color_comes_back() -> None:
    """A picture of float32 goes through OkLab and comes back the same, to a tenth of what eight bits tell."""
    image = torch.rand((1, 3, 40, 50), generator=torch.Generator().manual_seed(1))
    image[..., 0, 0], image[..., 0, 1] = 0.0, 1.0
    torch.testing.assert_close(from_oklab(to_oklab(image)), image, rtol=0, atol=4e-4)


@pytest.mark.parametrize(
    "lab", [(0.9, 0.2, 0.12), (0.3, -0.1, 0.15), (0.97, 0.0, -0.3), (0.05, 0.1, -0.1), (0.5, 0.4, 0.0)]
)
def test_a_color_that_no_screen_has_loses_chroma_only(lab: tuple[float, float, float]) -> None:
    """Lightness and hue stay; the chroma is the greatest that there is, as found step by step."""
    fitted = to_oklab(from_oklab(pixel(lab))).flatten().tolist()
    share = slow_greatest_share(*lab)
    assert share < 0.99
    assert fitted[0] == pytest.approx(lab[0], abs=5e-3)
    assert math.hypot(*fitted[1:]) == pytest.approx(share * math.hypot(*lab[1:]), abs=8e-3)
    cross = fitted[1] * lab[2] - fitted[2] * lab[1]
    assert abs(cross) < 6e-3 * math.hypot(*lab[1:])


def test_fitting_changes_only_what_does_not_fit() -> None:
    """One impossible pixel among possible ones; the others are what they would be without it."""
    lab = to_oklab(torch.rand((1, 3, 6, 7), generator=torch.Generator().manual_seed(2)) * 0.8 + 0.1)
    alone = from_oklab(lab)
    lab[0, :, 2, 3] = torch.tensor([0.9, 0.3, 0.3])
    beside = from_oklab(lab)
    same = ((alone - beside).abs() < 1e-6).all(dim=1)[0]
    assert not same[2, 3]
    assert same.sum() == 41
    assert 0.0 <= beside.min() <= beside.max() <= 1.0


def test_lightness_beyond_black_and_white_is_clamped() -> None:
    """Whatever a recombination asks for, the result is a picture."""
    lab = torch.tensor([[1.3, 0.1, 0.1], [-0.2, 0.1, -0.1]]).T.view(1, 3, 1, 2)
    picture = from_oklab(lab)
    torch.testing.assert_close(picture[..., 0].flatten(), torch.ones(3), rtol=0, atol=0.02)
    torch.testing.assert_close(picture[..., 1].flatten(), torch.zeros(3), rtol=0, atol=0.02)
