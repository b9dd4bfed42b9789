"""A picture seen band by band is the picture seen as a whole."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
import torch

from nst_core.features import load_extractor
from nst_core.losses import gram_matrix
from nst_core.protocol import StyleParams
from nst_core.transfer.bands import SHALLOW_LAYERS, Seen, look
from nst_core.transfer.best import FINE_LAYERS, paint_best
from nst_core.transfer.classic import FINE_CONTENT_LAYER, FINE_STYLE_LAYERS, ClassicRecipe, paint_classic
from nst_core.transfer.recipe import BestRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from nst_core.features import FeatureExtractor

MAPS = ("relu2_2", "relu3_1")
GRAMS = ("relu1_1", "relu1_2", "relu2_1", "relu3_1")
in_bands = functools.partial(look, whole_pixels=0, band_pixels=48 * 40)


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    """The bundled one, exact enough to compare."""
    return load_extractor(dtype=torch.float64).double()


def noise(height_px: int, width_px: int) -> Tensor:
    """Return a picture without anything that repeats."""
    return torch.rand(1, 3, height_px, width_px, generator=torch.Generator().manual_seed(height_px))


def weighed(seen: Seen) -> Tensor:
    """Return one number that depends on everything that was seen, each part in its own way."""
    parts = [*seen.maps.values(), *seen.grams.values()]
    return torch.stack(
        [(part * torch.arange(part.numel()).view(part.shape).sin()).sum() for part in parts]
    ).sum()


@pytest.mark.parametrize(("height_px", "width_px"), [(160, 48), (163, 50), (45, 48), (200, 33)])
def test_bands_are_the_whole(extractor: FeatureExtractor, height_px: int, width_px: int) -> None:
    """Every feature, every statistic and every pixel's gradient, at heights that no band divides."""
    found = []
    for see in (look, in_bands):
        image = noise(height_px, width_px).requires_grad_()
        seen = see(extractor, image, maps=MAPS, grams=GRAMS)
        found.append((seen, torch.autograd.grad(weighed(seen), image)[0]))
    (whole, slope), (banded, banded_slope) = found
    torch.testing.assert_close(banded.maps, whole.maps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(banded.grams, whole.grams, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(banded_slope, slope, rtol=1e-3, atol=1e-4 * slope.abs().max().item())


def test_less_is_kept_for_the_way_back(extractor: FeatureExtractor) -> None:
    """Of all that autograd keeps, only the inputs and the joined maps are left."""
    kept = []
    for see in (look, in_bands):
        seen_bytes = 0

        def count(tensor: Tensor) -> Tensor:
            nonlocal seen_bytes
            seen_bytes += tensor.numel() * tensor.element_size()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            see(extractor, noise(320, 48).requires_grad_(), grams=("relu1_1", "relu2_1", "relu3_1"))
        kept.append(seen_bytes)
    whole, banded = kept
    assert banded < whole / 20


def test_what_is_asked_for_is_what_comes(extractor: FeatureExtractor) -> None:
    """Maps of some layers, statistics of others, also where nothing needs a gradient."""
    image = noise(96, 48)
    for see in (look, in_bands):
        seen = see(extractor, image, maps=["relu3_1"], grams=["relu1_1"])
        assert set(seen.maps) == {"relu3_1"}
        assert set(seen.grams) == {"relu1_1"}
        torch.testing.assert_close(
            seen.grams["relu1_1"], gram_matrix(extractor(image, ["relu1_1"])["relu1_1"]), rtol=1e-4, atol=1e-5
        )


def test_deep_layers_are_seen_as_a_whole(extractor: FeatureExtractor) -> None:
    """They see farther than the surroundings of a band."""
    image = noise(160, 48)
    seen = in_bands(extractor, image, maps=["relu4_1"], grams=["relu1_1"])
    torch.testing.assert_close(seen.maps["relu4_1"], extractor(image, ["relu4_1"])["relu4_1"])
    with pytest.raises(KeyError, match="relu9_1"):
        in_bands(extractor, image, maps=["relu9_1"])


def test_fine_scales_ask_for_nothing_deeper() -> None:
    """Large pictures are painted at fine scales: were one of their layers deep, bands would do nothing."""
    assert SHALLOW_LAYERS.issuperset((*FINE_LAYERS, *FINE_STYLE_LAYERS, FINE_CONTENT_LAYER))


@pytest.mark.parametrize("mode", ["best", "classic"])
def test_no_seam_in_a_painting(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """Steps at a fine scale that is worked on in bands are those on the whole."""
    content, style = noise(96, 144), noise(80, 100).square()
    params, extractor = StyleParams(long_side_px=144), load_extractor()
    pictures = []
    for see in (look, functools.partial(look, whole_pixels=0, band_pixels=144 * 40)):
        monkeypatch.setattr(f"nst_core.transfer.{mode}.look", see)
        recipes = {
            "best": functools.partial(
                paint_best,
                recipe=BestRecipe(
                    coarsest_of_small_px=144,
                    coarsest_px=144,
                    fine_px=100,
                    fine_steps=4,
                    fine_step_size=0.01,
                ),
            ),
            "classic": functools.partial(
                paint_classic,
                recipe=ClassicRecipe(coarsest_px=144, fine_px=100, steps_at_coarsest=4, step_size=0.02),
            ),
        }
        _, walk = recipes[mode](content, [(style, 1.0)], params, extractor=extractor)
        pictures.append([picture for _, picture, _ in walk])
    whole, banded = pictures
    assert (whole[0] - whole[-1]).abs().max() > 1.5 / 255
    assert (whole[-1] - banded[-1]).abs().max() < 0.3 / 255
