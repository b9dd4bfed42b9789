"""ReLU with what follows it: the values and gradients of the separate operations, and nothing spoilt."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.activation import relu, relu_and_gram, relu_and_pool
from nst_core.features import FeatureExtractor, load_extractor
from nst_core.losses import gram_matrix

LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def slowly(extractor: FeatureExtractor, image: Tensor) -> dict[str, Tensor]:
    """Return every layer by operations that keep all they need, each with autograd's own gradient."""
    x = functional.pad((image - extractor.mean) / extractor.std, (1, 1, 1, 1), mode="replicate")
    found = {}
    for layer, convolution in zip(extractor.layers, extractor.convolutions, strict=True):
        if layer.endswith("_1") and layer != "relu1_1":
            x = functional.max_pool2d(x, 2)
        x = functional.relu(convolution(x))
        found[layer] = x
        if layer == LAYERS[-1]:
            break
    return found


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return load_extractor()


@pytest.mark.parametrize(
    ("maps", "grams"),
    [
        (LAYERS, LAYERS),
        ((), ("relu1_1", "relu2_1", "relu3_1")),
        (("relu3_1",), ("relu1_1", "relu2_1", "relu3_1")),
        (("relu3_1",), ("relu1_2", "relu2_2")),
        (("relu1_2", "relu2_1"), ("relu1_2",)),
        (("relu2_2",), ()),
    ],
)
def test_maps_and_grams_have_the_values_and_the_gradient_of_separate_operations(
    extractor: FeatureExtractor, maps: tuple[str, ...], grams: tuple[str, ...]
) -> None:
    """For every way in which a layer can be asked for, at a size that pooling does not divide."""
    image = torch.rand(2, 3, 27, 22, generator=torch.Generator().manual_seed(3)).requires_grad_()
    found_maps, found_grams = extractor.maps_and_grams(image, maps, grams)
    slow = slowly(extractor, image)
    slow_grams = {layer: gram_matrix(slow[layer]) for layer in grams}
    assert (found_maps.keys(), found_grams.keys()) == (set(maps), set(grams))
    ours, theirs = (
        sum(
            (
                (found * noise(*found.shape, seed=seed)).sum()
                for seed, found in enumerate([each[layer] for each, layers in both for layer in layers])
            ),
            torch.zeros(()),
        )
        for both in (
            ((found_maps, maps), (found_grams, grams)),
            ((slow, maps), (slow_grams, grams)),
        )
    )
    torch.testing.assert_close(ours, theirs)
    (gradient,) = torch.autograd.grad(ours, image)
    (expected,) = torch.autograd.grad(theirs, image)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    torch.testing.assert_close(found_maps, {layer: slow[layer] for layer in maps})


@pytest.mark.parametrize("has_gram", [False, True])
def test_what_others_look_at_is_not_written_over(
    extractor: FeatureExtractor,
    has_gram: bool,  # noqa: FBT001 - pytest's way
) -> None:
    """Neither the maps nor the gradient that the caller hands in change on the way back."""
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(4)).requires_grad_()
    maps, grams = extractor.maps_and_grams(image, LAYERS, LAYERS if has_gram else ())
    handed_in = [noise(*found.shape, seed=seed) for seed, found in enumerate(maps.values())]
    before = [found.detach().clone() for found in (*maps.values(), *handed_in)]
    for (layer, found), gradient in zip(maps.items(), handed_in, strict=True):
        torch.autograd.grad(found, image, gradient, retain_graph=True)
        if has_gram:
            both, slopes = [found, grams[layer]], [gradient, torch.ones_like(grams[layer])]
            torch.autograd.grad(both, image, slopes, retain_graph=True)
    for found, kept in zip((*maps.values(), *handed_in), before, strict=True):
        torch.testing.assert_close(found.detach(), kept, rtol=0, atol=0)


def test_the_gradients_are_those_of_the_formula() -> None:
    """Against finite differences, in double precision, for every use of the two that can go back twice."""
    start = noise(1, 2, 4, 4).double().requires_grad_()

    def of(use: str, x: Tensor) -> Tensor:
        x = x * 1.0  # the functions write over what they are given
        if use == "relu":
            return relu(x, is_shared=False).square()
        activation, gram = relu_and_gram(x, is_shared=use == "shared")
        return gram if use == "gram" else torch.cat([activation.flatten(), gram.flatten()])

    for use in ("relu", "gram", "shared", "alone"):
        assert torch.autograd.gradcheck(lambda x, use=use: of(use, x), start), use


def test_the_gram_alone_and_the_activation_alone_can_be_asked_for() -> None:
    """Each of the two has its own gradient, also when the other is never used."""
    weights = noise(1, 3, 3, seed=1)
    for uses_gram, is_shared in itertools.product((False, True), (False, True)):
        x = noise(1, 3, 4, 5).requires_grad_()
        activation, gram = relu_and_gram(x * 1.0, is_shared=is_shared)
        total = (gram * weights).sum() if uses_gram else activation.square().sum()
        plain = functional.relu(x)
        expected = (gram_matrix(plain) * weights).sum() if uses_gram else plain.square().sum()
        torch.testing.assert_close(torch.autograd.grad(total, x), torch.autograd.grad(expected, x))


def test_pooling_goes_back_once() -> None:
    """With the gradient of the two apart; a second time is an error and not a wrong number."""
    x = noise(1, 3, 7, 6).requires_grad_()
    pooled = relu_and_pool(x * 1.0)
    plain = functional.max_pool2d(functional.relu(x), 2)
    torch.testing.assert_close(pooled, plain)
    total = (pooled * noise(1, 3, 3, 3, seed=1)).sum()
    (expected,) = torch.autograd.grad((plain * noise(1, 3, 3, 3, seed=1)).sum(), x)
    (gradient,) = torch.autograd.grad(total, x, retain_graph=True)
    torch.testing.assert_close(gradient, expected)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(total, x)
