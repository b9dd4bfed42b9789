"""What goes wrong at Discord costs nobody their picture, and nothing is posted twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from staging.seen import buttons, gallery, job_of, result_in, results, runs, shows
from staging.stage import PATIENCE_S

from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from staging.stage import Stage

    Upload = tuple[str, bytes]

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
EDITS = ".*/messages/@original"


async def test_result_is_posted_once_and_mentions_only_its_owner(stage: Stage, photo: Upload) -> None:
    """Discord is told to post it once (nonce), and to notify nobody but who asked; edits notify nobody."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
    await shows(reply, "In the manner of")
    job_id = job_of(reply)
    result = await result_in(channel)
    (sent,) = stage.sent("POST", f"/channels/{channel.id}/messages")
    assert (sent["nonce"], sent["enforce_nonce"]) == (job_id, True)
    assert sent["allowed_mentions"] == {"parse": [], "users": [alice.id]}
    assert all(edit["allowed_mentions"] == {"parse": []} for edit in stage.sent("PATCH", EDITS))
    await shows(reply, result.jump_url)  # said once the delivery is on record
    job = await stage.bot.service.get(job_id)
    assert job is not None
    assert job.result_message_id == result.id


async def test_card_is_edited_seldom_and_at_once_at_the_end(stage: Stage, photo: Upload) -> None:
    """One edit per second while it runs, each with news; the last one does not wait for its turn."""
    channel, alice = stage.room()
    before = len(stage.sent("PATCH", EDITS))
    began = time.perf_counter()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
    await runs(reply)
    await until(lambda: len(stage.sent("PATCH", EDITS)) >= before + 5)
    await alice.click(reply.response, label="Stop here")
    result = await result_in(channel)
    await shows(reply, result.jump_url, within_s=0.9)
    shown = [str(edit["components"]) for edit in stage.sent("PATCH", EDITS)[before:]]
    assert len(set(shown)) == len(shown)
    assert len(shown) <= time.perf_counter() - began + 2


async def test_card_deleted_midway(stage: Stage, photo: Upload) -> None:
    """The job goes on without its card; the result is posted, and what is gone is not edited again."""
    channel, alice = stage.room()
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
    job_id = await runs(reply)
    moderator = stage.person("sweeper", manage_messages=True)
    await moderator.delete(reply.response)
    before = len(stage.sent("PATCH", ".*"))
    await until(lambda: len(stage.sent("PATCH", ".*")) > before)
    await stage.bot.service.stop(job_id, keep=True)
    await result_in(channel)
    assert len(channel.history()) == 1
    assert len(stage.sent("PATCH", ".*")) == before + 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_result_is_sent_again_after_passing_trouble(stage: Stage, photo: Upload, status: int) -> None:
    """A rate limit or a hiccup of Discord's delays the result, and it is posted once."""
    channel, alice = stage.room()
    path = f"/channels/{channel.id}/messages"
    stage.env.inject_error("POST", path, status=status, times=2)
    await alice.slash(channel, "stylize", content=photo, preset="scream")
    await result_in(channel)
    assert len(results(channel)) == 1
    sent = stage.sent("POST", path)
    assert len({each["nonce"] for each in sent}) == 1
    assert len(sent) == 3


async def test_result_outlasts_the_patience_with_one_round_of_attempts(
    stage: Stage, photo: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord is out of order for longer than all attempts together: everything is tried anew later."""
    channel, alice = stage.room()
    path = f"/channels/{channel.id}/messages"
    monkeypatch.setattr(stage.bot.delivery, "_put_off_s", 0.2)
    with stage.refusing("POST", path, status=500):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        await until(lambda: len(stage.sent("POST", path)) > len(PATIENCE_S) + 1)
    result = await result_in(channel)
    await shows(reply, result.jump_url)
    assert len(results(channel)) == 1


@pytest.mark.parametrize(("status", "code"), [(413, 40005), (400, 50045)])
async def test_result_that_is_too_large_comes_as_pastiche_alone(
    stage: Stage, photo: Upload, status: int, code: int
) -> None:
    """Less is sent to a place that refuses the whole."""
    channel, alice = stage.room()
    stage.env.inject_error("POST", f"/channels/{channel.id}/messages", status=status, code=code)
    await alice.slash(channel, "stylize", content=photo, preset="scream")
    assert list(gallery(await result_in(channel))) == ["pastiche.png"]


@pytest.mark.parametrize(("status", "code"), [(403, 50013), (403, 50001), (404, 10003), (400, 50083)])
async def test_channel_that_refuses_is_asked_once(
    stage: Stage, photo: Upload, status: int, code: int
) -> None:
    """While the command's token lives, the result then comes as its answer, which needs no permission."""
    channel, alice = stage.room()
    path = f"/channels/{channel.id}/messages"
    with stage.refusing("POST", path, status=status, code=code):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        await until(lambda: reply.followups)
    (result,) = reply.followups
    assert list(gallery(result)) == WHOLE
    assert not result.ephemeral
    assert len(stage.sent("POST", path)) == 1
    await shows(reply, f"/channels/{stage.guild.id}/{channel.id}/{result.id})")


async def test_result_comes_directly_when_nothing_else_works(stage: Stage, photo: Upload) -> None:
    """Neither the channel nor the token takes it: its owner gets it alone, and the card says so."""
    channel, alice = stage.room()
    with (
        stage.refusing("POST", f"/channels/{channel.id}/messages", status=403, code=50013),
        stage.refusing("POST", "/webhooks/*", status=401, code=50027),
    ):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        await shows(reply, "I sent it to you privately")
    (direct,) = [each for each in stage.env.backend.channels.values() if alice.id in each.recipient_ids]
    assert len(stage.env.backend.messages[direct.id]) == 1


async def test_result_that_nobody_takes_is_explained(stage: Stage, photo: Upload) -> None:
    """Not even a direct message works: the card says what to change."""
    channel, alice = stage.room()
    with (
        stage.refusing("POST", "/channels/*/messages", status=403, code=50007),
        stage.refusing("POST", "/webhooks/*", status=401, code=50027),
    ):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        await shows(reply, "neither here nor privately")


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10015)])
async def test_card_outlives_its_token(stage: Stage, photo: Upload, status: int, code: int) -> None:
    """After 15 minutes Discord forgets the token; the card is then edited with the bot's own."""
    channel, alice = stage.room()
    with stage.refusing("PATCH", "/webhooks/*", status=status, code=code):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        result = await result_in(channel)
        await shows(reply, result.jump_url)
    assert stage.sent("PATCH", f"/channels/{channel.id}/messages/.*")


@pytest.mark.parametrize(("status", "code"), [(500, 0), (429, 0), (400, 30046), (400, 200000)])
async def test_edits_that_discord_refuses_cost_nothing(
    stage: Stage, photo: Upload, status: int, code: int
) -> None:
    """A progress edit that fails is left out; the next one, and the result, come as ever."""
    channel, alice = stage.room()
    stage.env.inject_error("PATCH", "/webhooks/*", status=status, code=code, times=1)
    reply = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
    job_id = await runs(reply)
    await stage.bot.service.stop(job_id, keep=True)
    result = await result_in(channel)
    await shows(reply, result.jump_url)


async def test_card_that_is_too_large_goes_on_without_its_preview(stage: Stage, photo: Upload) -> None:
    """The picture so far is what a card can do without."""
    channel, alice = stage.room()
    with stage.refusing("PATCH", "/webhooks/*", status=413, code=40005, times=2):
        reply = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
        await shows(reply, "step")
        assert reply.response is not None
        assert gallery(reply.response) == {}
        assert "Stop here" in buttons(reply.response)
    await alice.click(reply.response, label="Cancel")
    await shows(reply, "cancelled")
