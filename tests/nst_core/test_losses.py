"""Each term against a slow loop written from its formula, its shape, and its gradient."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.losses import (
    content_loss,
    gram_matrix,
    mix,
    self_similarity,
    structure_loss,
    style_loss,
    total_variation,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_gram_matrix_is_the_mean_product_of_every_two_channels() -> None:
    """G[i][j] = Σ over pixels of F[i]·F[j], divided by their number."""
    maps = noise(2, 3, 4, 5)
    gram = gram_matrix(maps)
    assert gram.shape == (2, 3, 3)
    for n in range(2):
        for i in range(3):
            for j in range(3):
                products = [
                    maps[n, i, y, x].item() * maps[n, j, y, x].item() for y in range(4) for x in range(5)
                ]
                assert gram[n, i, j].item() == pytest.approx(sum(products) / 20, rel=1e-5)


def test_the_gradient_of_the_gram_matrix_is_autograds() -> None:
    """As if the product had been written out, for any gradient behind it, and laid out like the features."""
    maps = noise(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    behind = noise(2, 3, 3, seed=1)
    rows = maps.flatten(2)
    (slow,) = torch.autograd.grad((rows @ rows.transpose(1, 2) / 20 * behind).sum(), maps)
    (ours,) = torch.autograd.grad((gram_matrix(maps) * behind).sum(), maps)
    torch.testing.assert_close(ours, slow)
    assert ours.is_contiguous(memory_format=torch.channels_last)


def test_gram_matrix_does_not_depend_on_the_size() -> None:
    """A style image of twice the size, made of the same tiles, has the same Gram matrix."""
    tile = noise(1, 4, 6, 6)
    torch.testing.assert_close(gram_matrix(tile), gram_matrix(tile.repeat(1, 1, 2, 2)))


def test_gram_matrix_is_symmetric_and_has_no_negative_eigenvalue() -> None:
    """It is a matrix of correlations."""
    gram = gram_matrix(noise(1, 8, 5, 5))[0]
    torch.testing.assert_close(gram, gram.T)
    assert torch.linalg.eigvalsh(gram).min() > -1e-5


def test_content_loss_is_the_squared_error_in_units_of_the_target() -> None:
    """Mean of the squared differences over the mean of the target's squares."""
    ours, target = noise(1, 2, 3, 3), noise(1, 2, 3, 3, seed=1)
    pairs = list(zip(ours.flatten().tolist(), target.flatten().tolist(), strict=True))
    expected = sum((a - b) ** 2 for a, b in pairs) / sum(b * b for _, b in pairs)
    assert content_loss(ours, target).item() == pytest.approx(expected, rel=1e-5)
    assert content_loss(target, target).item() == 0.0


def test_self_similarity_is_the_standardised_cosine_of_every_two_places() -> None:
    """Slow version: centre the features over all places, cosines of all pairs, centre, scale to length 1."""
    maps = noise(1, 3, 2, 2)
    columns = [[maps[0, c, y, x].item() for c in range(3)] for y in range(2) for x in range(2)]
    mean = [sum(column[c] for column in columns) / 4 for c in range(3)]
    centred = [[value - middle for value, middle in zip(column, mean, strict=True)] for column in columns]

    def cosine(one: list[float], two: list[float]) -> float:
        return sum(a * b for a, b in zip(one, two, strict=True)) / (math.hypot(*one) * math.hypot(*two))

    cosines = [cosine(one, two) for one in centred for two in centred]
    middle = sum(cosines) / 16
    length = math.hypot(*(value - middle for value in cosines))
    expected = [(value - middle) / length for value in cosines]
    assert self_similarity(maps, grid=2).tolist() == pytest.approx(expected, abs=1e-5)


def test_self_similarity_averages_what_lies_in_one_place() -> None:
    """A picture twice as large, every pixel doubled, has the same places."""
    maps = noise(1, 4, 3, 5)
    doubled = maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(self_similarity(doubled, grid=5), self_similarity(maps, grid=5))


def test_two_places_count_by_the_product_of_their_weights() -> None:
    """Cosines times both weights, before they are standardised; weights of one change nothing."""
    maps, weight = noise(1, 3, 2, 2), torch.tensor([[[[1.0, 0.5], [0.0, 0.8]]]])
    places = maps[0].flatten(1).T - maps[0].flatten(1).T.mean(0)
    shares = weight.flatten().tolist()
    cosines = [
        torch.cosine_similarity(places[i], places[j], dim=0).item() * shares[i] * shares[j]
        for i in range(4)
        for j in range(4)
    ]
    mean = sum(cosines) / 16
    length = math.sqrt(sum((cosine - mean) ** 2 for cosine in cosines))
    expected = [(cosine - mean) / length for cosine in cosines]
    assert self_similarity(maps, grid=2, weight=weight).tolist() == pytest.approx(expected, abs=1e-5)
    torch.testing.assert_close(
        self_similarity(maps, grid=2, weight=torch.ones(1, 1, 2, 2)), self_similarity(maps, grid=2)
    )


def test_places_without_weight_may_change() -> None:
    """What happens in half a picture does not matter to the layout of the other half."""
    maps, weight = noise(1, 6, 8, 8), torch.ones(1, 1, 8, 8)
    weight[..., 4:] = 0.0
    swapped = maps.clone()
    swapped[..., 4:] = maps[..., 4:].flip(3)
    whole, half = (
        structure_loss(
            *(self_similarity(each, grid=8, weight=each_weight) for each in (swapped, maps))
        ).item()
        for each_weight in (None, weight)
    )
    assert half == pytest.approx(0.0, abs=1e-5)
    assert whole > 0.1


def test_self_similarity_divides_a_picture_as_pooling_does() -> None:
    """Where the places do not go into the length, neighbours share a row; the gradient lies as they do."""
    maps = noise(1, 6, 11, 17).to(memory_format=torch.channels_last).requires_grad_()
    pooled = functional.adaptive_avg_pool2d(maps, (5, 8))
    torch.testing.assert_close(self_similarity(maps, grid=8), self_similarity(pooled, grid=8))
    (gradient,) = torch.autograd.grad(self_similarity(maps, grid=8)[3], maps)
    (expected,) = torch.autograd.grad(self_similarity(pooled, grid=8)[3], maps)
    torch.testing.assert_close(gradient, expected)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_structure_loss_asks_for_the_layout_and_not_for_the_features() -> None:
    """Nothing for the same layout in other features; about 1 for a layout that has nothing to do with it."""
    maps = noise(1, 6, 8, 8)
    target = self_similarity(maps, grid=8)
    turned = torch.linalg.qr(noise(6, 6, seed=3)).Q @ maps[0].flatten(1)
    other = self_similarity(turned.view(1, 6, 8, 8) * 2.0 + 5.0, grid=8)
    assert structure_loss(other, target).item() == pytest.approx(0.0, abs=1e-4)
    assert structure_loss(self_similarity(noise(1, 6, 8, 8, seed=9), grid=8), target).item() > 0.5


def test_structure_loss_has_the_gradient_of_its_value() -> None:
    """Against central differences, in double precision."""
    maps = noise(1, 3, 3, 3).double().requires_grad_()
    target = self_similarity(noise(1, 3, 3, 3, seed=4).double(), grid=3)
    assert torch.autograd.gradcheck(lambda x: structure_loss(self_similarity(x, grid=3), target), maps)


def test_style_loss_follows_its_formula() -> None:
    """Σ D² / Σ |D| / mean |A|."""
    gram, target = noise(1, 3, 3), noise(1, 3, 3, seed=1)
    pairs = list(zip(gram.flatten().tolist(), target.flatten().tolist(), strict=True))
    squares, sizes = sum((a - b) ** 2 for a, b in pairs), sum(abs(a - b) for a, b in pairs)
    expected = squares / sizes / (sum(abs(b) for _, b in pairs) / len(pairs))
    assert style_loss(gram, target).item() == pytest.approx(expected, rel=1e-5)
    assert style_loss(target, target).item() == 0.0


def test_every_painting_pulls_equally_hard() -> None:
    """Ten times the contrast in both pictures changes nothing: the loss has no unit."""
    gram, target = noise(1, 5, 5), noise(1, 5, 5, seed=1)
    torch.testing.assert_close(style_loss(gram, target), style_loss(100 * gram, 100 * target))


def test_style_gradient_does_not_fade_near_the_target() -> None:
    """A hundred times closer, the gradient keeps its order of magnitude; a plain square would not."""
    target, offset = noise(1, 6, 6), noise(1, 6, 6, seed=1) - 0.5

    def size_of_gradient(distance: float) -> float:
        gram = (target + distance * offset).requires_grad_()
        style_loss(gram, target).backward()
        assert gram.grad is not None
        return gram.grad.norm().item()

    assert size_of_gradient(0.001) == pytest.approx(size_of_gradient(0.1), rel=0.01)


def test_total_variation_counts_each_step_between_neighbours_once() -> None:
    """Against a loop over pixels; the edges repeat outwards, so nothing is counted there."""
    image = noise(1, 3, 4, 5)
    dx = [
        (image[0, c, y, x + 1] - image[0, c, y, x]).item() ** 2
        for c in range(3)
        for y in range(4)
        for x in range(4)
    ]
    dy = [
        (image[0, c, y + 1, x] - image[0, c, y, x]).item() ** 2
        for c in range(3)
        for y in range(3)
        for x in range(5)
    ]
    assert total_variation(image).item() == pytest.approx((sum(dx) + sum(dy)) / image.numel(), rel=1e-5)
    assert total_variation(torch.full((1, 3, 4, 4), 0.5)).item() == 0.0


def test_a_mix_weighs_styles_by_ratio_only() -> None:
    """70:30 and 7:3 are the same mixture, and its entries lie where they should."""
    first, second = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    torch.testing.assert_close(mix([first, second], [7.0, 3.0]), torch.full((1, 2, 2), 0.3))
    torch.testing.assert_close(mix([first, second], [70.0, 30.0]), mix([first, second], [0.7, 0.3]))


@pytest.mark.parametrize("term", ["gram", "content", "style", "variation"])
def test_gradients_agree_with_finite_differences(term: str) -> None:
    """Autograd's slope along a random direction is the measured one."""
    target = noise(1, 3, 4, 4, seed=1).double()
    functions = {
        "gram": lambda x: gram_matrix(x).square().sum(),
        "content": lambda x: content_loss(x, target),
        "style": lambda x: style_loss(gram_matrix(x), gram_matrix(target)),
        "variation": total_variation,
    }
    function = functions[term]
    image = noise(1, 3, 4, 4).double().requires_grad_()
    direction = noise(1, 3, 4, 4, seed=2).double() - 0.5
    (gradient,) = torch.autograd.grad(function(image), image)
    step = 1e-3
    with torch.no_grad():
        measured = (function(image + step * direction) - function(image - step * direction)) / (2 * step)
    assert math.isclose((gradient * direction).sum().item(), measured.item(), rel_tol=2e-2, abs_tol=1e-4)
