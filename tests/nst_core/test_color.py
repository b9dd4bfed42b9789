"""Colours move as a whole, and no further than they must."""

import torch
from torch import Tensor

from nst_core.color import match_color


def cloud(mean: tuple[float, float, float], spread: float, seed: int) -> Tensor:
    noise = torch.randn(1, 3, 40, 50, generator=torch.Generator().manual_seed(seed))
    mixing = torch.tensor([[1.0, 0.4, 0.1], [0.0, 0.8, 0.3], [0.2, 0.0, 0.6]])
    mixed = torch.einsum("ij,njhw->nihw", mixing, noise) * spread
    return (mixed + torch.tensor(mean).view(1, 3, 1, 1)).clamp(0, 1)


def statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    pixels = image[0].flatten(1)
    return pixels.mean(1), torch.cov(pixels)


def test_mean_and_covariance_become_the_palettes() -> None:
    """Where nothing has to be clamped, both arrive."""
    matched = match_color(cloud((0.4, 0.5, 0.6), 0.03, 0), cloud((0.6, 0.5, 0.3), 0.06, 1))
    for ours, theirs in zip(statistics(matched), statistics(cloud((0.6, 0.5, 0.3), 0.06, 1)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.03, atol=2e-4)


def test_a_picture_matched_to_itself_stays() -> None:
    """Of all maps the least one: none."""
    image = cloud((0.5, 0.4, 0.6), 0.05, 2)
    torch.testing.assert_close(match_color(image, image), image, rtol=0, atol=2e-3)


def test_flat_and_grey_pictures_have_no_colour_to_divide_by() -> None:
    """No NaN, and the result stays a picture."""
    flat, grey = torch.full((1, 3, 8, 8), 0.5), torch.rand(1, 1, 8, 8).expand(1, 3, 8, 8)
    for image in (flat, grey):
        for palette in (flat, grey, cloud((0.5, 0.5, 0.5), 0.1, 3)):
            matched = match_color(image, palette)
            assert torch.isfinite(matched).all()
            assert 0.0 <= matched.min() <= matched.max() <= 1.0


def test_the_size_of_either_does_not_matter() -> None:
    """The palette may be any size; the picture keeps its own."""
    image, palette = cloud((0.4, 0.5, 0.6), 0.05, 4), cloud((0.6, 0.4, 0.3), 0.05, 5)
    bigger = palette.repeat(1, 1, 2, 2)
    torch.testing.assert_close(match_color(image, palette), match_color(image, bigger), rtol=0, atol=2e-3)
