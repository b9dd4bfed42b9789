"""Numbers read off a device without holding it up.

Asking a GPU for a number waits until all that it was given is done, and while Python waits the GPU is
given nothing new: reading four terms at every step costs more than some steps do.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

MOST_UNDERWAY: Final = 4
"""Steps that Python may be ahead of a GPU: enough to keep it busy, few enough to hear a wish to stop."""


class Underway(Protocol):
    """Numbers on their way from a device."""

    def arrived(self) -> bool:
        """Tell whether they can be read without waiting."""

    def read(self) -> list[float]:
        """Return them, waiting if need be."""


class _Sent:
    """A copy into memory that a GPU writes to by itself, with a mark behind it in the queue of work."""

    def __init__(self, numbers: Tensor) -> None:
        self._here = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
        self._here.copy_(numbers, non_blocking=True)
        self._mark = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._mark.record(torch.cuda.current_stream(numbers.device))

    def arrived(self) -> bool:
        return bool(self._mark.query())  # type: ignore[no-untyped-call]

    def read(self) -> list[float]:
        self._mark.synchronize()
        return self._here.tolist()


class Readout:
    """Reads the terms of each step; on a GPU those of the newest step that is done.

    Args:
        send: begins to fetch numbers; by default a GPU's own copy, and on any other device none: there
            numbers are read at once.
    """

    def __init__(self, send: Callable[[Tensor], Underway] | None = None) -> None:
        self._send = send
        self._underway: deque[Underway] = deque()
        self._newest: list[float] = []

    def __call__(self, losses: Mapping[str, Tensor], *, wait: bool = False) -> dict[str, float]:
        """Return a number for each term.

        Args:
            losses: the terms of one step, always by the same names.
            wait: whether they have to be this step's own.
        """
        if not losses:
            return {}
        numbers = torch.stack(list(losses.values()))
        send = self._send or (_Sent if numbers.is_cuda else None)
        if send is None:
            return dict(zip(losses, numbers.tolist(), strict=True))
        self._underway.append(send(numbers))
        while self._underway and self._is_due(wait=wait):
            self._newest = self._underway.popleft().read()
        return dict(zip(losses, self._newest, strict=True))

    def _is_due(self, *, wait: bool) -> bool:
        late = len(self._underway) > MOST_UNDERWAY
        return wait or late or not self._newest or self._underway[0].arrived()
