"""`python -m bot check`: try every part that `python -m bot run` needs, and say what to mend.

Nothing is guessed: the store is opened, the workers are started until they are ready, and with a
token the bot logs in (over HTTP only, so a bot that is already running is not disturbed).
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
import discord

from bot.client import INTENTS
from bot.houserules import NEEDED
from bot.i18n import words_in
from bot.jobs.store import JobStore
from bot.partying import NEEDED as NEEDED_FOR_PARTIES
from bot.pool.base import Unreachable
from bot.pool.choice import pool_of
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from bot.config import Settings
    from bot.pool.base import Pool, Slot

NAMES: Final = (*NEEDED, "send_messages", *NEEDED_FOR_PARTIES)
PERMISSIONS: Final = discord.Permissions(**dict.fromkeys(NAMES, True))
SCOPES: Final = ("bot", "applications.commands")
PRIVILEGED: Final = {
    "members": ("Server Members Intent", "gateway_guild_members"),
    "presences": ("Presence Intent", "gateway_presence"),
    "message_content": ("Message Content Intent", "gateway_message_content"),
}
"""Intents that somebody has to switch on: their names on Discord's page, and an application's flags."""
GIB: Final = 1024**3
LEAST_FREE_BYTES: Final = 500 * 1024 * 1024
"""About a thousand pictures with all that belongs to them."""
NODES_ANSWER_S: Final = 4.0
HOW_TO_START: Final = """\
no DISCORD_TOKEN in the environment. To get one:
  1. https://discord.com/developers/applications → New Application → a name
  2. Bot → Reset Token → Copy. Leave all three "Privileged Gateway Intents" off: none is needed
  3. export DISCORD_TOKEN=…   (in PowerShell: $env:DISCORD_TOKEN = "…"), never in a file of this project
  4. run this check again: it prints the link that invites the bot to your server"""


class Finding(NamedTuple):
    """What became of one part."""

    part: str
    ok: bool
    text: str

    @classmethod
    def fine(cls, part: str, text: str) -> Finding:
        """Nothing to do."""
        return cls(part=part, ok=True, text=text)

    @classmethod
    def mend(cls, part: str, text: str) -> Finding:
        """The bot cannot run, or not everywhere, before this is mended."""
        return cls(part=part, ok=False, text=text)

    def __str__(self) -> str:
        """Return the lines to print."""
        return f"{'ok  ' if self.ok else 'MEND'}  {self.part:<10}  {self.text}"


async def check(settings: Settings, config: Path | None) -> int:
    """Print one finding after another; return 0 if the bot can run, else 1."""
    problems = 0
    async for finding in findings(settings, config):
        problems += not finding.ok
        print(finding, flush=True)
    print("All is well." if not problems else f"To mend: {problems}.")
    return 1 if problems else 0


async def findings(settings: Settings, config: Path | None) -> AsyncIterator[Finding]:
    """Yield what was found, part by part."""
    yield Finding.fine("config", f"{config or 'no file, so every default'}")
    yield await check_store(settings.data)
    for finding in await check_workers(settings):
        yield finding
    for finding in await check_discord(settings):
        yield finding


async def check_store(folder: Path) -> Finding:
    """Open the store as the bot does, and look how much room there is."""
    try:
        store = await JobStore.open(folder)
    except ConfigError as error:
        return Finding.mend("store", str(error))
    await store.close()
    free_bytes = shutil.disk_usage(folder).free
    text = f"{folder}: writable, {free_bytes / GIB:.1f} GiB free"
    if free_bytes < LEAST_FREE_BYTES:
        return Finding.mend("store", f"{text}; it needs {LEAST_FREE_BYTES / GIB:.1f}: make room")
    return Finding.fine("store", text)


async def check_workers(settings: Settings) -> list[Finding]:
    """Start every worker until it has loaded its weights and painted a step, or has given up.

    Nodes are not started but looked for, and only for a moment: a bot beside this one may be using them.
    """
    pool, wait_s = pool_of(settings), settings.workers.start_timeout_s
    if settings.workers.backend == "nats":
        wait_s = NODES_ANSWER_S
    try:
        await pool.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await _decided(pool)
        slots = pool.slots()
    except (ConfigError, Unreachable) as error:
        return [Finding.mend("workers", str(error))]
    finally:
        await pool.close()
    if not slots:
        return [Finding.mend("workers", "no node is there: start one with `python -m bot.pool.node`")]
    return [_worker_finding(slot) for slot in slots]


async def check_discord(settings: Settings) -> list[Finding]:
    """Log in over HTTP and look at the permissions in every server; without a token tell how to get one."""
    if settings.token is None:
        return [Finding.mend("discord", HOW_TO_START)]
    client = discord.Client(intents=discord.Intents.none())
    try:
        await client.login(settings.token.get_secret_value())
        application = await client.application_info()
        guilds = await client.http.get_guilds(limit=200, with_counts=False)
    except discord.LoginFailure:
        return [
            Finding.mend(
                "discord", "Discord refuses this DISCORD_TOKEN: Bot → Reset Token, and copy it again"
            )
        ]
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        return [Finding.mend("discord", f"Discord cannot be reached ({error}): try again later")]
    finally:
        await client.close()
    invite = discord.utils.oauth_url(application.id, permissions=PERMISSIONS, scopes=SCOPES)
    return [
        Finding.fine("discord", f"logged in as {application.name}; it is in {len(guilds)} server(s)"),
        check_intents(INTENTS, application.flags),
        _installs_finding(application),
        *(_guild_finding(guild) for guild in guilds),
        Finding.fine("invite", invite),
    ]


def check_intents(intents: discord.Intents, flags: discord.ApplicationFlags) -> Finding:
    """Compare what the bot listens to with what the application has switched on.

    Args:
        intents: with which the bot connects. One that is privileged and not switched on ends the connection.
        flags: of the application.
    """
    wanted = {name: names for name, names in PRIVILEGED.items() if getattr(intents, name)}
    missing = [
        title
        for title, flag in wanted.values()
        if not getattr(flags, flag) and not getattr(flags, f"{flag}_limited")
    ]
    if missing:
        where = "https://discord.com/developers/applications → Bot → Privileged Gateway Intents"
        return Finding.mend("intents", f"switch on {', '.join(missing)}: {where}")
    named = ", ".join(name.replace("_", " ") for name, value in intents if value)
    state = "those that are privileged are switched on" if wanted else "none is privileged, nothing to do"
    return Finding.fine("intents", f"{named}; {state}")


def _installs_finding(application: discord.AppInfo) -> Finding:
    if application.user_integration_config is not None:
        return Finding.fine("installs", "servers, and people who want it everywhere with them")
    hint = "Installation → User Install lets people take it along to servers that have not invited it"
    return Finding.fine("installs", f"servers only; {hint}")


async def _decided(pool: Pool) -> None:
    """Return once every worker is ready or has been given up."""
    while not pool.slots() or any(slot.state not in {"ready", "set_aside"} for slot in pool.slots()):  # noqa: ASYNC110 - a pool
        await asyncio.sleep(0.1)  # tells when one slot is ready, not when all are


def _worker_finding(slot: Slot) -> Finding:
    if slot.state == "ready":
        return Finding.fine("worker", f"{slot.name}: weights loaded, ready ({slot.device_name or 'unnamed'})")
    return Finding.mend("worker", f"{slot.name}: does not start; the lines above and `nst doctor` tell why")


def _guild_finding(guild: Mapping[str, Any]) -> Finding:
    granted = discord.Permissions(int(guild["permissions"]))
    missing = [words_in("en").name("permission", name) for name in NAMES if not getattr(granted, name)]
    if granted.administrator or not missing:
        return Finding.fine("server", f"{guild['name']}: every permission that is needed")
    what_to_do = "open the invite link again, or ask an administrator"
    return Finding.mend("server", f"{guild['name']}: missing {', '.join(missing)}; {what_to_do}")
