"""`/history` from end to end: one's own jobs, with links, on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from staging.seen import buttons, gallery, offers, pieces, refusal, result_in, shows, text, told
from staging.stage import speaking

from bot.i18n import words_in
from bot.jobs.model import JobOrder, StyleSource
from nst_core.errors import SENTENCES

if TYPE_CHECKING:
    from staging.stage import Stage

    from bot.jobs.model import JobRecord

    Upload = tuple[str, bytes]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_nothing_yet(stage: Stage, language: str) -> None:
    """Whoever has no pictures is told how to begin."""
    channel, alice = stage.room()
    with speaking(language):
        reply = await alice.slash(channel, "history")
        assert await refusal(reply) == words_in(language).refusals["history_empty"]


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_own_pictures_with_links(stage: Stage, photo: Upload, language: str) -> None:
    """The newest first, finished, cancelled and under way; nobody else's, and only for who asks."""
    words = words_in(language)
    channel, alice = stage.room()
    bob = stage.person(f"bob-history-{language}")
    await shows(await bob.slash(channel, "stylize", content=photo, preset="kiss"), "See the picture")
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    result = channel.history()[-1]
    cancelled = await alice.slash(channel, "stylize", content=photo, preset="great_wave", size=128)
    await offers(cancelled, "Cancel")
    await alice.click(cancelled.response, label="Cancel")
    await shows(cancelled, "cancelled")
    waiting = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
    await offers(waiting, "Cancel")
    with speaking(language, guild_locale="en-US"):
        page = await told(await alice.slash(channel, "history"))
    _, first, second, third = text(page).splitlines()
    link = f"https://discord.com/channels/{stage.guild.id}/{channel.id}/{waiting.response.id}"  # type: ignore[union-attr]
    assert first.startswith("1. ")
    assert words.say("history.under_way", link=link) in first
    assert words.texts["history_state.cancelled"] in second
    assert words.say("history.link", link=result.jump_url) in third
    assert words.say("history.title", page=1, pages=1) in text(page)
    assert buttons(page) == {}
    await alice.click(waiting.response, label="Cancel")
    await shows(waiting, "cancelled")


async def test_pages(stage: Stage, photo: Upload) -> None:
    """Eight on a page; next and back go through them, also past the end when jobs were erased meanwhile."""
    channel, alice = stage.room()
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    record = (await stage.bot.store.by_owner(alice.id))[0]
    for _ in range(9):
        job = await stage.bot.service.submit(order_like(record, photo))
        await stage.bot.service.stop(job.id, keep=False)
    page = await told(await alice.slash(channel, "history"))
    assert "page 1 of 2" in text(page)
    assert "8. " in text(page)
    await alice.click(page, label="Next ›")
    assert "page 2 of 2" in text(page)
    assert "10. " in text(page)
    disabled = {piece["label"]: piece.get("disabled", False) for piece in pieces(page) if piece["type"] == 2}
    assert disabled == {"‹ Back": False, "Next ›": True}
    await alice.click(page, label="‹ Back")
    assert "page 1 of 2" in text(page)


async def test_show_one_again(stage: Stage, photo: Upload) -> None:
    """A finished picture is shown once more, to its owner alone, also where its message is gone."""
    channel, alice = stage.room()
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    await refusal(await alice.click(await result_in(channel), label="Delete"))
    page = await told(await alice.slash(channel, "history"))
    (menu,) = [piece for piece in pieces(page) if piece.get("custom_id") == "gafuu-show"]
    job_id = menu["options"][0]["value"]
    shown = await told(await alice.select(page, [job_id], custom_id="gafuu-show"))
    assert list(gallery(shown)) == ["content.jpg", "style_1.jpg", "pastiche.png", "curve.png"]
    await stage.bot.store.sweep(inputs_s=0, results_s=10**6)
    shown = await told(await alice.select(page, [job_id], custom_id="gafuu-show"))
    assert list(gallery(shown)) == ["pastiche.png", "curve.png"]
    await stage.bot.store.sweep(inputs_s=0, results_s=0)
    press = await alice.select(page, [job_id], custom_id="gafuu-show")
    assert await refusal(press) == SENTENCES["job_forgotten"]


async def test_in_private(stage: Stage, photo: Upload) -> None:
    """It works in a direct message and tells of pictures from everywhere."""
    channel, alice = stage.room()
    await shows(await alice.slash(channel, "stylize", content=photo, preset="scream"), "See the picture")
    page = await told(await alice.user.slash("history"))
    assert (await result_in(channel)).jump_url in text(page)


def order_like(record: JobRecord, photo: Upload) -> JobOrder:
    """Return an order of the same person in the same place."""
    return JobOrder(
        owner_id=record.owner_id,
        guild_id=record.guild_id,
        channel_id=record.channel_id,
        content=photo[1],
        styles=(StyleSource(image=photo[1], preset="kiss"),),
        params=record.params,
    )
