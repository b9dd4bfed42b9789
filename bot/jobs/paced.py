"""Work that is due after every change, and in a crowd too much to do after each."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE: Final = 0.1
QUICK_S: Final = 0.002
"""Work that takes no longer needs no rest: nobody notices it."""


class Paced:
    """Does a piece of work when it is due, at most for a share of the time.

    It is done at once while it is quick. After having taken long it rests in proportion; what is due
    during that rest is done once, at its end, however often it was asked for.

    Args:
        work: looks at how things stand when it is called.
        share: how much of the time it may take, in (0, 1].
    """

    def __init__(self, work: Callable[[], None], *, share: float = SHARE) -> None:
        self._work = work
        self._share = share
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def due(self) -> None:
        """Do the work now or soon; the loop must be running."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._free_at:
            self._do()
        else:
            self._timer = loop.call_at(self._free_at, self._do)

    def close(self) -> None:
        """Leave undone what is still due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _do(self) -> None:
        self._timer = None
        began = time.thread_time()
        try:
            self._work()
        finally:
            took_s = time.thread_time() - began
            if took_s > QUICK_S:
                self._free_at = asyncio.get_running_loop().time() + took_s / self._share
