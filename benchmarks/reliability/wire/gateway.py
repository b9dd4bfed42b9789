"""Discord's gateway: sessions that number their events, and tell what was missed to whoever resumes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from aiohttp import WSMsgType, web

from wire.state import BOT, BOT_ID, EVERYTHING, GUILD_ID

if TYPE_CHECKING:
    from collections import Counter

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID_SESSION, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11
HEARTBEAT_EVERY_MS: Final = 30_000
MOST_EVENTS: Final = 200
"""So many are kept for who resumes."""
Drop = Literal["gateway_cut", "gateway_reconnect", "gateway_invalid"]


@dataclass(slots=True)
class Session:
    """What one identified bot is told."""

    id: str
    events: list[dict[str, Any]] = field(default_factory=list)
    seq: int = 0
    socket: web.WebSocketResponse | None = None


class WireGateway:
    """The door for events. Sessions outlive their sockets; a new IDENTIFY begins a new one.

    Args:
        counts: where drops, identifications and resumptions are counted.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self.address = ""
        self._counts = counts
        self._session: Session | None = None

    @property
    def connected(self) -> bool:
        """Whether a bot listens."""
        socket = self._session.socket if self._session else None
        return socket is not None and not socket.closed

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Speak with a bot until the connection ends."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(_frame(HELLO, {"heartbeat_interval": HEARTBEAT_EVERY_MS}))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(socket, message.json())
        return socket

    async def tell(self, event: str, data: dict[str, Any]) -> None:
        """Dispatch an event; while nobody is connected it waits in the session, without one it is lost."""
        session = self._session
        if session is None:
            return
        session.seq += 1
        frame = {"op": DISPATCH, "t": event, "s": session.seq, "d": data}
        session.events = [*session.events[-MOST_EVENTS:], frame]
        if session.socket is not None and not session.socket.closed:
            await _send(session.socket, frame)

    async def drop(self, how: Drop) -> bool:
        """End the connection in one of Discord's ways; False if there was none."""
        session = self._session
        if session is None or session.socket is None or session.socket.closed:
            return False
        self._counts[how] += 1
        socket = session.socket
        if how == "gateway_cut":
            session.socket = None
            if (transport := _transport(socket)) is not None:
                transport.abort()
        elif how == "gateway_reconnect":
            await _send(socket, _frame(RECONNECT, None))
        else:
            self._session = None
            await _send(socket, _frame(INVALID_SESSION, False))  # noqa: FBT003 - Discord's frame
        return True

    async def _hear(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        if said["op"] == HEARTBEAT:
            await _send(socket, _frame(ACK, None))
        elif said["op"] == IDENTIFY:
            await self._identify(socket)
        elif said["op"] == RESUME:
            await self._resume(socket, said["d"])

    async def _identify(self, socket: web.WebSocketResponse) -> None:
        self._counts["identified"] += 1
        self._session = Session(id=secrets.token_hex(8), socket=socket)
        ready = {
            "v": 10,
            "user": BOT,
            "guilds": [{"id": str(GUILD_ID), "unavailable": True}],
            "session_id": self._session.id,
            "resume_gateway_url": self.address,
            "application": {"id": str(BOT_ID), "flags": 0},
        }
        await self.tell("READY", ready)
        await self.tell("GUILD_CREATE", guild())

    async def _resume(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        session = self._session
        if session is None or session.id != said["session_id"]:
            await _send(socket, _frame(INVALID_SESSION, False))  # noqa: FBT003
            return
        self._counts["resumed"] += 1
        session.socket = socket
        for frame in [each for each in session.events if each["s"] > said["seq"]]:
            await _send(socket, frame)
        await self.tell("RESUMED", {})


def guild() -> dict[str, Any]:
    """Return the one server."""
    everyone = {"id": str(GUILD_ID), "name": "@everyone", "color": 0, "hoist": False, "position": 0}
    everyone |= {"permissions": EVERYTHING, "managed": False, "mentionable": False, "flags": 0}
    member = {"user": BOT, "roles": [], "joined_at": "2020-01-01T00:00:00+00:00"}
    facts = {"id": str(GUILD_ID), "name": "Proof", "owner_id": "1", "member_count": 10, "features": []}
    lists: dict[str, list[Any]] = {"emojis": [], "stickers": [], "channels": [], "threads": []}
    return {
        **facts,
        **lists,
        "roles": [everyone],
        "members": [{**member, "deaf": False, "mute": False, "flags": 0}],
    }


def _frame(op: int, data: object) -> dict[str, Any]:
    return {"op": op, "d": data, "s": None, "t": None}


def _transport(socket: web.WebSocketResponse) -> Any:  # noqa: ANN401 - asyncio's
    return socket._req.transport if socket._req is not None else None  # noqa: SLF001 - aiohttp tells it nowhere else


async def _send(socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
    """Send a frame; to a socket that is going it goes nowhere, and is told again on resumption."""
    try:
        await socket.send_json(frame)
    except (ConnectionError, RuntimeError):
        return
