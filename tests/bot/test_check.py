from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import discord
import discord_edge
import pytest
from discord.http import Route
from discord_edge import GOOD_TOKEN
from pydantic import SecretStr

from bot import check
from bot.client import INTENTS
from bot.config import Settings, StoreSection, WorkersSection
from bot.i18n import words_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from discord_edge import DiscordEdge


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordEdge]:
    """An edge of Discord to which discord.py talks instead of the real one."""
    with discord_edge.running() as running:
        monkeypatch.setattr(Route, "BASE", running.base)
        yield running


def with_token(token: str) -> Settings:
    """Return settings with a token."""
    return Settings(token=SecretStr(token))


async def texts(settings: Settings) -> tuple[bool, str]:
    """Return whether everything about Discord is fine, and all that is said about it."""
    findings = await check.check_discord(settings)
    return all(finding.ok for finding in findings), "\n".join(map(str, findings))


async def test_without_a_token() -> None:
    """It tells, step by step, how to get one."""
    ok, text = await texts(Settings())
    assert not ok
    for word in (
        "DISCORD_TOKEN",
        "https://discord.com/developers/applications",
        "Reset Token",
        "none is needed",
    ):
        assert word in text


async def test_the_invite_link(edge: DiscordEdge) -> None:
    """With a good token it prints the link that asks for exactly what is needed."""
    ok, text = await texts(with_token(discord_edge.GOOD_TOKEN))
    assert ok, text
    link = text.split()[-1]
    assert f"client_id={discord_edge.BOT_ID}" in link
    assert "scope=bot+applications.commands" in link
    wanted = discord.Permissions(int(link.partition("permissions=")[2].partition("&")[0]))
    assert wanted == discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        attach_files=True,
        embed_links=True,
        read_message_history=True,
        create_public_threads=True,
        add_reactions=True,
    )
    assert edge.seen  # it did ask


async def test_servers_where_something_is_missing(edge: DiscordEdge) -> None:
    """It names the server and the permissions; administrators lack nothing."""
    everything, nothing_to_attach = check.PERMISSIONS.value, check.PERMISSIONS.value & ~(1 << 15)
    edge.guilds = [
        {"id": "1", "name": "Fine", "permissions": str(everything)},
        {"id": "2", "name": "Atelier", "permissions": str(nothing_to_attach)},
        {"id": "3", "name": "Ours", "permissions": str(discord.Permissions(administrator=True).value)},
    ]
    ok, text = await texts(with_token(discord_edge.GOOD_TOKEN))
    assert not ok
    (line,) = [line for line in text.splitlines() if line.startswith("MEND")]
    assert "Atelier: missing Attach Files;" in line


def test_intents_of_the_bot() -> None:
    """It needs none that somebody has to switch on."""
    finding = check.check_intents(INTENTS, discord.ApplicationFlags())
    assert finding.ok
    assert finding.text.startswith("guilds; none is privileged")


@pytest.mark.parametrize("flag", ["gateway_message_content", "gateway_message_content_limited"])
def test_a_missing_intent(flag: str) -> None:
    """A privileged one that is not switched on is named as Discord names it, with the place."""
    intents = discord.Intents(guilds=True, message_content=True)
    finding = check.check_intents(intents, discord.ApplicationFlags())
    assert not finding.ok
    assert "switch on Message Content Intent: https://discord.com/developers" in finding.text
    assert check.check_intents(intents, discord.ApplicationFlags(**{flag: True})).ok


async def test_who_can_install_it(edge: DiscordEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells whether people can take it along, and how to let them."""
    assert "servers only; Installation → User Install" in (await texts(with_token(GOOD_TOKEN)))[1]
    monkeypatch.setitem(discord_edge.APPLICATION, "integration_types_config", {"0": {}, "1": {}})
    assert "people who want it everywhere" in (await texts(with_token(GOOD_TOKEN)))[1]
    assert edge.seen


@pytest.mark.usefixtures("edge")
async def test_a_refused_token() -> None:
    """It says that Discord refuses it, and does not repeat it."""
    ok, text = await texts(with_token("not-this-one"))
    assert not ok
    assert "refuses this DISCORD_TOKEN" in text
    assert "not-this-one" not in text


async def test_discord_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the token is not blamed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setattr(Route, "BASE", f"http://127.0.0.1:{probe.getsockname()[1]}/api/v10")
        ok, text = await texts(with_token(discord_edge.GOOD_TOKEN))
    assert not ok
    assert "cannot be reached" in text


async def test_the_store(tmp_path: Path) -> None:
    """The folder is made and can be used; a file in its place is reported."""
    finding = await check.check_store(tmp_path / "data")
    assert finding.ok
    assert (tmp_path / "data" / "gafuu.sqlite3").exists()
    (tmp_path / "file").write_bytes(b"")
    finding = await check.check_store(tmp_path / "file")
    assert not finding.ok
    assert "store.path" in finding.text


async def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells how much is free, how much is needed and what to do."""
    monkeypatch.setattr(check, "LEAST_FREE_BYTES", 1024**5)
    finding = await check.check_store(tmp_path)
    assert not finding.ok
    assert "GiB free; it needs 1048576.0: make room" in finding.text


def test_permissions_have_the_names_that_discord_gives_them() -> None:
    """Whoever looks for one in Discord's list finds it."""
    for name in check.NAMES:
        assert f"permission.{name}" in words_in("en").texts


async def test_devices_that_do_not_exist() -> None:
    """A name that is no device is reported with its key; no worker is started."""
    (finding,) = await check.check_workers(Settings(workers=WorkersSection(devices="abacus")))
    assert not finding.ok
    assert "workers.devices" in finding.text


async def test_a_worker_that_does_not_start() -> None:
    """A device that torch does not have is given up after the time for a start, and named."""
    settings = Settings(workers=WorkersSection(devices="cuda:7", start_timeout_s=8.0))
    (finding,) = await check.check_workers(settings)
    assert not finding.ok
    assert finding.text.startswith("cuda:7: does not start")


async def test_everything(tmp_path: Path, edge: DiscordEdge, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole check, with a real worker: every line is fine, and so is the exit status."""
    settings = with_token(discord_edge.GOOD_TOKEN).model_copy(
        update={"store": StoreSection(path=str(tmp_path / "data")), "workers": WorkersSection(devices="cpu")}
    )
    status = await check.check(settings, None)
    out = capsys.readouterr().out
    assert status == 0, out
    assert "MEND" not in out
    assert "cpu: weights loaded, ready" in out
    assert "All is well." in out
    assert discord_edge.GOOD_TOKEN in edge.tokens
    assert discord_edge.GOOD_TOKEN not in out
