"""The spread of features against a slow loop written from its formula, its shape, and its gradient."""

import pytest
import torch
from torch import Tensor

from nst_core.distribution import (
    LINES,
    QUANTILES,
    TURNS,
    DistributionLoss,
    directions,
    distribution_loss,
    in_order,
    stretched,
)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_lines_have_length_one_and_stay_the_same() -> None:
    """Otherwise a layer's features would be scaled, and the same inputs would paint another picture."""
    lines = directions(12, like=noise(1))
    assert lines.shape == (TURNS, LINES, 12)
    torch.testing.assert_close(lines.norm(dim=2), torch.ones(TURNS, LINES))
    assert torch.equal(lines, directions(12, like=noise(1)))
    assert lines.mean((0, 1)).abs().max() < 0.1
    assert len({tuple(line) for line in lines.flatten(0, 1).tolist()}) == TURNS * LINES


def test_every_line_sees_every_place_in_rising_order() -> None:
    """Products of the line with the features of a place, sorted, in any layout of memory."""
    maps, lines = noise(1, 3, 4, 5), directions(3, like=noise(1))[2]
    rising = in_order(maps, lines)
    assert rising.shape == (LINES, 20)
    for number in (0, 17, 31):
        seen = [
            sum(lines[number, c].item() * maps[0, c, y, x].item() for c in range(3))
            for y in range(4)
            for x in range(5)
        ]
        assert rising[number].tolist() == pytest.approx(sorted(seen), abs=1e-6)
    torch.testing.assert_close(in_order(maps.to(memory_format=torch.channels_last), lines), rising)


@pytest.mark.parametrize("stride", [2, 3])
def test_with_a_stride_it_sees_some_of_the_places(stride: int) -> None:
    """Every so many-th one of every so many-th row, from the first on."""
    maps, lines = noise(1, 3, 4, 5), directions(3, like=noise(1))[0]
    rising = in_order(maps, lines, stride=stride)
    seen = [
        sum(lines[5, c].item() * maps[0, c, y, x].item() for c in range(3))
        for y in range(0, 4, stride)
        for x in range(0, 5, stride)
    ]
    assert rising[5].tolist() == pytest.approx(sorted(seen), abs=1e-6)


def test_each_layer_has_its_own_stride() -> None:
    """Of the pastiche as of the painting."""
    style, ours = ({"a": noise(1, 3, 6, 6, seed=n), "b": noise(1, 4, 6, 6, seed=n)} for n in (1, 2))
    loss = DistributionLoss([(style, 1.0)], {"a": 2, "b": 1})(ours)
    fewer = {"a": style["a"][..., ::2, ::2], "b": style["b"]}, {"a": ours["a"][..., ::2, ::2], "b": ours["b"]}
    torch.testing.assert_close(loss, DistributionLoss([(fewer[0], 1.0)], {"a": 1, "b": 1})(fewer[1]))
    assert loss != DistributionLoss([(style, 1.0)], {"a": 1, "b": 1})(ours)


def test_quantiles_keep_the_ends_and_lie_evenly() -> None:
    """However many are asked for, more or fewer than there are."""
    rows = torch.tensor([[0.0, 1.0, 4.0]])
    torch.testing.assert_close(stretched(rows, 5), torch.tensor([[0.0, 0.5, 1.0, 2.5, 4.0]]))
    torch.testing.assert_close(stretched(rows, 2), torch.tensor([[0.0, 4.0]]))
    torch.testing.assert_close(stretched(rows, 3), rows)


def test_the_loss_follows_its_formula() -> None:
    """Mean |q − p| over mean |p − p̄|, written out."""
    ours, theirs = noise(4, 7).sort(dim=1).values, noise(4, 7, seed=1).sort(dim=1).values
    apart = sum(abs(ours[d, n].item() - theirs[d, n].item()) for d in range(4) for n in range(7)) / 28
    means = [sum(row) / 7 for row in theirs.tolist()]
    spread = sum(abs(theirs[d, n].item() - means[d]) for d in range(4) for n in range(7)) / 28
    loss = distribution_loss(ours, theirs)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(apart / spread, rel=1e-5)
    assert distribution_loss(theirs, theirs) == 0.0


def test_every_painting_pulls_equally_hard() -> None:
    """Features ten times as large, in both pictures, are as far apart."""
    ours, theirs = noise(4, 7).sort(dim=1).values, noise(4, 7, seed=1).sort(dim=1).values
    torch.testing.assert_close(distribution_loss(10 * ours, 10 * theirs), distribution_loss(ours, theirs))


def test_a_blank_style_image_does_not_outweigh_everything() -> None:
    """Its features do not spread; what is measured with is then their size."""
    blank, other = torch.full((4, 7), 0.5), noise(4, 7).sort(dim=1).values
    assert distribution_loss(other, blank).item() == pytest.approx(
        (other - 0.5).abs().mean().item() / 0.05, rel=1e-4
    )
    assert torch.isfinite(distribution_loss(other, torch.zeros(4, 7)))


def test_what_lies_where_does_not_count() -> None:
    """A shuffled picture is spread the same; two tones with the same moments in each channel are not."""
    maps = noise(1, 3, 6, 6)
    shuffled = maps.flatten(2)[..., torch.randperm(36, generator=torch.Generator().manual_seed(2))]
    loss = DistributionLoss([({"a": maps}, 1.0)], {"a": 1})
    assert loss({"a": shuffled.view_as(maps)}).item() < 0.01
    two_tones = maps.mean((2, 3), keepdim=True) + maps.std((2, 3), keepdim=True) * (
        2.0 * (maps > maps.flatten(2).median(dim=2).values[..., None, None]) - 1.0
    )
    assert loss({"a": two_tones}).item() > 0.2


def test_a_larger_painting_of_the_same_tiles_is_the_same_goal() -> None:
    """Sizes need not agree: quantiles do not know how many there were."""
    tile = noise(1, 4, 12, 12)
    loss = DistributionLoss([({"a": tile.repeat(1, 1, 2, 2)}, 1.0)], {"a": 1})
    assert loss({"a": tile}).item() < 0.02


def test_layers_count_alike_and_styles_by_their_shares() -> None:
    """The mean over layers; with shares of 1 : 0 the second style image might as well not be there."""
    one = {"a": noise(1, 3, 4, 4), "b": noise(1, 5, 2, 2)}
    two = {"a": noise(1, 3, 6, 4, seed=1) + 0.5, "b": noise(1, 5, 3, 2, seed=1) + 0.5}
    ours = {"a": noise(1, 3, 4, 4, seed=2), "b": noise(1, 5, 2, 2, seed=2)}
    both = DistributionLoss([(one, 3.0)], {"a": 1, "b": 1})(ours)
    apart = [DistributionLoss([(one, 3.0)], {layer: 1})(ours) for layer in "ab"]
    torch.testing.assert_close(both, torch.stack(apart).mean())
    torch.testing.assert_close(DistributionLoss([(one, 1.0), (two, 0.0)], {"a": 1, "b": 1})(ours), both)
    mixed = DistributionLoss([(one, 1.0), (two, 1.0)], {"a": 1, "b": 1})
    assert 0.1 < mixed(one).item() < DistributionLoss([(two, 1.0)], {"a": 1, "b": 1})(one).item()


def test_sets_of_lines_take_turns() -> None:
    """Every call looks along others, and after all of them along the first again."""
    style, ours = {"a": noise(1, 6, 4, 4, seed=1)}, {"a": noise(1, 6, 5, 5)}
    loss = DistributionLoss([(style, 1.0)], {"a": 1})
    values = [loss(ours).item() for _ in range(2 * TURNS)]
    assert len(set(values[:TURNS])) == TURNS
    assert values[TURNS:] == values[:TURNS]
    lines = directions(6, like=ours["a"])[3]
    goal = stretched(stretched(in_order(style["a"], lines), QUANTILES), 25)
    assert values[3] == pytest.approx(distribution_loss(in_order(ours["a"], lines), goal).item())


def test_gradients_agree_with_finite_differences() -> None:
    """As long as no two places change their order, which they do on a set of measure nothing."""
    style, maps = noise(1, 3, 4, 4, seed=1).double(), noise(1, 3, 3, 4).double().requires_grad_()
    lines = directions(3, like=style)[0]
    goal = stretched(in_order(style, lines), 12)
    assert torch.autograd.gradcheck(
        lambda x: distribution_loss(in_order(x, lines), goal), maps, eps=1e-7, atol=1e-4
    )
