"""What is kept about one person: all of it, as archives, or gone."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from bot.jobs.disk import BlobGone
from nst_core.formats import picture_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.jobs.model import JobRecord
    from bot.jobs.store import JobStore

MOST_ARCHIVE_BYTES: Final = 9 * 2**20
"""Below the 10 MiB that Discord takes everywhere, with room for the archive's own lists."""
MOST_ARCHIVES: Final = 5
"""Discord lets an app that somebody has installed for themselves answer a command five times."""
_ERASE: Final = (
    # What others made from a person's pictures stays theirs, but the pictures themselves go.
    """
    WITH RECURSIVE made (id) AS (
        SELECT id FROM jobs WHERE owner_id = ?1
        UNION SELECT jobs.id FROM jobs JOIN made ON jobs.parent_id = made.id
    )
    DELETE FROM job_blobs
    WHERE role IN ('content', 'style', 'content_view', 'style_view', 'timelapse') AND job_id IN
        (SELECT jobs.id FROM jobs JOIN made USING (id) WHERE state IN ('done', 'failed', 'cancelled'))
    """,
    "DELETE FROM stars WHERE person_id = ?1",
    "DELETE FROM parties WHERE host_id = ?1 AND state = 'over'",
    "DELETE FROM jobs WHERE owner_id = ?1 AND state IN ('done', 'failed', 'cancelled')",
)


class PersonalSource(Protocol):
    """Something else that keeps data of people: presets of their own, picked pictures and the like."""

    name: str
    """Of its part of the export."""

    async def export(self, person_id: int) -> tuple[object, Mapping[str, bytes | str]]:
        """Return what JSON can hold, and files by name without ending: their bytes, or the store's sha256."""

    async def erase(self, person_id: int) -> None:
        """Forget the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Everything about a person."""

    archives: tuple[bytes, ...]
    """Zip files; the first one has `gafuu.json`."""
    left_out: int
    """Files for which there was no room."""


class PersonalData:
    """What the store keeps about people.

    Args:
        store: open.
        sources: whatever else keeps something about them.
    """

    def __init__(self, store: JobStore, *, sources: Sequence[PersonalSource] = ()) -> None:
        self._store = store
        self._sources = sources

    async def export(self, person_id: int) -> Export:
        """Return everything that is kept about a person, the newest pictures first."""
        jobs, _ = await self._store.page_of(person_id, first=0, most=-1)
        facts: dict[str, Any] = {"person": person_id, "jobs": [], **await self._marks(person_id)}
        files: dict[str, bytes | str] = {}
        for job in jobs:
            names = await self._files(job)
            facts["jobs"].append(_facts(job) | {"files": sorted(names)})
            files |= names
        for source in self._sources:
            facts[source.name], more = await source.export(person_id)
            files |= {f"{source.name}/{name}": data for name, data in more.items()}
        return await self._packed(facts, files)

    async def jobs(self, person_id: int) -> list[JobRecord]:
        """Return every job of a person."""
        return (await self._store.page_of(person_id, first=0, most=-1))[0]

    async def erase(self, person_id: int) -> int:
        """Forget a person; return how many of their jobs are not over and so are still there.

        Files go with the next sweep, once no other job refers to them.
        """
        async with self._store.writing("erase a person") as db:
            for sql in _ERASE:
                await db.execute(sql, (person_id,))
        for source in self._sources:
            await source.erase(person_id)
        await self._store.sweep_files()
        return len(await self.jobs(person_id))

    async def _marks(self, person_id: int) -> dict[str, Any]:
        stars = await self._store.read("SELECT job_id FROM stars WHERE person_id = ?", person_id)
        parties = await self._store.read(
            "SELECT thread_id, preset, state FROM parties WHERE host_id = ?", person_id
        )
        return {
            "starred": [row["job_id"] for row in stars],
            "parties": [dict(zip(row.keys(), row, strict=True)) for row in parties],
        }

    async def _files(self, job: JobRecord) -> dict[str, bytes | str]:
        """Return the blobs of a job's files by their names in the archive, without endings."""
        rows = await self._store.read("SELECT role, place, hash FROM job_blobs WHERE job_id = ?", job.id)
        return {f"{job.id}/{row['role']}-{row['place'] + 1}": row["hash"] for row in rows}

    async def _packed(self, facts: dict[str, Any], files: Mapping[str, bytes | str]) -> Export:
        packer, left_out = _Packer(), []
        for name, data in files.items():
            try:
                content = await self._store.read_blob(data) if isinstance(data, str) else data
            except BlobGone:
                continue
            named = f"{name}.{(picture_format(content) or 'bin').lower()}"
            if not await asyncio.to_thread(packer.add, named, content):
                left_out.append(named)
        facts["left_out"] = left_out
        text = json.dumps(facts, ensure_ascii=False, indent=1)
        return Export(archives=await asyncio.to_thread(packer.finish, text), left_out=len(left_out))


class _Packer:
    """Fills archives one after another, up to a number and a size."""

    def __init__(self) -> None:
        self._parts: list[dict[str, bytes]] = [{}]

    def add(self, name: str, content: bytes) -> bool:
        """Put a file into the archive that is being filled, or a new one; False if there is no room."""
        if len(content) > MOST_ARCHIVE_BYTES:
            return False
        if sum(map(len, self._parts[-1].values())) + len(content) > MOST_ARCHIVE_BYTES:
            if len(self._parts) == MOST_ARCHIVES:
                return False
            self._parts.append({})
        self._parts[-1][name] = content
        return True

    def finish(self, text: str) -> tuple[bytes, ...]:
        """Return the archives; the first one with the text."""
        return tuple(
            self._zipped(part, text if number == 0 else "") for number, part in enumerate(self._parts)
        )

    def _zipped(self, part: Mapping[str, bytes], text: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # pictures do not shrink
            if text:
                archive.writestr("gafuu.json", text, compress_type=zipfile.ZIP_DEFLATED)
            for name, content in part.items():
                archive.writestr(name, content)
        return buffer.getvalue()


def _facts(job: JobRecord) -> dict[str, Any]:
    """Return a job's row as JSON can hold it; the names of files that it had are those in the archive."""
    facts = {name: value for name, value in _plain(job) if name not in {"content_blob", "style_blobs"}}
    for name in ("created_at", "started_at", "finished_at"):
        if facts[name] is not None:
            facts[name] = dt.datetime.fromtimestamp(facts[name], dt.UTC).isoformat()
    return facts


def _plain(job: JobRecord) -> Iterator[tuple[str, Any]]:
    return iter(dataclasses.asdict(job).items())
