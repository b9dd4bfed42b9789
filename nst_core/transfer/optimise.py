"""The optimise loop: pixels go down an objective's gradient, and a mean of where they were is the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

from nst_core.transfer.capture import quick_slope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nst_core.transfer.capture import Slope

    Losses = dict[str, Tensor]
    Objective = Callable[[Tensor], Losses]

Optimizer = Literal["adam", "lbfgs"]
EPSILON: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How Adam walks within a scale."""

    step_size: float
    """The first step's."""
    last_step: float = 1.0
    """The last step's size in units of the first one's; in between it falls evenly."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's memory of gradients and of their squares; 0.99 forgets in time for short scales."""
    decay: float = 0.97
    """Of the weights in the mean of the iterates: 0.97 remembers about 33 steps, 0.8 about 5."""

    def sizes(self, steps: int) -> list[float]:
        """Return every step's size."""
        fall = (1.0 - self.last_step) / max(1, steps - 1)
        return [self.step_size * (1.0 - fall * step) for step in range(steps)]


class Average:
    """The bias-corrected running mean of the iterates.

    Single iterates jitter from step to step while steps are large; their mean is calmer.

    Args:
        decay: of the exponential weights.

    Source: crowsonkb/style-transfer-pytorch, `EMA`.
    """

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sum: Tensor | None = None
        self._share = 0.0

    def update(self, image: Tensor) -> Tensor:
        """Take one more iterate and return the mean so far, clamped to [0, 1]."""
        self._sum = torch.zeros_like(image) if self._sum is None else self._sum
        self._sum = torch.lerp(image, self._sum, self._decay)
        self._share = 1.0 - (1.0 - self._share) * self._decay
        return (self._sum / self._share).clamp(0.0, 1.0)


def optimise(
    start: Tensor,
    objective: Objective,
    *,
    steps: int,
    optimizer: Optimizer = "adam",
    pace: Pace,
) -> Iterator[tuple[Tensor, Losses]]:
    """Walk the pixels down an objective.

    Args:
        start: (1, 3, H, W) in [0, 1]; not changed.
        objective: image → its terms by name; the one called "total" is minimised.
        steps: how many.
        optimizer: "adam", with the pixels clamped after each step, or "lbfgs", which is never
            clamped inside its own bookkeeping (that would spoil its curvature estimate).
        pace: Adam's; L-BFGS takes unit steps, does not jitter and is not averaged.

    Yields:
        The picture so far, (1, 3, H, W) in [0, 1], and the terms before that step, detached.
    """
    if optimizer == "adam":
        walk = _adam(start, quick_slope(objective, start, steps=steps), pace.sizes(steps), pace.betas)
    else:
        walk = _lbfgs(start, objective)
    average = Average(pace.decay if optimizer == "adam" else 0.0)
    for _, (image, losses) in zip(range(steps), walk, strict=False):
        yield average.update(image), losses


def _adam(
    start: Tensor, slope: Slope, sizes: Sequence[float], betas: tuple[float, float]
) -> Iterator[tuple[Tensor, Losses]]:
    """Yield Adam's iterates by steps of these sizes, clamped after each (Kingma & Ba 2015, algorithm 1).

    Differs: not `torch.optim.Adam`, whose constructor imports torch's compiler: a second and a half at
    the start of every worker.
    """
    image = start.detach().clone()
    advance = _Fused(image, betas) if image.is_cuda else _Plain(image, betas)
    for size in sizes:
        losses, gradient = slope(image)
        with torch.no_grad():
            image = advance(image, gradient, size)
        yield image, losses


class _Plain:
    """Adam in operations that every device has."""

    def __init__(self, image: Tensor, betas: tuple[float, float]) -> None:
        self._betas, self._step = betas, 0
        self._first, self._second = torch.zeros_like(image), torch.zeros_like(image)

    def __call__(self, image: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return the next iterate, by a step of this size."""
        self._step += 1
        fast, slow = self._betas
        self._first.lerp_(gradient, 1.0 - fast)
        self._second.lerp_(gradient.square(), 1.0 - slow)
        direction = self._first / (1.0 - fast**self._step)
        spread = (self._second / (1.0 - slow**self._step)).sqrt()
        return (image - size * direction / (spread + EPSILON)).clamp(0.0, 1.0)


class _Fused:
    """The same in five kernels instead of eleven, which a GPU is told of for longer than a small one takes.

    Source: what `torch.optim.Adam(fused=True)` calls; that class itself loads torch's compiler.
    """

    def __init__(self, image: Tensor, betas: tuple[float, float]) -> None:
        self._betas = betas
        # The kernel wants all of them laid out alike.
        self._first, self._second, self._gradient = torch.zeros((3, *image.shape), device=image.device)
        self._step = torch.zeros((), device=image.device)

    def __call__(self, image: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return the next iterate, by a step of this size."""
        self._step += 1.0
        following = image.clone(memory_format=torch.contiguous_format)
        self._gradient.copy_(gradient)
        torch._fused_adam_(
            [following],
            [self._gradient],
            [self._first],
            [self._second],
            [],
            [self._step],
            lr=size,
            beta1=self._betas[0],
            beta2=self._betas[1],
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
        return following.clamp_(0.0, 1.0)


def _lbfgs(start: Tensor, objective: Objective) -> Iterator[tuple[Tensor, Losses]]:
    image = start.detach().clone().requires_grad_()
    lbfgs = torch.optim.LBFGS(
        [image], lr=1.0, max_iter=1, history_size=50, tolerance_grad=0, tolerance_change=0
    )
    seen: list[Losses] = []

    def closure() -> Tensor:
        lbfgs.zero_grad(set_to_none=True)
        losses = objective(image)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        seen[:] = [losses]
        return losses["total"]

    while True:
        lbfgs.step(closure)  # type: ignore[no-untyped-call]
        yield image.detach().clamp(0.0, 1.0), {name: loss.detach() for name, loss in seen[0].items()}
