"""`/stylize private`: card and result for one person alone, from end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from staging.seen import buttons, gallery, refusal, result_in, results, runs, says, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.rehearsal.realtime import until
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from pathlib import Path

    from simcord.results import InteractionResult, ResponseMessage
    from staging.stage import Stage

    Upload = tuple[str, bytes]

on_stage = pytest.mark.asyncio(loop_scope="module")
WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]


async def painted(reply: InteractionResult) -> ResponseMessage:
    """Return the result that follows a command, waiting for it."""
    await until(lambda: [each for each in reply.followups if gallery(each)], within_s=60)
    (result,) = [each for each in reply.followups if gallery(each)]
    return result


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_card_and_result_are_for_one_person(stage: Stage, photo: Upload, language: str) -> None:
    """Nothing of it stands in the channel, and everything speaks the person's language, not the server's."""
    channel, alice = stage.room()
    words = words_in(language)
    with speaking(language, guild_locale="en-US" if language == "ja" else "ja"):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream", private=True)
        result = await painted(reply)
    assert reply.response is not None
    assert reply.response.ephemeral
    assert result.ephemeral
    assert list(gallery(result)) == WHOLE
    assert words.say("button.again") in buttons(result)
    await shows(reply, words.texts["card.done_privately"].rpartition("}")[2])
    assert "discord.com/channels" not in text(reply.response)
    assert channel.history() == []


@on_stage
async def test_remix_of_a_private_picture_is_private(stage: Stage, photo: Upload) -> None:
    """Again does not publish it; nor does another style."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", private=True)
    result = await painted(reply)
    again = await alice.click(result, label="Again")
    assert (await painted(again)).ephemeral
    form = await alice.click(result, label="Other style…")
    other = await alice.submit_modal(form, {"preset": ["kiss"]})
    assert "The Kiss" in text(await painted(other))
    assert channel.history() == []


@on_stage
async def test_private_picture_is_deleted(stage: Stage, photo: Upload) -> None:
    """The button works on a message that only one person sees."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", private=True)
    result = await painted(reply)
    assert await refusal(await alice.click(result, label="Delete")) == words_in("en").say("answer.deleted")
    assert [each for each in reply.followups if gallery(each)] == []


@on_stage
async def test_private_needs_no_permission(stage: Stage, photo: Upload) -> None:
    """Where the bot may not post, it can still answer one person."""
    channel, _ = stage.room(send_messages=False, attach_files=False)
    owner = stage.person("owner-private", administrator=True)
    reply = await owner.slash(channel, "stylize", content=photo, preset="scream", private=True)
    assert list(gallery(await painted(reply))) == WHOLE


@on_stage
async def test_private_in_a_direct_message_is_as_ever(stage: Stage, photo: Upload) -> None:
    """Everything is private there, and a message that vanishes would only be a loss."""
    dora = stage.env.create_user("dora-private")
    reply = await dora.slash("stylize", content=photo, preset="scream", private=True)
    result = await result_in(dora.dm_channel)
    await shows(reply, result.jump_url)


@on_stage
async def test_private_mistake_found_late(
    stage: Stage, photo: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence replaces the card."""
    channel, alice = stage.room()
    monkeypatch.setattr(stage.env.backend.cdn, "get", lambda _url: None)
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", private=True)
    assert says(await refusal(reply), SENTENCES["upload_lost"])


@on_stage
async def test_private_with_a_dead_token_comes_as_a_direct_message(stage: Stage, photo: Upload) -> None:
    """A token lives for 15 minutes; the result never falls back to the channel."""
    channel, alice = stage.room()
    with stage.refusing("POST", "/webhooks/*", status=401, code=50027):
        await alice.slash(channel, "stylize", content=photo, preset="scream", private=True)
        direct = stage.env.backend.dm_channels
        await until(lambda: alice.id in direct, within_s=60)
        await until(lambda: stage.sent("POST", f"/channels/{direct[alice.id]}/messages"), within_s=60)
    assert channel.history() == []


async def test_private_over_a_restart(tmp_path: Path, photo: Upload) -> None:
    """Nothing reaches the card any more; the result comes as a direct message, once."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream", private=True, size=128)
        job_id = await runs(reply)
        await stage.restart(new_bot(tmp_path, small=True))
        await until(lambda: stage.bot.service.views() and stage.bot.service.views()[0].step, within_s=60)
        await stage.bot.service.stop(job_id, keep=True)
        direct = stage.env.backend.dm_channels
        await until(lambda: alice.id in direct, within_s=60)
        await until(lambda: stage.sent("POST", f"/channels/{direct[alice.id]}/messages"), within_s=60)
        job = await stage.bot.service.get(job_id)
        assert job is not None
        assert job.private
        assert results(channel) == []
