"""The queue of record: one SQLite file and a folder of pictures, used by one process at a time.

A write has reached the disk when its method returns (`synchronous=FULL`). Pictures are written before
the rows that name them, so that a crash in between leaves an unused file and never a broken job.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final, Literal

import aiosqlite

from bot.jobs import schema
from bot.jobs.blobs import BlobFolder
from bot.jobs.disk import FolderLock, StoreDamaged, disk_faults, start_errors
from bot.jobs.ids import new_job_id
from nst_core.errors import ConfigError
from nst_core.protocol import Pastiche

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.jobs.model import JobOrder, JobRecord, JobState

logger = logging.getLogger(__name__)
NEXT_STATES: Final[dict[JobState, frozenset[JobState]]] = {
    "queued": frozenset({"running", "cancelled", "failed"}),
    "running": frozenset({"running", "queued", "delivering", "failed", "cancelled"}),
    "delivering": frozenset({"done", "failed"}),
    "done": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
UNREFERENCED_GRACE_S: Final = 3600.0
"""A picture without a row is left alone this long: its row may be about to be written."""
LEAST_GRACE_S: Final = 60.0
"""The same where pictures are kept for less than that."""
Role = Literal["content", "style", "image", "curve", "timelapse", "content_view", "style_view"]


class WrongState(Exception):
    """The job is in a state from which it cannot get where it was sent: it was over already."""


class JobStore:
    """Jobs, their pictures and a few settings; use `open`.

    Every method raises `DiskFault` when the disk or the file fails; what was stored before stays.
    """

    def __init__(
        self, db: aiosqlite.Connection, blobs: BlobFolder, lock: FolderLock, clock: Callable[[], float]
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._lock = lock
        self._clock = clock
        self._writing = asyncio.Lock()
        self._last_ms = 0

    @classmethod
    async def open(cls, folder: Path, *, clock: Callable[[], float] = time.time) -> JobStore:
        """Open the store in a folder, making or migrating what is missing.

        Args:
            folder: holds `gafuu.sqlite3` and `blobs/`.
            clock: seconds since 1970, UTC.

        Raises:
            ConfigError: the folder cannot be used, another process uses it, or the file is damaged or
                was written by a newer version.
        """
        async with contextlib.AsyncExitStack() as undo:
            with start_errors():
                lock, blobs = await asyncio.to_thread(_claim, folder)
                undo.callback(lock.release)
                db = await aiosqlite.connect(folder / "gafuu.sqlite3", isolation_level=None)
                undo.push_async_callback(db.close)
                await _prepare(db)
            store = cls(db, blobs, lock, clock)
            undo.pop_all()
        return store

    async def close(self) -> None:
        """Write everything back into one file and let go of the folder."""
        try:
            await self._db.close()
        finally:
            self._lock.release()

    async def add(self, order: JobOrder) -> JobRecord:
        """Store an order, pictures first, as a queued job."""
        now = self._clock()
        pictures = (order.content, *(style.image for style in order.styles))
        names = await asyncio.to_thread(lambda: tuple(map(self._blobs.write, pictures)))
        record = schema.new_record(new_job_id(self._next_ms(now)), order, names, now)
        row = schema.row_of(record)
        marks = ", ".join(f":{name}" for name in row)
        async with self._transaction("store a job"):
            await self._db.execute(f"INSERT INTO jobs ({', '.join(row)}) VALUES ({marks})", row)  # noqa: S608 - our own names
            await self._refer(record.id, "content", names[:1])
            await self._refer(record.id, "style", names[1:])
        return record

    async def get(self, job_id: str) -> JobRecord | None:
        """Return a job, or None."""
        rows = await self._rows(f"{schema.SELECT_JOBS} WHERE id = ?", job_id)
        return schema.record_of(rows[0]) if rows else None

    async def unfinished(self) -> list[JobRecord]:
        """Return the queued, running and delivering jobs, the oldest first."""
        return await self._select("WHERE state IN ('queued', 'running', 'delivering') ORDER BY id")

    async def by_owner(self, owner_id: int, *, limit: int = 25, before: str | None = None) -> list[JobRecord]:
        """Return a person's jobs, the newest first; `before` is the last id of the page before."""
        where = "WHERE owner_id = ? AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3"
        return await self._select(where, owner_id, before, limit)

    async def page_of(self, owner_id: int, *, first: int, most: int) -> tuple[list[JobRecord], int]:
        """Return some of a person's jobs, the newest being number 0, and how many there are in all."""
        rows = await self._rows("SELECT count(*) AS jobs FROM jobs WHERE owner_id = ?", owner_id)
        where = "WHERE owner_id = ? ORDER BY id DESC LIMIT ? OFFSET ?"
        return await self._select(where, owner_id, most, first), rows[0]["jobs"]

    async def in_channel(self, channel_id: int) -> list[JobRecord]:
        """Return the jobs of a channel, the oldest first."""
        return await self._select("WHERE channel_id = ? ORDER BY id", channel_id)

    async def update(self, job_id: str, **changes: Any) -> JobRecord:  # noqa: ANN401 - fields of JobRecord
        """Change fields of a job and return it as it is now.

        Raises:
            WrongState: the job's state cannot become the one that is asked for; nothing was changed.
            KeyError: there is no such job.
        """
        async with self._transaction("change a job"):
            return await self._change(job_id, changes)

    async def save_result(self, pastiche: Pastiche) -> JobRecord:
        """Store a finished picture and everything shown with it; the job is then "delivering".

        Raises:
            WrongState: the job is not running.
        """
        facts = dataclasses.asdict(pastiche)
        pictures: dict[Role, tuple[bytes, ...]] = {
            "image": (facts.pop("image"),),
            "curve": () if pastiche.curve is None else (pastiche.curve,),
            "content_view": (facts.pop("content_view"),),
            "style_view": facts.pop("style_views"),
            "timelapse": () if pastiche.timelapse is None else (pastiche.timelapse,),
        }
        del facts["curve"], facts["timelapse"]
        names = await asyncio.to_thread(
            lambda: {role: tuple(map(self._blobs.write, parts)) for role, parts in pictures.items()}
        )
        async with self._transaction("store a result"):
            for role, hashes in names.items():
                await self._refer(pastiche.job_id, role, hashes)
            await self._db.execute(
                "UPDATE jobs SET result = ? WHERE id = ?", (json.dumps(facts), pastiche.job_id)
            )
            changes = {"state": "delivering", "finished_at": self._clock()}
            return await self._change(pastiche.job_id, changes)

    async def result(self, job_id: str) -> Pastiche | None:
        """Return a job's result, or None if it has none (yet, or no longer).

        Raises:
            BlobGone: the result's files are missing or damaged.
        """
        rows = await self._rows("SELECT result FROM jobs WHERE id = ? AND result IS NOT NULL", job_id)
        if not rows:
            return None
        sql = "SELECT role, hash FROM job_blobs WHERE job_id = ? ORDER BY place"
        names = [(row["role"], row["hash"]) for row in await self._rows(sql, job_id)]

        def read(role: Role) -> tuple[bytes, ...]:
            return tuple(self._blobs.read(name) for kind, name in names if kind == role)

        def build() -> Pastiche:
            return Pastiche(
                **json.loads(rows[0]["result"]),
                image=read("image")[0],
                curve=next(iter(read("curve")), None),
                timelapse=next(iter(read("timelapse")), None),
                content_view=next(iter(read("content_view")), b""),
                style_views=read("style_view"),
            )

        return await asyncio.to_thread(build)

    async def read_blob(self, name: str) -> bytes:
        """Return a picture by its sha256.

        Raises:
            BlobGone: its file is missing or damaged.
        """
        return await asyncio.to_thread(self._blobs.read, name)

    async def write_blob(self, content: bytes) -> str:
        """Keep a picture and return its sha256; name it in a row soon, or the sweeper removes it."""
        return await asyncio.to_thread(self._blobs.write, content)

    async def read(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Return rows, for whatever else is kept in the same file."""
        return await self._rows(sql, *values)

    @contextlib.asynccontextmanager
    async def writing(self, what: str) -> AsyncIterator[aiosqlite.Connection]:
        """Yield the file for one transaction, which an error within the block undoes.

        Args:
            what: for the log, as "keep a star".
        """
        async with self._transaction(what):
            yield self._db

    async def get_value(self, key: str) -> str | None:
        """Return a setting, or None."""
        rows = await self._rows("SELECT value FROM settings WHERE key = ?", key)
        return rows[0]["value"] if rows else None

    async def set_value(self, key: str, value: str) -> None:
        """Keep a setting."""
        async with self._transaction("keep a setting"):
            await self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    async def probe(self) -> None:
        """Write a row and a file, to see that it can be done."""
        await self.set_value("readiness", str(self._clock()))
        await asyncio.to_thread(self._blobs.probe)

    async def sweep(self, *, inputs_s: float, results_s: float) -> int:
        """Remove what has been kept long enough, counted from the end of its job, and files of no use.

        Args:
            inputs_s: for the pictures that people sent, and the small copies of them.
            results_s: for finished pictures and curves, but for pictures that hang in a gallery.

        Returns:
            How many files were removed. The jobs themselves stay, without pictures.
        """
        now = self._clock()
        async with self._transaction("forget old pictures"):
            for sql in schema.FORGET_INPUTS:
                await self._db.execute(sql, (now - inputs_s,))
            for sql in schema.FORGET_RESULTS:
                await self._db.execute(sql, (now - results_s,))
            await self._db.execute("DELETE FROM kept_pictures WHERE until < ?", (now,))
        grace_s = min(UNREFERENCED_GRACE_S, max(inputs_s, results_s, LEAST_GRACE_S))
        return await self.sweep_files(grace_s=grace_s)

    async def sweep_files(self, *, grace_s: float = UNREFERENCED_GRACE_S) -> int:
        """Remove the files that nothing refers to any more and that are older than this; return how many."""
        kept = {row["hash"] for row in await self._rows(schema.REFERRED_BLOBS)}
        return await asyncio.to_thread(self._blobs.sweep, kept, unused_for_s=grace_s)

    def _next_ms(self, now: float) -> int:
        """Return a millisecond that no id had before, so that ids are in the order of their making."""
        self._last_ms = max(int(now * 1000), self._last_ms + 1)
        return self._last_ms

    async def _select(self, where: str, *values: object) -> list[JobRecord]:
        """Return jobs; a row that makes no sense is left out, so that it does not hide the others."""
        records = []
        for row in await self._rows(f"{schema.SELECT_JOBS} {where}", *values):
            try:
                records.append(schema.record_of(row))
            except StoreDamaged:
                logger.exception("job_unreadable job=%s", row["id"])
        return records

    async def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with disk_faults("read the store"):
            return list(await self._db.execute_fetchall(sql, values))

    async def _change(self, job_id: str, changes: dict[str, Any]) -> JobRecord:
        record = await self.get(job_id)
        if record is None:
            raise KeyError(job_id)
        was, becomes = record.state, changes.get("state")
        if becomes is not None and becomes not in NEXT_STATES[was]:
            raise WrongState(f"job {job_id} is {was} and cannot become {becomes}")
        row = schema.columns(changes) | {"id": job_id}
        pairs = ", ".join(f"{name} = :{name}" for name in row)
        await self._db.execute(f"UPDATE jobs SET {pairs} WHERE id = :id", row)  # noqa: S608 - names of fields
        return dataclasses.replace(record, **changes)

    async def _refer(self, job_id: str, role: Role, names: tuple[str, ...]) -> None:
        rows = [(job_id, role, place, name) for place, name in enumerate(names)]
        await self._db.executemany("INSERT INTO job_blobs VALUES (?, ?, ?, ?)", rows)

    @contextlib.asynccontextmanager
    async def _transaction(self, what: str) -> AsyncIterator[None]:
        async with self._writing:
            with disk_faults(what):
                try:
                    await self._db.execute("BEGIN IMMEDIATE")
                    yield
                    await self._db.execute("COMMIT")
                except BaseException:
                    # Also when cancelled: statements run in the order in which they were sent, so this
                    # comes after whatever was on its way, and after COMMIT it does nothing.
                    await self._db.rollback()
                    raise


def _claim(folder: Path) -> tuple[FolderLock, BlobFolder]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(folder)
    try:
        return lock, BlobFolder(folder / "blobs")
    except BaseException:
        lock.release()
        raise


async def _prepare(db: aiosqlite.Connection) -> None:
    db.row_factory = sqlite3.Row
    db.text_factory = _lenient_text
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
        await db.execute_fetchall(f"PRAGMA {pragma}")  # a row left unread would keep the next COMMIT out
    verdict = await db.execute_fetchall("PRAGMA quick_check(1)")
    if [tuple(row) for row in verdict] != [("ok",)]:
        raise sqlite3.DatabaseError("; ".join(str(row[0]) for row in verdict))
    await _migrate(db)
    await db.execute("INSERT OR REPLACE INTO settings VALUES ('opened', strftime('%s'))")  # it can be written


def _lenient_text(text: bytes) -> str:
    # A damaged byte must not make a whole query fail; what it damaged is noticed when it is read.
    return text.decode(errors="replace")


async def _migrate(db: aiosqlite.Connection) -> None:
    rows = await db.execute_fetchall("PRAGMA user_version")
    (version,) = next(iter(rows))
    if version > len(schema.MIGRATIONS):
        raise ConfigError("store.path: written by a newer Gafuu; update this one, or choose another path")
    for number, script in enumerate(schema.MIGRATIONS[version:], start=version + 1):
        await db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")
