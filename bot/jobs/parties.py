"""Parties: a thread in which everybody's pictures are painted in one style, and then voted upon."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import sqlite3

    from bot.jobs.store import JobStore

PartyState = Literal["open", "closing", "voting", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One party. Its life: open → closing (what was ordered is still painted) → voting → over."""

    thread_id: int
    guild_id: int
    channel_id: int
    """Where its thread hangs."""
    host_id: int
    preset: str
    language: str
    state: PartyState = "open"
    ends_at: float
    """When no more pictures are taken, seconds since 1970, UTC."""
    vote_s: float
    """How long the vote lasts."""
    vote_ends_at: float | None = None
    vote_message_id: int | None = None
    entries: tuple[str, ...] = ()
    """Jobs in the order of their letters."""

    @property
    def deadline(self) -> float:
        """When what goes on now ends."""
        return self.ends_at if self.vote_ends_at is None else self.vote_ends_at


_INSERT: Final = (
    f"INSERT OR REPLACE INTO parties ({', '.join(field.name for field in dataclasses.fields(Party))})"  # noqa: S608 - our own names
    f" VALUES ({', '.join(':' + field.name for field in dataclasses.fields(Party))})"
)


class Parties:
    """The parties that are not over, in memory and in the store.

    Args:
        store: open; where they are kept.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._known: dict[int, Party] = {}

    async def load(self) -> None:
        """Read those that were going on before a restart."""
        for row in await self._store.read("SELECT * FROM parties WHERE state != 'over'"):
            self._known[row["thread_id"]] = _party(row)

    def all(self) -> list[Party]:
        """Return every party that is not over."""
        return list(self._known.values())

    def of(self, thread_id: int | None) -> Party | None:
        """Return the party of a thread, unless it is over."""
        return None if thread_id is None else self._known.get(thread_id)

    async def add(self, party: Party) -> None:
        """Keep a new party.

        Raises:
            DiskFault: it could not be stored; there is no party then.
        """
        await self._keep(party)

    async def change(self, thread_id: int, **changes: Any) -> Party:  # noqa: ANN401 - fields of Party
        """Change a party that is not over and return it as it is now.

        Raises:
            KeyError: there is none.
        """
        party = dataclasses.replace(self._known[thread_id], **changes)
        await self._keep(party)
        return party

    async def forget_host(self, person_id: int) -> None:
        """Let the parties that somebody has opened go on without a host."""
        for party in self.all():
            if party.host_id == person_id:
                await self.change(party.thread_id, host_id=0)

    async def _keep(self, party: Party) -> None:
        row = dataclasses.asdict(party) | {"entries": json.dumps(party.entries)}
        async with self._store.writing("keep a party") as db:
            await db.execute(_INSERT, row)
        if party.state == "over":
            self._known.pop(party.thread_id, None)
        else:
            self._known[party.thread_id] = party


def _party(row: sqlite3.Row) -> Party:
    fields = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no dict
    return Party(**fields | {"entries": tuple(json.loads(fields["entries"]))})
