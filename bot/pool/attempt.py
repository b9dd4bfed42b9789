"""What one attempt of a job reports, kept for whoever follows it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nst_core.protocol import Failure, Pastiche, Progress


class AttemptStream:
    """The unread news of one attempt: the newest progress, then the end."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._end: Pastiche | Failure | None = None
        self._news = asyncio.Event()

    def report(self, progress: Progress) -> None:
        """Keep the newest progress, with the newest preview that nobody has read yet."""
        if progress.preview is None and self._progress is not None:
            progress = dataclasses.replace(progress, preview=self._progress.preview)
        self._progress = progress
        self._news.set()

    def finish(self, end: Pastiche | Failure) -> None:
        """Keep the end; the first one counts."""
        self._end = self._end or end
        self._news.set()

    async def read(self) -> AsyncIterator[Progress | Pastiche | Failure]:
        """Yield what comes; ends after `Pastiche` or `Failure`."""
        while True:
            if self._progress is not None:
                progress, self._progress = self._progress, None
                yield progress
            elif self._end is not None:
                yield self._end
                return
            else:
                self._news.clear()
                await self._news.wait()
