"""Stop here, Cancel, and who may press them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from discord import ui
from staging.seen import buttons, job_of, pictures_of, refusal, result_in, runs, says, shows, text
from staging.stage import speaking

from bot.i18n import words_in
from bot.ui.buttons import JobButton

if TYPE_CHECKING:
    import discord
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    Upload = tuple[str, bytes]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ordered(alice: MemberActor, channel: ChannelHandle, photo: Upload) -> InteractionResult:
    """Return the answer to a command whose job takes a while."""
    return await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)


async def state_of(stage: Stage, job_id: str) -> str:
    """Return a job's state."""
    job = await stage.bot.service.get(job_id)
    assert job is not None
    return job.state


async def with_button(stage: Stage, channel: ChannelHandle, action: str, job_id: str) -> discord.Message:
    """Return a message with a button, as an older card has it."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.ActionRow(JobButton.made(action, job_id, words_in("en"))))
    return await stage.bot.get_partial_messageable(channel.id).send(view=view)


async def test_cancel_while_running(stage: Stage, photo: Upload) -> None:
    """The job ends, its card says so and has no buttons, nothing is posted."""
    channel, alice = stage.room()
    reply = await ordered(alice, channel, photo)
    job_id = await runs(reply)
    press = await alice.click(reply.response, label="Cancel")
    assert press.acknowledged
    await shows(reply, "cancelled")
    assert buttons(reply.response) == {}
    assert await state_of(stage, job_id) == "cancelled"
    assert len(channel.history()) == 1


async def test_cancel_while_queued(stage: Stage, photo: Upload) -> None:
    """A job that waits is gone at once, and the one before it is not touched."""
    channel, alice = stage.room()
    first = await ordered(alice, channel, photo)
    await runs(first)
    second = await ordered(alice, channel, photo)
    await shows(second, "Next in the queue.")
    assert list(buttons(second.response)) == ["Cancel"]
    await alice.click(second.response, label="Cancel")
    await shows(second, "cancelled")
    assert await state_of(stage, job_of(first)) == "running"
    await alice.click(first.response, label="Cancel")
    await shows(first, "cancelled")


async def test_stop_here_posts_the_picture_so_far(stage: Stage, photo: Upload) -> None:
    """The picture is posted at once, and says that it was stopped."""
    channel, alice = stage.room()
    reply = await ordered(alice, channel, photo)
    await runs(reply)
    await alice.click(reply.response, label="Stop here")
    result = await result_in(channel)
    assert "Stopped early, on request." in text(result)
    assert max((await pictures_of(result))["pastiche.png"].size) == 128
    await shows(reply, result.jump_url)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_only_owner_and_moderators_may_press(stage: Stage, photo: Upload, language: str) -> None:
    """Anybody else is told why not, alone and in their language; whoever manages messages may."""
    channel, alice = stage.room()
    reply = await ordered(alice, channel, photo)
    job_id = await runs(reply)
    bob = stage.person(f"bob-{language}")
    with speaking(language, guild_locale="en-US"):
        for label in ("Cancel", "Stop here"):
            press = await bob.click(reply.response, label=label)
            assert await refusal(press) == words_in(language).say("answer.not_yours")
    assert await state_of(stage, job_id) == "running"
    moderator = stage.person(f"moderator-{language}", manage_messages=True)
    await moderator.click(reply.response, label="Cancel")
    await shows(reply, "cancelled")


async def test_press_that_comes_too_late_is_answered(stage: Stage, photo: Upload) -> None:
    """A button of a job that is over, or that nobody knows any more, says so."""
    channel, alice = stage.room()
    reply = await ordered(alice, channel, photo)
    job_id = await runs(reply)
    await alice.click(reply.response, label="Cancel")
    await shows(reply, "cancelled")
    for known in (job_id, "forgotten"):
        old = await with_button(stage, channel, "stop", known)
        assert await refusal(await alice.click(old, label="Stop here")) == words_in("en").say("answer.over")


async def test_stop_before_the_first_step_keeps_the_job(stage: Stage, photo: Upload) -> None:
    """There is no picture to keep: the job goes on waiting, and the person learns what to press instead."""
    channel, alice = stage.room()
    first, second = [await ordered(alice, channel, photo) for _ in range(2)]
    await runs(first)
    old = await with_button(stage, channel, "stop", job_of(second))
    press = await alice.click(old, label="Stop here")
    assert await refusal(press) == words_in("en").say("answer.not_started")
    assert await state_of(stage, job_of(second)) == "queued"
    for reply in (second, first):
        await alice.click(reply.response, label="Cancel")
        await shows(reply, "cancelled")


async def test_button_of_another_version_is_answered(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A button whose action this version does not know apologises instead of staying silent."""
    channel, alice = stage.room()
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.ActionRow(JobButton("dance", "01job", label="Dance")))
    old = await stage.bot.get_partial_messageable(channel.id).send(view=view)
    sentence = await refusal(await alice.click(old, label="Dance"))
    assert says(sentence, words_in("en").texts["answer.fault"])
    assert "interaction_failed" in caplog.text


async def test_custom_ids_fit_and_are_understood() -> None:
    """All a button knows stands in its custom id, of at most 100 characters."""
    button = JobButton.made("stop", "0" * 25, words_in("ja"))
    assert button.item.label == words_in("ja").say("button.stop")
    match = button.template.fullmatch(button.custom_id)
    assert match is not None
    assert match.groupdict() == {"action": "stop", "job_id": "0" * 25}
    assert len(button.custom_id) <= 100
