"""The optimise loop: pixels go down an objective's gradient in steps that shrink, and come to rest."""

from __future__ import annotations

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
BETAS: Final = (0.8, 0.9)
"""Adam's memory of gradients and of their squares: scales are short, and what is longer remembers a slope
that is no longer there. After 54 steps `best` was lower than with (0.9, 0.99) on both pairs tried."""
LAST_STEP: Final = 1 / 30
"""The last step's size in units of the first one's; in between it falls evenly."""
EPSILON: Final = 1e-8


class Average:
    """The bias-corrected running mean of the iterates.

    Single iterates jitter while steps are large; their mean is calmer, which whoever looks on sees.

    Args:
        decay: of the exponential weights; 0.8 remembers about 5 steps.

    Source: crowsonkb/style-transfer-pytorch, `EMA`.
    Differs: a short memory. With 0.97 and equal steps the mean of a scale's 54 iterates lagged so far behind
    that the painting's part of `best` was twice what it is with steps that fall.
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
    step_size: float = 0.06,
    last_step: float = LAST_STEP,
    decay: float = 0.8,
) -> Iterator[tuple[Tensor, Losses]]:
    """Walk the pixels down an objective.

    Args:
        start: (1, 3, H, W) in [0, 1]; not changed.
        objective: image → its terms by name; the one called "total" is minimised.
        steps: how many.
        optimizer: "adam", with the pixels clamped after each step, or "lbfgs", which is never
            clamped inside its own bookkeeping (that would spoil its curvature estimate).
        step_size: Adam's at first; L-BFGS takes unit steps.
        last_step: the last step in units of the first; 1 for equal ones.
        decay: of the average of Adam's iterates; L-BFGS does not jitter and is not averaged.

    Yields:
        The picture so far, (1, 3, H, W) in [0, 1], and the terms before that step, detached.
    """
    if optimizer == "adam":
        sizes = [step_size * (1.0 + (last_step - 1.0) * step / max(1, steps - 1)) for step in range(steps)]
        walk = _adam(start, quick_slope(objective, start, steps=steps), sizes)
    else:
        walk = _lbfgs(start, objective)
    average = Average(decay if optimizer == "adam" else 0.0)
    for _, (image, losses) in zip(range(steps), walk, strict=False):
        yield average.update(image), losses


def _adam(start: Tensor, slope: Slope, sizes: Sequence[float]) -> Iterator[tuple[Tensor, Losses]]:
    """Yield Adam's iterates by steps of these sizes, clamped after each (Kingma & Ba 2015, algorithm 1).

    Differs: not `torch.optim.Adam`, whose constructor imports torch's compiler: a second and a half at
    the start of every worker.
    """
    image = start.detach().clone()
    advance = _Fused(image) if image.is_cuda else _Plain(image)
    for size in sizes:
        losses, gradient = slope(image)
        with torch.no_grad():
            image = advance(image, gradient, size)
        yield image, losses


class _Plain:
    """Adam in operations that every device has."""

    def __init__(self, image: Tensor) -> None:
        self._step = 0
        self._first, self._second = torch.zeros_like(image), torch.zeros_like(image)

    def __call__(self, image: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Return the next iterate, by a step of this size."""
        self._step += 1
        self._first.lerp_(gradient, 1.0 - BETAS[0])
        self._second.lerp_(gradient.square(), 1.0 - BETAS[1])
        direction = self._first / (1.0 - BETAS[0] ** self._step)
        spread = (self._second / (1.0 - BETAS[1] ** self._step)).sqrt()
        return (image - size * direction / (spread + EPSILON)).clamp(0.0, 1.0)


class _Fused:
    """The same in five kernels instead of eleven, which a GPU is told of for longer than a small one takes.

    Source: what `torch.optim.Adam(fused=True)` calls; that class itself loads torch's compiler.
    """

    def __init__(self, image: Tensor) -> None:
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
            beta1=BETAS[0],
            beta2=BETAS[1],
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
