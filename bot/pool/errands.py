"""All attempts that are under way on nodes: sent, heard of, stopped, given up, taken up again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from bot.jobs.tasks import TaskSet
from bot.pool import subjects, wire
from bot.pool.errand import BOOT, LONGEST, MOVED, SLOT, Errand
from bot.pool.fleet import Fleet
from bot.pool.line import PAUSE_S, Line
from bot.pool.needs import longest_s
from bot.pool.report import Report
from bot.pool.streams import prepare_consumer
from nst_core.errors import JobTimedOut, WorkerDied
from nst_core.protocol import Failure, Pastiche, Progress, ProtocolError, decode, encode

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from bot.pool.report import Build
    from bot.pool.subjects import Key
    from nst_core.protocol import StyleRequest

log = logging.getLogger(__name__)

TEND_S: Final = 0.25
ACK_WAIT_S: Final = 15.0
"""A node that says nothing about a job for so long is sent it again; it speaks every third of that."""
SLACK_S: Final = 60.0
"""A node times its attempts itself; the bot waits so much longer, for pictures on their way."""
ORPHAN_S: Final = 10.0
"""An attempt that nobody here knows is stopped after so long: a restarted bot takes up its own first."""


class Errands:
    """The attempts of one pool, by job and number.

    Args:
        link: the server.
        build: what a node must share.
        job_timeout_s: for one attempt in all at up to 1024 px, as the nodes have it.
        lost_after_s: a node that is silent for so long is given up.
        changed: set whenever a slot may have changed its state.
    """

    def __init__(
        self,
        link: wire.Link,
        build: Build,
        *,
        job_timeout_s: float,
        lost_after_s: float,
        changed: asyncio.Event,
    ) -> None:
        self.fleet = Fleet(build, lost_after_s=lost_after_s)
        self.line = Line(link, hear=self._hear, changed=changed.set, regained=self._catch_up)
        self._lost_after_s = lost_after_s
        self._job_timeout_s = job_timeout_s
        self._changed = changed
        self._errands: dict[Key, Errand] = {}
        self._orphans: dict[Key, float] = {}
        self._tasks = TaskSet()
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Connect; from now on hear and tend.

        Raises:
            ConfigError: the server refuses the token.
            Unreachable: there is no server.
        """
        await self.line.open()
        self._tasks.own(self._tend(), name="fleet")

    async def close(self) -> None:
        """Let go of every attempt; the nodes go on with them."""
        await self._tasks.end()
        for errand in self.active():
            errand.finish(errand.failure(WorkerDied.kind, "the pool was closed"))
        await self.line.close()

    def get(self, key: Key) -> Errand | None:
        """Return an attempt whose end has not been read yet."""
        return self._errands.get(key)

    def forget(self, key: Key) -> None:
        """Drop an attempt whose end has been read."""
        self._errands.pop(key, None)

    def active(self) -> list[Errand]:
        """Return the attempts that have not ended."""
        return [errand for errand in self._errands.values() if not errand.over]

    def begin(self, request: StyleRequest, slot: str) -> None:
        """Send an attempt to a slot; returns at once."""
        now = self._loop.time()
        key = (request.job_id, request.attempt)
        node = self.fleet.node(slot.partition("/")[0])
        boot = node.report.boot if node else ""
        longest = longest_s(request.params, self._job_timeout_s)
        errand = Errand(key=key, slot=slot, boot=boot, began=now, seen=now, longest_s=longest)
        self._errands[key] = errand
        errand.sending = self._tasks.own(self._send(errand, request), name=f"send-{request.job_id}")

    async def resume(self, key: Key) -> Errand | None:
        """Take up an attempt that an earlier process began, if anything is left of it."""
        now = self._loop.time()
        errand = Errand(key=key, began=now, seen=now, longest_s=self._job_timeout_s)
        self._errands[key] = errand
        # It was put down above before anything is asked, since its end may come meanwhile; and the order
        # is asked for before the end, since a node acknowledges the one after it has stored the other.
        if await self._find_order(errand) or await self._find_end(errand):
            self._tasks.own(self._replay(errand), name=f"replay-{key[0]}")
            return errand
        del self._errands[key]
        return None

    def stop(self, errand: Errand, *, keep: bool) -> None:
        """Ask an attempt to end. To throw away outweighs to keep, not the other way round."""
        if errand.over or errand.keep in (False, keep):
            return
        errand.keep = keep
        if errand.sending is not None and not keep:  # the node has never heard of it
            errand.sending.cancel()
            self._withdraw(errand, errand.failure("cancelled", "stopped before it was sent"))
        else:
            self._tasks.own(self._tell_stop(errand), name=f"stop-{errand.key[0]}")

    # What the bot says

    async def _send(self, errand: Errand, request: StyleRequest) -> None:
        js, node, key = self.line.js, errand.node, errand.key
        frame = encode(request)
        chunks = subjects.to_node(node, "chunk", key)
        parcel = await self.line.insist(lambda: wire.pack(js, chunks, frame))
        errand.in_pieces = not parcel.data
        headers = dict(parcel.headers) | {SLOT: errand.slot, BOOT: errand.boot}
        headers[LONGEST] = f"{errand.longest_s:g}"
        headers[wire.MESSAGE_ID] = f"{errand.boot}.{key[0]}.{key[1]}"
        subject = subjects.to_node(node, "job", key)
        await self.line.insist(lambda: js.publish(subject, parcel.data, headers=headers))
        errand.sending = None
        errand.seen = self._loop.time()

    async def _tell_stop(self, errand: Errand) -> None:
        """Repeat it until the node has heard it: it may not have taken the job yet."""
        message = {"stop": list(errand.key), "keep": errand.keep}
        while not errand.over and message["keep"] == errand.keep:
            if await self.line.say(errand.node, message) in ("stopping", "over"):
                return
            await asyncio.sleep(PAUSE_S)

    async def _refuse(self, node: str, boot: str, reason: str) -> None:
        log.error("node-refused node=%s boot=%s reason=%s", node, boot, reason)
        await self.line.say(node, {"refuse": reason, "boot": boot})

    async def _admit(self, name: str) -> None:
        await self.line.insist(lambda: prepare_consumer(self.line.js, name, ack_wait_s=ACK_WAIT_S))
        if node := self.fleet.node(name):
            node.admitted = True
            self._changed.set()

    # What nodes say

    def _hear(self, message: Msg) -> None:
        try:
            node, what, key = subjects.read_subject(message.subject)
            if what == "status":
                self._hear_report(node, Report.decode(message.data))
            errand = self._errands.get(key) if key else None
            if errand is None or errand.over or errand.node != node:
                return
            if what == "progress":
                self._hear_progress(errand, message.data)
            elif what == "end":
                self._collect(errand, wire.Parcel(message.data, dict(message.headers or {})))
        except (ValueError, ProtocolError) as error:
            log.warning("node-babbles subject=%s error=%s", message.subject, error)

    def _hear_report(self, name: str, report: Report) -> None:
        now = self._loop.time()
        before = self.fleet.node(name)
        if reason := self.fleet.hear(name, report, now):
            self._tasks.own(self._refuse(name, report.boot, reason), name=f"refuse-{name}")
        node = self.fleet.node(name)
        if node is None or node.report.boot != report.boot:
            return  # a rival under the same name
        if node is not before:
            log.info("node-came node=%s boot=%s slots=%d", name, report.boot, len(report.slots))
        if not node.admitted and not node.objection:
            self._tasks.own(self._admit(name), name=f"admit-{name}")
        for key in report.attempts:
            self._hear_of(key, name, now)
        self._changed.set()

    def _hear_of(self, key: Key, node: str, now: float) -> None:
        errand = self._errands.get(key)
        if errand is not None and errand.node in ("", node):
            errand.seen = now
            self._orphans.pop(key, None)
        elif now - self._orphans.setdefault(key, now) > ORPHAN_S:
            self._orphans[key] = now
            log.warning("attempt-orphaned job=%s attempt=%d node=%s", *key, node)
            message = {"stop": list(key), "keep": False}
            self._tasks.own(self.line.say(node, message), name=f"orphan-{key[0]}")

    def _hear_progress(self, errand: Errand, data: bytes) -> None:
        progress = decode(data)
        if isinstance(progress, Progress) and errand.owns(progress) and progress.step > errand.told:
            errand.told = progress.step
            errand.stream.report(progress)

    def _collect(self, errand: Errand, parcel: wire.Parcel) -> None:
        if not errand.collecting:
            errand.collecting = True
            self._tasks.own(self._fetch_end(errand, parcel), name=f"collect-{errand.key[0]}")

    async def _fetch_end(self, errand: Errand, parcel: wire.Parcel) -> None:
        chunks = subjects.result_chunks(errand.node, errand.key)
        try:
            frame = await self.line.insist(lambda: wire.unpack(self.line.js, subjects.OUT, chunks, parcel))
            end = errand.end_in(frame)
        except (wire.Damaged, ProtocolError) as error:
            end = errand.failure(WorkerDied.kind, str(error))
        self._conclude(errand, end)

    # What follows from it

    def _conclude(self, errand: Errand, end: Pastiche | Failure) -> None:
        if errand.over:
            return
        kind = end.kind if isinstance(end, Failure) else "done"
        log.info("attempt-ended job=%s attempt=%d slot=%s kind=%s", *errand.key, errand.slot, kind)
        self.fleet.outdate(errand.slot)
        errand.finish(end)
        # What the node answered stays until it is a day old: a bot that is killed now needs it once more.
        if errand.in_pieces:
            chunks = subjects.to_node(errand.node, "chunk", errand.key) + ".*"
            self._tasks.own(self.line.purge(subjects.IN, chunks), name=f"tidy-{errand.key[0]}")
        self._changed.set()

    def _withdraw(self, errand: Errand, end: Failure) -> None:
        """End an attempt that its node may not have taken yet, and no longer should."""
        order = subjects.to_node(errand.node, "job", errand.key)
        self._tasks.own(self.line.purge(subjects.JOBS, order), name=f"withdraw-{errand.key[0]}")
        errand.in_pieces = True
        self._conclude(errand, end)

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_S)
            if not self.line.connected:
                continue
            now = self._loop.time()
            for name in self.fleet.lose_silent(now):
                log.error("node-lost node=%s silent_s=%.1f", name, self._lost_after_s)
                self._changed.set()
            for errand in self.active():
                await self._look_after(errand, now)

    async def _look_after(self, errand: Errand, now: float) -> None:
        if errand.collecting:
            return
        node = self.fleet.node(errand.node)
        if node is not None and node.report.gone and node.report.boot == errand.boot:
            await self._give_up(errand, MOVED, f"node {errand.node} has ended")
        elif node is not None and (node.lost or node.report.boot != errand.boot):
            await self._give_up(errand, WorkerDied.kind, f"node {errand.node} was lost")
        elif now - errand.began > errand.longest_s + SLACK_S:
            await self._give_up(errand, JobTimedOut.kind, "nothing came of it")
        elif errand.sending is None and now - errand.seen > self._lost_after_s:
            await self._miss(errand, now)

    async def _miss(self, errand: Errand, now: float) -> None:
        """A node that is there does not speak of an attempt: has it not taken it, or is it lost?"""
        errand.seen = now
        order = await self.line.newest(subjects.JOBS, subjects.to_node(errand.node, "job", errand.key))
        if order is None or self.fleet.node(errand.node) is None:
            await self._give_up(errand, MOVED, f"node {errand.node} knows nothing of it")

    async def _give_up(self, errand: Errand, kind: str, reason: str) -> None:
        """End an attempt as lost, unless its end has arrived unnoticed."""
        if errand.sending is not None:
            errand.sending.cancel()
            errand.sending, kind = None, MOVED
        if not await self._find_end(errand):
            self._withdraw(errand, errand.failure(kind, reason))

    async def _catch_up(self) -> None:
        """The server was away: nobody was silent, and what was said meanwhile is looked up.

        It may have lost its disk: every node is admitted anew.
        """
        self.fleet.pardon(self._loop.time())
        for node in self.fleet:
            node.admitted = False
        for errand in self.active():
            errand.seen = self._loop.time()
            if errand.sending is None:
                await self._find_end(errand)

    async def _find_order(self, errand: Errand) -> bool:
        message = await self.line.newest(subjects.JOBS, subjects.to_node("*", "job", errand.key))
        if message is None or not message.headers:
            return False
        errand.slot, errand.boot = message.headers.get(SLOT, ""), message.headers.get(BOOT, "")
        errand.longest_s = float(message.headers.get(LONGEST, errand.longest_s))
        return True

    async def _find_end(self, errand: Errand) -> bool:
        subject = subjects.from_node(errand.node or "*", "end", errand.key)
        message = await self.line.newest(subjects.ENDS, subject)
        if message is None:
            return False
        node = subjects.read_subject(message.subject or "")[0]
        headers = message.headers or {}
        errand.slot = errand.slot or headers.get(SLOT, f"{node}/?")
        self._collect(errand, wire.Parcel(message.data or b"", headers))
        return True

    async def _replay(self, errand: Errand) -> None:
        """Show the step that was told last; if the end has come already, that will be told."""
        subject = subjects.from_node(errand.node, "progress", errand.key)
        message = await self.line.newest(subjects.NEWS, subject)
        if message is not None and not errand.over:
            self._hear_progress(errand, message.data or b"")
        await self._find_end(errand)
