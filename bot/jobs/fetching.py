"""Cards whose pictures are still being fetched: there is no job yet that a restart would go on with."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.jobs.disk import DiskFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.jobs.store import JobStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchingCard:
    """A public card that says that pictures are being fetched."""

    message_id: int
    channel_id: int
    guild_id: int | None
    language: str
    """Of the place."""


class FetchingCards:
    """The cards of orders that are no jobs yet, in the store.

    Every method raises `DiskFault` when the store fails.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store

    @contextlib.asynccontextmanager
    async def noted(self, card: FetchingCard | None) -> AsyncIterator[None]:
        """Note a card down for as long as the block runs; None notes nothing.

        What is left noted down after an end that nobody expected is what `left` returns at the next start.
        """
        if card is None:
            yield
            return
        async with self._store.writing("note a card") as db:
            await db.execute(
                "INSERT OR REPLACE INTO fetching_cards VALUES (?, ?, ?, ?)",
                (card.message_id, card.channel_id, card.guild_id, card.language),
            )
        try:
            yield
        except Exception:
            await self._strike_off(card)
            raise
        # Not when cancelled: then the bot is closing, and the next start mends the card.
        await self._strike_off(card)

    async def left(self) -> list[FetchingCard]:
        """Return the cards of orders that an earlier life of the bot left without a job."""
        rows = await self._store.read(
            "SELECT * FROM fetching_cards WHERE message_id NOT IN"
            " (SELECT card_message_id FROM jobs WHERE card_message_id IS NOT NULL)"
        )
        return [FetchingCard(**{name: row[name] for name in row.keys()}) for row in rows]  # noqa: SIM118 - a Row is no dict

    async def _strike_off(self, card: FetchingCard) -> None:
        """Forget a card that needs no mending; at worst the next start looks at it once more."""
        try:
            await self.forget(card)
        except DiskFault as fault:
            logger.warning("card_not_struck_off message=%s error=%s", card.message_id, fault)

    async def forget(self, card: FetchingCard) -> None:
        """Strike a card off."""
        async with self._store.writing("strike off a card") as db:
            await db.execute("DELETE FROM fetching_cards WHERE message_id = ?", (card.message_id,))
