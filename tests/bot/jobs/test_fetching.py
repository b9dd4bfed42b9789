"""Cards that were left while pictures were being fetched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from staging.seen import result_in, shows, text
from staging.stage import new_bot, opened, speaking

from bot.i18n import words_in
from bot.jobs.fetching import FetchingCard, FetchingCards
from bot.jobs.store import JobStore

if TYPE_CHECKING:
    from pathlib import Path

    Upload = tuple[str, bytes]

CARD = FetchingCard(message_id=1, channel_id=2, guild_id=None, language="ja")


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_card_of_a_bot_that_died_while_fetching(
    tmp_path: Path, photo: Upload, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start tells on it what happened, in the server's language, and only once."""
    words = words_in(language)
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        endless = asyncio.Event()

        async def never(*_: object, **__: object) -> bytes:
            await endless.wait()
            return b""

        with speaking(language), monkeypatch.context() as patch:
            patch.setattr("discord.Attachment.read", never)
            reply = await alice.slash(channel, "stylize", content=photo, preset="scream")
        assert text(reply.response) == words.say("card.received")
        await until_left(stage.bot.fetching, 1)
        await stage.restart(new_bot(tmp_path, small=True))
        await shows(reply, words.say("card.lost"))
        await until_left(stage.bot.fetching, 0)
        endless.set()


async def until_left(fetching: FetchingCards, cards: int) -> None:
    """Wait until so many cards are without a job."""
    for _ in range(200):
        if len(await fetching.left()) == cards:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def test_order_that_became_a_job_leaves_nothing(tmp_path: Path, photo: Upload) -> None:
    """Nor does one that was refused."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        await alice.slash(channel, "stylize", content=photo, preset="scream")
        await alice.slash(channel, "stylize", content=("a.png", b"%PDF-1.4"), preset="scream")
        await result_in(channel)
        assert await stage.bot.store.read("SELECT * FROM fetching_cards") == []


async def test_card_of_a_job_is_not_mended(tmp_path: Path, photo: Upload) -> None:
    """A bot that died between storing the job and striking off its card goes on with the job."""
    async with opened(new_bot(tmp_path, small=True)) as stage:
        channel, alice = stage.room()
        await alice.slash(channel, "stylize", content=photo, preset="scream")
        result = await result_in(channel)
        (card,) = [message for message in channel.history() if message.id != result.id]
        noted = FetchingCard(message_id=card.id, channel_id=channel.id, guild_id=None, language="en")
        noting = stage.bot.fetching.noted(noted)
        await noting.__aenter__()
        assert await stage.bot.fetching.left() == []


async def test_noted_for_as_long_as_the_block_runs(tmp_path: Path) -> None:
    """An error strikes it off, too, since its card is taken back; being cancelled does not."""
    store = await JobStore.open(tmp_path)
    fetching = FetchingCards(store)
    async with fetching.noted(CARD):
        assert await fetching.left() == [CARD]
    assert await fetching.left() == []
    with pytest.raises(ValueError, match="bad picture"):
        async with fetching.noted(CARD):
            raise ValueError("bad picture")
    assert await fetching.left() == []
    with pytest.raises(asyncio.CancelledError):
        async with fetching.noted(CARD):
            raise asyncio.CancelledError
    assert await fetching.left() == [CARD]
    async with fetching.noted(None):
        assert await fetching.left() == [CARD]
    await store.close()
