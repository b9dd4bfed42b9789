"""The least time of a step: what is counted, and that no step beats it."""

from __future__ import annotations

import pytest
import torch

from nst_core.bench.roofline import (
    Ceilings,
    least_step_s,
    mean_ceilings,
    measure_ceilings,
    step_flop,
    step_layers,
)
from nst_core.features import load_extractor


def test_vgg16_costs_what_is_known() -> None:
    """Its convolutions to conv5_1 are 14.4 G multiply-adds at 224×224; forward and backward, twice that."""
    assert step_flop(224, 224, deepest="relu5_1") == pytest.approx(2 * 2 * 14.42e9, rel=0.01)


def test_convolutions_are_those_that_torch_runs() -> None:
    """The arithmetic is that of the extractor's real convolutions, layer by layer."""
    counted: list[float] = []

    def count(module: torch.nn.Conv2d, _: object, output: torch.Tensor) -> None:
        counted.append(2.0 * 2.0 * module.weight[0].numel() * output.numel())

    extractor = load_extractor()
    for convolution in extractor.convolutions:
        convolution.register_forward_hook(count)  # type: ignore[arg-type]
    with torch.no_grad():
        extractor(torch.rand(1, 3, 48, 64), ["relu4_2"])
    assert [layer.flop for layer in step_layers(48, 64, deepest="relu4_2")] == counted


def test_the_tighter_ceiling_decides() -> None:
    """A device that moves slowly is held up by moving, one that computes slowly by computing."""
    layers = step_layers(64, 64, deepest="relu1_1")
    moving = Ceilings(matmul_flop_per_s=1e30, copy_bytes_per_s=1e9, dtype=torch.float32)
    computing = Ceilings(matmul_flop_per_s=1e9, copy_bytes_per_s=1e30, dtype=torch.float32)
    assert least_step_s(layers, moving) == pytest.approx(2 * (3 + 64) * 64 * 64 * 4 / 1e9)
    assert least_step_s(layers, computing) == pytest.approx(2 * 2 * 9 * 3 * 64 * 64 * 64 / 1e9)


def test_ceilings_are_measured_here() -> None:
    """Both are real numbers of this machine: more than a calculator's, less than a supercomputer's."""
    found = measure_ceilings("cpu")
    assert 1e8 < found.matmul_flop_per_s < 1e15
    assert 1e7 < found.copy_bytes_per_s < 1e13


def test_what_was_measured_around_some_steps_is_averaged() -> None:
    """Rates, not times: half of the way between what the device could do before and after."""
    before = Ceilings(matmul_flop_per_s=300e9, copy_bytes_per_s=20e9, dtype=torch.float32)
    after = Ceilings(matmul_flop_per_s=200e9, copy_bytes_per_s=30e9, dtype=torch.float32)
    assert mean_ceilings([before, after]) == Ceilings(
        matmul_flop_per_s=250e9, copy_bytes_per_s=25e9, dtype=torch.float32
    )
