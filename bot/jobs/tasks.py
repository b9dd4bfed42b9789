"""An owner for tasks whose number changes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

AGAIN_S: Final = 2.0
"""On Python 3.11 a task in `asyncio.wait_for`, nats-py's for one, can miss that it was cancelled."""

logger = logging.getLogger(__name__)
T = TypeVar("T")


class TaskSet:
    """Holds tasks until they are done, and logs those that crash."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def own(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Run a coroutine as a task of this set."""
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def cancel(self) -> None:
        """Ask every task to end."""
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Ask every task to end, those begun meanwhile too, until all have."""
        while self._tasks:
            self.cancel()
            await asyncio.wait(self._tasks, timeout=AGAIN_S)

    async def wait(self, *, timeout_s: float | None = None) -> None:
        """Return when every task is done, those begun meanwhile too, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            return

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("task_crashed task=%s", task.get_name(), exc_info=error)
