"""The rehearsal as a program: its start, its end, and what keeps it from starting."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import discord
import pytest
from pydantic import SecretStr

from bot import rehearse
from bot.__main__ import main
from bot.client import create_bot
from bot.config import Settings, StoreSection, WebSection
from bot.rehearsal import realtime

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from bot.rehearsal.realtime import LiveEnv

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = (sys.executable, "-m", "bot", "rehearse", "--no-browser", "--port")


def children(pid: int) -> set[int]:
    """Return the processes that a process has started, and theirs."""
    found: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            found |= {child} | children(child)
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_in_folder(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the rehearsal in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_from_start_to_ctrl_c(tmp_path: Path) -> None:
    """It prints the page's address; Ctrl-C ends it with status 0 and leaves no process and no file."""
    with run_in_folder(tmp_path, "0") as process:
        try:
            lines = iter(process.stdout or ())
            url = next(
                found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+/#\S+", line))
            )
            with urllib.request.urlopen(url) as answer:  # noqa: S310 - http it is
                assert answer.status == 200
            started = children(process.pid)
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert err == ""
    assert out.endswith("Closing.\n")
    assert started
    assert not any(map(is_alive, started))
    assert not list(tmp_path.glob("gafuu-rehearsal-*"))


def test_a_busy_port(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what to do, before anything is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["rehearse", "--no-browser", "--port", str(port)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"port {port} is in use" in err
    assert "--port" in err


@pytest.mark.parametrize("module", rehearse.NEEDED)
def test_a_missing_package(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names what is missing and the command that installs it."""
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert main(["rehearse", "--no-browser", "--port", "0"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"needs {module}:" in err
    assert "pip install --editable '.[worker,demo]'" in err


def test_the_settings_of_a_rehearsal() -> None:
    """No token, no health port, no waiting at the end, and a store of its own that is gone afterwards."""
    given = Settings(token=SecretStr("x"), web=WebSection(port=8080), store=StoreSection(path="mine"))
    with rehearse.rehearsal_settings(given, keep_store=False) as chosen:
        assert chosen.token is None
        assert chosen.web.port == 0
        assert chosen.workers.drain_s == 0
        assert chosen.data.is_dir()
    assert not chosen.data.exists()
    with rehearse.rehearsal_settings(given, keep_store=True) as chosen:
        assert chosen.store.path == "mine"
        assert chosen.token is None


async def test_the_channel_is_furnished(
    live: Callable[..., AbstractAsyncContextManager[LiveEnv]],
    until: Callable[..., Awaitable[None]],
    tmp_path: Path,
) -> None:
    """Bob has posted photos and a welcome, and whoever sits there can type the command it names."""
    settings = Settings(store=StoreSection(path=str(tmp_path)))
    async with live(create_bot(settings)) as env:
        channel, (you, bob) = await rehearse.furnish(env)
        await until(lambda: len(channel.history()) == 2)
        photos, welcome = channel.history()
        assert [photo.filename for photo in photos.attachments] == list(rehearse.POSTED)
        assert welcome.author.name == bob.name
        named = set(re.findall(r"`/(\w+)`", welcome.content))
        assert named == {"stylize", "styles"}
        assert named <= set(you.available_commands(channel))


def test_every_photo_has_its_licence() -> None:
    """The list beside the photos names each of them, and together they stay small."""
    photos = sorted(rehearse.PHOTOS.glob("*.webp"))
    listed = re.findall(
        r"^\| `(\S+)` \|", (rehearse.PHOTOS / "PHOTOS.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert listed == [photo.name for photo in photos]
    assert set(rehearse.POSTED) <= set(listed)
    assert sum(photo.stat().st_size for photo in photos) < 1_000_000


async def test_every_channel_and_thread_has_a_page(
    live: Callable[..., AbstractAsyncContextManager[LiveEnv]], until: Callable[..., Awaitable[None]]
) -> None:
    """Their addresses are posted on the first page: the gallery's at once, a thread's once it is there."""
    async with live(discord.Client(intents=discord.Intents(guilds=True))) as env:
        channel, people = await rehearse.furnish(env)
        async with realtime.LivePage(env, channel, people, port=0), asyncio.TaskGroup() as tasks:
            page_of = functools.partial(realtime.LivePage, env)
            rooms = tasks.create_task(rehearse.open_rooms(env, channel, people, page_of))
            await until(lambda: "The page of **gallery**: http://127.0.0.1:" in channel.history()[-1].content)
            place = env.bot.get_partial_messageable(channel.id, guild_id=channel.guild.id)
            await place.get_partial_message(channel.history()[0].id).create_thread(name="Party")
            await until(lambda: "**Party**: http" in channel.history()[-1].content)
            address = channel.history()[-1].content.rpartition(" ")[2]
            async with aiohttp.ClientSession() as session, session.get(address) as answer:
                assert answer.status == 200
            rooms.cancel()
