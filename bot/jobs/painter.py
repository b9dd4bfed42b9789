"""Brings waiting jobs to free slots and follows every attempt to its end.

One task (`_dispatch`) begins jobs, one after another; each attempt then has a task of its own (`_follow`).
A job goes through the stages waiting → starting → painting → saving, and back to waiting for a retry.
What happens to it is stored before anybody is told. When that fails (a full disk), the person is served
from memory all the same, and the row stays as it was: after a restart the job runs again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from bot.jobs import retry
from bot.jobs.disk import DiskFault, StoreDamaged
from bot.jobs.live import Live, ended_view, fault_of, request_for, ticket_for
from bot.jobs.model import JobView
from bot.jobs.paced import Paced
from bot.jobs.tasks import TaskSet
from bot.pool.base import NoFreeSlot
from nst_core.errors import Fault, UserError
from nst_core.protocol import Failure, Pastiche, Progress, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bot.jobs.board import Board
    from bot.jobs.model import JobRecord, JobState
    from bot.jobs.outlook import Outlook
    from bot.jobs.queue import FairQueue
    from bot.jobs.store import JobStore
    from bot.pool.base import Pool

logger = logging.getLogger(__name__)
BREATH_S: Final = 0.1
"""After a pool that looked ready took nothing."""


class Painter:
    """The one who decides what runs where; see the module.

    Args:
        store: holds the jobs.
        pool: started and closed by the caller.
        queue: the waiting jobs; only the painter pushes and pops.
        board: where every change is published.
        outlook: tells times.
        clock: seconds since 1970, UTC.
        pause_s: how long to wait after a disk fault before another job is begun.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        pool: Pool,
        queue: FairQueue,
        board: Board,
        outlook: Outlook,
        clock: Callable[[], float],
        pause_s: float,
    ) -> None:
        self._store = store
        self._pool = pool
        self._queue = queue
        self._board = board
        self._outlook = outlook
        self._clock = clock
        self._pause_s = pause_s
        self._live: dict[str, Live] = {}
        self._again: deque[str] = deque()
        """Jobs that had their turn and lost it: they go before the queue."""
        self._work = asyncio.Event()
        self._places = Paced(self._tell_places)
        self._tasks = TaskSet()
        self._dispatcher: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to paint what waits."""
        self._dispatcher = self._tasks.own(self._dispatch(), name="dispatcher")

    async def close(self, *, drain_s: float) -> None:
        """Begin nothing new, give what is being painted `drain_s` to end, and put the rest back."""
        if self._dispatcher is not None:
            self._dispatcher.cancel()
        if not self._pool.outlives_bot:
            await self._tasks.wait(timeout_s=drain_s)
        for live in self._live.values():
            if live.stage == "painting" and live.task is not None:
                live.task.cancel()
        await self._tasks.wait()
        self._places.close()
        for live in self._live.values():
            try:
                await self._put_back(live)
            except DiskFault as fault:  # still "running" in the store, which a restart puts right
                logger.error("job_not_put_back job=%s error=%s", live.record.id, fault)  # noqa: TRY400 - no bug of ours

    def add(self, record: JobRecord) -> None:
        """Let a queued job wait for its turn."""
        self.add_all([record])

    def add_all(self, records: Iterable[JobRecord]) -> None:
        """Let queued jobs wait for their turns; those that had one already go first."""
        for record in records:
            self._live[record.id] = Live(record)
            if record.attempt:
                self._queue.resume(ticket_for(record))
                self._again.append(record.id)
            else:
                self._queue.push(ticket_for(record))
            self._board.publish(JobView(job=record))
        self._changed()

    async def take_up(self, record: JobRecord) -> bool:
        """Go on with a job that was being painted when the bot ended; False if nothing is left of that."""
        slot = await self._pool.resume(record.id, record.attempt)
        if slot is None:
            return False
        live = self._live[record.id] = Live(record, stage="painting", slot=slot)
        self._queue.resume(ticket_for(record))
        self._board.publish(JobView(job=record, device_name=slot.device_name))
        live.task = self._tasks.own(self._follow(live), name=f"attempt-{record.id}")
        return True

    async def stop(self, job_id: str, *, keep: bool) -> bool:
        """End a job: at once while it waits, through the pool while it is painted; False if it is over."""
        live = self._live.get(job_id)
        if live is None or live.stage == "saving":
            return False
        live.keep = keep if live.keep is None else live.keep and keep
        if live.stage == "painting":
            await self._pass_on_stop(live)
        elif live.stage == "waiting":
            self._leave_queue(live)
            await self._end(live, "cancelled")
        return True

    async def _dispatch(self) -> None:
        while True:
            await self._work.wait()
            await self._pool.wait_for_slot()
            live = self._take()
            if live is None:
                self._work.clear()
                continue
            try:
                await self._begin(live)
            except StoreDamaged as fault:  # waiting would not mend it
                await self._end(live, "failed", fault_of(live.record, fault))
            except DiskFault as fault:
                logger.error("job_waits_for_disk job=%s error=%s", live.record.id, fault)  # noqa: TRY400 - no bug of ours
                self._wait_again(live)
                await asyncio.sleep(self._pause_s)
            except UserError as error:
                await self._end(live, "failed", failure(live.record.id, live.record.attempt, error))
            except Exception as error:  # noqa: BLE001 - one job's trouble must not stop the others
                await self._end(live, "failed", fault_of(live.record, error))

    def _take(self) -> Live | None:
        if self._again:
            return self._live[self._again.popleft()]
        ticket = self._queue.pop()
        return self._live[ticket.job_id] if ticket else None

    async def _begin(self, live: Live) -> None:
        live.stage = "starting"
        record = live.record
        if not retry.may_start(record):
            raise Fault(f"gave up after {record.attempt} attempts, {record.deaths} dead workers")
        request = await request_for(record, self._store)
        if live.keep is not None:
            await self._end(live, "cancelled")
            return
        await self._store_as(live, state="running", attempt=request.attempt, started_at=self._clock())
        try:
            live.slot = await self._pool.dispatch(request, avoid=live.avoid)
        except NoFreeSlot:
            await self._store_as(live, state="queued", attempt=record.attempt)
            await self._come_back(live)
            await asyncio.sleep(BREATH_S)
            return
        live.stage = "painting"
        live.task = self._tasks.own(self._follow(live), name=f"attempt-{record.id}")
        logger.info("job_started job=%s attempt=%d slot=%s", record.id, request.attempt, live.slot.name)
        self._publish(live)
        self._changed()

    async def _pass_on_stop(self, live: Live) -> None:
        if live.keep is not None and live.keep != live.told:
            live.told = live.keep
            await self._pool.stop(live.record.id, keep=live.keep)

    async def _follow(self, live: Live) -> None:
        try:
            await self._pass_on_stop(live)  # somebody may have wanted it while it was being begun
            outcome = await self._outcome(live)
        except Exception as error:  # noqa: BLE001 - whatever a pool does wrong ends this job only
            outcome = fault_of(live.record, error)
        try:
            await self._settle(live, outcome)
        except Exception as error:  # noqa: BLE001 - as above
            await self._end(live, "failed", fault_of(live.record, error))

    async def _outcome(self, live: Live) -> Pastiche | Failure:
        record = live.record
        outcome: Pastiche | Failure | None = None
        # To the very end, although nothing follows the outcome: a stream left early is closed late.
        async for event in self._pool.events(record.id, record.attempt):
            if isinstance(event, Progress):
                self._progress(live, event)
            else:
                outcome = event
        if outcome is None:
            raise Fault("the pool's stream ended without an outcome")
        return outcome

    async def _settle(self, live: Live, outcome: Pastiche | Failure) -> None:
        if live.keep is False or (isinstance(outcome, Failure) and outcome.kind == "cancelled"):
            await self._end(live, "cancelled")
            return
        if isinstance(outcome, Pastiche):
            await self._deliver(live, outcome)
            return
        live.record = retry.counted(live.record, outcome)
        if retry.is_worth_it(live.record, outcome):
            await self._retry(live, outcome)
        else:
            await self._end(live, "failed", outcome)

    async def _deliver(self, live: Live, pastiche: Pastiche) -> None:
        live.stage, stored = "saving", True
        try:
            live.record = await self._store.save_result(pastiche)
        except DiskFault as fault:
            logger.error("result_not_stored job=%s error=%s", live.record.id, fault)  # noqa: TRY400 - no bug of ours
            live.record = replace(live.record, state="delivering", finished_at=self._clock())
            stored = False
        logger.info("job_painted job=%s seconds=%.1f", live.record.id, pastiche.seconds)
        if live.slot is not None and not pastiche.stopped_early:
            await self._outlook.learn(live.record, live.slot, pastiche.seconds)
        # A result that is only in memory stays on the board, for watchers who come later.
        self._leave(JobView(job=live.record, pastiche=pastiche), last=stored)

    async def _retry(self, live: Live, failure: Failure) -> None:
        logger.warning(
            "job_retried job=%s attempt=%d kind=%s error=%s",
            live.record.id, live.record.attempt, failure.kind, failure.message,
        )  # fmt: skip
        died = failure.kind == "worker_died"
        live.avoid = live.slot.name if died and live.slot is not None else None
        live.stage, live.keep, live.told = "starting", None, None
        await self._store_or_remember(live, state="queued")
        await self._come_back(live, retrying=True)

    async def _end(self, live: Live, state: JobState, failure: Failure | None = None) -> None:
        live.stage = "saving"
        await self._store_or_remember(live, state=state, failure=failure, finished_at=self._clock())
        if failure is not None and failure.kind != "user":
            logger.error("job_failed job=%s kind=%s error=%s", live.record.id, failure.kind, failure.message)
        else:
            logger.info("job_ended job=%s state=%s", live.record.id, state)
        self._leave(ended_view(live.record), last=True)

    def _leave(self, view: JobView, *, last: bool) -> None:
        self._queue.finish(view.job.id)
        del self._live[view.job.id]
        self._board.publish(view, last=last)
        self._changed()

    async def _come_back(self, live: Live, *, retrying: bool = False) -> None:
        if live.keep is None:
            self._wait_again(live, retrying=retrying)
        else:
            await self._end(live, "cancelled")

    def _wait_again(self, live: Live, *, retrying: bool = False) -> None:
        live.stage = "waiting"
        live.slot = None
        self._again.append(live.record.id)
        view = self._board.view(live.record.id)
        again = retrying or (view is not None and view.retrying)
        self._board.publish(JobView(job=live.record, retrying=again))
        self._changed()

    def _leave_queue(self, live: Live) -> None:
        if not self._queue.remove(live.record.id):
            self._again.remove(live.record.id)

    async def _put_back(self, live: Live) -> None:
        # The row, not the record in memory: a change may have been on its way when its task was cancelled.
        record = await self._store.get(live.record.id)
        if record is None:
            return
        live.record = record
        if record.state == "running":
            live.record = replace(record, state="queued")
            if live.stage != "painting" or not self._pool.outlives_bot:  # else `take_up` finds it
                await self._store.update(record.id, state="queued")
        self._board.publish(ended_view(live.record))

    async def _store_as(self, live: Live, **changes: Any) -> None:  # noqa: ANN401 - fields of JobRecord
        counts = {"deaths": live.record.deaths, "shrinks": live.record.shrinks}
        live.record = await self._store.update(live.record.id, **counts, **changes)

    async def _store_or_remember(self, live: Live, **changes: Any) -> None:  # noqa: ANN401 - as above
        try:
            await self._store_as(live, **changes)
        except DiskFault as fault:
            logger.error("change_not_stored job=%s error=%s", live.record.id, fault)  # noqa: TRY400 - no bug of ours
            live.record = replace(live.record, **changes)

    def _progress(self, live: Live, event: Progress) -> None:
        before = self._board.view(live.record.id)
        preview = event.preview or (before.preview if before else None)
        share = event.step / max(1, event.steps) if event.share is None else event.share
        self._publish(
            live, share=share, step=event.step, steps=event.steps, losses=event.losses, preview=preview
        )

    def _publish(self, live: Live, *, share: float = 0.0, **shown: Any) -> None:  # noqa: ANN401 - fields of JobView
        before = self._board.view(live.record.id)
        slot = live.slot
        self._board.publish(
            JobView(
                job=live.record,
                share=share,
                ready_at=self._outlook.ready_at(live.record, slot, share=share) if slot else None,
                device_name=slot.device_name if slot else "",
                retrying=before is not None and before.retrying,
                **shown,
            )
        )

    def _changed(self) -> None:
        self._work.set()
        self._places.due()

    def _tell_places(self) -> None:
        order = (*self._again, *self._queue.order())
        self._outlook.publish(
            waiting=[self._live[job_id].record for job_id in order],
            running=[(live.record, live.slot) for live in self._live.values() if live.slot is not None],
        )
