"""`draft`: one step, and every choice a person has shows in it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core import presets
from nst_core.color import match_color
from nst_core.features import FeatureExtractor, load_extractor
from nst_core.images import load_image
from nst_core.losses import gram_matrix
from nst_core.magenta import load_magenta
from nst_core.transfer import Step, StyleParams, stylize
from nst_core.transfer.walk import at_scale

LAYERS = ("relu2_1", "relu3_1")


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return load_extractor()


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return load_image(presets.FOLDER / "mona_lisa.jpg", long_side_px=128)


def painting(name: str = "great_wave") -> Tensor:
    return load_image(presets.FOLDER / f"{name}.jpg", long_side_px=200)


def drafted(content: Tensor, *styles: tuple[Tensor, float], **choices: int) -> Step:
    params = StyleParams(mode="draft", **{"long_side_px": 128, **choices})  # type: ignore[arg-type]
    (step,) = stylize(content, styles or [(painting(), 1.0)], params)
    return step


def grams(image: Tensor, extractor: FeatureExtractor) -> Tensor:
    with torch.no_grad():
        maps = extractor(image, LAYERS)
    return torch.cat([gram_matrix(maps[layer]).flatten() for layer in LAYERS])


def test_it_is_one_step_without_losses(photo: Tensor) -> None:
    """Of the size that was asked for, in the photo's shape, inside [0, 1]."""
    step = drafted(photo, long_side_px=96)
    assert (step.index, step.total, step.losses, step.scale_px) == (1, 1, {}, 96)
    assert max(step.pastiche.shape[2:]) == 96
    assert step.pastiche.shape[2] / step.pastiche.shape[3] == pytest.approx(
        photo.shape[2] / photo.shape[3], abs=0.05
    )
    assert 0.0 <= step.pastiche.min() <= step.pastiche.max() <= 1.0


def test_strength_orders_the_pictures(photo: Tensor, extractor: FeatureExtractor) -> None:
    """Each further one is nearer to the painting's Gram matrices, and 0 is nearer to the photo than 50."""
    style = grams(painting(), extractor)
    pictures = {strength: drafted(photo, strength=strength).pastiche for strength in (0, 25, 50, 100)}
    found = [(grams(picture, extractor) - style).norm().item() for picture in pictures.values()]
    assert found[0] > found[1] > found[2]
    away = {strength: (picture - photo).abs().mean() for strength, picture in pictures.items()}
    assert away[0] < 0.8 * away[50]
    assert (pictures[100] - pictures[50]).abs().mean() > 0.02


def test_shares_decide_between_styles(photo: Tensor) -> None:
    """Equal parts lie between the two; nearly all of one is nearly that one; only ratios count."""
    wave, scream = painting("great_wave"), painting("scream")
    only = [drafted(photo, (style, 1.0)).pastiche for style in (wave, scream)]

    def mixed(*shares: float) -> list[float]:
        picture = drafted(photo, *zip((wave, scream), shares, strict=True)).pastiche
        return [(picture - each).abs().mean().item() for each in only]

    apart = (only[0] - only[1]).abs().mean().item()
    assert max(mixed(1, 1)) < 0.9 * apart
    assert mixed(1000, 1)[0] < 0.02 * apart
    assert mixed(2, 6) == pytest.approx(mixed(1, 3), abs=1e-5)
    assert mixed(70, 30)[0] < mixed(30, 70)[0]


@pytest.mark.parametrize("choice", [{"brush": 50}, {"brush": 400}, {"seed": 7}])
def test_brush_and_seed_show(photo: Tensor, choice: dict[str, int]) -> None:
    """Another picture, and the same one again for the same choice."""
    usual, other, again = (drafted(photo, long_side_px=256, **each).pastiche for each in ({}, choice, choice))
    assert (usual - other).abs().mean() > 0.01
    torch.testing.assert_close(again, other, rtol=0, atol=0)


@pytest.mark.parametrize(("size_px", "brush"), [(1024, 100), (512, 200)])
def test_strokes_grow_with_the_picture_and_the_brush(size_px: int, brush: int) -> None:
    """More than fine grain is painted: seen small, the picture has left the photo further.

    That is, further than after one pass of the network.
    """
    content = load_image(presets.FOLDER / "summertime.jpg", long_side_px=size_px)
    network, style = load_magenta(), load_image(presets.FOLDER / "great_wave.jpg", long_side_px=256)
    colored = match_color(content, style)
    one_pass = network.paint(colored, network.code(style))
    large = drafted(content, (style, 1.0), long_side_px=size_px, brush=brush).pastiche
    away = [(at_scale(each, 128) - at_scale(colored, 128)).abs().mean() for each in (large, one_pass)]
    assert away[0] > 1.05 * away[1]
