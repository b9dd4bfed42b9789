"""Pools over real processes; every test ends with a look for processes and threads left behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.pool.local import LocalPool
from bot.pool.slot import Patience
from nst_core.protocol import Failure, Pastiche, Progress, StyleRequest, WeightedStyle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from bot.pool.base import Pool

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
PATIENCE = {"back_off_s": 0.05, "start_timeout_s": 20.0, "stop_grace_s": 5.0}


@dataclass
class Outcome:
    """What an attempt reported."""

    progress: list[Progress] = field(default_factory=list)
    end: Pastiche | Failure | None = None

    @property
    def pid(self) -> int:
        """The process that painted."""
        return int(self.progress[-1].losses["pid"])

    @property
    def failure(self) -> Failure:
        """The end, which must be a failure."""
        assert isinstance(self.end, Failure), self.end
        return self.end

    @property
    def pastiche(self) -> Pastiche:
        """The end, which must be a picture."""
        assert isinstance(self.end, Pastiche), self.end
        return self.end


@dataclass(frozen=True)
class Ledger:
    """Every worker process that was ever started in a test."""

    path: Path

    def pids(self) -> list[int]:
        """Return their pids, oldest first."""
        return [int(line) for line in self.path.read_text().split()] if self.path.exists() else []

    def alive(self) -> list[int]:
        """Return those that are not gone; a zombie is not gone."""
        return [pid for pid in self.pids() if _exists(pid)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """The book of all worker processes."""
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def open_local(ledger: Ledger) -> Callable[..., AbstractAsyncContextManager[LocalPool]]:
    """Give a pool over fake workers: devices, how they start and how often so, and the patience."""

    @contextlib.asynccontextmanager
    async def open_pool(
        devices: str = "cpu", *, start: str = "fine", times: int = 10**6, **patience: float
    ) -> AsyncIterator[LocalPool]:
        how = json.dumps({"ledger": str(ledger.path), "start": start, "times": times})
        command = (sys.executable, str(FAKE_WORKER), how)
        limits = Patience(**{**PATIENCE, **patience})  # type: ignore[arg-type]
        threads = set(threading.enumerate())
        pool = LocalPool(devices, patience=limits, command=lambda _: command)
        await pool.start()
        try:
            yield pool
        finally:
            await pool.close()
        assert not ledger.alive()
        left = {thread.name for thread in set(threading.enumerate()) - threads}
        assert not {name for name in left if name.startswith("_")}, left

    return open_pool


@pytest.fixture(params=["local"])
def open_pool(
    request: pytest.FixtureRequest, open_local: Callable[..., AbstractAsyncContextManager[LocalPool]]
) -> Callable[..., AbstractAsyncContextManager[Pool]]:
    """Give one started pool of each kind, all over fake workers: how many slots, and the patience."""
    assert request.param == "local"

    def open_it(*, slots: int = 1, **patience: float) -> AbstractAsyncContextManager[Pool]:
        return open_local(f"cpu*{slots}", **patience)

    return open_it


@pytest.fixture
def order() -> Callable[..., StyleRequest]:
    """Ask a fake worker to do something; each call is another job."""
    numbers = itertools.count(1)

    def make(
        do: str = "paint",
        *,
        job_id: str | None = None,
        attempt: int = 1,
        style: bytes = b"style",
        **how: object,
    ) -> StyleRequest:
        return StyleRequest(
            job_id=job_id or f"job-{next(numbers)}",
            attempt=attempt,
            content=json.dumps({"do": do, **how}).encode(),
            styles=(WeightedStyle(image=style),),
        )

    return make


@pytest.fixture
def follow() -> Callable[..., Awaitable[Outcome]]:
    """Read a dispatched attempt to its end and tell its outcome."""

    async def read(pool: Pool, request: StyleRequest) -> Outcome:
        outcome = Outcome()
        async for news in pool.events(request.job_id, request.attempt):
            assert outcome.end is None
            assert (news.job_id, news.attempt) == (request.job_id, request.attempt)
            if isinstance(news, Progress):
                outcome.progress.append(news)
            else:
                outcome.end = news
        assert outcome.end is not None
        return outcome

    return read


@pytest.fixture
def run(follow: Callable[..., Awaitable[Outcome]]) -> Callable[..., Awaitable[Outcome]]:
    """Wait for a slot, dispatch, and read to the end."""

    async def dispatch_and_follow(pool: Pool, request: StyleRequest) -> Outcome:
        await pool.wait_for_slot()
        await pool.dispatch(request)
        return await follow(pool, request)

    return dispatch_and_follow


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
