"""A bot that ends and starts again loses nothing and repeats nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from staging.seen import gallery, refusal, result_in, results, runs, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from pathlib import Path

    Upload = tuple[str, bytes]

WHOLE = ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
EDITS = ".*/messages/@original"


async def test_restart_with_jobs_under_way(tmp_path: Path, photo: Upload) -> None:
    """A bot that starts again goes on with every job, on the cards that are there, without their tokens."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        running = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
        job_id = await runs(running)
        waiting = await alice.slash(channel, "stylize", content=photo, preset="kiss")
        await shows(waiting, "In the manner of The Kiss")
        await stage.restart(new_bot(tmp_path, small=True))
        assert "I am restarting" in str(stage.sent("PATCH", EDITS)[-2:])
        await runs(running)
        await alice.click(running.response, label="Stop here")
        await until(lambda: len(results(channel)) == 2, within_s=60)
        for reply in (running, waiting):
            await shows(reply, "See the picture")
        job = await stage.bot.service.get(job_id)
        assert job is not None
        assert job.state == "done"


@pytest.mark.parametrize("patience_s", [(), (60.0,)], ids=["had given up", "still trying"])
async def test_restart_with_a_result_that_was_never_posted(
    tmp_path: Path, photo: Upload, patience_s: tuple[float, ...]
) -> None:
    """What Discord did not take before the end is posted after the next start."""
    async with opened(new_bot(tmp_path, small=True, patience_s=patience_s)) as stage:
        channel, alice = stage.room()
        posts = f"/channels/{channel.id}/messages"
        with stage.refusing("POST", posts, status=500):
            reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
            await until(lambda: stage.sent("POST", posts))
            await stage.restart(new_bot(tmp_path, small=True))
        assert list(gallery(await result_in(channel))) == WHOLE
        await shows(reply, "See the picture")
        assert len(results(channel)) == 1


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_restart_between_a_result_and_its_buttons(tmp_path: Path, photo: Upload, language: str) -> None:
    """Buttons of a result that an earlier life of the bot posted do what they always did."""
    words = words_in(language)
    with speaking(language):
        async with opened(new_bot(tmp_path, small=True)) as stage:
            channel, alice = stage.room()
            card = await alice.slash(channel, "stylize", content=photo, preset="scream")
            first = await result_in(channel)
            await shows(card, first.jump_url)
            await stage.restart(new_bot(tmp_path, small=True))
            press = await alice.click(first, label=words.say("button.stronger"))
            await until(lambda: len(results(channel)) == 2, within_s=60)
            (second,) = [each for each in results(channel) if each.id != first.id]
            assert words.say("card.heading", style="").strip("# ") in text(second)
            await shows(press, second.jump_url)
            details = await refusal(await alice.click(second, label=words.say("button.details")))
            assert words.say("details.strength", strength=70) in details
            assert words.say("details.parent", link=first.jump_url) in details
            gone = await refusal(await alice.click(first, label=words.say("button.delete")))
            assert gone == words.say("answer.deleted")
            assert [each.id for each in results(channel)] == [second.id]
