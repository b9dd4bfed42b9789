"""One device's worker over its life: started, ready, busy, replaced, set aside when it keeps failing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.pool.base import Slot
from bot.pool.needs import longest_s
from bot.pool.process import Ended, WorkerProcess
from nst_core.errors import Cancelled, Fault, JobTimedOut, WorkerDied
from nst_core.protocol import PROTOCOL_VERSION, Failure, Pastiche, Progress, Quit, Ready, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.pool.attempt import AttemptStream
    from bot.pool.base import SlotState
    from nst_core.protocol import Message, StyleRequest

CARRIES_ON: Final = frozenset({"user", "cancelled"})
"""Failures after which the same process paints on; after any other a fresh one does."""
KILL_WAIT_S: Final = 10.0
"""A process that outlives SIGKILL for so long hangs in its driver."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a slot waits for what, and when it gives a process or a device up."""

    job_timeout_s: float = 900.0
    """For one attempt in all, of a picture of up to 1024 px; larger ones get more (`longest_s`)."""
    stall_s: float = 120.0
    """For the next step; also for the picture after a stop that keeps it."""
    start_timeout_s: float = 120.0
    stop_grace_s: float = 5.0
    """Between asking a process to end something and killing it."""
    recycle_after: int = 200
    """Jobs of one process: a fresh one has no fragmented memory."""
    back_off_s: float = 0.5
    """Before the restart after a first failure; doubles with each further one in a row."""
    back_off_most_s: float = 30.0
    failures: int = 3
    """So many in a row and the device is set aside."""
    set_aside_s: float = 600.0
    """Then it gets another chance: a poisonous picture must not switch a device off for good."""


class Lost(Exception):
    """The process cannot go on.

    Args:
        why: whose kind the `Failure` of the attempt in hand gets; its text is for the log.
        counts: whether the device may be to blame, and not the job or somebody's wish.
    """

    def __init__(self, why: Fault | Cancelled, *, counts: bool = True) -> None:
        super().__init__(str(why))
        self.kind = why.kind if isinstance(why, Fault) else "cancelled"
        self.counts = counts


@dataclass(slots=True, kw_only=True)
class Order:
    """The attempt that a slot has in hand; times are seconds on the loop's clock."""

    request: StyleRequest
    stream: AttemptStream
    started: float
    heard: float
    """When it was sent, then when its last step came."""
    keep: bool | None = None
    """Set by a wish to stop."""
    stop_by: float = float("inf")

    def owns(self, item: Message | Ended | None) -> bool:
        """Tell whether an answer is about this very attempt."""
        return isinstance(item, Progress | Pastiche | Failure) and (item.job_id, item.attempt) == (
            self.request.job_id,
            self.request.attempt,
        )

    def longest_s(self, patience: Patience) -> float:
        """Return how long it may take in all."""
        return longest_s(self.request.params, patience.job_timeout_s)

    def deadline(self, patience: Patience) -> float:
        """Return when patience runs out unless something is heard."""
        return min(self.stop_by, self.heard + patience.stall_s, self.started + self.longest_s(patience))

    def verdict(self, patience: Patience, now: float) -> Lost:
        """Return what to say when it has run out."""
        if self.keep is not None:
            return Lost(Cancelled("it did not end when asked to"), counts=False)
        if now >= self.started + (longest := self.longest_s(patience)):
            return Lost(JobTimedOut(f"it had no end after {longest:g} s"), counts=False)
        return Lost(JobTimedOut(f"it made no step for {patience.stall_s:g} s"))

    def failure(self, kind: str, message: str) -> Failure:
        """Return this attempt's end without a picture."""
        request = self.request
        return Failure(job_id=request.job_id, attempt=request.attempt, kind=kind, message=message)


class LocalSlot:
    """One device: keeps a process alive on it and gives it one attempt at a time.

    Args:
        name: the slot's name.
        command: starts the worker.
        patience: how long to wait for what.
        changed: called on the loop after each change of state.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, patience: Patience, changed: Callable[[], None]
    ) -> None:
        self._name = name
        self._command = command
        self._patience = patience
        self._changed = changed
        self._state: SlotState = "starting"
        self._device_name = ""
        self._device = ""
        self._memory_bytes = 0
        self._failures = 0
        self._deaths = 0
        self._worker: WorkerProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._order: Order | None = None
        self._mail: asyncio.Queue[Message | Ended | None] = asyncio.Queue()
        """What the process says; None: look at the order again."""

    def view(self) -> Slot:
        """Return the slot as it is now."""
        job_id = self._order.request.job_id if self._order else None
        return Slot(
            name=self._name,
            device_name=self._device_name,
            state=self._state,
            job_id=job_id,
            device=self._device,
            memory_bytes=self._memory_bytes,
            deaths=self._deaths,
        )

    @property
    def pid(self) -> int | None:
        """The process, if one was ever started."""
        return self._worker.pid if self._worker is not None else None

    def accept(self, request: StyleRequest, stream: AttemptStream) -> None:
        """Take an attempt in hand. Only while ready."""
        now = asyncio.get_running_loop().time()
        self._order = Order(request=request, stream=stream, started=now, heard=now)
        self._become("busy")
        self._say(request)

    def stop(self, *, keep: bool) -> None:
        """Ask the attempt in hand to end. To throw away outweighs to keep, not the other way round."""
        order, patience = self._order, self._patience
        if order is None or order.keep in (False, keep):
            return
        grace_s = max(patience.stop_grace_s, patience.stall_s) if keep else patience.stop_grace_s
        order.keep = keep
        order.stop_by = asyncio.get_running_loop().time() + grace_s
        self._say(Stop(job_id=order.request.job_id, keep=keep))

    def start(self) -> None:
        """Start a process, and from now on replace it whenever it ends."""
        self._task = asyncio.create_task(self._run(), name=f"slot-{self._name}")

    async def close(self) -> None:
        """End the process, at once if it has a job in hand, and wait until nothing of it is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._worker is not None:  # the task may have been waiting for that when it was cancelled
            await self._worker.gone(KILL_WAIT_S)

    async def _run(self) -> None:
        while True:
            try:
                await self._run_one_process()
            except Lost as lost:
                self._failures += lost.counts
                self._deaths += 1
                log.warning("worker-lost slot=%s failures=%d reason=%s", self._name, self._failures, lost)
                if lost.counts:
                    await self._rest()
            except Exception:
                self._failures += 1
                log.exception("slot-fault slot=%s failures=%d", self._name, self._failures)
                await self._rest()
            self._become("restarting")

    async def _run_one_process(self) -> None:
        """Start a process and give it orders; return when it is time for a fresh one.

        Raises:
            Lost: it cannot go on.
        """
        self._mail = asyncio.Queue()
        worker = self._worker = self._start()
        sound = False
        try:
            await self._get_ready()
            sound = True
            for _ in range(self._patience.recycle_after):
                self._become("ready")
                if not await self._work(await self._wait_for_order()):
                    break
        except Lost as lost:
            sound = False
            self._conclude(lost.kind, str(lost))
            raise
        finally:
            idle = self._order is None
            self._conclude("worker_died", "the pool was closed")
            self._become("restarting")
            await self._end(worker, polite=sound and idle)

    def _start(self) -> WorkerProcess:
        try:
            worker = WorkerProcess(self._command, slot=self._name, hear=self._mail.put_nowait)
        except OSError as error:
            raise Lost(WorkerDied(f"it cannot be started: {error}")) from error
        log.info("worker-start slot=%s pid=%d", self._name, worker.pid)
        return worker

    async def _get_ready(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._patience.start_timeout_s):
                ready = await self._mail.get()
        except TimeoutError:
            raise Lost(WorkerDied(f"it was not ready after {self._patience.start_timeout_s:g} s")) from None
        if not isinstance(ready, Ready):
            self._refuse(ready)
            raise Lost(WorkerDied("it spoke before it was ready"))
        if ready.protocol != PROTOCOL_VERSION:
            raise Lost(WorkerDied(f"it speaks protocol {ready.protocol}, not {PROTOCOL_VERSION}"))
        self._device_name, self._memory_bytes = ready.device_name, ready.memory_bytes
        self._device = ready.device.partition(":")[0]
        log.info(
            "worker-ready slot=%s pid=%d start_s=%.1f device=%s name=%s",
            *(self._name, ready.pid, loop.time() - began, ready.device, ready.device_name),
        )

    async def _wait_for_order(self) -> Order:
        while self._order is None:
            self._refuse(await self._mail.get())
        return self._order

    async def _work(self, order: Order) -> bool:
        """See an attempt through to its end; return whether the process may take another one."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(order.deadline(self._patience)):
                    item = await self._mail.get()
            except TimeoutError:
                raise order.verdict(self._patience, loop.time()) from None
            if not order.owns(item):
                self._refuse(item)
            elif isinstance(item, Progress):
                order.heard = loop.time()
                order.stream.report(item)
            elif isinstance(item, Pastiche | Failure):
                return self._deliver(order, item)

    def _deliver(self, order: Order, end: Pastiche | Failure) -> bool:
        kind = end.kind if isinstance(end, Failure) else "done"
        log.info(
            "attempt-ended job=%s attempt=%d slot=%s kind=%s seconds=%.1f",
            *(end.job_id, end.attempt, self._name, kind, asyncio.get_running_loop().time() - order.started),
        )
        self._order = None
        discarded = order.keep is False and kind != "cancelled"
        order.stream.finish(order.failure("cancelled", f"{kind} when cancelled") if discarded else end)
        if kind != "done" and kind not in CARRIES_ON:
            return False
        self._failures = 0
        return True

    def _conclude(self, kind: str, message: str) -> None:
        """End the attempt in hand, if there is one, without a word from its process."""
        if (order := self._order) is None:
            return
        self._order = None
        kind = "cancelled" if order.keep is False else kind
        request = order.request
        log.warning(
            "attempt-lost job=%s attempt=%d slot=%s kind=%s reason=%s",
            *(request.job_id, request.attempt, self._name, kind, message),
        )
        order.stream.finish(order.failure(kind, message))

    def _refuse(self, item: Message | Ended | None) -> None:
        """Drop a late word about an earlier attempt.

        Raises:
            Lost: it is the end of the process, or nothing that a worker may say.
        """
        if isinstance(item, Ended):
            reason = f", having sent {item.reason}" if item.reason else ""
            raise Lost(WorkerDied(f"it ended with {item.exit_code}{reason}"))
        if isinstance(item, Progress | Pastiche | Failure):
            log.warning("worker-stale job=%s attempt=%d slot=%s", item.job_id, item.attempt, self._name)
        elif item is not None:
            raise Lost(WorkerDied(f"it said {type(item).__name__} out of turn"))

    def _say(self, message: Message) -> None:
        if self._worker is not None:
            self._worker.send(message)
        self._mail.put_nowait(None)

    async def _end(self, worker: WorkerProcess, *, polite: bool) -> None:
        try:
            if polite:
                worker.send(Quit())
                await worker.gone(self._patience.stop_grace_s)
        finally:
            worker.kill()
            if not await worker.gone(KILL_WAIT_S):
                log.error("worker-unkillable slot=%s pid=%d", self._name, worker.pid)

    async def _rest(self) -> None:
        """Wait before the next start: twice as long after each failure, very long after several."""
        patience = self._patience
        if self._failures < patience.failures:
            await asyncio.sleep(
                min(patience.back_off_s * 2 ** (self._failures - 1), patience.back_off_most_s)
            )
            return
        self._become("set_aside")
        log.error(
            "slot-set-aside slot=%s failures=%d again_in_s=%g",
            *(self._name, self._failures, patience.set_aside_s),
        )
        await asyncio.sleep(patience.set_aside_s)

    def _become(self, state: SlotState) -> None:
        self._state = state
        self._changed()
