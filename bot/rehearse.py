"""`python -m bot rehearse`: the unmodified bot on a simulated Discord, in a local page.

No token, no GPU, no network. Only the Discord is simulated (by simcord): the commands, the queue,
the store and the workers are those of `python -m bot run`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import os
import socket
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import discord

from bot import signals
from bot.config import StoreSection, WebSection
from nst_core.errors import GafuuError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from simcord import MemberActor
    from simcord.builders import ChannelHandle

    from bot.config import Settings
    from bot.rehearsal.realtime import LiveEnv, LivePage

PHOTOS: Final = Path(__file__).parent / "rehearsal"
POSTED: Final = ("mountains.webp", "kingfisher.webp", "castle.webp", "red_panda.webp")
WELCOME: Final = (
    "Type `/stylize`, press Enter and then the arrow at the right: a form asks for a photo (your own, or one "
    "of these from the folder `bot/rehearsal`) and a painting. Then watch. Options stand under `+ more`. "
    "You can also look through `/styles`, or right-click a picture here."
)
ROOMS_EVERY_S: Final = 0.5
"""How often new threads are looked for."""
NEEDED: Final = ("simcord", "markdown_it", "torch", "safetensors", "matplotlib")
"""Modules of the extras `demo` and `worker`."""


class CannotRehearse(GafuuError):
    """One line: why the rehearsal cannot start, and what to do."""


async def rehearse(
    create_bot: Callable[[Settings], discord.Client],
    settings: Settings,
    *,
    port: int,
    open_browser: bool,
    keep_store: bool,
) -> None:
    """Run the rehearsal until Ctrl-C, SIGTERM or the page's "End preview session".

    Args:
        create_bot: makes the bot, as for Discord itself.
        settings: as for Discord itself; the token is left out.
        port: of the page, on the loopback interface; 0 lets the system choose.
        open_browser: show the page in the person's own browser.
        keep_store: use the configured store; otherwise one that is deleted at the end.

    Raises:
        CannotRehearse: a package is missing, or the port is taken.
    """
    require_packages()
    require_port(port)
    from bot.rehearsal import realtime  # noqa: PLC0415 - simcord is an extra, looked for just above

    with signals.stop_requested() as stop, rehearsal_settings(settings, keep_store=keep_store) as chosen:
        async with realtime.live(create_bot(chosen), check_errors=False) as env:
            channel, people = await furnish(env)
            async with realtime.LivePage(env, channel, people, port=port) as page:
                rooms = open_rooms(env, channel, people, functools.partial(realtime.LivePage, env))
                await _show(page, rooms, open_browser=open_browser, stop=stop)
            print("Closing.", flush=True)


def require_packages() -> None:
    """Look for the extras without loading them.

    Raises:
        CannotRehearse: says how to install them.
    """
    missing = [module for module in NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        raise CannotRehearse(
            f"the rehearsal needs {', '.join(missing)}: "
            f"run `{Path(sys.executable).name} -m pip install --editable '.[worker,demo]'` and try again"
        )


def require_port(port: int) -> None:
    """Make sure that the page can listen, before any worker is started for it.

    Raises:
        CannotRehearse: something else listens there.
    """
    with socket.socket() as probe:
        if os.name == "posix":  # on Windows the option would let two programs share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CannotRehearse(
                f"port {port} is in use: choose another one with --port, or --port 0 for any that is free"
            ) from None


@contextlib.contextmanager
def rehearsal_settings(settings: Settings, *, keep_store: bool) -> Iterator[Settings]:
    """Yield settings that need nothing outside this process, and with a store for this rehearsal."""
    at_once = settings.workers.model_copy(update={"drain_s": 0.0})  # Ctrl-C means now
    alone = settings.model_copy(update={"token": None, "web": WebSection(), "workers": at_once})
    if keep_store:
        yield alone
        return
    with tempfile.TemporaryDirectory(prefix="gafuu-rehearsal-", ignore_cleanup_errors=True) as folder:
        yield alone.model_copy(update={"store": StoreSection(path=folder)})


async def furnish(env: LiveEnv) -> tuple[ChannelHandle, tuple[MemberActor, ...]]:
    """Make a server with two channels and two people; one of them posts photos and a welcome.

    The other one, as whom a page is first seen, may manage the server, so that /settings can be tried.
    """
    guild = env.create_guild("Rehearsal")
    channel = guild.create_text_channel("art", topic="Type /stylize to begin")
    guild.create_text_channel("gallery", topic="Choose this channel with /settings, then press ★")
    host = guild.create_role("host", permissions=discord.Permissions(manage_guild=True, manage_messages=True))
    you = guild.add_member(env.create_user("you"), roles=[host])
    bob = guild.add_member(env.create_user("bob"))
    photos = [(name, (PHOTOS / name).read_bytes()) for name in POSTED]
    await bob.send(channel, "A few photos that everybody may use:", attachments=photos)
    await bob.send(channel, WELCOME)
    return channel, (you, bob)


async def open_rooms(
    env: LiveEnv,
    channel: ChannelHandle,
    people: tuple[MemberActor, ...],
    page_of: Callable[..., LivePage],
) -> None:
    """Give every other channel and thread of the server a page of its own, and post its address.

    Args:
        env: the simulated Discord.
        channel: the one that has a page already; the addresses are posted there.
        people: as whom the pages can be used; the last one posts.
        page_of: makes a page of a channel and people.
    """
    known = {channel.id}
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        while True:
            rooms = [*channel.guild.channels.values(), *channel.threads] if channel.guild else []
            for room in [room for room in rooms if room.id not in known]:
                known.add(room.id)
                page = await stack.enter_async_context(page_of(room, people, port=0))
                tasks.create_task(page.keep_fresh())
                async with env.acting:
                    await people[-1].send(channel, f"The page of **{room.name}**: {page.url}")
            await asyncio.sleep(ROOMS_EVERY_S)


async def _show(
    page: LivePage, rooms: Coroutine[Any, Any, None], *, open_browser: bool, stop: asyncio.Event
) -> None:
    print("The rehearsal: the real bot on a simulated Discord. Nothing leaves this machine.")
    print(f"  page    {page.url}")
    print(f"  photos  {PHOTOS} (a few to attach)")
    print("  end     Ctrl-C", flush=True)
    if open_browser and _has_screen():
        await asyncio.to_thread(webbrowser.open, page.url)
    async with asyncio.TaskGroup() as tasks:
        works = (page.keep_fresh(), rooms, page.wait_closed(), stop.wait())
        running = [tasks.create_task(work) for work in works]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()


def _has_screen() -> bool:
    """Whether opening a browser can work: over ssh it would start one inside the terminal."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
