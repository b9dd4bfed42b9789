"""A server, a bot at work on it, and as many people as a test needs."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord
from simcord import interactions

from bot.client import GafuuBot, create_bot
from bot.config import DiscordSection, Settings, StoreSection, StyleSection, WorkersSection
from bot.pool.local import LocalPool
from bot.rehearsal import realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from simcord import MemberActor
    from simcord.builders import ChannelHandle, GuildHandle

SMALL_WORKER = Path(__file__).with_name("small_worker.py")
PATIENCE_S = (0.05, 0.05)


def settings_for(folder: Path) -> Settings:
    """Return settings for quick tests: small pictures, one worker, cards that are edited often."""
    return Settings(
        store=StoreSection(path=str(folder)),
        style=StyleSection(long_side_px=64),
        workers=WorkersSection(devices="cpu", drain_s=0),
        discord=DiscordSection(edit_every_s=1),
    )


def small_pool(devices: str = "cpu") -> LocalPool:
    """Return a pool of processes that paint badly but at once."""
    return LocalPool(devices, command=lambda _device: (sys.executable, str(SMALL_WORKER)))


@dataclass(frozen=True, slots=True)
class Stage:
    """A server with a bot at work."""

    env: realtime.LiveEnv
    guild: GuildHandle

    @property
    def bot(self) -> GafuuBot:
        """The bot; after a restart another one."""
        assert isinstance(self.env.bot, GafuuBot)
        return self.env.bot

    @property
    def worker_pid(self) -> int:
        """The process that paints."""
        pid: int = self.bot.pool._slots[0]._worker.pid  # type: ignore[attr-defined]
        return pid

    def room(self, **denied: bool) -> tuple[ChannelHandle, MemberActor]:
        """Return a channel and a person of a test's own.

        Args:
            denied: permissions that everybody lacks in it, the bot included, each with False.
        """
        number = len(self.guild.channels)
        overwrite = discord.PermissionOverwrite(**denied)
        overwrites = {self.guild.default_role: overwrite} if denied else None
        channel = self.guild.create_text_channel(f"art-{number}", overwrites=overwrites)
        return channel, self.person(f"alice-{number}")

    def elsewhere(self) -> Stage:
        """Return another server of the same bot, where nothing has been chosen yet."""
        return Stage(self.env, self.env.create_guild())

    def person(self, name: str, **permissions: bool) -> MemberActor:
        """Return another member of the server, with a role if there are permissions."""
        role = self.guild.create_role(name, permissions=discord.Permissions(**permissions))
        return self.guild.add_member(self.env.create_user(name), roles=[role])

    def sent(self, method: str, path: str) -> list[Any]:
        """Return what the bot has sent with one method, to paths that match a pattern."""
        requests = self.env.http_requests
        return [each.json for each in requests if each.method == method and re.fullmatch(path, each.path)]

    def pinged(self, message: discord.Message) -> set[int]:
        """Return the people whose Discord rang because of a message."""
        return set(self.env.backend.messages[message.channel.id][message.id].ping_user_ids)

    @contextlib.contextmanager
    def refusing(self, method: str, path: str, **error: int) -> Iterator[None]:
        """Let Discord refuse such requests within the block."""
        faults = self.env.backend.faults
        self.env.inject_error(method, path, **({"times": None} | error))  # type: ignore[arg-type]
        fault = faults[-1]
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # it has been used up
                faults.remove(fault)

    async def restart(self, bot: GafuuBot) -> None:
        """Close the bot and let another one take its place."""
        with self.env._bot_scope():
            await self.env.bot.close()
        await self.env.restart_bot(bot)


@contextlib.asynccontextmanager
async def opened(bot: GafuuBot) -> AsyncIterator[Stage]:
    """Let a bot work on a new server, then close it.

    The server lives in a task of its own, since simcord wants to begin and end in the same context
    and a fixture does not.
    """
    born: asyncio.Future[realtime.LiveEnv] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def live() -> None:
        async with realtime.live(bot) as env:
            born.set_result(env)
            await over.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(live())
        env = await born
        try:
            yield Stage(env, env.create_guild())
        finally:
            over.set()


def new_bot(folder: Path, *, small: bool, patience_s: tuple[float, ...] = PATIENCE_S) -> GafuuBot:
    """Return a bot that has not started, with the real worker or with the small one."""
    return create_bot(settings_for(folder), pool=small_pool() if small else None, patience_s=patience_s)


@contextlib.contextmanager
def speaking(locale: str, *, guild_locale: str | None = None) -> Iterator[None]:
    """Replace the American English that simcord gives every interaction.

    Args:
        locale: of the person's Discord.
        guild_locale: of the server; None for the same.
    """
    stock = interactions.base_payload

    def base_payload(backend: Any, **facts: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - simcord's own
        record, payload = stock(backend, **facts)
        payload["locale"] = locale
        if "guild_locale" in payload:
            payload["guild_locale"] = guild_locale or locale
        return record, payload

    interactions.base_payload = base_payload
    try:
        yield
    finally:
        interactions.base_payload = stock


@contextlib.contextmanager
def as_guest(*, permissions: discord.Permissions | None = None, private: bool = False) -> Iterator[None]:
    """Let interactions come from somebody who has installed the bot for themselves.

    Args:
        permissions: what the bot may do there; None for everything.
        private: in a conversation of other people, without the bot.
    """
    stock = interactions.base_payload

    def base_payload(backend: Any, **facts: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - simcord's own
        record, payload = stock(backend, **facts)
        payload["authorizing_integration_owners"] = {"1": str(facts["user_id"])}
        payload["app_permissions"] = str((permissions or discord.Permissions.all()).value)
        if private:
            payload["context"] = 2
        return record, payload

    interactions.base_payload = base_payload
    try:
        yield
    finally:
        interactions.base_payload = stock
