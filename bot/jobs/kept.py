"""Pictures that people keep for their next one: a content and a style, each for a quarter of an hour."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.store import JobStore

Half = Literal["content", "style"]
KEPT_S: Final = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """One picture that somebody keeps; it was looked at when it was kept."""

    half: Half
    blob: str
    """sha256 of its bytes."""
    until: float
    """Seconds since 1970, UTC."""


class KeptPictures:
    """What everybody keeps, in the store.

    Every method raises `DiskFault` when the store fails.

    Args:
        store: open.
        clock: seconds since 1970, UTC.
    """

    def __init__(self, store: JobStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def keep(self, person_id: int, half: Half, image: bytes) -> KeptPicture:
        """Keep a picture in place of the one that the person kept before as this half."""
        blob = await self._store.write_blob(image)
        kept = KeptPicture(half=half, blob=blob, until=self._clock() + KEPT_S)
        async with self._store.writing("keep a picture") as db:
            await db.execute(
                "INSERT OR REPLACE INTO kept_pictures VALUES (?, ?, ?, ?)",
                (person_id, half, kept.blob, kept.until),
            )
        return kept

    async def of(self, person_id: int) -> dict[Half, KeptPicture]:
        """Return what a person keeps now."""
        rows = await self._store.read(
            "SELECT half, hash, until FROM kept_pictures WHERE person_id = ? AND until >= ?",
            person_id,
            self._clock(),
        )
        return {
            row["half"]: KeptPicture(half=row["half"], blob=row["hash"], until=row["until"]) for row in rows
        }

    async def forget(self, person_id: int) -> None:
        """Keep nothing more of a person's."""
        async with self._store.writing("forget kept pictures") as db:
            await db.execute("DELETE FROM kept_pictures WHERE person_id = ?", (person_id,))
