"""Discord in this process: both doors on one port, and what people do there."""

from __future__ import annotations

import contextlib
import random
import struct
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from wire.faults import Weather
from wire.gateway import WireGateway
from wire.http import WireHttp
from wire.state import BOT_ID, EVERYTHING, GUILD_ID, WireState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wire.gateway import Drop
    from wire.state import Asked, Message

PICTURE = "photo.png"


class WireDiscord:
    """A Discord that outlives the bots on it.

    Args:
        seed: of everything that is left to chance.

    Attributes:
        base: the address of its HTTP interface.
        address: of its gateway.
        state: channels and messages.
        weather: what goes wrong, and the counts of it.
        gateway: the door for events.
        http: the door for requests.
    """

    def __init__(self, seed: int) -> None:
        self.base = self.address = ""
        self.state = WireState()
        self.weather = Weather(random.Random(seed))  # noqa: S311 - repeatable on purpose
        self.gateway = WireGateway(self.weather.counts)
        self.http = WireHttp(self.state, self.weather, {PICTURE: png()})

    async def order(self, person_id: int, channel_id: int, **options: object) -> Asked:
        """Let a person type /stylize with a picture and a preset."""
        upload_id, url = str(self.state.snowflake()), self.base.replace("/api/v10", f"/cdn/{PICTURE}")
        upload = {"id": upload_id, "filename": PICTURE, "size": 2000, "url": url, "proxy_url": url}
        upload |= {"content_type": "image/png", "width": 64, "height": 64}
        given = [{"name": "content", "type": 11, "value": upload_id}]
        given += [{"name": name, "type": 3, "value": str(value)} for name, value in options.items()]
        more = {"options": given, "resolved": {"attachments": {upload_id: upload}}}
        return await self.command(person_id, channel_id, "stylize", **more)

    async def command(self, person_id: int, channel_id: int, name: str, **more: object) -> Asked:
        """Let a person type a command."""
        asked = self.state.ask(person_id, channel_id)
        data = {"id": "1", "name": name, "type": 1} | more
        await self.gateway.tell("INTERACTION_CREATE", self._interaction(asked, 2, data))
        return asked

    async def press(self, person_id: int, message: Message, custom_id: str) -> Asked:
        """Let a person press a button."""
        asked = self.state.ask(person_id, message.channel_id)
        data = {"component_type": 2, "custom_id": custom_id}
        told = self._interaction(asked, 3, data) | {"message": message.payload()}
        await self.gateway.tell("INTERACTION_CREATE", told)
        return asked

    async def delete_card(self, asked: Asked) -> bool:
        """Let somebody delete a card."""
        self.weather.counts["message_deleted"] += 1
        return self.state.channels[asked.channel_id].pop(asked.card_id or 0, None) is not None

    async def delete_channel(self, channel_id: int) -> None:
        """Let somebody delete a channel."""
        self.weather.counts["channel_deleted"] += 1
        del self.state.channels[channel_id]
        await self.gateway.tell("CHANNEL_DELETE", _channel(channel_id))

    async def drop(self, how: Drop) -> bool:
        """End the gateway's connection."""
        return await self.gateway.drop(how)

    def _interaction(self, asked: Asked, kind: int, data: dict[str, Any]) -> dict[str, Any]:
        person = {"id": str(asked.person_id), "username": "someone", "discriminator": "0", "avatar": None}
        member = {"user": person, "roles": [], "joined_at": "2020-01-01T00:00:00+00:00"}
        return {
            "id": str(asked.id),
            "application_id": str(BOT_ID),
            "type": kind,
            "token": asked.token,
            "version": 1,
            "data": data,
            "guild_id": str(GUILD_ID),
            "guild": {"id": str(GUILD_ID), "locale": "en-US", "features": []},
            "channel_id": str(asked.channel_id),
            "channel": _channel(asked.channel_id),
            "member": member | {"permissions": EVERYTHING, "deaf": False, "mute": False, "flags": 0},
            "app_permissions": EVERYTHING,
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(GUILD_ID)},
            "context": 0,
            "attachment_size_limit": 10 << 20,
        }


@contextlib.asynccontextmanager
async def running(seed: int) -> AsyncIterator[WireDiscord]:
    """Serve a Discord on a free port of this machine."""
    discord = WireDiscord(seed)
    app = discord.http.application()
    app.router.add_get("/gateway", discord.gateway.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    discord.base, discord.address = f"http://{host}:{port}/api/v10", f"ws://{host}:{port}/gateway"
    discord.gateway.address = discord.address
    try:
        yield discord
    finally:
        await runner.cleanup()


def png(side_px: int = 64) -> bytes:
    """Return a grey square, a valid picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * side_px) * side_px)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _channel(channel_id: int) -> dict[str, Any]:
    facts = {"id": str(channel_id), "guild_id": str(GUILD_ID), "type": 0, "name": "art", "position": 0}
    return {**facts, "permission_overwrites": [], "permissions": EVERYTHING}
