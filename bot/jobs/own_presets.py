"""Paintings that a server added to the collection: for that server alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.jobs.model import OWN_PRESET
from nst_core import presets
from nst_core.errors import BadParameter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from bot.jobs.store import JobStore

MOST_PER_SERVER: Final = 25
"""A list to pick from has room for so many."""
MOST_LETTERS: Final = 60
"""Of a title, an artist's name and a licence note each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPreset:
    """One painting of a server's own."""

    guild_id: int
    title: str
    """No two of a server are the same but for case, accents and punctuation."""
    artist: str
    """"" where nobody said."""
    licence: str
    """What whoever added it said about the right to use it."""
    blob: str
    """sha256 of the picture to paint from."""
    thumbnail: str | None
    """sha256 of its small copy; None where there was nothing to make one with."""
    added_by: int
    added_at: float

    @property
    def ref(self) -> str:
        """What stands for it in commands, buttons and jobs."""
        return OWN_PRESET + self.title


class OwnPresets:
    """Every server's own paintings, in memory, as their rows in the store say. Use `load`.

    Args:
        store: open.
        clock: seconds since 1970, UTC.
    """

    def __init__(self, store: JobStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[int, dict[str, OwnPreset]] = {}

    async def load(self) -> None:
        """Read every row.

        Raises:
            DiskFault: the store cannot be read.
        """
        for row in await self._store.read("SELECT * FROM own_presets ORDER BY added_at, title"):
            self._remember(_own_preset(row))

    def of(self, guild_id: int | None) -> list[OwnPreset]:
        """Return a server's paintings, the oldest first."""
        return list(self._known.get(guild_id or 0, {}).values())

    def find(self, guild_id: int | None, name: str) -> OwnPreset | None:
        """Return the painting of that server with this title or reference; None if it has none such.

        Raises:
            BadParameter: it is a reference to one that was removed.
        """
        found = self.known(guild_id, name)
        title = name.removeprefix(OWN_PRESET)
        if found is None and name.startswith(OWN_PRESET):
            raise BadParameter("preset_unknown", preset=title, hint="hint_list")
        return found

    def known(self, guild_id: int | None, name: str) -> OwnPreset | None:
        """Return the painting of that server with this title or reference; None if it has none such."""
        title = name.removeprefix(OWN_PRESET)
        return self._known.get(guild_id or 0, {}).get(presets.folded(title))

    def search(self, guild_id: int | None, text: str) -> list[OwnPreset]:
        """Return those whose title or artist has every word of a half-typed text in it."""
        words = [presets.folded(word) for word in text.split()]
        return [
            own
            for own in self.of(guild_id)
            if all(word in presets.folded(f"{own.title} {own.artist}") for word in words)
        ]

    def check_room(self, guild_id: int) -> None:
        """Refuse where a server has as many paintings of its own as it may have.

        Raises:
            BadParameter: it has.
        """
        if len(self.of(guild_id)) >= MOST_PER_SERVER:
            raise BadParameter("own_full", most=MOST_PER_SERVER)

    def check_title(self, guild_id: int, title: str) -> str:
        """Return a title for one more painting, without needless space.

        Raises:
            BadParameter: it has no letters, is taken, or there is no room for another painting.
        """
        self.check_room(guild_id)
        neat = " ".join(title.split())
        if not presets.folded(neat):
            raise BadParameter("own_title_empty")
        if self.find(guild_id, neat) or _is_in_the_collection(neat):
            raise BadParameter("own_title_taken", title=neat)
        return neat

    async def add(
        self,
        guild_id: int,
        *,
        title: str,
        artist: str,
        licence: str,
        image: bytes,
        thumbnail: bytes | None,
        added_by: int,
    ) -> OwnPreset:
        """Add a painting.

        Raises:
            BadParameter: as `check_title`.
            DiskFault: it could not be stored.
        """
        blobs = [await self._store.write_blob(data) for data in (image, thumbnail) if data is not None]
        async with self._store.writing("add a painting") as db:
            own = OwnPreset(
                guild_id=guild_id,
                title=self.check_title(guild_id, title),
                artist=" ".join(artist.split()),
                licence=" ".join(licence.split()),
                blob=blobs[0],
                thumbnail=blobs[1] if thumbnail is not None else None,
                added_by=added_by,
                added_at=self._clock(),
            )
            await db.execute(
                "INSERT INTO own_presets VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (own.guild_id, own.title, own.artist, own.licence, own.blob, own.thumbnail,
                 own.added_by, own.added_at),
            )  # fmt: skip
        self._remember(own)
        return own

    async def remove(self, own: OwnPreset) -> None:
        """Remove a painting; what was painted from it stays.

        Raises:
            DiskFault: it could not be stored.
        """
        async with self._store.writing("remove a painting") as db:
            await db.execute(
                "DELETE FROM own_presets WHERE guild_id = ? AND title = ?", (own.guild_id, own.title)
            )
        self._known.get(own.guild_id, {}).pop(presets.folded(own.title), None)

    def _remember(self, own: OwnPreset) -> None:
        self._known.setdefault(own.guild_id, {})[presets.folded(own.title)] = own


def _own_preset(row: sqlite3.Row) -> OwnPreset:
    fields = {name: row[name] for name in row.keys() if name != "hash"}  # noqa: SIM118 - a Row is no dict
    return OwnPreset(**fields, blob=row["hash"])


def _is_in_the_collection(title: str) -> bool:
    try:
        presets.find(title)
    except BadParameter:
        return False
    return True
