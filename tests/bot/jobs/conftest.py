"""Orders, a clock to turn by hand, and an engine that does what the test says."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.service import JobService
from bot.jobs.store import JobStore
from bot.pool.base import NoFreeSlot, Slot
from nst_core.protocol import Failure, Pastiche, Progress, StyleParams, StyleRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from bot.jobs.model import JobView
    from bot.pool.base import SlotState

NOON = 1_800_000_000.0
WITHIN_S = 2.0


@dataclass
class Clock:
    """Seconds since 1970 that pass only when a test says so."""

    now: float = NOON

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass(kw_only=True)
class Attempt:
    """One dispatched attempt, ended by the test."""

    request: StyleRequest
    slot: str
    avoid: str | None
    said: asyncio.Queue[Progress | Pastiche | Failure | None] = field(default_factory=asyncio.Queue)

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.request.job_id

    def progress(
        self, step: int, *, steps: int = 10, share: float | None = None, preview: bytes | None = None
    ) -> None:
        """Report a step."""
        self.said.put_nowait(
            Progress(
                job_id=self.job_id,
                attempt=self.request.attempt,
                step=step,
                steps=steps,
                losses={"total": 100.0 / step},
                preview=preview,
                share=share,
            )
        )

    def painted(self, *, seconds: float = 20.0, stopped_early: bool = False) -> Pastiche:
        """Return a picture of this job."""
        name = self.job_id.encode()
        return Pastiche(
            job_id=self.job_id,
            attempt=self.request.attempt,
            image=b"image of " + name,
            image_format="png",
            curve=b"curve of " + name,
            content_view=b"content of " + name,
            style_views=tuple(b"view of " + style.image for style in self.request.styles),
            width_px=512,
            height_px=384,
            losses={"total": 1.5},
            steps=10,
            stopped_early=stopped_early,
            seconds=seconds,
        )

    def failed(self, kind: str, **fields: object) -> Failure:
        """Return a failure of this job."""
        base = Failure(job_id=self.job_id, attempt=self.request.attempt, kind="fault", message=f"said {kind}")
        return replace(base, kind=kind, **fields)


class ScriptedPool:
    """A `Pool` of named slots whose attempts go exactly as the test says."""

    outlives_bot = False

    def __init__(self, *slots: str) -> None:
        self.names = slots or ("one",)
        self.attempts: list[Attempt] = []
        self.stops: list[tuple[str, bool]] = []
        self.unready: set[str] = set()
        self.obeys_stop = True
        self.refusals = 0
        """How many dispatches to refuse although a slot looks ready."""
        self.outcome: Callable[[Attempt], Pastiche | Failure] | None = None
        """Ends every attempt at once."""
        self._busy: dict[str, Attempt] = {}
        self._changed = asyncio.Event()
        self._dispatched = asyncio.Event()

    async def start(self) -> None:
        """Do nothing: there are no workers."""

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Do nothing: there are no workers."""

    def slots(self) -> Sequence[Slot]:
        """Return every slot as it is now."""
        return [self._slot(name) for name in self.names]

    async def wait_for_slot(self) -> None:
        """Return once at least one slot is ready."""
        while not self._ready():
            self._changed.clear()
            await self._changed.wait()

    async def resume(self, job_id: str, attempt: int) -> Slot | None:  # noqa: ARG002 - the interface's names
        """Know nothing of earlier attempts."""
        return None

    async def dispatch(self, request: StyleRequest, *, avoid: str | None = None) -> Slot:
        """Take an attempt."""
        if self.refusals or not self._ready():
            self.refusals -= 1
            raise NoFreeSlot
        name = min(self._ready(), key=lambda name: name == avoid)
        attempt = self._busy[name] = Attempt(request=request, slot=name, avoid=avoid)
        assert (request.job_id, request.attempt) not in self.numbers(), "dispatched twice"
        self.attempts.append(attempt)
        self._dispatched.set()
        self._changed.set()
        if self.outcome is not None:
            self.end(attempt, self.outcome(attempt))
        return self._slot(name)

    async def stop(self, job_id: str, *, keep: bool) -> None:
        """End a running attempt, if the test lets this pool obey."""
        self.stops.append((job_id, keep))
        for attempt in list(self._busy.values()):
            if self.obeys_stop and attempt.job_id == job_id:
                early = attempt.painted(stopped_early=True)
                self.end(attempt, early if keep else attempt.failed("cancelled"))

    async def events(self, job_id: str, attempt: int) -> AsyncIterator[Progress | Pastiche | Failure]:
        """Yield what the test says about an attempt."""
        mine = next(a for a in self.attempts if (a.job_id, a.request.attempt) == (job_id, attempt))
        while (event := await mine.said.get()) is not None:
            yield event

    def end(self, attempt: Attempt, outcome: Pastiche | Failure | None) -> None:
        """End an attempt and free its slot; None breaks its stream off."""
        if outcome is not None:
            attempt.said.put_nowait(outcome)
        attempt.said.put_nowait(None)
        del self._busy[attempt.slot]
        self._changed.set()

    def finish(self, attempt: Attempt, *, seconds: float = 20.0) -> None:
        """End an attempt with a picture."""
        self.end(attempt, attempt.painted(seconds=seconds))

    def set_ready(self, *unready: str) -> None:
        """Let every slot be ready but these."""
        self.unready = set(unready)
        self._changed.set()

    def numbers(self) -> list[tuple[str, int]]:
        """Return (job, attempt) of every dispatch so far."""
        return [(attempt.job_id, attempt.request.attempt) for attempt in self.attempts]

    async def attempt(self, number: int) -> Attempt:
        """Return the dispatch of that number, from 1, waiting until it comes."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.attempts) < number:
                self._dispatched.clear()
                await self._dispatched.wait()
        return self.attempts[number - 1]

    def _ready(self) -> list[str]:
        return [name for name in self.names if self._slot(name).state == "ready"]

    def _slot(self, name: str) -> Slot:
        busy = self._busy.get(name)
        state: SlotState = "starting" if name in self.unready else "busy" if busy else "ready"
        return Slot(
            name=name, device_name=f"device {name}", state=state, job_id=busy.job_id if busy else None
        )


class Workshop:
    """A store, a scripted pool and a service over one folder, and what tests do with them."""

    def __init__(self, folder: Path, clock: Clock, pool: ScriptedPool) -> None:
        self.folder = folder
        self.clock = clock
        self.pool = pool
        self.store: JobStore
        self.service: JobService

    async def open(
        self, *, queue_limit: int = 1000, per_person: int = 100, keep_s: float = 3600.0
    ) -> JobService:
        """Start a service."""
        self.store = await JobStore.open(self.folder, clock=self.clock)
        self.service = JobService(
            store=self.store,
            pool=self.pool,
            queue_limit=queue_limit,
            per_person=per_person,
            clock=self.clock,
            inputs_s=keep_s,
            results_s=keep_s,
            pause_s=0.01,
        )
        await self.service.start()
        return self.service

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Close everything in the right order."""
        await self.service.close(drain_s=drain_s)
        await self.store.close()

    async def reopen(self, *slots: str, **options: float) -> JobService:
        """Close everything and start again on the same folder, with new workers."""
        await self.close()
        self.pool = ScriptedPool(*slots)
        return await self.open(**options)

    async def last_view(self, job_id: str) -> JobView:
        """Watch a job to the end of the watch and return the last view."""
        async with asyncio.timeout(WITHIN_S):
            view = None
            async for newest in self.service.watch(job_id):
                view = newest
        assert view is not None, "nothing to watch"
        return view

    async def until(self, job_id: str, holds: Callable[[JobView], bool]) -> JobView:
        """Watch a job until a condition holds, and return that view."""
        async with asyncio.timeout(WITHIN_S):
            async with contextlib.aclosing(self.service.watch(job_id)) as views:
                async for view in views:
                    if holds(view):
                        return view
        raise AssertionError("the watch ended before that")


@pytest.fixture
def clock() -> Clock:
    """Return a clock that shows noon."""
    return Clock()


@pytest.fixture
def order() -> Callable[..., JobOrder]:
    """`order(owner_id=7, …)` is an order with everything else filled in."""

    def make(
        *, styles: tuple[StyleSource, ...] | None = None, mode: str = "classic", **changes: object
    ) -> JobOrder:
        base = JobOrder(
            owner_id=1,
            guild_id=10,
            channel_id=100,
            content=b"a photo",
            styles=styles or (StyleSource(image=b"a painting", preset="great_wave"),),
            params=StyleParams(mode=mode),
        )
        return replace(base, **changes)

    return make


@pytest.fixture
async def workshop(tmp_path: Path, clock: Clock) -> AsyncIterator[Workshop]:
    """Return a running service with one slot; closed afterwards, leaving no task behind."""
    before = asyncio.all_tasks()
    shop = Workshop(tmp_path / "data", clock, ScriptedPool())
    await shop.open()
    yield shop
    await shop.close()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks without an owner: {left}"


@pytest.fixture
def scripted_pool() -> type[ScriptedPool]:
    """Return the class, for tests that want several slots."""
    return ScriptedPool


@pytest.fixture
def full_disk() -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which no file of this process can grow: writes fail as on a full disk."""
    resource = pytest.importorskip("resource", reason="the size of files cannot be limited here")

    @contextlib.contextmanager
    def full() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full
