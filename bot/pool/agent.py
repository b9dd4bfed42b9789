"""What a node does: takes jobs from its queue, lets its own pool paint them, and tells how it goes."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from nats.errors import ConnectionClosedError

from bot.jobs.tasks import TaskSet
from bot.pool import subjects, wire
from bot.pool.base import NoFreeSlot
from bot.pool.errand import BOOT, MOVED, SLOT
from bot.pool.mailbag import InHand, acknowledge, fetch_request, store_end
from bot.pool.report import BEAT_S, Report
from nst_core.errors import Cancelled, Fault, WorkerDied
from nst_core.protocol import Failure, Pastiche, Progress, StyleRequest, encode

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from bot.pool.local import LocalPool
    from bot.pool.report import Build
    from bot.pool.subjects import Key

log = logging.getLogger(__name__)

FETCH_S: Final = 2.0
"""A request for a job lasts so long; one that a server's restart swallowed is missed no longer."""
PAUSE_S: Final = 0.5
IN_PROGRESS_S: Final = 4.0
"""Between two words to the server that a job is still in hand; well below the consumer's patience."""
FLUSH_S: Final = 5.0
SLOT_WAIT_S: Final = 10.0
"""So long may the slot that the bot chose recover before another one is taken."""
REMEMBERED: Final = 1000
"""Ended attempts that are recognised when they are delivered a second time."""
LAST_WORDS_S: Final = 5.0


class Agent:
    """One node.

    Args:
        name: its user on the server.
        pool: its slots; started and closed by the agent.
        build: what it says it is.
    """

    def __init__(self, name: str, pool: LocalPool, build: Build) -> None:
        self.refusal = ""
        """Why the bot, or the server, does not want this node."""
        self._name = name
        self._pool = pool
        self._build = build
        self._boot = secrets.token_hex(8)
        self._in_hand: dict[Key, InHand] = {}
        self._ended: OrderedDict[Key, None] = OrderedDict()
        self._draining = False
        self._over = asyncio.Event()
        self._room = asyncio.Event()
        self._chores = TaskSet()
        self._jobs = TaskSet()
        self._nc: Client
        self._js: JetStreamContext

    async def open(self, link: wire.Link) -> None:
        """Connect, start the workers, and from now on take jobs.

        Raises:
            ConfigError: the server refuses the token, or there are no such devices.
            Unreachable: there is no server.
        """
        self._nc = await wire.connect(
            link,
            on_lost=self._on_lost,
            on_regained=self._on_regained,
            on_closed=self._on_closed,
            on_refused=lambda: self._end("environment: NATS_TOKEN: the server no longer accepts this token"),
        )
        self._js = self._nc.jetstream(timeout=wire.REQUEST_S)
        await self._pool.start()
        await self._nc.subscribe(subjects.to_node(self._name, "say"), cb=self._hear)
        await self._nc.subscribe(subjects.ALL, cb=self._answer_call)
        self._room.set()
        self._chores.own(self._announce(), name="announce")
        self._chores.own(self._take_jobs(), name="take-jobs")
        log.info("node-started node=%s boot=%s slots=%d", self._name, self._boot, len(self._pool.slots()))

    async def ended(self) -> None:
        """Return when this node cannot or may not go on."""
        await self._over.wait()

    async def close(self, *, drain_s: float) -> None:
        """Take nothing new, give jobs in hand `drain_s` to end, tell the bot of the rest, and go."""
        self._draining = True
        await self._report()
        log.info("node-drains node=%s jobs=%d drain_s=%g", self._name, len(self._in_hand), drain_s)
        await self._jobs.wait(timeout_s=drain_s)
        await self._pool.close()
        await self._jobs.wait(timeout_s=LAST_WORDS_S)
        await self._chores.end()
        await self._jobs.end()
        await self._report(gone=True)
        await self._flush()
        await self._nc.close()
        log.info("node-ended node=%s", self._name)

    # What it says

    async def _announce(self) -> None:
        """Report every second, and at once when a slot has changed."""
        while True:
            await self._report()
            await self._pool.changed_within(BEAT_S)

    async def _report(self, *, gone: bool = False) -> None:
        report = Report(
            boot=self._boot,
            build=self._build,
            slots=tuple(self._pool.slots()),
            attempts=tuple(self._in_hand),
            draining=self._draining,
            gone=gone,
        )
        await self._say(subjects.from_node(self._name, "status"), report.encode())

    async def _say(self, subject: str, data: bytes) -> None:
        """Say what may be lost; while the server is away it is not even worth keeping."""
        if self._nc.is_connected:
            try:
                await self._nc.publish(subject, data)
            except wire.TROUBLE as error:
                log.debug("node-unheard subject=%s error=%r", subject, error)

    async def _flush(self) -> None:
        """Wait until the server has heard everything: what a slow line cannot carry piles up nowhere."""
        try:
            await self._nc.flush(timeout=FLUSH_S)  # type: ignore[arg-type] # seconds; nats-py says int
        except wire.TROUBLE as error:
            log.debug("node-not-flushed error=%r", error)

    # What it hears

    async def _answer_call(self, _: Msg) -> None:
        await self._report()

    async def _hear(self, message: Msg) -> None:
        try:
            words = json.loads(message.data)
            answer = self._obey(words)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("bot-babbles error=%r", error)
            answer = "what?"
        if message.reply:
            await self._say(message.reply, answer.encode())

    def _obey(self, words: dict[str, Any]) -> str:
        if words.get("boot") == self._boot and words.get("refuse"):
            self._end(str(words["refuse"]))
            return "going"
        if "stop" not in words:
            return "not me"
        job_id, attempt = words["stop"]
        return self._stop((str(job_id), int(attempt)), keep=bool(words["keep"]))

    def _stop(self, key: Key, *, keep: bool) -> str:
        job = self._in_hand.get(key)
        if job is None:
            return "over" if key in self._ended else "unknown"
        job.keep = keep if job.keep is None else job.keep and keep
        if job.painting:
            self._chores.own(self._pool.stop(key[0], keep=job.keep), name=f"stop-{key[0]}")
        return "stopping"

    def _end(self, reason: str) -> None:
        self.refusal = self.refusal or reason
        self._over.set()

    async def _on_lost(self) -> None:
        log.warning("nats-lost node=%s", self._name)

    async def _on_regained(self) -> None:
        log.info("nats-regained node=%s", self._name)
        await self._report()

    async def _on_closed(self) -> None:
        self._over.set()

    # Its work

    async def _take_jobs(self) -> None:
        queue = await self._js.pull_subscribe_bind(consumer=self._name, stream=subjects.JOBS)
        while not self._draining:
            if len(self._in_hand) >= len(self._pool.slots()):
                self._room.clear()
                await self._room.wait()
                continue
            try:
                (message,) = await queue.fetch(1, timeout=FETCH_S)
            except ConnectionClosedError:
                return
            except TimeoutError:
                continue
            except wire.TROUBLE as error:  # the consumer is not there before the bot has made it
                log.debug("node-fetch error=%r", error)
                await asyncio.sleep(PAUSE_S)
                continue
            await self._accept(message)

    async def _accept(self, message: Msg) -> None:
        _, _, key = subjects.read_subject(message.subject)
        if key is None or key in self._ended:
            await acknowledge(message)
        elif key in self._in_hand:
            self._in_hand[key].message = message
        else:
            job = self._in_hand[key] = InHand(key, message)
            self._jobs.own(self._do(job), name=f"job-{key[0]}")

    async def _do(self, job: InHand) -> None:
        """See one job through to its end, whatever that is."""
        beat = asyncio.create_task(self._beat(job), name=f"beat-{job.key[0]}")
        try:
            await self._report()
            end = await self._end_of(job)
            await store_end(self._js, self._name, job, end)
        finally:
            beat.cancel()
            self._in_hand.pop(job.key, None)
            self._ended[job.key] = None
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
            self._room.set()
        await self._report()

    async def _beat(self, job: InHand) -> None:
        while True:
            await asyncio.sleep(IN_PROGRESS_S)
            try:
                await job.message.in_progress()
            except wire.TROUBLE as error:
                log.debug("node-not-in-progress job=%s error=%r", job.key[0], error)

    async def _end_of(self, job: InHand) -> Pastiche | Failure:
        try:
            if job.header(BOOT) != self._boot:
                raise WorkerDied(f"node {self._name} was restarted")
            request = await fetch_request(self._js, self._name, job)
            await self._begin(job, request)
            return await self._follow(job)
        except Cancelled:
            return _failure(job, "cancelled", "stopped before it was begun")
        except NoFreeSlot:
            return _failure(job, MOVED, f"node {self._name} had no slot for it")
        except Fault as fault:
            return _failure(job, fault.kind, str(fault))

    async def _begin(self, job: InHand, request: StyleRequest) -> None:
        """Give the job to the slot that the bot chose, or, if that does not recover, to any other."""
        wanted = job.header(SLOT).partition("/")[2]
        late = asyncio.get_running_loop().time() + SLOT_WAIT_S
        while True:
            if job.keep is False:
                raise Cancelled
            hurried = asyncio.get_running_loop().time() > late
            try:
                await self._pool.dispatch(request, only=None if hurried else wanted)
                break
            except NoFreeSlot:
                if hurried or self._draining:
                    raise
                await self._pool.changed_within(BEAT_S)
        job.painting = True
        if job.keep is not None:
            await self._pool.stop(job.key[0], keep=job.keep)

    async def _follow(self, job: InHand) -> Pastiche | Failure:
        subject = subjects.from_node(self._name, "progress", job.key)
        async for news in self._pool.events(*job.key):
            if not isinstance(news, Progress):
                return self._excused(news)
            await self._say(subject, encode(news))
            await self._flush()
        raise Fault("the pool's stream ended without an outcome")

    def _excused(self, end: Pastiche | Failure) -> Pastiche | Failure:
        """A worker that was ended because this node ends has done nothing wrong, nor has its job."""
        if self._draining and isinstance(end, Failure) and end.kind == WorkerDied.kind:
            return Failure(job_id=end.job_id, attempt=end.attempt, kind=MOVED, message=end.message)
        return end


def _failure(job: InHand, kind: str, message: str) -> Failure:
    return Failure(job_id=job.key[0], attempt=job.key[1], kind=kind, message=message)
