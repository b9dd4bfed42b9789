"""Where the bot can be used: servers, direct messages, and where only a person has installed it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import discord
import pytest
from simcord import interactions
from staging.seen import gallery, pieces, refusal, results, shows, text, told
from staging.stage import as_guest, speaking

from bot.client import INTENTS
from bot.commands.menus import message_menus
from bot.commands.sharing import sharing_commands
from bot.commands.styles import styles_command
from bot.commands.stylize import stylize_command
from bot.i18n import words_in
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
on_stage = pytest.mark.asyncio(loop_scope="module")
IN_SERVERS = {"gallery", "settings", "party"}


def test_where_commands_are_offered() -> None:
    """Painting and one's own things everywhere; what belongs to a server only in servers with the bot."""
    for command in (stylize_command(), styles_command(), *message_menus(), *sharing_commands()):
        contexts, installs = command.allowed_contexts, command.allowed_installs
        assert contexts is not None
        assert installs is not None
        everywhere = command.name not in IN_SERVERS
        assert contexts.guild
        assert installs.guild
        assert contexts.dm_channel is contexts.private_channel is installs.user is everywhere, command.name
    settings = next(command for command in sharing_commands() if command.name == "settings")
    assert settings.default_permissions == discord.Permissions(manage_guild=True)


def test_no_privileged_intent() -> None:
    """Nobody has to switch anything on for the bot, and it reads no messages."""
    assert {name for name, value in INTENTS if value} == {"guilds"}


@on_stage
async def test_guest_in_a_server(stage: Stage, photo: Upload) -> None:
    """The result follows the command through its token; the bot never knocks at the channel itself."""
    denied = {"send_messages": False, "view_channel": True}
    channel, alice = stage.elsewhere().room(**denied)
    with as_guest():
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        await until(lambda: results(channel), within_s=60)
    (result,) = results(channel)
    assert list(gallery(result)) == WHOLE
    assert stage.pinged(result) == {alice.id}
    assert stage.sent("POST", f"/channels/{channel.id}/messages") == []
    await shows(reply, result.jump_url)


@on_stage
async def test_guest_in_a_conversation_of_others(stage: Stage, photo: Upload) -> None:
    """The same where there is no server at all."""
    dora = stage.env.create_user("dora-guest")
    await dora.send_dm("hello")
    channel = dora.dm_channel
    with as_guest(private=True):
        await dora.slash("stylize", content=photo, preset="scream")
        await until(lambda: results(channel), within_s=60)
    assert stage.sent("POST", f"/channels/{channel.id}/messages") == []
    (job,) = await stage.bot.store.by_owner(dora.id)
    assert job.guest


@on_stage
async def test_guest_after_the_token_died(stage: Stage, photo: Upload) -> None:
    """A picture that takes longer than 15 minutes goes to the person directly, and /history has it."""
    channel, alice = stage.elsewhere().room(send_messages=False)
    with as_guest(), stage.refusing("POST", "/webhooks/*", status=401, code=50027):
        await alice.slash(channel, "stylize", content=photo, preset="scream")
        await until(lambda: results(alice.user.dm_channel), within_s=60)
    assert results(channel) == []
    await stage.bot.service.until_over(lambda job: job.owner_id == alice.id, within_s=20)
    page = await told(await alice.user.slash("history"))
    (menu,) = [piece for piece in pieces(page) if piece.get("custom_id") == "gafuu-show"]
    shown = await told(await alice.user.select(page, [menu["options"][0]["value"]], custom_id="gafuu-show"))
    assert list(gallery(shown)) == WHOLE


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_guest_without_permission_for_files(stage: Stage, photo: Upload, language: str) -> None:
    """What is missing is named before anything is painted; speaking in the channel is not needed."""
    words = words_in(language)
    channel, alice = stage.elsewhere().room()
    permissions = discord.Permissions.all()
    permissions.update(attach_files=False, send_messages=False)
    with as_guest(permissions=permissions), speaking(language):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        named = words.name("permission", "attach_files")
        assert await refusal(reply) == words.refusals["permissions_missing"].format(permissions=named)


@on_stage
async def test_guest_cannot_star(stage: Stage, photo: Upload) -> None:
    """A server that has not invited the bot has no gallery of it."""
    channel, alice = stage.elsewhere().room()
    with as_guest():
        await alice.slash(channel, "stylize", content=photo, preset="scream")
        await until(lambda: results(channel), within_s=60)
        press = await alice.click(results(channel)[0], label="★")
        assert await refusal(press) == SENTENCES["gallery_private"]


@on_stage
async def test_member_who_also_has_it_installed(stage: Stage, photo: Upload) -> None:
    """Where the bot is a member it posts with its own voice, whoever else has it."""
    channel, alice = stage.elsewhere().room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    await shows(reply, "See the picture")
    assert len(stage.sent("POST", f"/channels/{channel.id}/messages")) == 1


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("place", ["server", "private"])
async def test_help(stage: Stage, language: str, place: str) -> None:
    """It names every command, fits into one message, and is told to who asks alone."""
    channel, alice = stage.room()
    with speaking(language):
        reply = await (alice.slash(channel, "help") if place == "server" else alice.user.slash("help"))
        shown = text(await told(reply))
    for command in (stylize_command(), styles_command(), *sharing_commands()):
        assert command.name == "help" or f"/{command.name}`" in shown
    for label in ("again", "stronger", "gentler", "larger", "other", "swap", "details", "stop", "cancel"):
        assert words_in(language).texts[f"button.{label}"] in shown
    assert len(shown) < 4000


@on_stage
@pytest.mark.parametrize("missing", ["view_channel", "attach_files", "embed_links", "read_message_history"])
async def test_missing_permissions_are_named_before_the_work(
    stage: Stage, photo: Upload, missing: str
) -> None:
    """Each of them, and the job is not begun."""
    channel, alice = stage.elsewhere().room()
    permissions = discord.Permissions.all()
    permissions.update(**{missing: False})
    with member_of(permissions):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        named = EN.name("permission", missing)
        assert await refusal(reply) == SENTENCES["permissions_missing"].format(permissions=named)
    assert await stage.bot.store.by_owner(alice.id) == []


@contextlib.contextmanager
def member_of(permissions: discord.Permissions) -> Iterator[None]:
    """Let the bot have these permissions in the channel of an interaction."""
    stock = interactions.base_payload

    def base_payload(backend: Any, **facts: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - simcord's own
        record, payload = stock(backend, **facts)
        payload["app_permissions"] = str(permissions.value)
        return record, payload

    interactions.base_payload = base_payload
    try:
        yield
    finally:
        interactions.base_payload = stock
