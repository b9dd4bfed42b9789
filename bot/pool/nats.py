"""The pool of many machines: nodes that dial out to a NATS server, each with the workers of its devices.

The bot chooses the slot, as it does on one machine, and sends the job to that slot's node: a work queue
per node, in one stream. A node that dies or is cut off ends its attempts here ("worker_died"), and the
queue above sends the job elsewhere; a late word of the old attempt is recognised by its number.
The streams hold what is under way, so that a bot that was restarted takes it up again (`resume`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from bot.pool import subjects, wire
from bot.pool.base import NoFreeSlot, Slot
from bot.pool.errands import Errands
from bot.pool.needs import choose
from bot.pool.report import Build
from nst_core.protocol import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from bot.config import Settings
    from nst_core.protocol import Failure, Pastiche, StyleRequest

log = logging.getLogger(__name__)


class NatsPool:
    """A `Pool` of nodes.

    Args:
        link: the server, and the bot's own token.
        build: returns what a node must share; called once, in a thread.
        job_timeout_s: for one attempt in all at up to 1024 px, as the nodes have it.
        lost_after_s: a node that is silent for so long is given up.
    """

    outlives_bot = True

    def __init__(
        self,
        link: wire.Link,
        *,
        build: Callable[[], Build],
        job_timeout_s: float = 900.0,
        lost_after_s: float = 6.0,
    ) -> None:
        self._link = link
        self._build = build
        self._job_timeout_s = job_timeout_s
        self._lost_after_s = lost_after_s
        self._errands: Errands | None = None
        self._changed = asyncio.Event()
        self._closing = False

    @classmethod
    def of(cls, settings: Settings) -> NatsPool:
        """Return the pool that the settings ask for."""
        return cls(
            link_of(settings, user=subjects.BOT),
            build=lambda: Build.of(settings.style.extractor),
            job_timeout_s=settings.workers.job_timeout_s,
            lost_after_s=settings.nats.lost_after_s,
        )

    async def start(self) -> None:
        """Connect and ask who is there; return without waiting for any node.

        Raises:
            ConfigError: the server refuses the token.
            Unreachable: there is no server.
        """
        build = await asyncio.to_thread(self._build)
        self._errands = Errands(
            self._link,
            build,
            job_timeout_s=self._job_timeout_s,
            lost_after_s=self._lost_after_s,
            changed=self._changed,
        )
        await self._errands.start()

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Take no more jobs, wait at most `drain_s` for running ones, then let go of them.

        Their readers are told "worker_died"; the nodes go on, and `resume` finds them.
        """
        self._closing = True
        if (errands := self._errands) is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._until(lambda: not errands.active())
        await errands.close()

    def slots(self) -> Sequence[Slot]:
        """Return every slot of every node as it is now, named `<node>/<slot>`."""
        if (errands := self._errands) is None:
            return []
        busy = {errand.slot: errand.key[0] for errand in errands.active()}
        return errands.fleet.slots(busy, connected=errands.line.connected)

    async def wait_for_slot(self) -> None:
        """Return once at least one slot is ready to take a job."""
        await self._until(lambda: any(slot.state == "ready" for slot in self.slots()))

    async def dispatch(self, request: StyleRequest, *, avoid: str | None = None) -> Slot:
        """Begin to send one attempt of a job to a ready slot, and return that slot at once.

        Raises:
            NoFreeSlot: nothing was sent.
            ValueError: this attempt was dispatched before.
        """
        key = (request.job_id, request.attempt)
        errands = self._errands
        if errands is not None and errands.get(key):
            raise ValueError(f"attempt {request.attempt} of job {request.job_id} is already here")
        slots = self.slots()
        ready = [slot for slot in slots if slot.state == "ready"]
        working = [slot for slot in slots if slot.state != "set_aside"]
        slot = choose(ready, working, request.params, avoid)
        if slot is None or errands is None or self._closing:
            raise NoFreeSlot
        errands.begin(request, slot.name)
        log.info("attempt-sent job=%s attempt=%d slot=%s", *key, slot.name)
        return self._view(slot.name)

    async def resume(self, job_id: str, attempt: int) -> Slot | None:
        """Take up an attempt that an earlier process dispatched, if anything is left of it."""
        if self._errands is None or (errand := await self._errands.resume((job_id, attempt))) is None:
            return None
        log.info("attempt-resumed job=%s attempt=%d slot=%s", job_id, attempt, errand.slot)
        return self._view(errand.slot)

    async def stop(self, job_id: str, *, keep: bool) -> None:
        """Ask the running attempt to end; the node kills its worker after the grace."""
        for errand in self._errands.active() if self._errands else ():
            if errand.key[0] == job_id and self._errands:
                self._errands.stop(errand, keep=keep)

    async def events(self, job_id: str, attempt: int) -> AsyncIterator[Progress | Pastiche | Failure]:
        """Yield what the attempt reports; ends after `Pastiche` or `Failure`.

        Raises:
            KeyError: it was never dispatched here, or its end has been read.
        """
        key = (job_id, attempt)
        errands = self._errands
        errand = errands.get(key) if errands else None
        if errands is None or errand is None:
            raise KeyError(key)
        async for news in errand.stream.read():
            if not isinstance(news, Progress):
                errands.forget(key)
            yield news

    def _view(self, name: str) -> Slot:
        """Return a slot by its name; one that only a dead bot knew looks as it must have looked."""
        known = next((slot for slot in self.slots() if slot.name == name), None)
        return known or Slot(name=name, device_name="", state="busy", node=name.partition("/")[0])

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def link_of(settings: Settings, *, user: str) -> wire.Link:
    """Return how to reach the server that the settings name."""
    token = settings.nats_token
    return wire.Link(
        url=settings.nats.url,
        user=user,
        token=token.get_secret_value() if token else None,
        ca_file=settings.nats.ca_file,
    )
