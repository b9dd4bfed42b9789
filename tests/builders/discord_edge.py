"""The edge of Discord that a bot's process talks to, on this machine: HTTP and the gateway.

It says just enough for discord.py's own HTTP client and gateway to log in, register commands and
stay connected; `bot.rehearsal` simulates everything behind that.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD_TOKEN: Final = "MTIz.good.token-of-the-tests"  # noqa: S105 - of this edge only
BOT_ID: Final = "123456789012345678"
USER: Final = {"id": BOT_ID, "username": "Gafuu", "discriminator": "0", "avatar": None, "bot": True}
APPLICATION: Final = {
    "id": BOT_ID,
    "name": "Gafuu",
    "icon": None,
    "description": "",
    "bot_public": True,
    "bot_require_code_grant": False,
    "verify_key": "",
    "flags": 0,
    "summary": "",
    "owner": USER,
    "team": None,
}
HELLO, IDENTIFY, HEARTBEAT, HEARTBEAT_ACK = 10, 2, 1, 11


class DiscordEdge:
    """What the edge was told, and what it answers.

    Attributes:
        base: the address of its HTTP interface.
        gateway: the address of its gateway.
        guilds: the servers that the bot is in.
        seen: every request, as "GET /users/@me".
        tokens: every token that was shown.
        trouble: the server error with which it answers everything; 0 for none.
    """

    def __init__(self) -> None:
        self.base = self.gateway = ""
        self.guilds: list[dict[str, Any]] = []
        self.seen: list[str] = []
        self.tokens: list[str] = []
        self.trouble = 0

    def application(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_get("/gateway", self._gateway)
        app.router.add_route("*", "/api/v10/{path:.*}", self._http)
        return app

    async def _http(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        self.seen.append(f"{request.method} {path}")
        token = request.headers.get("Authorization", "").removeprefix("Bot ")
        self.tokens.append(token)
        if self.trouble:
            return _json({"message": "trouble", "code": 0}, status=self.trouble)
        if token != GOOD_TOKEN:
            return _json({"message": "401: Unauthorized", "code": 0}, status=401)
        answers: dict[str, Any] = {
            "/users/@me": USER,
            "/oauth2/applications/@me": APPLICATION,
            "/users/@me/guilds": self.guilds,
            f"/applications/{BOT_ID}/commands": [],
        }
        return _json(answers[path])

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 30_000}, "s": None, "t": None})
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, message.json())
        return socket

    async def _answer(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        if said["op"] == HEARTBEAT:
            await socket.send_json({"op": HEARTBEAT_ACK, "d": None, "s": None, "t": None})
        if said["op"] == IDENTIFY:
            self.seen.append(f"IDENTIFY intents={said['d']['intents']}")
            ready = {
                "v": 10,
                "user": USER,
                "guilds": [],
                "session_id": "1",
                "resume_gateway_url": self.gateway,
                "application": {"id": BOT_ID, "flags": 0},
            }
            await socket.send_json({"op": 0, "t": "READY", "s": 1, "d": ready})


def _json(data: object, *, status: int = 200) -> web.Response:
    answer = web.json_response(data, status=status)
    answer.headers["Content-Type"] = "application/json"  # discord.py compares the whole header
    return answer


@contextlib.contextmanager
def running() -> Iterator[DiscordEdge]:
    """Run an edge in a thread of its own, so that anything can talk to it."""
    edge = DiscordEdge()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(edge.application(), shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        edge.base, edge.gateway = f"http://{host}:{port}/api/v10", f"ws://{host}:{port}/gateway"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield edge
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
