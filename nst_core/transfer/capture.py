"""The slope of an objective, on a GPU recorded once for a scale and replayed as a whole.

A step of VGG is some two hundred kernels; on a fast GPU telling it about each takes longer than the work
itself. A recording is told about once. Everywhere else, and wherever recording fails, the slope is
computed step by step as ever.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from nst_core.transfer.optimise import Losses, Objective

    Slope = Callable[[Tensor], tuple[Losses, Tensor]]

_LOG: Final = logging.getLogger(__name__)
LEAST_STEPS: Final = 8
"""Recording costs about as much as three steps."""
WARM_UPS: Final = 2
"""Libraries choose their kernels and take their workspaces at the first use, which cannot be recorded."""


class Tape(Protocol):
    """Something that records work which always happens in the same places of memory."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what does the same work again.

        Raises:
            RuntimeError: this work cannot be recorded.
        """


class CudaTape:
    """CUDA graphs: see `torch.cuda.graph`.

    Args:
        device: the GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return the graph's replay; errors as for `Tape`."""
        with torch.cuda.device(self._device):
            aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(WARM_UPS):
                    work()
            torch.cuda.current_stream().wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                work()
        return graph.replay


def slope_of(objective: Objective) -> Slope:
    """Return a function: image → (its terms, detached; the gradient of the one called "total")."""

    def slope(image: Tensor) -> tuple[Losses, Tensor]:
        here = image.detach().requires_grad_()
        losses = objective(here)
        (gradient,) = torch.autograd.grad(losses["total"], here)
        return {name: loss.detach() for name, loss in losses.items()}, gradient

    return slope


def quick_slope(objective: Objective, image: Tensor, *, steps: int, tape: Tape | None = None) -> Slope:
    """Return the slope, recorded where that pays and works.

    Args:
        objective: image → its terms by name.
        image: of the size, the type and the device that the slope will be asked for.
        steps: how often it will be asked; few are not worth a recording.
        tape: records; by default CUDA's on a GPU of that kind, elsewhere none.

    Raises:
        torch.OutOfMemoryError: there is no room for the step, recorded or not.
    """
    slope = slope_of(objective)
    tape = tape or (CudaTape(image.device) if image.device.type == "cuda" else None)
    if tape is None or steps < LEAST_STEPS:
        return slope
    try:
        return _Recorded(slope, image, tape)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        _LOG.warning("recording-failed error=%r", str(error))
        return slope


class _Recorded:
    """A slope on a tape. What it returns is overwritten by the next call, but for the terms."""

    def __init__(self, slope: Slope, image: Tensor, tape: Tape) -> None:
        self._image = image.detach().clone()
        self._slope = slope
        self._found: tuple[Losses, Tensor] = ({}, self._image)
        self._replay = tape.record(self._work)

    def __call__(self, image: Tensor) -> tuple[Losses, Tensor]:
        self._image.copy_(image)
        self._replay()
        losses, gradient = self._found
        return {name: loss.clone() for name, loss in losses.items()}, gradient

    def _work(self) -> None:
        self._found = self._slope(self._image)
