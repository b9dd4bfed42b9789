"""Jobs as the rest of the bot sees them: submit, watch, stop, deliver.

A job's life, as `watch` tells it: queued → running → delivering (with its picture), failed or cancelled.
Who delivers the picture then calls `delivered`. Everything survives a restart: `start` lets waiting jobs
go on waiting, puts those that were being painted back into the queue, and leaves pictures nobody has
delivered yet to whoever follows the jobs of `recover`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from bot.jobs.board import Board
from bot.jobs.disk import BlobGone, DiskFault
from bot.jobs.live import ended_view, fault_of
from bot.jobs.model import FINAL_STATES, JobView, StyleSource
from bot.jobs.outlook import Outlook
from bot.jobs.painter import Painter
from bot.jobs.queue import FairQueue, NoRoom
from bot.jobs.tasks import TaskSet
from nst_core.errors import Busy, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bot.jobs.model import JobOrder, JobRecord
    from bot.jobs.store import JobStore
    from bot.pool.base import Pool
    from nst_core.protocol import Pastiche

logger = logging.getLogger(__name__)
ENDS_A_WATCH: Final = FINAL_STATES | {"delivering"}
GUESS_S: Final = 300.0
"""When there will be room, while nothing has been measured."""
SOONEST_S: Final = 30.0
LOOK_EVERY_S: Final = 0.2


class JobService:
    """The jobs of one bot.

    Args:
        store: open; closed by the caller after this service.
        pool: started by the caller before this service, and closed after it.
        queue_limit: how many jobs may wait.
        per_person: how many jobs one person may have waiting and being painted.
        clock: seconds since 1970, UTC.
        inputs_s: how long the pictures that people sent are kept after the end of their job.
        results_s: how long what was painted is kept.
        sweep_every_s: how often old pictures are looked for.
        pause_s: how long to wait after a disk fault before another job is begun.
        saw: called with a job's view before and after each change, to count.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        pool: Pool,
        queue_limit: int,
        per_person: int,
        clock: Callable[[], float] = time.time,
        inputs_s: float = 30 * 86400.0,
        results_s: float = 30 * 86400.0,
        sweep_every_s: float = 3600.0,
        pause_s: float = 5.0,
        saw: Callable[[JobView | None, JobView], None] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._inputs_s = inputs_s
        self._results_s = results_s
        self._sweep_every_s = sweep_every_s
        self._queue = FairQueue(queue_limit=queue_limit, per_person=per_person)
        self._board = Board(saw)
        self._outlook = Outlook(store=store, pool=pool, board=self._board, clock=clock)
        self._painter = Painter(
            store=store,
            pool=pool,
            queue=self._queue,
            board=self._board,
            outlook=self._outlook,
            clock=clock,
            pause_s=pause_s,
        )
        self._submissions = TaskSet()
        self._chores = TaskSet()
        self._closing = False

    async def start(self) -> None:
        """Go on where the last run ended.

        Raises:
            DiskFault: the store cannot be read or written.
        """
        await self._outlook.load()
        for record in await self._store.unfinished():
            if record.state == "running" and not await self._painter.take_up(record):
                await self._store.update(record.id, state="queued")
        self._painter.add_all(job for job in await self._store.unfinished() if job.state == "queued")
        self._chores.own(self._sweep(), name="sweeper")
        self._painter.start()

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Take no more jobs, let what is being painted end within `drain_s`, put the rest back.

        Watches go on while it drains; at the end each of them yields a last view (state "queued" for a
        job that was put back: its place is kept) and ends.
        """
        self._closing = True
        self._chores.cancel()
        await self._submissions.wait()
        await self._painter.close(drain_s=drain_s)
        await self._chores.end()
        self._board.close()

    async def submit(self, order: JobOrder) -> JobRecord:
        """Store an order and let it wait for its turn.

        Raises:
            Busy: nothing was stored: "queue_full" (limit, when: a Discord timestamp such as
                "<t:1790000000:R>", which every reader sees in their own language and time),
                "share_used" (limit), "server_full" (limit), or "restarting".
            DiskFault: the order could not be stored.
        """
        if self._closing:
            raise Busy("restarting")
        try:
            self._queue.reserve(
                order.owner_id, order.guild_id, per_person=order.per_person, per_server=order.per_server
            )
        except NoRoom as full:
            raise self._busy(full) from None
        # In a task of its own: a caller that is cancelled must not leave a job that is stored and forgotten.
        return await asyncio.shield(self._submissions.own(self._admit(order), name="submission"))

    async def stop(self, job_id: str, *, keep: bool) -> bool:
        """End a job; False if it is over already, or unknown.

        Args:
            job_id: whose.
            keep: deliver the best picture so far, if it is being painted. A job that waits is
                cancelled either way.
        """
        return await self._painter.stop(job_id, keep=keep)

    async def watch(self, job_id: str) -> AsyncIterator[JobView]:
        """Yield how a job stands now, then each newer view; of several unseen ones only the newest.

        Ends after a view in state "delivering" (with its picture), "done", "failed" or "cancelled", or
        when the service closes. Yields nothing for an unknown job.
        """
        topic = self._board.topic(job_id)
        if topic is None:
            view = await self._stored_view(job_id)
            if view is not None:
                yield view
            return
        while True:
            view, changed, closed = topic.view, topic.changed, topic.closed
            yield view
            if closed or view.job.state in ENDS_A_WATCH:
                return
            await changed.wait()

    def views(self) -> list[JobView]:
        """Return how every job stands that waits or is being painted."""
        return self._board.views()

    async def recover(self) -> list[JobRecord]:
        """Return the jobs that are not over, the oldest first: after a restart, follow them again."""
        return await self._store.unfinished()

    async def until_over(self, which: Callable[[JobRecord], bool], *, within_s: float) -> None:
        """Return when none of these jobs is under way any more, its result posted, or that takes too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while any(map(which, await self._store.unfinished())):  # noqa: ASYNC110 - seldom asked, of any jobs
                    await asyncio.sleep(LOOK_EVERY_S)

    async def delivered(self, job_id: str, *, result_message_id: int | None) -> None:
        """Note that a picture has reached its person; calling it again changes nothing.

        Raises:
            DiskFault: it could not be stored; after a restart the picture is delivered again.
        """
        record = await self._store.get(job_id)
        if record is None or record.state in FINAL_STATES:
            return
        if record.state != "delivering":  # painted while the disk was full: only the memory knew
            await self._store.update(job_id, state="delivering", finished_at=self._clock())
        record = await self._store.update(job_id, state="done", result_message_id=result_message_id)
        self._board.forget(job_id)
        logger.info("job_done job=%s", job_id)

    async def get(self, job_id: str) -> JobRecord | None:
        """Return a job, or None."""
        return await self._store.get(job_id)

    async def content(self, job_id: str) -> bytes:
        """Return a job's content image as it was uploaded.

        Raises:
            Unavailable: it is no longer kept.
        """
        record = await self._kept(job_id)
        return await self._read(record.content_blob)

    async def styles(self, job_id: str) -> tuple[StyleSource, ...]:
        """Return a job's styles as they were ordered.

        Raises:
            Unavailable: they are no longer kept.
        """
        record = await self._kept(job_id)
        parts = zip(record.style_blobs, record.presets, record.weights, strict=True)
        return tuple(
            [
                StyleSource(image=await self._read(name), preset=preset, weight=weight)
                for name, preset, weight in parts
            ]
        )

    async def result(self, job_id: str) -> Pastiche | None:
        """Return a job's picture; None if it has none, or none any more.

        Raises:
            DiskFault: it cannot be read.
        """
        view = self._board.view(job_id)
        if view is not None and view.pastiche is not None:
            return view.pastiche
        return await self._store.result(job_id)

    async def _admit(self, order: JobOrder) -> JobRecord:
        try:
            record = await self._store.add(order)
        finally:
            self._queue.release(order.owner_id, order.guild_id)
        self._painter.add(record)
        logger.info("job_queued job=%s mode=%s", record.id, record.params.mode)
        return record

    def _busy(self, full: NoRoom) -> Busy:
        if full.cap != "queue":
            return Busy("share_used" if full.cap == "person" else "server_full", limit=full.limit)
        now = self._clock()
        free_at = self._outlook.next_free_at() or now + GUESS_S
        return Busy("queue_full", limit=full.limit, when=f"<t:{int(max(free_at, now + SOONEST_S))}:R>")

    async def _stored_view(self, job_id: str) -> JobView | None:
        record = await self._store.get(job_id)
        if record is None:
            return None
        if record.state != "delivering":
            return ended_view(record)
        try:
            return JobView(job=record, pastiche=await self._store.result(job_id))
        except BlobGone as gone:
            failure = fault_of(record, gone)
            return ended_view(await self._store.update(job_id, state="failed", failure=failure))

    async def _kept(self, job_id: str) -> JobRecord:
        record = await self._store.get(job_id)
        if record is None or not record.content_blob:
            raise Unavailable("job_forgotten")
        return record

    async def _read(self, name: str) -> bytes:
        try:
            return await self._store.read_blob(name)
        except BlobGone as gone:
            logger.warning("picture_gone error=%s", gone)
            raise Unavailable("job_forgotten") from gone

    async def _sweep(self) -> None:
        while True:
            try:
                removed = await self._store.sweep(inputs_s=self._inputs_s, results_s=self._results_s)
                logger.info("pictures_swept removed=%d", removed)
            except DiskFault as fault:
                logger.warning("sweep_failed error=%s", fault)
            await asyncio.sleep(self._sweep_every_s)
