"""Pools over real processes; every test ends with a look for processes and threads left behind."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cluster import NodeProcess, Server, start_node

from bot.pool import wire
from bot.pool.local import LocalPool
from bot.pool.nats import NatsPool
from bot.pool.report import Build
from bot.pool.slot import Patience
from bot.pool.subjects import BOT
from nst_core.protocol import Failure, Pastiche, Progress, StyleRequest, WeightedStyle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running nats-server with the shipped configuration, the same for all tests of a file."""
    server = Server(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@dataclass
class Cluster:
    """Nodes over fake workers, and pools that use them."""

    server: Server
    folder: Path
    ledger: Ledger
    nodes: list[NodeProcess] = field(default_factory=list)
    pools: list[NatsPool] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    """Of a test's own, which end with it."""

    def node(
        self,
        name: str,
        *,
        devices: str = "cpu",
        start: str = "fine",
        **told: Any,  # noqa: ANN401 - see fake_node.py
    ) -> NodeProcess:
        """Start a node; what else it can be told stands in fake_node.py."""
        if name not in self.server.tokens:
            self.server.let_in(name)
            self.server.reload()
        told = {"url": self.server.url, "token": self.server.tokens[name]} | told
        how = {"ledger": str(self.ledger.path), "start": start, "times": 10**6}
        patience = {**PATIENCE, **told.pop("patience", {})}
        node = start_node(name, self.folder, how=how, devices=devices, patience=patience, **told)
        self.nodes.append(node)
        return node

    async def pool(self, *, slots: int, **settings: Any) -> NatsPool:  # noqa: ANN401 - the pool's
        """Start a pool, and wait until it sees so many slots."""
        link = wire.Link(url=self.server.url, user=BOT, token=self.server.tokens[BOT])
        link = settings.pop("link", link)
        pool = NatsPool(link, build=lambda: Build.of("vgg16"), **{"lost_after_s": 4.0, **settings})
        await pool.start()
        self.pools.append(pool)
        async with asyncio.timeout(20):
            await pool._until(lambda: len(pool.slots()) >= slots)
        return pool

    async def close(self) -> None:
        """End everything."""
        for pool in self.pools:
            await pool.close()
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            await node.ended()
        for server in self.servers:
            server.kill()
        await _until_gone(self.ledger)


@pytest.fixture
async def cluster(server: Server, tmp_path: Path, ledger: Ledger) -> AsyncIterator[Cluster]:
    """Nodes and pools on the file's server, all of which end with the test."""
    cluster = Cluster(server, tmp_path, ledger)
    yield cluster
    await cluster.close()


@pytest.fixture
def open_nats(cluster: Cluster) -> Callable[..., AbstractAsyncContextManager[NatsPool]]:
    """Give a pool over one new node of its own: how many slots, and the patience."""

    @contextlib.asynccontextmanager
    async def open_pool(*, slots: int = 1, **patience: float) -> AsyncIterator[NatsPool]:
        node = cluster.node(f"node-{secrets.token_hex(4)}", devices=f"cpu*{slots}", patience=patience)
        pool = await cluster.pool(slots=slots)
        try:
            yield pool
        finally:
            await pool.close()
            node.terminate()
            assert await node.ended() == 0, node.log

    return open_pool


@pytest.fixture(params=["local", "nats"])
def open_pool(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[Pool]]:
    """Give one started pool of each kind, all over fake workers: how many slots, and the patience."""
    opens = request.getfixturevalue(f"open_{request.param}")

    def open_it(*, slots: int = 1, **patience: float) -> AbstractAsyncContextManager[Pool]:
        if request.param == "local":
            return opens(f"cpu*{slots}", **patience)
        return opens(slots=slots, **patience)

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


async def _until_gone(ledger: Ledger) -> None:
    """Workers whose node was killed are orphans: they end by themselves, and somebody else reaps them."""
    async with asyncio.timeout(5):
        while any(_runs(pid) for pid in ledger.alive()):  # noqa: ASYNC110 - a process tells no other way
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """Tell whether a process is more than a zombie that its foster parent has not yet reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
