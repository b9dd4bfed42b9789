"""Messages over discord.py's own HTTP client, against an edge of Discord's that refuses as told."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest
import pytest_asyncio
from aiohttp import web
from discord.http import Route

from bot.ui import cards
from bot.ui.posting import Card, Letter, NotNow, refusal_of, send_to_channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

USER = {"id": "3", "username": "gafuu", "discriminator": "0", "avatar": None}
MESSAGE = {
    "id": "55",
    "channel_id": "2",
    "type": 0,
    "content": "",
    "author": USER,
    "attachments": [],
    "embeds": [],
    "mentions": [],
    "mention_roles": [],
    "pinned": False,
    "mention_everyone": False,
    "tts": False,
    "timestamp": "2026-01-01T00:00:00+00:00",
    "edited_timestamp": None,
    "flags": 0,
    "components": [],
}
RATE_LIMITED = (429, {"message": "You are being rate limited.", "retry_after": 0.1, "global": False})
CUT = (0, {})


@dataclass
class Edge:
    """Answers requests as the script says, one entry each, then well."""

    script: list[tuple[int, Any]] = field(default_factory=list)
    seen: list[tuple[str, bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.seen.append((request.method, await request.read()))
        status, body = self.script.pop(0) if self.script else (200, MESSAGE)
        if status == CUT[0]:
            assert request.transport is not None
            request.transport.close()
        headers = {"Content-Type": "application/json", "Via": "1.1 google"}
        return web.Response(body=json.dumps(body).encode(), status=status or 200, headers=headers)


@pytest_asyncio.fixture
async def edge(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Edge]:
    """A local server in Discord's place."""
    edge = Edge()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", edge.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setattr(Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10")
    yield edge
    await runner.cleanup()


@pytest_asyncio.fixture
async def channel(edge: Edge) -> AsyncIterator[discord.PartialMessageable]:
    """A channel as a client sees it that has logged in at the edge."""
    edge.script.append((200, USER))
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.http.static_login("a token")
        edge.seen.clear()
        yield client.get_partial_messageable(2)


def letter() -> Letter:
    """Return a letter with one picture."""
    picture = cards.Picture(name="pastiche.png", data=b"the pastiche", alt="a pastiche")
    post = cards.Post(view=cards.note("here it is").view, pictures=(picture,))
    return Letter(whole=post, light=cards.note("too much"), nonce="01job", addressee_id=11)


async def test_letter_survives_rate_limits_and_a_cut_connection(
    edge: Edge, channel: discord.PartialMessageable
) -> None:
    """Each attempt sends the whole file and the same nonce, so that Discord can tell a repetition."""
    edge.script = [RATE_LIMITED, CUT, RATE_LIMITED]
    message = await send_to_channel(channel, letter(), patience_s=(0.01,))
    assert message is not None
    assert message.id == 55
    assert len(edge.seen) == 4
    assert all(b"the pastiche" in body and b'"nonce":"01job"' in body for _, body in edge.seen)


MARKED = {
    **MESSAGE,
    "id": "77",
    "components": [
        {
            "type": 17,
            "id": 1,
            "components": [
                {
                    "type": 1,
                    "id": 2,
                    "components": [
                        {"type": 2, "id": 3, "style": 2, "label": "Again", "custom_id": "gafuu:again:01job"}
                    ],
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("doubt", ["cut off", "an earlier life"])
async def test_letter_that_is_there_already_is_found_by_its_button(
    edge: Edge, channel: discord.PartialMessageable, doubt: str
) -> None:
    """After an attempt that may have succeeded the bot looks first: a nonce is forgotten after minutes."""
    marked = dataclasses.replace(letter(), mark="gafuu:again:01job", may_be_there=doubt == "an earlier life")
    edge.script = [(200, [MESSAGE, MARKED])] if marked.may_be_there else [CUT, (200, [MESSAGE, MARKED])]
    message = await send_to_channel(channel, marked, patience_s=(0.01,))
    assert message is not None
    assert message.id == 77
    assert [method for method, _ in edge.seen] == (["GET"] if marked.may_be_there else ["POST", "GET"])


@pytest.mark.parametrize("history", [(200, []), (403, {"code": 50001, "message": "Missing Access"})])
async def test_letter_that_is_not_there_is_posted(
    edge: Edge, channel: discord.PartialMessageable, history: tuple[int, Any]
) -> None:
    """Also where the bot may not look: to post it twice is better than never."""
    marked = dataclasses.replace(letter(), mark="gafuu:again:01job", may_be_there=True)
    edge.script = [history]
    message = await send_to_channel(channel, marked, patience_s=(0.01,))
    assert message is not None
    assert [method for method, _ in edge.seen] == ["GET", "POST"]


async def test_letter_that_is_refused_for_good_is_sent_once(
    edge: Edge, channel: discord.PartialMessageable
) -> None:
    """Nothing retries a 403: ten thousand of them and Discord locks the whole machine out."""
    edge.script = [(403, {"code": 50013, "message": "Missing Permissions"})]
    assert await send_to_channel(channel, letter(), patience_s=(0.01, 0.01)) is None
    assert len(edge.seen) == 1


async def test_letter_that_is_too_large_is_sent_light_and_then_given_up(
    edge: Edge, channel: discord.PartialMessageable
) -> None:
    """Less is tried once."""
    edge.script = [(413, {"code": 40005, "message": "Request entity too large"})] * 3
    assert await send_to_channel(channel, letter(), patience_s=(0.01, 0.01)) is None
    assert [b"too much" in body for _, body in edge.seen] == [False, True]


async def test_patience_has_an_end(edge: Edge, channel: discord.PartialMessageable) -> None:
    """A Discord that stays out of reach is told apart from one that refuses."""
    edge.script = [CUT] * 9
    with pytest.raises(NotNow):
        await send_to_channel(channel, letter(), patience_s=(0.01, 0.01))
    assert len(edge.seen) == 3


async def test_card_that_is_gone_is_not_edited_again(edge: Edge, channel: discord.PartialMessageable) -> None:
    """One 404 is enough."""
    edge.script = [(404, {"code": 10008, "message": "Unknown Message"})]
    card = Card(channel, 44)
    assert await card.show(cards.note("step 1")) == "for_good"
    assert await card.show(cards.note("step 2")) is None
    assert len(edge.seen) == 1


async def test_last_edit_waits_for_better_times(edge: Edge, channel: discord.PartialMessageable) -> None:
    """The end of a job is shown even if Discord hangs up at first."""
    edge.script = [CUT, CUT]
    await Card(channel, 44).show_surely(cards.note("the end"), patience_s=(0.01, 0.01))
    assert [(method, b"the end" in body) for method, body in edge.seen] == [("PATCH", True)] * 3


async def test_card_that_never_was_is_not_edited(edge: Edge, channel: discord.PartialMessageable) -> None:
    """A job that was stored just before a crash has no card."""
    assert await Card(channel, None).show(cards.note("step 1")) is None
    assert edge.seen == []


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (SimpleNamespace(status=429, reason="", headers={}), "for_a_moment"),
        (SimpleNamespace(status=502, reason="", headers={}), "for_a_moment"),
        (SimpleNamespace(status=400, reason="", headers={}), "for_good"),
        (SimpleNamespace(status=403, reason="", headers={}), "for_good"),
        (SimpleNamespace(status=413, reason="", headers={}), "too_large"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_kinds_of_refusal(error: Any, refusal: str) -> None:  # noqa: ANN401 - stands for a response
    """What Discord's status means for the next attempt."""
    assert refusal_of(discord.HTTPException(error, None)) == refusal


@pytest.mark.parametrize("error", [aiohttp.ClientOSError(), TimeoutError(), ConnectionResetError()])
async def test_network_trouble_passes(error: Exception) -> None:
    """No answer at all says nothing about the message."""
    await asyncio.sleep(0)
    assert refusal_of(error) == "for_a_moment"
