"""Who has starred what, and what hangs in the galleries of servers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from bot.jobs.store import JobStore

_SELECT: Final = """
    SELECT *, (SELECT count(*) FROM stars WHERE stars.job_id = gallery.job_id) AS stars FROM gallery
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hanging:
    """A picture in a gallery."""

    job_id: str
    guild_id: int
    channel_id: int
    message_id: int
    down: bool
    """Somebody took it down; it is not hung again."""
    hung_at: float
    stars: int
    """People who have starred it."""

    @property
    def link(self) -> str:
        """The address of its message."""
        return f"https://discord.com/channels/{self.guild_id}/{self.channel_id}/{self.message_id}"


class Stars:
    """The stars and the galleries.

    Args:
        store: open; where they are kept.
        clock: seconds since 1970, UTC.
    """

    def __init__(self, store: JobStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def hanging(self, job_id: str) -> Hanging | None:
        """Return where a picture hangs or hung, or None if nobody has starred it."""
        rows = await self._store.read(f"{_SELECT} WHERE job_id = ?", job_id)
        return _hanging(rows[0]) if rows else None

    async def hang(self, job_id: str, *, guild_id: int, channel_id: int, message_id: int) -> None:
        """Note where a picture was hung; only the first time counts."""
        async with self._store.writing("hang a picture") as db:
            await db.execute(
                "INSERT OR IGNORE INTO gallery VALUES (?, ?, ?, ?, 0, ?)",
                (job_id, guild_id, channel_id, message_id, self._clock()),
            )

    async def take_down(self, job_id: str) -> None:
        """Note that a picture no longer hangs."""
        async with self._store.writing("take a picture down") as db:
            await db.execute("UPDATE gallery SET down = 1 WHERE job_id = ?", (job_id,))

    async def add(self, job_id: str, person_id: int) -> bool:
        """Keep somebody's star; False if they had given it before."""
        async with self._store.writing("keep a star") as db:
            done = await db.execute("INSERT OR IGNORE INTO stars VALUES (?, ?)", (job_id, person_id))
            return done.rowcount == 1

    async def count(self, guild_id: int) -> int:
        """Return how many pictures hang in a server's gallery."""
        rows = await self._store.read(
            "SELECT count(*) AS pictures FROM gallery WHERE guild_id = ? AND NOT down", guild_id
        )
        return int(rows[0]["pictures"])

    async def nth(self, guild_id: int, number: int) -> Hanging | None:
        """Return a picture of a server's gallery, 0 being the one that was hung last."""
        rows = await self._store.read(
            f"{_SELECT} WHERE guild_id = ? AND NOT down ORDER BY hung_at DESC, job_id DESC LIMIT 1 OFFSET ?",
            *(guild_id, number),
        )
        return _hanging(rows[0]) if rows else None


def _hanging(row: sqlite3.Row) -> Hanging:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no dict
    return Hanging(**fields | {"down": bool(row["down"])})
