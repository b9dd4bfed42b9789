"""Calm places: found where nothing happens, and sown with a painting's shapes there alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from nst_core.features import load_extractor
from nst_core.protocol import StyleParams
from nst_core.transfer.best import paint_best
from nst_core.transfer.calm import SHAPE, calmness, smoothed, sown
from nst_core.transfer.recipe import Balance, BestRecipe


def half_calm(height_px: int = 96, width_px: int = 128) -> Tensor:
    """Return a picture whose left half is grey and whose right half is a chequer of black and white."""
    rows, columns = torch.meshgrid(torch.arange(height_px), torch.arange(width_px), indexing="ij")
    chequer = ((rows // 8 + columns // 8) % 2).float()
    return torch.where(columns < width_px // 2, 0.5, chequer).expand(1, 3, -1, -1).clone()


def rings(height_px: int = 90, width_px: int = 110) -> Tensor:
    """Return a painting of rings, in one colour, brighter to the right."""
    rows, columns = torch.meshgrid(torch.arange(height_px), torch.arange(width_px), indexing="ij")
    distance = ((rows - height_px / 2).square() + (columns - width_px / 3).square()).sqrt()
    grey = 0.4 + 0.2 * (distance / 3).sin() + 0.2 * columns / width_px
    return grey.expand(1, 3, -1, -1).clone()


@pytest.mark.parametrize("factor", [1, 3])
def test_calm_is_where_nothing_happens(factor: int) -> None:
    """Whatever size the picture has."""
    image = half_calm().repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    calm = calmness(image)
    assert calm.shape == (1, 1, 96 * factor, 128 * factor)
    assert calm[..., : 32 * factor].min() > 0.99
    assert calm[..., 96 * factor :].max() < 0.01


def test_calm_is_what_the_formula_says() -> None:
    """Stripes of known contrast, far from any edge: their variance over a window much wider than they."""
    lightness = 0.5 + 0.04 * (torch.arange(32) * math.pi / 2 + 0.3).sin()
    # Of grey, OkLab's lightness is the cube root of linear light.
    image = lightness.pow(3).expand(1, 3, 32, 32)
    image = torch.where(image <= 0.0031308, 12.92 * image, 1.055 * image.pow(1 / 2.4) - 0.055)
    middle = calmness(image)[0, 0, 16, 16].item()
    assert middle == pytest.approx(math.exp(-(0.04**2 / 2) / 0.06**2), rel=0.01)


def test_smoothing_is_gaussian() -> None:
    """A point spreads to a bell of the asked width; what is all one tone stays so, up to the edge."""
    point = torch.zeros(1, 1, 61, 61)
    point[..., 30, 30] = 1.0
    bell = smoothed(point, 4.0)[0, 0]
    torch.testing.assert_close(bell[30, 34] / bell[30, 30], torch.tensor(math.exp(-0.5)))
    torch.testing.assert_close(bell[34, 34] / bell[30, 30], torch.tensor(math.exp(-1.0)))
    torch.testing.assert_close(bell.sum(), torch.tensor(1.0))
    torch.testing.assert_close(smoothed(torch.full((1, 3, 9, 7), 0.3), 5.0), torch.full((1, 3, 9, 7), 0.3))


def test_shapes_are_sown_in_calm_places_alone() -> None:
    """There the painting's fine shapes are added, its broad light is not; elsewhere the photo stays."""
    photo, painting = half_calm(), rings(96, 128)
    picture = sown(photo, [(painting, 1.0)], amount=0.5)
    assert torch.allclose(picture[..., 96:], photo[..., 96:], atol=0.01)
    added = (picture - photo)[..., :32]
    shapes = (painting - smoothed(painting, SHAPE * 128))[..., :32]
    torch.testing.assert_close(added, 0.5 * shapes, rtol=0.02, atol=1e-3)
    assert torch.equal(sown(photo, [(painting, 1.0)], amount=0.0), photo)


def test_shares_weigh_what_is_sown() -> None:
    """Two paintings, one of them a blank: only the other's share of shapes arrives."""
    photo, painting, blank = torch.full((1, 3, 60, 80), 0.5), rings(60, 80), torch.full((1, 3, 60, 80), 0.2)
    whole = sown(photo, [(painting, 1.0)], amount=0.8) - photo
    share = sown(photo, [(painting, 1.0), (blank, 3.0)], amount=0.8) - photo
    torch.testing.assert_close(share, whole / 4, rtol=1e-4, atol=1e-5)


def test_the_brush_enlarges_and_a_seed_chooses() -> None:
    """Twice the brush sows the middle of the painting, twice as large; each seed sows another part."""
    photo, painting = torch.full((1, 3, 60, 80), 0.5), rings(60, 80)
    middle = painting[..., 15:45, 20:60]
    torch.testing.assert_close(
        sown(photo, [(painting, 1.0)], amount=1.0, brush=200)[..., 8:-8, 8:-8],
        sown(photo, [(middle, 1.0)], amount=1.0)[..., 8:-8, 8:-8],
        rtol=0.0,
        atol=0.02,
    )
    wide = rings(60, 200)
    first, other, again = (sown(photo, [(wide, 1.0)], amount=1.0, seed=seed) for seed in (1, 2, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


def test_calm_places_ask_with_the_picture_so_far() -> None:
    """In between in proportion; and strength 0 sows nothing."""
    recipe = BestRecipe(loyalty=1.0, calm_loyalty=0.2)
    balance = Balance.of(50, recipe)
    torch.testing.assert_close(
        balance.loyalty_at(torch.tensor([0.0, 0.5, 1.0])), torch.tensor([1.0, 0.6, 0.2])
    )
    assert Balance.of(0, recipe).sowing == 0.0


def test_best_begins_with_what_was_sown_and_asks_with_it() -> None:
    """Its first picture has the shapes in the calm half alone; who asks there makes another picture of it."""
    photo, painting, extractor = half_calm(48, 64), rings(48, 64), load_extractor()

    def first(**recipe: float) -> Tensor:
        chosen = BestRecipe(coarsest_of_small_px=64, recolors=False, step_size=0.02, **recipe)  # type: ignore[arg-type]
        params = StyleParams(long_side_px=64)
        return next(paint_best(photo, [(painting, 1.0)], params, extractor=extractor, recipe=chosen)[1])[1]

    sown_first, plain = first(sowing=0.8), first(sowing=0.0)
    difference = (sown_first - plain).abs()
    assert difference[..., :16].max() > 0.08
    assert difference[..., 48:].max() < 0.05
    assert not torch.equal(first(loyalty=1.0, calm_loyalty=0.2), first(loyalty=1.0, calm_loyalty=1.0))


def test_best_keeps_less_of_the_layout_where_it_is_calm() -> None:
    """A calm half that looks different costs less than where all places count alike."""
    photo, painting, extractor = half_calm(48, 64), rings(48, 64), load_extractor()

    def structure(calm_freedom: float) -> float:
        recipe = BestRecipe(
            coarsest_of_small_px=64,
            recolors=False,
            structure_weight=1.0,
            calm_freedom=calm_freedom,
        )
        params = StyleParams(long_side_px=64)
        _, walk = paint_best(photo, [(painting, 1.0)], params, extractor=extractor, recipe=recipe)
        return next(walk)[2]["structure"].item()

    assert structure(1.0) < 0.8 * structure(0.0)
