"""The least time that a step can take: what VGG has to compute and to move, against what the device can.

Source: Williams, Waterman & Patterson 2009, the roofline model: a layer takes at least its arithmetic
divided by the device's arithmetic rate, and at least its bytes divided by the device's copying rate.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from nst_core.features import layer_names, stride

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHANNELS: Final = (64, 128, 256, 512, 512)
"""Of the blocks of every VGG."""
KERNEL_AREA: Final = 9
PASSES: Final = 2
"""Forward, and backward to the picture; the weights are frozen and need no gradient."""
MATMUL_SIDE: Final = {"cpu": 2048, "cuda": 8192, "mps": 4096}
COPY_BYTES: Final = {"cpu": 2**28, "cuda": 2**30, "mps": 2**28}
"""Well over every cache."""
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one convolution of a step costs, forward and backward."""

    name: str
    flop: float
    values: float
    """Numbers that have to go through memory at least once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What the device can do at most, measured."""

    matmul_flop_per_s: float
    copy_bytes_per_s: float
    """Read and written bytes together."""
    dtype: torch.dtype


def step_layers(height_px: int, width_px: int, *, deepest: str, extractor: str = "vgg16") -> list[Layer]:
    """Return the convolutions of one step, shallow to deep.

    Args:
        height_px: of the picture.
        width_px: of the picture.
        deepest: the deepest layer that a term needs, such as "relu5_1".
        extractor: "vgg16" or "vgg19".

    Returns:
        Each with 2 · 9 · C_in · C_out · H · W FLOP a pass, and C_in · H · W + C_out · H · W values a pass;
        ReLU, pooling, Gram matrices and the optimiser count nothing, so that the limit is a true one.
    """
    names = layer_names(extractor)
    layers, channels_in = [], 3
    for name in names[: names.index(deepest) + 1]:
        block = int(name.removeprefix("relu").partition("_")[0]) - 1
        positions = (height_px // stride(name)) * (width_px // stride(name))
        channels_out = CHANNELS[block]
        layers.append(
            Layer(
                name=name,
                flop=PASSES * 2.0 * KERNEL_AREA * channels_in * channels_out * positions,
                values=PASSES * float(channels_in + channels_out) * positions,
            )
        )
        channels_in = channels_out
    return layers


def step_flop(height_px: int, width_px: int, *, deepest: str, extractor: str = "vgg16") -> float:
    """Return the FLOP of one step's convolutions; arguments as for `step_layers`."""
    return sum(layer.flop for layer in step_layers(height_px, width_px, deepest=deepest, extractor=extractor))


def least_step_s(layers: list[Layer], ceilings: Ceilings) -> float:
    """Return the least seconds that a step's convolutions can take on a device with these ceilings."""
    return sum(
        max(
            layer.flop / ceilings.matmul_flop_per_s,
            layer.values * ceilings.dtype.itemsize / ceilings.copy_bytes_per_s,
        )
        for layer in layers
    )


def measure_ceilings(
    device: str, *, dtype: torch.dtype = torch.float32, clock: Callable[[], float] = time.perf_counter
) -> Ceilings:
    """Measure a large matrix product and a large copy, the best of some attempts.

    Args:
        device: as torch names it.
        dtype: of the features there.
        clock: seconds, only ever subtracted.
    """
    kind = torch.device(device).type
    side = MATMUL_SIDE[kind]
    left, right = (torch.randn((side, side), device=device).to(dtype) for _ in range(2))
    product = torch.empty_like(left)
    source = torch.empty(COPY_BYTES[kind], dtype=torch.uint8, device=device).fill_(1)
    target = torch.empty_like(source)
    matmul_s = _best(lambda: torch.mm(left, right, out=product), device, clock)
    copy_s = _best(lambda: target.copy_(source), device, clock)
    return Ceilings(
        matmul_flop_per_s=2.0 * side**3 / matmul_s,
        copy_bytes_per_s=2.0 * COPY_BYTES[kind] / copy_s,
        dtype=dtype,
    )


def mean_ceilings(measured: Sequence[Ceilings]) -> Ceilings:
    """Return the means of some measurements of one device in one dtype."""
    return Ceilings(
        matmul_flop_per_s=statistics.fmean(one.matmul_flop_per_s for one in measured),
        copy_bytes_per_s=statistics.fmean(one.copy_bytes_per_s for one in measured),
        dtype=measured[0].dtype,
    )


def synchronise(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    if device == "mps":
        torch.mps.synchronize()


def _best(work: Callable[[], object], device: str, clock: Callable[[], float]) -> float:
    work()
    seconds = []
    for _ in range(ATTEMPTS):
        synchronise(device)
        began = clock()
        work()
        synchronise(device)
        seconds.append(clock() - began)
    return min(seconds)
