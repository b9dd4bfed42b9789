"""Adam's steps: how large they are, and that a GPU's fused kernel takes the same as our own lines."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nst_core.transfer.optimise import Pace, _Fused, _Plain, optimise

BETAS = (0.85, 0.97)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_fused_kernel_takes_our_steps(layout: torch.memory_format) -> None:
    """With gradients in any layout, up to rounding; what it was given stays as it was."""
    generator = torch.Generator().manual_seed(1)
    start = torch.rand((1, 3, 9, 14), generator=generator).contiguous(memory_format=layout)
    given = start.clone()
    plain, fused = _Plain(start, BETAS), _Fused(start, BETAS)
    ours, theirs = start, start
    for step in range(30):
        size = 0.03 - 0.0007 * step
        gradient = torch.randn(start.shape, generator=generator).contiguous(memory_format=layout)
        ours, theirs = plain(ours, gradient, size), fused(theirs, gradient, size)
        assert torch.allclose(ours, theirs, atol=2e-6)
        assert 0.0 <= theirs.min() <= theirs.max() <= 1.0
    assert torch.equal(start, given)
    assert not torch.allclose(ours, start, atol=0.1)


def test_steps_fall_evenly_to_a_thirtieth() -> None:
    """Down a slope that stays the same every step goes as far as it may: how far tells its size."""
    start = torch.full((1, 3, 4, 4), 0.9)
    walk = optimise(
        start,
        lambda image: {"total": image.sum()},
        steps=5,
        pace=Pace(step_size=0.06, last_step=1 / 30, decay=0.0),
    )
    pictures = [start, *(picture for picture, _ in walk)]
    sizes = [(before - after).mean().item() for before, after in pairwise(pictures)]
    assert sizes == pytest.approx([0.06, 0.0455, 0.031, 0.0165, 0.002], abs=1e-5)


def test_falling_steps_end_nearer_to_the_goal_than_equal_ones() -> None:
    """Where the gradient is noise around a slope, equal steps go on jumping about."""
    target = torch.full((1, 3, 8, 8), 0.4)

    def distance(last_step: float) -> float:
        generator = torch.Generator().manual_seed(3)

        def objective(image: Tensor) -> dict[str, Tensor]:
            noise = torch.randn(image.shape, generator=generator)
            return {"total": ((image - target).square() + 0.1 * noise * image).sum()}

        *_, (picture, _) = optimise(
            torch.full_like(target, 0.9),
            objective,
            steps=60,
            pace=Pace(step_size=0.06, last_step=last_step, betas=(0.8, 0.9), decay=0.0),
        )
        return (picture - target).abs().mean().item()

    assert distance(1 / 30) < 0.5 * distance(1.0)


def test_a_step_is_no_longer_than_its_size() -> None:
    """Adam's first step goes as far as it may, against the gradient, whatever the gradient's length."""
    start = torch.full((1, 3, 4, 4), 0.5)
    for scale in (1e-3, 1e3):
        for adam in (_Plain(start, BETAS), _Fused(start, BETAS)):
            moved = adam(start, torch.full_like(start, scale), 0.02)
            assert torch.allclose(moved, torch.full_like(start, 0.48), atol=1e-5)
