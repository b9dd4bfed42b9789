"""Again, Stronger, Gentler, Larger, Swap: from a result to a new job."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from discord import ui
from staging.seen import (
    buttons,
    fields,
    gallery,
    offers,
    pictures_of,
    refusal,
    result_in,
    results,
    runs,
    shows,
    text,
)
from staging.stage import new_bot, opened, speaking

from bot import remixes
from bot.i18n import words_in
from bot.jobs.model import JobOrder, JobRecord, StyleSource
from bot.rehearsal.realtime import until
from bot.ui.buttons import JobButton
from nst_core import presets
from nst_core.errors import SENTENCES, BadParameter
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from pathlib import Path

    import discord
    from simcord import MemberActor
    from simcord.builders import ChannelHandle
    from staging.stage import Stage

    Upload = tuple[str, bytes]

WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
ENDS: dict[str, tuple[dict[str, int], str]] = {
    "stronger": ({"strength": 100}, "strongest"),
    "gentler": ({"strength": 0}, "gentlest"),
    "larger": ({"long_side_px": 1024}, "largest"),
}
on_stage = pytest.mark.asyncio(loop_scope="module")


async def painted(
    channel: ChannelHandle, alice: MemberActor, photo: Upload, **options: object
) -> discord.Message:
    """Return the result of a job that takes no time."""
    await alice.slash(channel, "stylize", content=photo, **(options or {"preset": "scream"}))
    return await result_in(channel)


async def next_result(channel: ChannelHandle, *before: discord.Message) -> discord.Message:
    """Return the result that comes after others, waiting for it."""
    known = {message.id for message in before}
    await until(lambda: [each for each in results(channel) if each.id not in known], within_s=60)
    (new,) = [each for each in results(channel) if each.id not in known]
    return new


async def job_behind(stage: Stage, result: discord.Message) -> JobRecord:
    """Return the job of a result, once that is noted down."""
    job_id = next(iter(buttons(result).values())).rpartition(":")[2]
    job = await stage.bot.service.get(job_id)
    assert job is not None
    return job


async def put_up(stage: Stage, channel: ChannelHandle, action: str, job_id: str) -> discord.Message:
    """Return a message with one button, as an older result has it."""
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.ActionRow(JobButton.made(action, job_id, words_in("en"))))
    return await stage.bot.get_partial_messageable(channel.id).send(view=view)


async def old_job(stage: Stage, photo: Upload, channel: ChannelHandle, **params: int) -> str:
    """Return the id of a job as one that ended long ago left it: known to the store alone."""
    style = StyleSource(image=presets.read(presets.find("scream")), preset="scream")
    order = JobOrder(
        owner_id=1,
        guild_id=stage.guild.id,
        channel_id=channel.id,
        content=photo[1],
        styles=(style,),
        params=StyleParams(**({"long_side_px": 64} | params)),  # type: ignore[arg-type]
    )
    job = await stage.bot.store.add(order)
    await stage.bot.store.update(job.id, state="cancelled", finished_at=0.0)
    return job.id


@on_stage
async def test_again_by_somebody_else(stage: Stage, photo: Upload) -> None:
    """The same pictures and params with another seed; the new job belongs to whoever pressed."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo, preset="scream", strength=70, brush=200)
    bob = stage.person("bob-again")
    press = await bob.click(first, label="Again")
    assert press.response is not None
    assert not press.response.ephemeral
    second = await next_result(channel, first)
    assert stage.pinged(second) == {bob.id}
    assert f"From [this picture]({first.jump_url}) of <@{alice.id}>" in text(second)
    assert list(gallery(second)) == WHOLE
    await shows(press, second.jump_url)
    old, new = await job_behind(stage, first), await job_behind(stage, second)
    assert new.params.seed != old.params.seed
    assert (new.params.strength, new.params.brush) == (70, 200)
    assert new.params == dataclasses.replace(old.params, seed=new.params.seed)
    assert (new.owner_id, new.parent_id, new.presets) == (bob.id, old.id, ("scream",))
    assert (new.content_blob, new.style_blobs) == (old.content_blob, old.style_blobs)
    assert text(first) in [text(message) for message in channel.history()]


@on_stage
@pytest.mark.parametrize(("label", "strength"), [("Stronger", 95), ("Gentler", 55)])
async def test_strength_moves_by_twenty(stage: Stage, photo: Upload, label: str, strength: int) -> None:
    """Everything else stays, the seed included, so that only the strength makes the difference."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo, preset="scream", strength=75)
    await alice.click(first, label=label)
    second = await next_result(channel, first)
    assert f"strength {strength} ·" in text(second)
    old, new = await job_behind(stage, first), await job_behind(stage, second)
    assert new.params == dataclasses.replace(old.params, strength=strength)
    assert new.parent_id == old.id


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("action", ENDS)
async def test_end_of_the_range_is_told_alone(
    stage: Stage, photo: Upload, language: str, action: str
) -> None:
    """Nothing is painted, and the person learns what to press instead, in their language."""
    params, code = ENDS[action]
    channel, alice = stage.room()
    message = await put_up(stage, channel, action, await old_job(stage, photo, channel, **params))
    with speaking(language, guild_locale="fr"):
        press = await alice.click(message, label=words_in("en").say(f"button.{action}"))
    sentence = words_in(language).refusals[code].format(most=1024)
    assert await refusal(press) == sentence
    assert len(channel.history()) == 1


@on_stage
async def test_larger(stage: Stage, photo: Upload) -> None:
    """Half as large again on each side."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo)
    press = await alice.click(first, label="Larger")
    await runs(press)
    await alice.click(press.response, label="Stop here")
    second = await next_result(channel, first)
    assert (await pictures_of(second))["pastiche.png"].size == (96, 64)
    await shows(press, second.jump_url)


@on_stage
async def test_swap_in_japanese(stage: Stage, photo: Upload, texture: Upload) -> None:
    """Content and style change places; card and result speak the server's language."""
    channel, alice = stage.room()
    with speaking("ja"):
        first = await painted(channel, alice, photo, style=texture)
        press = await alice.click(first, label="入れ替える")
        second = await next_result(channel, first)
    assert "### お手本の画像の画風で" in text(second)
    await shows(press, "[絵を見る]")
    before, after = await pictures_of(first), await pictures_of(second)
    assert before["content.jpg"].size == (64, 43)
    assert after["content.jpg"].size == after["pastiche.png"].size == (64, 64)
    old, new = await job_behind(stage, first), await job_behind(stage, second)
    assert (new.content_blob, new.style_blobs) == (old.style_blobs[0], (old.content_blob,))


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_other_style(stage: Stage, photo: Upload, language: str) -> None:
    """The form asks for a style and starts from the old strength; everything else stays as it was."""
    words = words_in(language)
    channel, alice = stage.room()
    first = await painted(channel, alice, photo, preset="scream", strength=40, brush=150)
    bob = stage.person(f"bob-other-{language}")
    with speaking(language):
        form = await bob.click(first, custom_id=f"gafuu:other:{(await job_behind(stage, first)).id}")
        assert form.modal is not None
        assert form.modal["title"] == words.say("form.other_title")
        assert list(fields(form)) == ["preset", "style", "strength"]
        options = fields(form)["strength"]["component"]["options"]
        assert [each["value"] for each in options if each["default"]] == ["40"]
        card = await bob.submit_modal(form, {"preset": ["kiss"]})
        second = await next_result(channel, first)
    await shows(card, second.jump_url)
    old, new = await job_behind(stage, first), await job_behind(stage, second)
    assert (new.owner_id, new.parent_id, new.presets) == (bob.id, old.id, ("kiss",))
    assert new.params == old.params
    assert new.content_blob == old.content_blob


@on_stage
async def test_other_style_of_ones_own(stage: Stage, photo: Upload, texture: Upload) -> None:
    """An uploaded picture, with another strength."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo)
    form = await alice.click(first, label="Other style…")
    await alice.submit_modal(form, {"style": texture, "strength": ["90"]})
    new = await job_behind(stage, await next_result(channel, first))
    assert (new.presets, new.params.strength) == ((None,), 90)


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_other_style_needs_a_style_and_a_job(stage: Stage, photo: Upload, language: str) -> None:
    """A form without one is refused; of a job that is forgotten no form is shown at all."""
    channel, alice = stage.room()
    message = await put_up(stage, channel, "other", await old_job(stage, photo, channel))
    unknown = await put_up(stage, channel, "other", "unknown")
    refusals = words_in(language).refusals
    with speaking(language):
        form = await alice.click(message, label="Other style…")
        assert await refusal(await alice.submit_modal(form, {})) == refusals["style_missing"]
        press = await alice.click(unknown, label="Other style…")
    assert await refusal(press) == refusals["job_forgotten"]
    assert len(channel.history()) == 2


@on_stage
async def test_swap_twice_is_the_painting_again(stage: Stage, photo: Upload) -> None:
    """A painting that was swapped away is an upload's content; swapped back it has its name again."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo)
    await alice.click(first, label="Swap")
    second = await next_result(channel, first)
    assert "In the manner of your style picture" in text(second)
    await alice.click(second, label="Swap")
    third = await next_result(channel, first, second)
    assert "In the manner of The Scream" in text(third)
    jobs = [await job_behind(stage, result) for result in (first, second, third)]
    assert [job.presets for job in jobs] == [("scream",), (None,), ("scream",)]
    assert [job.parent_id for job in jobs] == [None, jobs[0].id, jobs[1].id]
    assert jobs[2].content_blob == jobs[0].content_blob


@on_stage
@pytest.mark.parametrize("language", ["en", "ja"])
async def test_forgotten_job(stage: Stage, photo: Upload, language: str) -> None:
    """Of a job that is unknown, or whose pictures' time is over, the person learns to send them again."""
    channel, alice = stage.room()
    swept = await old_job(stage, photo, channel)
    await stage.bot.store.sweep(inputs_s=0, results_s=0)
    for job_id in ("unknown", swept):
        message = await put_up(stage, channel, "again", job_id)
        with speaking(language, guild_locale="en-US"):
            press = await alice.click(message, label="Again")
        assert await refusal(press) == words_in(language).refusals["job_forgotten"]
    assert len(channel.history()) == 2


@on_stage
async def test_lost_file_takes_the_card_back(stage: Stage, texture: Upload) -> None:
    """A picture that is found to be missing once the card is there: the card goes, not the old result."""
    channel, alice = stage.room()
    message = await put_up(stage, channel, "again", await old_job(stage, texture, channel))
    for file in (stage.bot.settings.data / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    assert await refusal(await alice.click(message, label="Again")) == SENTENCES["job_forgotten"]
    assert [each.id for each in channel.history()] == [message.id]


@on_stage
async def test_presses_count_against_the_own_share(stage: Stage, photo: Upload) -> None:
    """Whoever has three jobs under way is refused a fourth, and the result stays where it is."""
    channel, alice = stage.room()
    first = await painted(channel, alice, photo)
    bob = stage.person("bob-share")
    replies = [await bob.slash(channel, "stylize", content=photo, preset="kiss", size=128) for _ in range(3)]
    for reply in replies:
        await offers(reply, "Cancel")
    sentence = await refusal(await bob.click(first, label="Again"))
    assert sentence == SENTENCES["share_used"].format(limit=3)
    assert first.id in [message.id for message in channel.history()]
    for reply in replies:
        await shows(reply, "In the manner of")
        await bob.click(reply.response, label="Cancel")
        await shows(reply, "cancelled")
    press = await alice.click(first, label="Again")  # her own share is free
    await next_result(channel, first)
    await shows(press, "See the picture")


@on_stage
async def test_missing_permissions_are_named(stage: Stage, photo: Upload) -> None:
    """A press is refused where the result could not be posted, before anything is painted."""
    channel, alice = stage.room(attach_files=False)
    message = await put_up(stage, channel, "again", await old_job(stage, photo, channel))
    press = await alice.click(message, label="Again")
    assert "(Attach Files)" in await refusal(press)
    assert len(channel.history()) == 1


@on_stage
async def test_direct_message(stage: Stage, photo: Upload) -> None:
    """Buttons work in private, too."""
    dora = stage.env.create_user("dora-again")
    await dora.slash("stylize", content=photo, preset="scream")
    channel = dora.dm_channel
    first = await result_in(channel)
    press = await dora.click(first, label="Again")
    second = await next_result(channel, first)
    await shows(press, second.jump_url)


async def test_press_during_a_restart(tmp_path: Path, photo: Upload) -> None:
    """A bot that takes no more jobs says so, and no card stays behind."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        first = await painted(channel, alice, photo)
        await stage.bot.service.close()
        assert await refusal(await alice.click(first, label="Again")) == SENTENCES["restarting"]
        assert len(channel.history()) == 2


def test_seed_is_always_another_one() -> None:
    """Whatever it was, and never out of range."""
    for seed in (0, 1, 2**32 - 1):
        seeds = {remixes.with_new_seed(StyleParams(seed=seed), 1024).seed for _ in range(20)}
        assert seed not in seeds
        assert len(seeds) > 1


@pytest.mark.parametrize(
    ("strength", "by", "expected"), [(50, 20, 70), (90, 20, 100), (50, -20, 30), (5, -20, 0)]
)
def test_strength_stays_in_its_range(strength: int, by: int, expected: int) -> None:
    """The last step is shorter."""
    assert remixes.with_strength(StyleParams(strength=strength), 1024, by=by).strength == expected


@pytest.mark.parametrize(("px", "expected"), [(64, 96), (333, 500), (800, 1024), (1023, 1024)])
def test_size_stays_in_its_range(px: int, expected: int) -> None:
    """The last step is shorter here, too."""
    larger = remixes.enlarged(StyleParams(long_side_px=px), 1024)
    assert larger.long_side_px == expected


@pytest.mark.parametrize("px", [1024, 2048])
def test_nothing_is_larger_than_allowed(px: int) -> None:
    """Nor a picture that was ordered when larger ones were allowed."""
    with pytest.raises(BadParameter) as caught:
        remixes.enlarged(StyleParams(long_side_px=px), 1024)
    assert str(caught.value) == SENTENCES["largest"].format(most=1024)
