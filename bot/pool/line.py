"""The bot's side of the wire: a connection that is always being kept up, and what is asked over it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Final, TypeVar

import nats.errors
from nats.js.errors import NotFoundError

from bot.jobs.tasks import TaskSet
from bot.pool import subjects, wire
from bot.pool.base import Unreachable
from bot.pool.streams import prepare_streams
from nst_core.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext
    from nats.js.api import RawStreamMsg

log = logging.getLogger(__name__)
T = TypeVar("T")

PAUSE_S: Final = 0.3
"""Before a call that failed is tried again."""
REOPEN_S: Final = 5.0
SAY_S: Final = 2.0


class Line:
    """The connection of the bot.

    Args:
        link: the server.
        hear: called with everything that nodes say, one after another.
        changed: called when the server is lost or regained.
        regained: called after it is back, the streams being there.
    """

    def __init__(
        self,
        link: wire.Link,
        *,
        hear: Callable[[Msg], None],
        changed: Callable[[], None],
        regained: Callable[[], Awaitable[None]],
    ) -> None:
        self._link = link
        self._hear = hear
        self._changed = changed
        self._regained = regained
        self._nc: Client | None = None
        self._tasks = TaskSet()
        self._closing = False

    @property
    def connected(self) -> bool:
        """Whether there is a server just now."""
        return self._nc is not None and self._nc.is_connected

    @property
    def js(self) -> JetStreamContext:
        """The streams."""
        return self._client.jetstream(timeout=wire.REQUEST_S)

    async def open(self) -> None:
        """Connect, make what is missing, listen, and ask who is there.

        Raises:
            ConfigError: the server refuses the token.
            Unreachable: there is no server.
        """
        self._nc = await wire.connect(
            self._link,
            on_lost=self._on_lost,
            on_regained=self._on_regained,
            on_closed=self._on_closed,
            on_refused=lambda: log.error("nats-refused user=%s", self._link.user),
        )
        try:
            await prepare_streams(self.js)
        except wire.TROUBLE as error:
            raise Unreachable(f"the NATS server of nats.url has no streams: {error!r}") from error
        await self._nc.subscribe(subjects.EVERY_NODE, cb=self._on_message)
        await self.ask_who_is_there()

    async def close(self) -> None:
        """End the connection."""
        self._closing = True
        await self._tasks.end()
        if self._nc is not None:
            await self._nc.close()

    async def ask_who_is_there(self) -> None:
        """Let every node report at once."""
        await self._client.publish(subjects.ALL, b"")

    async def say(self, node: str, message: Mapping[str, object]) -> str:
        """Tell a node something; return its answer, "" if there is none."""
        data = json.dumps(message).encode()
        try:
            answer = await self._client.request(subjects.to_node(node, "say"), data, timeout=SAY_S)
        except wire.TROUBLE:
            return ""
        return answer.data.decode(errors="replace")

    async def newest(self, stream: str, subject: str) -> RawStreamMsg | None:
        """Return the newest message of a subject, which may hold wildcards; None if there is none."""
        try:
            return await self.insist(lambda: self.js.get_last_msg(stream, subject))
        except NotFoundError:
            return None

    async def purge(self, stream: str, subject: str) -> None:
        """Forget what was said on a subject."""
        await self.insist(lambda: self.js.purge_stream(stream, subject=subject))

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call until it succeeds; an absent server is waited for.

        Raises:
            NotFoundError: what is asked for is not there.
            Damaged: the call says so.
        """
        while True:
            try:
                return await call()
            except (NotFoundError, Fault):
                raise
            except wire.TROUBLE as error:
                log.debug("nats-again error=%r", error)
                await asyncio.sleep(PAUSE_S)

    @property
    def _client(self) -> Client:
        if self._nc is None:
            raise nats.errors.ConnectionClosedError
        return self._nc

    async def _on_message(self, message: Msg) -> None:
        self._hear(message)

    async def _on_lost(self) -> None:
        log.warning("nats-lost")
        self._changed()

    async def _on_regained(self) -> None:
        log.info("nats-regained")
        self._tasks.own(self._catch_up(), name="catch-up")

    async def _catch_up(self) -> None:
        """Make what the server may have lost, ask who is there, and let the pool see what it missed."""
        await self.insist(lambda: prepare_streams(self.js))
        await self._regained()
        await self.ask_who_is_there()

    async def _on_closed(self) -> None:
        if not self._closing:
            log.error("nats-closed again_in_s=%g", REOPEN_S)
            self._tasks.own(self._reopen(), name="reopen")

    async def _reopen(self) -> None:
        while True:
            await asyncio.sleep(REOPEN_S)
            try:
                await self.open()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next try may succeed
                log.warning("nats-not-reopened error=%s", error)
            else:
                await self._regained()
                return
