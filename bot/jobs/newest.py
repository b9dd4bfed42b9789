"""A place for one value between a fast writer and a slow reader: the newest wins."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """Whoever reads seldom misses values, but never the end."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    def put(self, value: T) -> None:
        """Replace the value."""
        self._value = value
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come, and what has not been read no longer matters."""
        self._ended.set()
        self._changed.set()

    async def next(self) -> T | None:
        """Return a value that has not been read, waiting for one; None after the end."""
        await self._changed.wait()
        self._changed.clear()
        if self._ended.is_set():
            self._changed.set()
            return None
        return self._value

    async def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
