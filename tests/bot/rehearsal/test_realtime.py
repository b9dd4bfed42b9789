"""The simulated Discord keeps real time, and a bot at work does not hold up the people on it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest
from discord import app_commands

from bot.rehearsal.realtime import LivePage, live, until
from nst_core.errors import BadParameter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simcord import MemberActor
    from simcord.builders import ChannelHandle

    from bot.rehearsal.realtime import LiveEnv


class Stop(discord.ui.View):
    """A button that ends the job it stands under."""

    def __init__(self, stopped: asyncio.Event, *, timeout: float | None = None) -> None:
        super().__init__(timeout=timeout)
        self.stopped = stopped
        self.expired = False

    @discord.ui.button(label="Cancel")
    async def cancel(self, interaction: discord.Interaction, _button: discord.ui.Button[Stop]) -> None:
        """End it."""
        self.stopped.set()
        await interaction.response.send_message("cancelling", ephemeral=True)

    async def on_timeout(self) -> None:
        """Remember that it happened."""
        self.expired = True


class SmallBot(discord.Client):
    """Counts aloud in a background task until it is stopped, as a job's progress card does."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = app_commands.CommandTree(self)
        self.jobs: asyncio.Queue[discord.Interaction] = asyncio.Queue()
        self.view: Stop | None = None
        self.was_working = False

    async def setup_hook(self) -> None:
        """Start to work."""
        self.worker = asyncio.create_task(self._work())
        await self.tree.sync()

    async def close(self) -> None:
        """End the work that nobody must have ended before."""
        self.was_working = not self.worker.done()
        self.worker.cancel()
        await asyncio.gather(self.worker, return_exceptions=True)
        await super().close()

    async def _work(self) -> None:
        while True:
            await self._count(await self.jobs.get())

    async def _count(self, interaction: discord.Interaction) -> None:
        stopped = asyncio.Event()
        await interaction.edit_original_response(content="step 0", view=Stop(stopped))
        for step in range(1, 1000):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), 0.05)
            if stopped.is_set():
                break
            await interaction.edit_original_response(content=f"step {step}")
        await interaction.edit_original_response(content="stopped", view=None)


def clocks() -> tuple[float, float, float, float]:
    """Read every clock that a bot may read."""
    loop = asyncio.get_running_loop()
    return time.monotonic(), time.perf_counter(), loop.time(), discord.utils.utcnow().timestamp()


@pytest.fixture
def bot() -> SmallBot:
    """A bot with one command per behaviour."""
    client = SmallBot()

    @client.tree.command(description="count aloud")
    async def count(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        client.jobs.put_nowait(interaction)

    @client.tree.command(description="send a file back")
    async def echo(interaction: discord.Interaction, picture: discord.Attachment) -> None:
        data = await picture.read()
        await interaction.response.send_message(file=discord.File(io.BytesIO(data), "back.bin"))

    @client.tree.command(description="work for 0.3 s and say how long it took")
    async def clock(interaction: discord.Interaction) -> None:
        before = clocks()
        await asyncio.to_thread(time.sleep, 0.3)
        spans = (f"{b - a:.3f}" for a, b in zip(before, clocks(), strict=True))
        await interaction.response.send_message(" ".join(spans))

    @client.tree.command(description="show a view that expires")
    async def expiring(interaction: discord.Interaction) -> None:
        client.view = Stop(asyncio.Event(), timeout=0.3)
        await interaction.response.send_message("soon gone", view=client.view)

    @client.tree.command(description="refuse")
    async def mistake(_: discord.Interaction) -> None:
        raise BadParameter("style_missing")

    @client.tree.command(description="fail")
    async def bug(_: discord.Interaction) -> None:
        raise ZeroDivisionError

    return client


def place(env: LiveEnv) -> tuple[ChannelHandle, MemberActor, MemberActor]:
    """Return a channel and two people in it."""
    guild = env.create_guild()
    people = [guild.add_member(env.create_user(name)) for name in ("alice", "bob")]
    return guild.create_text_channel("art"), people[0], people[1]


async def test_progress_goes_on_between_acts(bot: SmallBot) -> None:
    """A job edits its message while nobody acts, and somebody can press its button meanwhile."""
    async with live(bot) as env:
        channel, alice, bob = place(env)
        result = await alice.slash(channel, "count")
        await until(lambda: result.response.content == "step 3")
        pressed = await bob.click(result.response, label="Cancel")
        assert pressed.response.content == "cancelling"
        await until(lambda: result.response.content == "stopped")


async def test_the_bot_closes_itself(bot: SmallBot) -> None:
    """`close()` finds the bot's own work still running: nothing else ended it before."""
    async with live(bot):
        pass
    assert bot.was_working
    assert bot.is_closed()


async def test_an_act_returns_once_it_is_answered(bot: SmallBot) -> None:
    """An act waits for the answer, not for the end of the job, and not for a fixed time."""
    async with live(bot) as env:
        channel, alice, _ = place(env)
        began = time.perf_counter()
        result = await alice.slash(channel, "count")
        assert result.acknowledged
        assert time.perf_counter() - began < 1
        echoed = await alice.slash(channel, "echo", picture=("a.bin", b"\x00\x01"))
        assert await echoed.response.attachments[0].read() == b"\x00\x01"


async def test_every_clock_moves_with_the_wall(bot: SmallBot) -> None:
    """Inside the bot all clocks agree that real work took real time."""
    async with live(bot) as env:
        channel, alice, _ = place(env)
        result = await alice.slash(channel, "clock")
        spans = [float(text) for text in result.response.content.split()]
        assert len(spans) == 4
        assert all(0.3 <= span < 1.5 for span in spans), spans


async def test_views_expire(bot: SmallBot) -> None:
    """A view's timeout passes by itself."""
    async with live(bot) as env:
        channel, alice, _ = place(env)
        await alice.slash(channel, "expiring")
        await until(lambda: bot.view and bot.view.expired, within_s=2)


async def test_a_persons_mistake_is_no_error_of_the_bot(bot: SmallBot) -> None:
    """A `UserError` that reaches the tree's `on_error` leaves the environment clean."""
    async with live(bot) as env:
        channel, alice, _ = place(env)
        await alice.slash(channel, "mistake")
        assert env.errors == []


async def fail_in(bot: SmallBot) -> None:
    """Let somebody run into a bug."""
    async with live(bot) as env:
        channel, alice, _ = place(env)
        await alice.slash(channel, "bug")


async def test_a_bug_is_raised_at_the_end(bot: SmallBot) -> None:
    """What the bot let escape fails the test, unless the test looked at it; the bot is closed anyway."""
    with pytest.raises(ExceptionGroup) as caught:
        await fail_in(bot)
    assert isinstance(getattr(caught.value.exceptions[0], "original", None), ZeroDivisionError)
    assert bot.is_closed()


async def test_until_gives_up() -> None:
    """A condition that never comes true is an error, not a hang."""
    with pytest.raises(TimeoutError):
        await until(lambda: False, within_s=0.05)


class Viewer:
    """Somebody's browser on the page, as far as HTTP goes."""

    def __init__(self, session: aiohttp.ClientSession, page: LivePage) -> None:
        self._session = session
        self._origin, _, capability = page.url.partition("/#")
        self._headers = {"X-Simcord-Capability": capability}
        self.sequence = 0

    async def enter(self, viewer: MemberActor) -> None:
        """Open the page as somebody."""
        url = f"{self._origin}/api/pages"
        body = {"viewer_id": str(viewer.id)}
        async with self._session.post(url, json=body, headers=self._headers) as answer:
            self._headers["X-Simcord-Context"] = (await answer.json())["context"]["id"]

    async def state(self) -> dict[str, Any]:
        """Return what the page shows."""
        async with self._session.get(f"{self._origin}/api/state", headers=self._headers) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def text(self, path: str) -> str:
        """Return a file of the page."""
        async with self._session.get(self._origin + path) as answer:
            return await answer.text()

    async def act(self, state: dict[str, Any], **body: str) -> dict[str, Any]:
        """Act on the page as it was when `state` was read."""
        self.sequence += 1
        envelope = {
            "protocol_version": 3,
            "sequence": self.sequence,
            "request_id": f"r{self.sequence}",
            "generation": state["context"]["generation"],
            "bot_generation": state["botGeneration"],
            "published_revision": state["publication"]["publishedRevision"],
        }
        url = f"{self._origin}/api/action"
        async with self._session.post(url, json=envelope | body, headers=self._headers) as answer:
            result: dict[str, Any] = await answer.json()
            return result


@contextlib.asynccontextmanager
async def watching(env: LiveEnv) -> AsyncIterator[tuple[Viewer, ChannelHandle, MemberActor]]:
    """Open the page of a channel and keep it fresh."""
    channel, alice, bob = place(env)
    async with LivePage(env, channel, (alice, bob), port=0) as page, aiohttp.ClientSession() as session:
        fresh = asyncio.create_task(page.keep_fresh(every_s=0.05))
        viewer = Viewer(session, page)
        await viewer.enter(alice)
        try:
            yield viewer, channel, alice
        finally:
            fresh.cancel()
            await asyncio.gather(fresh, return_exceptions=True)


async def test_the_page_shows_progress(bot: SmallBot) -> None:
    """The page changes while the bot works and nobody acts."""
    async with live(bot) as env, watching(env) as (viewer, channel, alice):
        await alice.slash(channel, "count")
        seen = set()
        for _ in range(20):
            messages = (await viewer.state())["messages"].values()
            seen |= {message["content"] for message in messages}
            await asyncio.sleep(0.1)
        assert len({text for text in seen if text.startswith("step")}) > 3, seen


async def test_a_click_counts_although_the_page_moved_on(bot: SmallBot) -> None:
    """A button that was drawn some revisions ago still works: a live page never stands still."""
    async with live(bot) as env, watching(env) as (viewer, channel, alice):
        result = await alice.slash(channel, "count")
        await until(lambda: result.response.content == "step 2")
        await asyncio.sleep(0.2)
        old = await viewer.state()
        await until(lambda: result.response.content == "step 12")
        key = button_key(old, str(result.response.id))
        answer = await viewer.act(old, kind="click", target_id=str(result.response.id), control_key=key)
        assert not answer["rejected"], answer
        await until(lambda: result.response.content == "stopped")


async def test_the_page_carries_our_own_lines(bot: SmallBot) -> None:
    """The style sheet and the script that the browser gets end with ours."""
    async with live(bot) as env, watching(env) as (viewer, _channel, _alice):
        assert "Added to simcord's own style sheet" in await viewer.text("/preview.css")
        assert "Added to simcord's own script" in await viewer.text("/app.js")


def button_key(state: dict[str, Any], message_id: str) -> str:
    """Return the name under which the page knows the only button of a message."""

    def walk(node: object) -> str | None:
        if isinstance(node, dict):
            if node.get("label") == "Cancel":
                return str(node.get("control_key") or node.get("controlKey") or node.get("key"))
            return next(filter(None, map(walk, node.values())), None)
        return next(filter(None, map(walk, node)), None) if isinstance(node, list) else None

    found = walk(state["messages"][message_id])
    assert found is not None
    return found
