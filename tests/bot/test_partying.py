"""Parties from end to end: thread, pictures in one style, contact sheet, vote, winner."""

from __future__ import annotations

import dataclasses
import io
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from staging.seen import buttons, fields, gallery, refusal, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs.model import JobRecord
from bot.jobs.parties import Party
from bot.parties import entries_of
from bot.rehearsal.realtime import until
from bot.ui.partycards import MOST_ENTRIES, VOTES
from nst_core.errors import SENTENCES
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from pathlib import Path

    import discord
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")


async def party_in(channel: ChannelHandle, host: MemberActor, style: str = "scream") -> ChannelHandle:
    """Open a party and return its thread, once the welcome stands there."""
    await host.slash(channel, "party", style=style)
    await until(lambda: channel.threads and channel.threads[-1].history())
    return channel.threads[-1]


async def said(thread: ChannelHandle, words: str) -> discord.Message:
    """Return the message of a thread that says something, waiting for it."""

    def found() -> list[discord.Message]:
        return [message for message in thread.history() if words in text(message)]

    await until(found, within_s=60)
    return found()[-1]


async def ballot_in(stage: Stage, thread: ChannelHandle, words: str = "Which is the best") -> discord.Message:
    """Return the message to vote under, once votes count."""
    message = await said(thread, words)
    await until(lambda: getattr(stage.bot.parties.of(thread.id), "state", "") == "voting")
    return message


def welcome_in(thread: ChannelHandle) -> discord.Message:
    """Return the message with the host's button."""
    return next(message for message in thread.history() if buttons(message))


async def painted(thread: ChannelHandle, who: MemberActor, photo: Upload) -> InteractionResult:
    """Bring a picture to a party and wait until it is done."""
    reply = await who.slash(thread, "stylize", content=photo)
    await shows(reply, "See the picture")
    return reply


@on_stage
async def test_a_whole_party(stage: Stage, photo: Upload) -> None:
    """Three people paint in one style, the host ends it, everybody votes, the winner is announced."""
    server = stage.elsewhere()
    channel, host = server.room()
    bob, carol = server.person("bob"), server.person("carol")
    thread = await party_in(channel, host)
    assert "Everything in the manner of The Scream (Edvard Munch)" in text(welcome_in(thread))
    assert f"<@{host.id}> invites everybody" in text(channel.history()[0])
    assert thread.name == "Party: The Scream (Edvard Munch)"
    for who in (host, bob, carol):
        await painted(thread, who, photo)
    await painted(thread, bob, photo)  # the last one counts
    assert await refusal(await host.click(welcome_in(thread), label="End the party")) == EN.say("party.ended")

    ballot = await ballot_in(stage, thread)
    entries = [line for line in text(ballot).splitlines() if line[:1] in VOTES]
    assert [line[:1] for line in entries] == list(VOTES[:3])
    assert {f"<@{who.id}>" for who in (host, bob, carol)} == {line.rpartition(" ")[2] for line in entries}
    assert list(gallery(ballot)) == ["contact-sheet.jpg"]
    sheet = Image.open(io.BytesIO(await ballot.attachments[0].read()))
    assert sheet.size == (1008, 2 * round(480 * 43 / 64) + 3 * 16)
    await until(lambda: len(refreshed(thread, ballot).reactions) == 3)

    bobs = next(line[:1] for line in entries if f"<@{bob.id}>" in line)
    other = next(vote for vote in VOTES[:3] if vote != bobs)
    for who, vote in ((host, bobs), (carol, bobs), (bob, other)):
        await who.react(ballot, vote)
    await refusal(await host.click(ballot, label="Count the votes"))
    verdict = await said(thread, "The winner, with votes: 2")
    assert f"<@{bob.id}>" in text(verdict)
    assert len(gallery(verdict)) == 1
    assert stage.pinged(verdict) == set()
    await until(lambda: stage.bot.parties.of(thread.id) is None)
    assert await refusal(await host.click(welcome_in(thread), label="End the party")) == EN.say("party.over")


@on_stage
async def test_a_party_in_japanese(stage: Stage, photo: Upload) -> None:
    """From the invitation to the end in the server's language, though the host's Discord is English."""
    server = stage.elsewhere()
    channel, host = server.room()
    await stage.bot.servers.change(server.guild.id, language="ja")
    thread = await party_in(channel, host)
    style = "エドヴァルド・ムンク「叫び」"
    words = words_in("ja")
    assert words.say("party.invitation", mention=f"<@{host.id}>", style=style) in text(channel.history()[0])
    assert thread.name == words.say("party.thread", style=style)
    await shows(await host.slash(thread, "stylize", content=photo), "絵を見る")
    await host.click(welcome_in(thread), label=words.say("button.partyend"))
    ballot = await ballot_in(stage, thread, f"{style}の画風で、いちばん良い絵はどれですか？")
    await host.click(ballot, label=words.say("button.partycount"))
    await said(thread, words.say("party.no_votes"))


@on_stage
async def test_other_styles_are_refused(stage: Stage, photo: Upload, texture: Upload) -> None:
    """By preset or by upload; the party's own may be named."""
    channel, host = stage.elsewhere().room()
    thread = await party_in(channel, host)
    sentence = SENTENCES["party_style"].format(style="The Scream (Edvard Munch)")
    assert await refusal(await host.slash(thread, "stylize", content=photo, preset="kiss")) == sentence
    assert await refusal(await host.slash(thread, "stylize", content=photo, style=texture)) == sentence
    await shows(await host.slash(thread, "stylize", content=photo, preset="scream"), "See the picture")
    with speaking("ja", guild_locale="en-US"):
        reply = await host.slash(thread, "stylize", content=photo, preset="kiss")
        style = "エドヴァルド・ムンク「叫び」"
        assert await refusal(reply) == words_in("ja").refusals["party_style"].format(style=style)


@on_stage
async def test_menus_and_kept_pictures_at_a_party(stage: Stage, photo: Upload, texture: Upload) -> None:
    """A kept content is painted in the party's style, whatever else is kept; a form asks for no style."""
    channel, host = stage.elsewhere().room()
    thread = await party_in(channel, host)
    message = await host.send(channel, "look", attachments=[photo])
    other = await host.send(channel, "and this", attachments=[texture])
    for half, picture in (("content", message), ("style", other)):
        kept = await host.context_menu(channel, EN.say(f"menu.{half}"), picture)
        await until(lambda kept=kept: kept.response and kept.response.content)
    await shows(await host.slash(thread, "stylize"), "See the picture")
    (job,) = await stage.bot.store.in_channel(thread.id)
    assert job.presets == ("scream",)
    await stage.bot.kept.forget(host.id)
    form = await host.slash(thread, "stylize")
    assert set(fields(form)) == {"content", "strength"}


@on_stage
async def test_a_party_in_a_style_of_the_servers_own(stage: Stage, photo: Upload, texture: Upload) -> None:
    """It is found by its title, and a painting of the collection is refused there."""
    server = stage.elsewhere()
    channel, host = server.room()
    await stage.bot.own_presets.add(
        server.guild.id, title="Our Stripes", artist="", licence="ours",
        image=texture[1], thumbnail=None, added_by=host.id,
    )  # fmt: skip
    thread = await party_in(channel, host, style="our stripes")
    assert thread.name == "Party: Our Stripes"
    await painted(thread, host, photo)
    refused = await refusal(await host.slash(thread, "stylize", content=photo, preset="scream"))
    assert refused == SENTENCES["party_style"].format(style="Our Stripes")
    await host.click(welcome_in(thread), label="End the party")
    assert f"<@{host.id}>" in text(await ballot_in(stage, thread))


@on_stage
async def test_nobody_came(stage: Stage) -> None:
    """Then there is nothing to vote on."""
    channel, host = stage.elsewhere().room()
    thread = await party_in(channel, host)
    await host.click(welcome_in(thread), label="End the party")
    await said(thread, EN.say("party.nobody"))
    assert stage.bot.parties.of(thread.id) is None


@on_stage
async def test_what_was_ordered_is_still_painted(stage: Stage, photo: Upload) -> None:
    """The vote waits for it, and nothing new is taken meanwhile."""
    channel, host = stage.elsewhere().room()
    thread = await party_in(channel, host)
    reply = await host.slash(thread, "stylize", content=photo, size=128)
    await until(lambda: "Stop here" in buttons(reply.response), within_s=60)
    await host.click(welcome_in(thread), label="End the party")
    await until(lambda: stage.bot.parties.of(thread.id).state == "closing")  # type: ignore[union-attr]
    late = await host.slash(thread, "stylize", content=photo)
    assert await refusal(late) == SENTENCES["party_closed"]
    again = await host.click(welcome_in(thread), label="End the party")
    assert await refusal(again) == EN.say("party.ending")
    await host.click(reply.response, label="Stop here")
    ballot = await ballot_in(stage, thread)
    assert f"<@{host.id}>" in text(ballot)
    await host.click(ballot, label="Count the votes")
    await said(thread, EN.say("party.no_votes"))


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_only_host_and_moderators_end_it(stage: Stage, language: str) -> None:
    """A guest is told so."""
    server = stage.elsewhere()
    channel, host = server.room()
    thread = await party_in(channel, host)
    with speaking(language, guild_locale="en-US"):
        press = await server.person("bob").click(welcome_in(thread), label="End the party")
        assert await refusal(press) == words_in(language).say("party.not_host")
    tidy = server.person("tidy", manage_messages=True)
    assert await refusal(await tidy.click(welcome_in(thread), label="End the party")) == EN.say("party.ended")


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("permission", ["create_public_threads", "send_messages_in_threads", "add_reactions"])
async def test_missing_permissions_are_found_first(stage: Stage, permission: str, language: str) -> None:
    """Nothing is opened, and what is missing is named."""
    channel, host = stage.elsewhere().room(**{permission: False})
    words = words_in(language)
    with speaking(language):
        reply = await host.slash(channel, "party", style="scream")
        names = words.name("permission", permission)
        assert await refusal(reply) == words.refusals["permissions_missing"].format(permissions=names)
    assert channel.threads == []
    assert channel.history() == []


@on_stage
async def test_where_no_party_can_be(stage: Stage) -> None:
    """In a thread there is no room for another one; a style that does not exist is refused, too."""
    channel, host = stage.elsewhere().room()
    thread = await party_in(channel, host)
    assert await refusal(await host.slash(thread, "party", style="scream")) == SENTENCES["party_place"]
    unknown = await refusal(await host.slash(channel, "party", style="no such painting"))
    assert unknown.startswith("There is no painting called")
    short = await refusal(await host.slash(channel, "party", style="scream", minutes=1))
    assert short == SENTENCES["out_of_range"].format(name="minutes", value=1, least=5, most=1440)
    with stage.refusing("POST", f"/channels/{channel.id}/messages/*/threads", status=403, code=50013):
        refused = await refusal(await host.slash(channel, "party", style="scream"))
        assert refused == SENTENCES["party_refused"]
    assert len(channel.threads) == 1


async def test_a_party_goes_on_after_a_restart(tmp_path: Path, photo: Upload) -> None:
    """Its time ends in the next life of the bot, the vote's in the one after that."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, host = stage.room()
        bob = stage.person("bob")
        thread = await party_in(channel, host)
        for who in (host, bob):
            await painted(thread, who, photo)
        await stage.bot.parties.change(thread.id, ends_at=time.time() + 0.1, vote_s=2.0)
        await stage.restart(new_bot(tmp_path, small=True))
        ballot = await ballot_in(stage, thread)
        await until(lambda: len(refreshed(thread, ballot).reactions) == 2)
        await bob.react(ballot, VOTES[0])
        await stage.restart(new_bot(tmp_path, small=True))
        assert f"<@{host.id}>" in text(await said(thread, "The winner, with votes: 1"))
        assert len([each for each in thread.history() if "Which is the best" in text(each)]) == 1


async def test_a_picture_that_is_just_being_posted(tmp_path: Path, photo: Upload) -> None:
    """It takes part in the vote, though it was painted and not yet posted when the party ended."""
    async with opened(new_bot(tmp_path, small=True, patience_s=(1.5,))) as stage:
        channel, host = stage.room()
        thread = await party_in(channel, host)
        posts = f"/channels/{thread.id}/messages"
        with stage.refusing("POST", posts, status=500, times=1):
            reply = await host.slash(thread, "stylize", content=photo)
            await until(lambda: stage.sent("POST", posts)[1:] and not stage.bot.service.views())
            await host.click(welcome_in(thread), label="End the party")
            ballot = await ballot_in(stage, thread)
        assert f"<@{host.id}>" in text(ballot)
        await shows(reply, "See the picture")


async def test_a_thread_that_is_gone(tmp_path: Path, photo: Upload) -> None:
    """The party ends by itself."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, host = stage.room()
        thread = await party_in(channel, host)
        await painted(thread, host, photo)
        await stage.bot.parties.change(thread.id, vote_s=0.1)
        welcome = welcome_in(thread)
        with stage.refusing("POST", f"/channels/{thread.id}/messages", status=404, code=10003):
            await host.click(welcome, label="End the party")
            await until(lambda: stage.bot.parties.of(thread.id) is None)


def test_entries() -> None:
    """Of everybody the last finished picture in the party's style; of more than 20 people the first."""
    party = Party(
        thread_id=1, guild_id=1, channel_id=1, host_id=1, preset="scream", language="en", ends_at=0, vote_s=1
    )
    jobs = [job(number, owner_id=number % 25) for number in range(50)]
    jobs.append(dataclasses.replace(job(60, owner_id=0), private=True))  # only its owner can see it
    jobs += [job(50, owner_id=49, presets=("kiss",)), job(51, owner_id=0, state="failed")]
    entries = entries_of(party, jobs)
    assert [each.id for each in entries] == [f"{number:02}" for number in range(25, 25 + MOST_ENTRIES)]


def job(
    number: int, *, owner_id: int, state: str = "done", presets: tuple[str | None, ...] = ("scream",)
) -> JobRecord:
    """Return a job of a party."""
    return JobRecord(
        id=f"{number:02}", state=state, attempt=1, owner_id=owner_id, guild_id=1, channel_id=1,
        params=StyleParams(), presets=presets, weights=(1.0,), locale="en", public_locale="en",
        private=False, parent_id=None, max_bytes=1, content_blob="", style_blobs=(), card_message_id=1,
        result_message_id=1, created_at=0.0, started_at=0.0, finished_at=0.0,
    )  # fmt: skip


def refreshed(thread: ChannelHandle, message: discord.Message) -> discord.Message:
    """Return a message as it is now."""
    return next(each for each in thread.history() if each.id == message.id)
