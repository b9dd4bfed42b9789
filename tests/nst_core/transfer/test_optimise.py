"""Adam by the fused kernel, as a GPU gets it: the same numbers as by our own lines."""

import pytest
import torch

from nst_core.transfer.optimise import _Fused, _Plain


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_fused_kernel_takes_our_steps(layout: torch.memory_format) -> None:
    """With gradients in any layout, up to rounding; what it was given stays as it was."""
    generator = torch.Generator().manual_seed(1)
    start = torch.rand((1, 3, 9, 14), generator=generator).contiguous(memory_format=layout)
    given = start.clone()
    plain, fused = _Plain(start, 0.02), _Fused(start, 0.02)
    ours, theirs = start, start
    for _ in range(30):
        gradient = torch.randn(start.shape, generator=generator).contiguous(memory_format=layout)
        ours, theirs = plain(ours, gradient), fused(theirs, gradient)
        assert torch.allclose(ours, theirs, atol=2e-6)
        assert 0.0 <= theirs.min() <= theirs.max() <= 1.0
    assert torch.equal(start, given)
    assert not torch.allclose(ours, start, atol=0.1)


def test_a_step_is_no_longer_than_its_size() -> None:
    """Adam's first step goes as far as it may, against the gradient, whatever the gradient's length."""
    start = torch.full((1, 3, 4, 4), 0.5)
    for scale in (1e-3, 1e3):
        for adam in (_Plain(start, 0.02), _Fused(start, 0.02)):
            moved = adam(start, torch.full_like(start, scale))
            assert torch.allclose(moved, torch.full_like(start, 0.48), atol=1e-5)
