"""Matching against slow loops written from its definition."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nst_core import matching
from nst_core.matching import MatchingLoss, hypercolumns, nearest


def columns(channels: int, count: int, seed: int) -> Tensor:
    return torch.rand(channels, count, generator=torch.Generator().manual_seed(seed))


def centred_cosine(a: Tensor, b: Tensor, mean_a: Tensor, mean_b: Tensor) -> float:
    x, y = (a - mean_a).tolist(), (b - mean_b).tolist()
    product = sum(p * q for p, q in zip(x, y, strict=True))
    return product / math.sqrt(sum(p * p for p in x) * sum(q * q for q in y))


def test_each_column_gets_the_most_similar_one() -> None:
    """By centred cosine similarity, each set centred by its own mean, as in a loop over all pairs."""
    query, style = columns(5, 12, 0), columns(5, 20, 1)
    found = nearest(query, [style], [1.0])
    for n in range(12):
        means = query.mean(1), style.mean(1)
        similar = [centred_cosine(query[:, n], style[:, m], *means) for m in range(20)]
        torch.testing.assert_close(found[:, n], style[:, similar.index(max(similar))])


def test_many_columns_are_matched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are compared at once changes nothing."""
    query, style = columns(4, 30, 2), columns(4, 17, 3)
    whole = nearest(query, [style], [1.0])
    monkeypatch.setattr(matching, "ROWS_AT_ONCE", 7)
    torch.testing.assert_close(nearest(query, [style], [1.0]), whole, rtol=0, atol=0)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_two_styles_get_their_shares(share: float) -> None:
    """Whatever the styles are, each gets about its share of the positions."""
    query, first, second = columns(6, 800, 4), columns(6, 300, 5), 0.2 * columns(6, 50, 6)
    found = nearest(query, [first, second], [share, 1 - share])
    from_first = (found[:, :, None] == first[:, None, :]).all(0).any(1).float().mean().item()
    assert from_first == pytest.approx(share, abs=0.08)


def test_the_loss_is_one_minus_the_cosine() -> None:
    """0 for columns of the same direction, 1 for right angles, 2 for opposite ones; the mean of all."""
    ours = torch.tensor([[2.0, 1.0, 1.0], [0.0, 0.0, 0.0]]).view(1, 2, 1, 3)
    target = torch.tensor([[5.0, 0.0, -3.0], [0.0, 4.0, 0.0]])
    loss = MatchingLoss(target, {"a": ours}, ["a"], (1, 3))
    assert loss({"a": ours}).item() == pytest.approx((0 + 1 + 2) / 3)


def layers(seed: int) -> dict[str, Tensor]:
    """Return three layers, above, on and below a grid of 4×6, in a network's order in memory."""
    shapes = {"a": (1, 3, 9, 12), "b": (1, 5, 4, 6), "c": (1, 7, 2, 3)}
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator).to(memory_format=torch.channels_last)
        for name, shape in shapes.items()
    }


def test_the_loss_is_that_of_whole_hypercolumns() -> None:
    """Value and gradient are those of columns that are put together and compared by torch's own cosine."""
    maps = {name: plane.requires_grad_() for name, plane in layers(0).items()}
    target = hypercolumns(layers(1), list(maps), (4, 6))
    whole = 1.0 - functional.cosine_similarity(hypercolumns(maps, list(maps), (4, 6)), target, dim=0).mean()
    loss = MatchingLoss(target, maps, list(maps), (4, 6))(maps)
    torch.testing.assert_close(loss, whole)
    ours = torch.autograd.grad(3.0 * loss, list(maps.values()))
    torch.testing.assert_close(ours, torch.autograd.grad(3.0 * whole, list(maps.values())))
    assert all(slope.is_contiguous(memory_format=torch.channels_last) for slope in ours)


def test_a_place_without_features_has_no_direction() -> None:
    """Where nothing is seen the cosine counts as 0, and the gradient is finite."""
    dark = torch.zeros(1, 2, 1, 2, requires_grad=True)
    loss = MatchingLoss(torch.ones(2, 2), {"a": dark}, ["a"], (1, 2))({"a": dark})
    assert loss.item() == 1.0
    (slope,) = torch.autograd.grad(loss, dark)
    assert slope.isfinite().all()


def test_the_gradient_turns_columns_towards_their_target() -> None:
    """A step down the gradient brings them closer."""
    ours = {"a": columns(6, 9, 7).view(1, 6, 3, 3).requires_grad_()}
    loss = MatchingLoss(columns(6, 9, 8), ours, ["a"], (3, 3))
    (gradient,) = torch.autograd.grad(loss(ours), ours["a"])
    assert loss({"a": ours["a"].detach() - gradient}) < loss(ours)


def test_hypercolumns_stack_layers_over_one_grid() -> None:
    """Each layer divided by its channels, in the order asked for, brought to the grid."""
    maps = {"a": torch.full((1, 2, 4, 4), 6.0), "b": torch.arange(4.0).view(1, 1, 2, 2)}
    stacked = hypercolumns(maps, ["b", "a"], (2, 2))
    torch.testing.assert_close(stacked, torch.tensor([[0.0, 1.0, 2.0, 3.0], [3.0] * 4, [3.0] * 4]))
