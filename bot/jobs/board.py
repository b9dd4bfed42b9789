"""How each unfinished job stands, for whoever watches: only the newest view counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.model import JobView


@dataclass(slots=True)
class Topic:
    """One job's newest view.

    A watcher takes `view` and `changed` together, shows the view, then waits for `changed`: what was
    published meanwhile has set that event already, so that nothing is missed and nothing piles up.
    """

    view: JobView
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    """No newer view will come."""


class Board:
    """The topics of all jobs that are not over."""

    def __init__(self, saw: Callable[[JobView | None, JobView], None] | None = None) -> None:
        """Begin empty; `saw` is called with a job's view before and after each change."""
        self._saw = saw
        self._topics: dict[str, Topic] = {}

    def topic(self, job_id: str) -> Topic | None:
        """Return a job's topic; None when it is over or unknown."""
        return self._topics.get(job_id)

    def view(self, job_id: str) -> JobView | None:
        """Return a job's newest view; None when it is over or unknown."""
        topic = self._topics.get(job_id)
        return topic.view if topic else None

    def views(self) -> list[JobView]:
        """Return the newest view of every job that is not over."""
        return [topic.view for topic in self._topics.values()]

    def publish(self, view: JobView, *, last: bool = False) -> None:
        """Replace a job's view and wake its watchers; after the last one the job leaves the board."""
        if self._saw is not None:
            self._saw(self.view(view.job.id), view)
        topic = self._topics.setdefault(view.job.id, Topic(view))
        changed, topic.view = topic.changed, view
        topic.changed = asyncio.Event()
        topic.closed = last
        if last:
            del self._topics[view.job.id]
        changed.set()

    def forget(self, job_id: str) -> None:
        """Take a job off the board; who still watches it keeps the view it has."""
        topic = self._topics.pop(job_id, None)
        if topic is not None:
            topic.closed = True
            topic.changed.set()

    def close(self) -> None:
        """End every watch with the view it has."""
        for view in self.views():
            self.publish(view, last=True)
