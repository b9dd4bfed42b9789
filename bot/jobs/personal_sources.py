"""What is kept about people beside their jobs: pictures for the next one, paintings they gave to servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.jobs.personal import PersonalSource
    from bot.jobs.store import JobStore


def personal_sources(store: JobStore) -> tuple[PersonalSource, ...]:
    """Return all of them."""
    return KeptSource(store), DonatedSource(store)


class KeptSource:
    """The pictures that somebody keeps for a quarter of an hour.

    Args:
        store: open.
    """

    name = "kept"

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def export(self, person_id: int) -> tuple[object, Mapping[str, bytes | str]]:
        """Return which halves are kept until when, and the pictures."""
        rows = await self._store.read(
            "SELECT half, hash, until FROM kept_pictures WHERE person_id = ?", person_id
        )
        return {row["half"]: row["until"] for row in rows}, {row["half"]: row["hash"] for row in rows}

    async def erase(self, person_id: int) -> None:
        """Keep nothing more."""
        async with self._store.writing("erase kept pictures") as db:
            await db.execute("DELETE FROM kept_pictures WHERE person_id = ?", (person_id,))


class DonatedSource:
    """The paintings that somebody has added to the collections of servers.

    Args:
        store: open.
    """

    name = "own_presets"

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def export(self, person_id: int) -> tuple[object, Mapping[str, bytes | str]]:
        """Return what was said about each painting, and the pictures."""
        sql = "SELECT guild_id, title, artist, licence, added_at, hash FROM own_presets WHERE added_by = ?"
        rows = await self._store.read(sql, person_id)
        said = [{name: row[name] for name in row.keys() if name != "hash"} for row in rows]  # noqa: SIM118 - a Row is no dict
        return said, {f"{row['guild_id']}-{number}": row["hash"] for number, row in enumerate(rows, start=1)}

    async def erase(self, person_id: int) -> None:
        """Forget who added them; the paintings are the servers' own, whose managers can remove them."""
        async with self._store.writing("erase who gave paintings") as db:
            await db.execute("UPDATE own_presets SET added_by = 0 WHERE added_by = ?", (person_id,))
