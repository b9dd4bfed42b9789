"""Details and Delete, from end to end; the other buttons are in test_remixes and ui/test_buttons."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from staging.seen import buttons, refusal, result_in, shows, text
from staging.stage import speaking

from bot.i18n import words_in
from bot.presses import actions
from bot.rehearsal.realtime import until
from bot.ui.cards import CARD_BUTTONS, RESULT_BUTTONS
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    import discord
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from staging.stage import Stage

    Upload = tuple[str, bytes]

EN = words_in("en")
on_stage = pytest.mark.asyncio(loop_scope="module")


async def painted(channel: ChannelHandle, alice: MemberActor, photo: Upload) -> discord.Message:
    """Return a result that is wholly delivered."""
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    result = await result_in(channel)
    await shows(reply, result.jump_url)
    return result


def test_every_button_does_something() -> None:
    """No message shows a button that nobody answers."""
    elsewhere = {"drop", "partyend"}  # in the queue, at parties
    shown = elsewhere.union(*CARD_BUTTONS.values(), *RESULT_BUTTONS)
    assert actions().keys() == shown


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_details_for_anybody(stage: Stage, photo: Upload, language: str) -> None:
    """Whoever asks is told alone, in their own language, on a server of another one."""
    words = words_in(language)
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    bob = stage.person(f"bob-details-{language}")
    with speaking(language, guild_locale="fr"):
        told = await refusal(await bob.click(result, label="Details"))
    assert words.say("details.size", width_px=64, height_px=43) in told
    assert words.say("details.strength", strength=50) in told
    assert words.name("mode_name", "best") in told
    assert len(channel.history()) == 2


@on_stage
async def test_details_show_how_the_picture_came_to_be(stage: Stage, photo: Upload) -> None:
    """An animation goes with them, for whoever asked alone."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    press = await alice.click(result, label="Details")
    assert (await refusal(press)).endswith("\n" + EN.say("details.timelapse"))
    (animation,) = next(each.attachments for each in (press.response, *press.followups) if each)
    assert animation.filename == "timelapse.webp"
    with Image.open(io.BytesIO(await animation.read())) as opened:
        assert opened.n_frames == 2


@on_stage
async def test_details_of_a_lost_result(
    stage: Stage, photo: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    """Files that are gone do not keep the person from learning the rest; the log tells of them."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    for file in (stage.bot.settings.data / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    told = await refusal(await alice.click(result, label="Details"))
    assert EN.say("details.long_side", px=64) in told
    assert "result_not_read" in caplog.text


@on_stage
async def test_details_of_an_unknown_job(stage: Stage, photo: Upload) -> None:
    """As after the store was lost."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    await forget(stage, result)
    for label in ("Details", "Delete", "Swap"):
        assert await refusal(await alice.click(result, label=label)) == SENTENCES["job_forgotten"]
    moderator = stage.person("tidy", manage_messages=True)
    assert await refusal(await moderator.click(result, label="Delete")) == EN.say("answer.deleted")
    assert result.id not in [message.id for message in channel.history()]


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_owner_deletes(stage: Stage, photo: Upload, language: str) -> None:
    """The message is gone, its owner is told, the card stays."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    with speaking(language, guild_locale="en-US"):
        press = await alice.click(result, label="Delete")
    assert await refusal(press) == words_in(language).say("answer.deleted")
    await until(lambda: "has been deleted" in text(only(channel)))
    assert result.jump_url not in text(only(channel))


@on_stage
async def test_card_that_is_gone_does_not_matter(stage: Stage, photo: Upload) -> None:
    """Whoever deletes a result whose card was deleted before is told the same."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    (card,) = [message for message in channel.history() if message.id != result.id]
    await stage.bot.get_partial_messageable(channel.id).get_partial_message(card.id).delete()
    press = await alice.click(result, label="Delete")
    assert await refusal(press) == EN.say("answer.deleted")
    await until(lambda: channel.history() == [])


def only(channel: ChannelHandle) -> discord.Message:
    """Return the one message that is left."""
    (message,) = channel.history()
    return message


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_others_may_not_delete(stage: Stage, photo: Upload, language: str) -> None:
    """Nobody else can, but whoever manages messages."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    bob = stage.person(f"bob-delete-{language}")
    with speaking(language, guild_locale="en-US"):
        press = await bob.click(result, label="Delete")
    assert await refusal(press) == words_in(language).say("answer.not_yours")
    assert len(channel.history()) == 2
    moderator = stage.person(f"moderator-delete-{language}", manage_messages=True)
    await refusal(await moderator.click(result, label="Delete"))
    assert len(channel.history()) == 1


@on_stage
async def test_owner_of_a_remix_is_who_pressed(stage: Stage, photo: Upload) -> None:
    """Whoever had the old picture painted cannot delete what somebody else made of it."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo)
    bob = stage.person("bob-remix")
    press = await bob.click(first, label="Again")
    await shows(press, "See the picture")
    (second,) = [each for each in channel.history() if buttons(each) and each.id != first.id]
    assert await refusal(await alice.click(second, label="Delete")) == EN.say("answer.not_yours")
    assert await refusal(await bob.click(second, label="Delete")) == EN.say("answer.deleted")


@on_stage
async def test_delete_when_somebody_was_quicker(stage: Stage, photo: Upload) -> None:
    """A message that is gone meanwhile counts as deleted."""
    channel, alice = stage.room()
    result = await painted(channel, alice, photo)
    with stage.refusing("DELETE", "/webhooks/*", status=404, code=10008):
        press = await alice.click(result, label="Delete")
        await until(lambda: press.followups)
    assert [(told.content, told.ephemeral) for told in press.followups] == [(EN.say("answer.deleted"), True)]


@on_stage
async def test_delete_in_private(stage: Stage, photo: Upload) -> None:
    """In a direct message, too, where no permissions are."""
    dora = stage.env.create_user("dora-delete")
    await dora.slash("stylize", content=photo, preset="scream")
    channel = dora.dm_channel
    result = await result_in(channel)
    await refusal(await dora.click(result, label="Delete"))
    await until(lambda: result.id not in [message.id for message in channel.history()])


async def forget(stage: Stage, result: discord.Message) -> None:
    """Remove the job of a result from the store."""
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    async with stage.bot.store._transaction("forget a job"):
        await stage.bot.store._db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
