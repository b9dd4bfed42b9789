"""`/queue` from end to end: what is under way, in which order, and cancelling from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from staging.seen import buttons, job_of, offers, pieces, refusal, runs, shows, text, told
from staging.stage import opened, settings_for, small_pool, speaking

from bot.client import create_bot
from bot.i18n import words_in
from bot.pool.base import Slot
from bot.queueing import devices_line
from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from pathlib import Path

    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from simcord.results import InteractionResult
    from staging.stage import Stage

    from bot.pool.base import SlotState

    Upload = tuple[str, bytes]

EN = words_in("en")
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ordered(who: MemberActor, channel: ChannelHandle, photo: Upload) -> InteractionResult:
    """Return the answer to an order that takes a while, once it has its place in the queue."""
    reply = await who.slash(channel, "stylize", content=photo, preset="scream", size=128)
    await offers(reply, "Cancel")
    return reply


async def cancelled(who: MemberActor, *replies: InteractionResult) -> None:
    """Cancel jobs on their cards."""
    for reply in replies:
        await offers(reply, "Cancel")
        await who.click(reply.response, label="Cancel")
        await shows(reply, "cancelled")


def cancels(panel: object) -> list[str]:
    """Return the ids of the jobs that can be cancelled on a panel."""
    found = [piece.get("accessory", {}).get("custom_id", "") for piece in pieces(panel)]  # type: ignore[arg-type]
    return [each.rpartition(":")[2] for each in found if each.startswith("gafuu:drop:")]


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_places_and_times(stage: Stage, photo: Upload, language: str) -> None:
    """One's own with their places, links and Cancel; those of others on the server without Cancel."""
    words, server = words_in(language), stage.elsewhere()
    channel, alice = server.room()
    bob = server.person("bob")
    replies = [await ordered(alice, channel, photo), await ordered(alice, channel, photo)]
    await runs(replies[0])
    bobs = await ordered(bob, channel, photo)
    with speaking(language, guild_locale="en-US"):
        panel = await told(await alice.slash(channel, "queue"))
    assert words.say("queue.title", painting=1, waiting=2) in text(panel)
    assert words.say("queue.own", jobs=2, most=3) in text(panel)
    assert words.say("queue.here", jobs=1) in text(panel)
    for standing in (words.say("card.queued_next"), words.say("card.queued", position=2)):
        assert standing.rstrip(".。") in text(panel)
    assert not {". ·", "。 ·"} & {text(panel)[at : at + 3] for at in range(len(text(panel)))}
    assert cancels(panel) == [job_of(reply) for reply in replies]
    link = f"https://discord.com/channels/{server.guild.id}/{channel.id}/{bobs.response.id}"  # type: ignore[union-attr]
    assert words.say("queue.card", link=link) in text(panel)
    await cancelled(alice, replies[1], replies[0])
    await cancelled(bob, bobs)


async def test_cancel_from_the_list(stage: Stage, photo: Upload) -> None:
    """A waiting job and a running one: both are gone from the list at once, and their cards say so."""
    channel, alice = stage.elsewhere().room()
    replies = [await ordered(alice, channel, photo) for _ in range(2)]
    await runs(replies[0])
    panel = await told(await alice.slash(channel, "queue"))
    for number, reply in reversed(list(enumerate(replies))):
        await alice.click(panel, custom_id=f"gafuu:drop:{job_of(reply)}")
        assert EN.say("queue.own", jobs=number, most=3) in text(panel)
        await shows(reply, "cancelled")
    assert cancels(panel) == []
    assert list(buttons(panel)) == ["Refresh"]


async def test_moderators_cancel_for_others(stage: Stage, photo: Upload) -> None:
    """They see the buttons; who is no moderator any more is refused all the same."""
    server = stage.elsewhere()
    channel, alice = server.room()
    reply = await ordered(alice, channel, photo)
    job_id = await runs(reply)
    tidy = server.person("tidy", manage_messages=True)
    panel = await told(await tidy.slash(channel, "queue"))
    assert cancels(panel) == [job_id]
    role_id = server.guild.roles["tidy"].id
    stage.env.backend.edit_role(server.guild.id, role_id, {"permissions": 0})
    press = await tidy.click(panel, custom_id=f"gafuu:drop:{job_id}")
    assert await refusal(press) == EN.say("answer.not_yours")
    allowed = {"permissions": 1 << 13}
    stage.env.backend.edit_role(server.guild.id, role_id, allowed)
    await tidy.click(panel, custom_id=f"gafuu:drop:{job_id}")
    await shows(reply, "cancelled")


async def test_press_that_comes_too_late(stage: Stage, photo: Upload) -> None:
    """A job that is over meanwhile: the person is told, and Refresh shows the list as it is."""
    channel, alice = stage.elsewhere().room()
    reply = await ordered(alice, channel, photo)
    job_id = await runs(reply)
    panel = await told(await alice.slash(channel, "queue"))
    await cancelled(alice, reply)
    press = await alice.click(panel, custom_id=f"gafuu:drop:{job_id}")
    assert await refusal(press) == EN.say("answer.over")
    await alice.click(panel, label="Refresh")
    assert cancels(panel) == []


async def test_other_servers_are_only_counted(stage: Stage, photo: Upload) -> None:
    """Nobody learns what is painted elsewhere."""
    channel, alice = stage.elsewhere().room()
    other, bob = stage.elsewhere().room()
    reply = await ordered(alice, channel, photo)
    await runs(reply)
    panel = await told(await bob.slash(other, "queue"))
    assert EN.say("queue.title", painting=1, waiting=0) in text(panel)
    assert "devices" not in text(panel)
    assert "Scream" not in text(panel)
    await cancelled(alice, reply)


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_several_devices_are_told(tmp_path: Path, photo: Upload, language: str) -> None:
    """How many there are, paint and are free; of a single one nothing is said."""
    words = words_in(language)
    bot = create_bot(settings_for(tmp_path), pool=small_pool("cpu*2"))
    async with opened(bot) as stage:
        channel, alice = stage.room()
        await until(lambda: [slot.state for slot in bot.pool.slots()] == ["ready"] * 2)
        reply = await ordered(alice, channel, photo)
        await runs(reply)
        with speaking(language, guild_locale="en-US"):
            panel = await told(await alice.slash(channel, "queue"))
        assert words.say("queue.devices", devices=2, busy=1, ready=1) in text(panel)
        await cancelled(alice, reply)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_several_computers_are_told(language: str) -> None:
    """Devices that start or are set aside belong to the whole, and neither paint nor are free."""
    words = words_in(language)
    states: list[SlotState] = ["busy", "ready", "starting", "set_aside"]
    slots = [
        Slot(name=f"{number}", device_name="", state=state, node="garage" if number else "attic")
        for number, state in enumerate(states)
    ]
    expected = words.say("queue.nodes", devices=4, nodes=2, busy=1, ready=1)
    assert devices_line(slots, words) == expected
    assert devices_line(slots[:1], words) == ""
    assert devices_line([], words) == ""
