"""`/settings` from end to end: what a server chooses is kept, and holds wherever pictures are ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
import pytest
from staging.seen import buttons, job_of, offers, pieces, refusal, result_in, runs, shows, text, told
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs.servers import ServerSettings
from bot.settingspanel import PAGES
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from pathlib import Path

    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import ResponseMessage
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")


async def opened_panel(channel: ChannelHandle, boss: MemberActor, page: int = 0) -> ResponseMessage:
    """Return the panel on one of its pages."""
    panel = await told(await boss.slash(channel, "settings"))
    if page:
        await boss.click(panel, custom_id=f"gafuu-panel:settings:{page}")
    return panel


def boss_of(stage: Stage) -> MemberActor:
    """Return somebody who may manage the server."""
    return stage.person("boss", manage_guild=True)


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_panel_has_every_setting(stage: Stage, language: str) -> None:
    """On three pages, each with its lists and its heading, in the language of whoever opened it."""
    server, words = stage.elsewhere(), words_in(language)
    channel, _ = server.room()
    boss = boss_of(server)
    with speaking(language, guild_locale="en-US"):
        panel = await opened_panel(channel, boss)
        for number, keys in enumerate(PAGES):
            if number:
                await boss.click(panel, custom_id=f"gafuu-panel:settings:{number}")
            ids = {piece.get("custom_id") for piece in pieces(panel)}
            assert {f"gafuu-set:{key}" for key in keys} <= ids
            assert all(words.texts[f"setting.{key}"] in text(panel) for key in keys)
            assert len(pieces(panel)) <= 40
    assert {key for page in PAGES for key in page} == set(ServerSettings.model_fields)


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_only_managers(stage: Stage, language: str) -> None:
    """Neither the command nor the lists of somebody who managed the server once."""
    server = stage.elsewhere()
    channel, _ = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss)
    stage.env.backend.edit_role(server.guild.id, server.guild.roles["boss"].id, {"permissions": 0})
    with speaking(language, guild_locale="en-US"):
        press = await boss.select(panel, ["classic"], custom_id="gafuu-set:mode")
        assert await refusal(press) == words_in(language).refusals["manage_needed"]
    assert stage.bot.servers.of(server.guild.id).mode is None


@on_stage
async def test_defaults_of_a_server(stage: Stage, photo: Upload) -> None:
    """Mode, size and strength that nobody names are the server's, on that server only."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss)
    for key, value in {"mode": "classic", "size_px": "256", "strength": "80"}.items():
        await boss.select(panel, [value], custom_id=f"gafuu-set:{key}")
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    await offers(reply, "Cancel")
    job_id = job_of(reply)
    await alice.click(reply.response, label="Cancel")
    job = await stage.bot.service.get(job_id)
    assert job is not None
    assert (job.params.mode, job.params.long_side_px, job.params.strength) == ("classic", 256, 80)
    other_channel, other_alice = stage.elsewhere().room()
    other = await other_alice.slash(other_channel, "stylize", content=photo, preset="scream")
    assert "64×" in text(await result_in(other_channel))
    await shows(other, "See the picture")


@on_stage
async def test_largest_size(stage: Stage, photo: Upload) -> None:
    """Nothing larger is painted, neither by an option nor by Larger, and the refusal names the limit."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss)
    await boss.select(panel, ["256"], custom_id="gafuu-set:largest_px")
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", size=300)
    expected = SENTENCES["out_of_range"].format(name="size", value=300, least=64, most=256)
    assert await refusal(reply) == expected
    sizes = next(piece for piece in pieces(panel) if piece.get("custom_id") == "gafuu-set:size_px")
    assert [option["value"] for option in sizes["options"]] == ["usual", "256"]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_channels(stage: Stage, photo: Upload, language: str) -> None:
    """Elsewhere an order is refused with the channels to go to; threads count as their channel."""
    server = stage.elsewhere()
    channel, alice = server.room()
    other, _ = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss, 1)
    await boss.select(panel, [channel], custom_id="gafuu-set:channels")
    with speaking(language, guild_locale="en-US"):
        reply = await alice.slash(other, "stylize", content=photo, preset="scream")
        sentence = words_in(language).refusals["channel_closed"].format(channels=channel.mention)
        assert await refusal(reply) == sentence
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    await boss.select(panel, [], custom_id="gafuu-set:channels")
    await shows(await alice.slash(other, "stylize", content=photo, preset="scream"), "See the picture")


@on_stage
async def test_roles(stage: Stage, photo: Upload) -> None:
    """Who has none of them is told which; who has one is served."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    painter = server.guild.create_role("painters")
    pablo = server.guild.add_member(stage.env.create_user("pablo"), roles=[painter])
    panel = await opened_panel(channel, boss, 1)
    await boss.select(panel, [painter], custom_id="gafuu-set:roles")
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    assert await refusal(reply) == SENTENCES["role_needed"].format(roles=painter.mention)
    await shows(await pablo.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    press = await alice.click(await result_in(channel), label="Again")
    assert await refusal(press) == SENTENCES["role_needed"].format(roles=painter.mention)


@on_stage
async def test_caps(stage: Stage, photo: Upload) -> None:
    """One person's share and the server's: whoever is over them is told what to wait for."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss, 1)
    await boss.select(panel, ["1"], custom_id="gafuu-set:per_person")
    await boss.select(panel, ["2"], custom_id="gafuu-set:per_server")
    order = {"content": photo, "preset": "scream", "size": 128}
    first = await alice.slash(channel, "stylize", **order)
    await runs(first)
    reply = await alice.slash(channel, "stylize", **order)
    assert await refusal(reply) == SENTENCES["share_used"].format(limit=1)
    second = await boss.slash(channel, "stylize", **order)
    await shows(second, "Next in the queue.")
    reply = await server.person("carol").slash(channel, "stylize", **order)
    assert await refusal(reply) == SENTENCES["server_full"].format(limit=2)
    dora = await stage.env.create_user("dora-caps").slash("stylize", content=photo, preset="scream")
    for who, answer in ((boss, second), (alice, first)):
        await who.click(answer.response, label="Cancel")
        await shows(answer, "cancelled")
    await shows(dora, "See the picture")


@on_stage
async def test_language_of_a_server(stage: Stage, photo: Upload) -> None:
    """Cards and results speak the chosen one; private answers go on speaking the person's."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss, 2)
    await boss.select(panel, ["ja"], custom_id="gafuu-set:language")
    assert EN.say("setting.language") in text(panel)
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    await shows(reply, "絵を見る")
    assert "さん、描き上がりました" in text(await result_in(channel))


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_remixes_for_owners_only(stage: Stage, photo: Upload, language: str) -> None:
    """Others are told to order one of their own; owner and moderators paint on."""
    server = stage.elsewhere()
    channel, alice = server.room()
    boss = boss_of(server)
    panel = await opened_panel(channel, boss, 2)
    await boss.select(panel, ["owner"], custom_id="gafuu-set:remix")
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    result = await result_in(channel)
    other_id = buttons(result)["Other style…"]
    with speaking(language, guild_locale="en-US"):
        press = await server.person("bob").click(result, label="Again")
        assert await refusal(press) == words_in(language).refusals["remix_closed"]
        press = await server.guild.add_member(stage.env.create_user("ben")).click(result, custom_id=other_id)
        assert await refusal(press) == words_in(language).refusals["remix_closed"]
    await shows(await alice.click(result, label="Again"), "See the picture")
    tidy = server.person("tidy", manage_messages=True)
    await shows(await tidy.click(result, label="Again"), "See the picture")


def covered(message: discord.Message) -> set[bool]:
    """Return which of a message's pictures are covered: {True}, {False} or both."""
    items = [item for piece in pieces(message) if piece["type"] == 12 for item in piece["items"]]
    return {item["spoiler"] for item in items}


@on_stage
@pytest.mark.parametrize(("rule", "expected"), [("never", False), ("elsewhere", False), ("always", True)])
async def test_spoilers_in_an_age_restricted_channel(
    stage: Stage, photo: Upload, *, rule: str, expected: bool
) -> None:
    """Only where the server always wants it are results covered in the channel itself."""
    server = stage.elsewhere()
    channel, alice = server.room()
    set_age_restricted(stage, channel)
    await stage.bot.servers.change(server.guild.id, spoiler=rule)
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    result = await result_in(channel)
    assert covered(result) == {expected}


@on_stage
@pytest.mark.parametrize(("rule", "expected"), [("never", False), ("elsewhere", True)])
async def test_spoilers_outside(stage: Stage, photo: Upload, *, rule: str, expected: bool) -> None:
    """A picture made from an age-restricted one remembers that, also two remixes on."""
    server = stage.elsewhere()
    channel, alice = server.room()
    set_age_restricted(stage, channel)
    await stage.bot.servers.change(server.guild.id, spoiler=rule)
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    await result_in(channel)
    set_age_restricted(stage, channel, yes=False)  # as in another channel, where no button can be
    await shows(await alice.click(await result_in(channel), label="Again"), "See the picture")
    assert covered(channel.history()[-1]) == {expected}


@on_stage
async def test_gallery_must_be_writable(stage: Stage) -> None:
    """A channel in which the bot cannot post is refused at once, with what is missing there."""
    server = stage.elsewhere()
    channel, _ = server.room()
    wall, _ = server.room(attach_files=False)
    boss = boss_of(server)
    panel = await opened_panel(channel, boss, 2)
    press = await boss.select(panel, [wall], custom_id="gafuu-set:gallery_channel")
    expected = SENTENCES["permissions_missing_there"].format(channel=wall.mention, permissions="Attach Files")
    assert await refusal(press) == expected
    assert stage.bot.servers.of(server.guild.id).gallery_channel is None


async def test_choices_outlive_a_restart(tmp_path: Path) -> None:
    """The panel, too: its lists work in the next life of the bot."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, _ = stage.room()
        boss = boss_of(stage)
        panel = await opened_panel(channel, boss)
        await boss.select(panel, ["classic"], custom_id="gafuu-set:mode")
        await stage.restart(new_bot(tmp_path, small=True))
        await boss.select(panel, ["30"], custom_id="gafuu-set:strength")
        chosen = stage.bot.servers.of(stage.guild.id)
        assert (chosen.mode, chosen.strength) == ("classic", 30)
        await boss.select(panel, ["usual"], custom_id="gafuu-set:mode")
        assert stage.bot.servers.of(stage.guild.id).mode is None
        assert EN.say("settings_page.1") in buttons(panel)


async def test_unreadable_choices_count_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A row that makes no sense neither stops the bot nor hides other servers."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        async with stage.bot.store.writing("spoil it") as db:
            await db.execute(
                "INSERT INTO servers VALUES (1, '{\"strength\": 1000}'), (2, '{\"strength\": 7}')"
            )
        await stage.restart(new_bot(tmp_path, small=True))
        assert stage.bot.servers.of(1) == ServerSettings()
        assert stage.bot.servers.of(2).strength == 7
    assert "server_settings_unreadable guild=1" in caplog.text


def set_age_restricted(stage: Stage, channel: ChannelHandle, *, yes: bool = True) -> None:
    """Make a channel one for adults, or one for everybody; simcord's channels have no such mark."""
    known = stage.bot.get_channel(channel.id)
    assert isinstance(known, discord.TextChannel)
    known.nsfw = yes
