"""The queue of record: real SQLite files, real folders, real processes."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.jobs import schema
from bot.jobs.disk import BlobGone, DiskFault, StoreDamaged
from bot.jobs.ids import ALPHABET, new_job_id
from bot.jobs.model import StyleSource
from bot.jobs.store import UNREFERENCED_GRACE_S, JobStore, WrongState
from nst_core.errors import BadImage, ConfigError
from nst_core.protocol import Failure, Pastiche, StyleParams, failure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractContextManager

    from bot.jobs.model import JobOrder
    from tests.bot.jobs.conftest import Clock

    Open = Callable[[Path], Awaitable[JobStore]]
    Order = Callable[..., JobOrder]

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def open_store(clock: Clock) -> AsyncIterator[Open]:
    """Open stores that are closed at the end whatever happens: an open one keeps its process alive."""
    async with AsyncExitStack() as stack:

        async def open_it(folder: Path) -> JobStore:
            store = await JobStore.open(folder, clock=clock)
            stack.push_async_callback(store.close)
            return store

        yield open_it


@pytest.fixture
async def store(open_store: Open, tmp_path: Path) -> JobStore:
    """Return an open store."""
    return await open_store(tmp_path)


def pastiche(job_id: str, **changes: object) -> Pastiche:
    """Return a picture of a job."""
    base = Pastiche(
        job_id=job_id,
        attempt=1,
        image=b"image",
        image_format="png",
        curve=b"curve",
        content_view=b"content view",
        style_views=(b"first view", b"second view"),
        width_px=512,
        height_px=384,
        losses={"total": 0.125, "content": 1e-9},
        steps=400,
        stopped_early=False,
        seconds=51.5,
    )
    return dataclasses.replace(base, **changes)


async def painted(store: JobStore, order: Order, **changes: object) -> str:
    """Store a job that has a picture and return its id."""
    job = await store.add(order())
    await store.update(job.id, state="running")
    await store.save_result(pastiche(job.id, **changes))
    return job.id


def blob_files(folder: Path) -> set[str]:
    """Return the names of all pictures on the disk."""
    return {path.name for path in (folder / "blobs").glob("??/*")}


async def test_an_order_comes_back_as_it_was_given(store: JobStore, order: Order, clock: Clock) -> None:
    """Everything that was ordered is in the record or in the blobs, also the odd values."""
    given = order(
        owner_id=2**62,
        guild_id=None,
        content=b"\x00\xff photo",
        styles=(StyleSource(image=b"one", weight=0.25), StyleSource(image=b"two", preset="the_kiss")),
        params=StyleParams(mode="best", strength=0, keep_colors=True, seed=2**32 - 1),
        locale="ja",
        public_locale="en",
        private=True,
        parent_id="an older job",
        max_bytes=1234,
    )
    added = await store.add(given)
    job = await store.get(added.id)
    assert job == added
    for field in ("owner_id", "guild_id", "channel_id", "params", "locale", "public_locale"):
        assert getattr(job, field) == getattr(given, field)
    assert (job.private, job.parent_id, job.max_bytes) == (True, "an older job", 1234)
    assert (job.presets, job.weights) == ((None, "the_kiss"), (0.25, 1.0))
    assert (job.state, job.attempt, job.created_at, job.started_at) == ("queued", 0, clock.now, None)
    assert await store.read_blob(job.content_blob) == b"\x00\xff photo"
    assert [await store.read_blob(name) for name in job.style_blobs] == [b"one", b"two"]


async def test_a_closed_store_opens_as_it_was(
    open_store: Open, tmp_path: Path, order: Order, clock: Clock
) -> None:
    """What was stored in one life is there in the next: record, failure, setting and picture."""
    first = await open_store(tmp_path)
    job = await first.add(order())
    error = failure(job.id, 1, BadImage("image_empty", role="content"))
    job = await first.update(job.id, state="failed", failure=error, finished_at=clock.now)
    await first.set_value("commands", "a hash")
    await first.close()
    second = await open_store(tmp_path)
    assert await second.get(job.id) == job
    assert job.failure is not None
    assert str(job.failure.user_error()) == str(BadImage("image_empty", role="content"))
    assert (await second.get_value("commands"), await second.get_value("other")) == ("a hash", None)
    assert await second.read_blob(job.content_blob) == b"a photo"
    await second.close()


async def test_a_result_comes_back_as_it_was(store: JobStore, order: Order, clock: Clock) -> None:
    """All pictures and numbers of a result, with and without a curve; the job is then delivering."""
    for changes in ({}, {"curve": None, "style_views": (b"same", b"same")}):
        job_id = await painted(store, order, **changes)
        assert await store.result(job_id) == pastiche(job_id, **changes)
        job = await store.get(job_id)
        assert job is not None
        assert (job.state, job.finished_at) == ("delivering", clock.now)


async def test_a_job_without_a_picture_has_no_result(store: JobStore, order: Order) -> None:
    """Neither a waiting job nor an unknown one has a picture."""
    job = await store.add(order())
    assert await store.result(job.id) is None
    assert await store.result("nobody's") is None


ALLOWED = {
    ("queued", "running"), ("queued", "cancelled"), ("queued", "failed"),
    ("running", "running"), ("running", "queued"), ("running", "delivering"),
    ("running", "failed"), ("running", "cancelled"),
    ("delivering", "done"), ("delivering", "failed"),
}  # fmt: skip
WAY = {
    "queued": (),
    "running": ("running",),
    "delivering": ("running", "delivering"),
    "done": ("running", "delivering", "done"),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
}


@pytest.mark.parametrize("was", WAY)
@pytest.mark.parametrize("becomes", WAY)
async def test_a_job_only_moves_forward(store: JobStore, order: Order, was: str, becomes: str) -> None:
    """Every pair of states: allowed moves happen, all others change nothing and say so."""
    job = await store.add(order())
    for state in WAY[was]:
        job = await store.update(job.id, state=state)
    if (was, becomes) in ALLOWED:
        assert (await store.update(job.id, state=becomes, attempt=5)).state == becomes
        return
    with pytest.raises(WrongState, match=f"{was} and cannot become {becomes}"):
        await store.update(job.id, state=becomes, attempt=5)
    assert await store.get(job.id) == job


async def test_what_does_not_exist_cannot_be_changed(store: JobStore) -> None:
    """An update of an unknown job is an error of the caller."""
    with pytest.raises(KeyError):
        await store.update("nobody's", attempt=1)


async def test_a_result_is_only_stored_for_a_running_job(store: JobStore, order: Order) -> None:
    """A cancelled job stays cancelled and gets no picture."""
    job = await store.add(order())
    await store.update(job.id, state="cancelled")
    with pytest.raises(WrongState):
        await store.save_result(pastiche(job.id))
    assert await store.result(job.id) is None


async def test_unfinished_jobs_come_in_the_order_of_their_making(
    store: JobStore, order: Order, clock: Clock
) -> None:
    """Queued, running and delivering ones, the oldest first; the others are over."""
    made = []
    for way in WAY.values():
        clock.now += 1
        job = await store.add(order())
        for step in way:
            job = await store.update(job.id, state=step)
        made.append(job)
    assert await store.unfinished() == made[:3]


async def test_a_person_sees_their_own_jobs_page_by_page(store: JobStore, order: Order, clock: Clock) -> None:
    """Newest first, each once, none of anybody else's."""
    mine = []
    for number in range(7):
        clock.now -= 1  # whatever the clock does
        mine.append((await store.add(order(owner_id=1))).id)
        await store.add(order(owner_id=2, content=b"%d" % number))
    pages: list[str] = []
    before = None
    while page := await store.by_owner(1, limit=3, before=before):
        assert len(page) <= 3
        before = page[-1].id
        pages += [job.id for job in page]
    assert pages == mine[::-1]


def test_ids_sort_by_time_fit_a_nonce_and_never_repeat() -> None:
    """24 characters of a small alphabet, in the order of their milliseconds, 1000 different ones in each."""
    early, late = new_job_id(1_800_000_000_000), new_job_id(1_800_000_000_001)
    same = {new_job_id(1_800_000_000_000) for _ in range(1000)}
    assert len(early) == 24
    assert set(early) <= set(ALPHABET)
    assert early < late
    assert len(same) == 1000
    assert all(job_id < late for job_id in same)


async def test_equal_pictures_are_kept_once(store: JobStore, order: Order, tmp_path: Path) -> None:
    """Ten jobs with the same photo and preset: two files."""
    for _ in range(10):
        await store.add(order())
    assert len(blob_files(tmp_path)) == 2


async def test_only_one_process_uses_a_folder(open_store: Open, store: JobStore, tmp_path: Path) -> None:
    """A second one is told so in one line, and the first goes on; once it is closed the next one may."""
    with pytest.raises(ConfigError, match="another Gafuu is using this folder") as refusal:
        await open_store(tmp_path)
    assert "\n" not in str(refusal.value)
    child = "import asyncio, pathlib, sys; from bot.jobs.store import JobStore\n"
    child += "asyncio.run(JobStore.open(pathlib.Path(sys.argv[1])))"
    run = await asyncio.to_thread(python, child, str(tmp_path))
    assert "another Gafuu is using this folder" in run.stderr
    assert await store.unfinished() == []
    await store.close()
    await (await open_store(tmp_path)).close()


async def test_a_store_of_a_newer_version_is_left_alone(
    open_store: Open, store: JobStore, tmp_path: Path
) -> None:
    """An old program must not write into tables it does not know."""
    await store.close()
    with closing(sqlite3.connect(tmp_path / "gafuu.sqlite3")) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(ConfigError, match="newer Gafuu"):
        await open_store(tmp_path)


async def test_a_migration_that_was_cut_off_is_done_again(open_store: Open, tmp_path: Path) -> None:
    """The tables and their version number come together or not at all."""
    with closing(sqlite3.connect(tmp_path / "gafuu.sqlite3", isolation_level=None)) as db:
        script = schema.MIGRATIONS[0].split(";")[0]
        db.executescript(f"BEGIN; {script};")
    store = await open_store(tmp_path)
    assert await store.unfinished() == []
    await store.close()


async def test_a_store_of_an_older_version_keeps_what_it_has(open_store: Open, tmp_path: Path) -> None:
    """Each migration adds to the one before; what was kept is still there."""
    with closing(sqlite3.connect(tmp_path / "gafuu.sqlite3", isolation_level=None)) as db:
        db.executescript(f"{schema.MIGRATIONS[0]} PRAGMA user_version = 1;")
        db.execute("INSERT INTO settings VALUES ('kept', 'yes')")
    store = await open_store(tmp_path)
    assert await store.get_value("kept") == "yes"
    for table in ("kept_pictures", "own_presets", "fetching_cards"):
        assert await store.read(f"SELECT * FROM {table}") == []  # noqa: S608 - our own names
    await store.close()


async def test_the_file_is_as_safe_as_sqlite_can_make_it(store: JobStore) -> None:
    """Write-ahead log, full synchronisation, foreign keys."""
    pragmas = [
        (await store._rows(f"PRAGMA {name}"))[0][0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert pragmas == ["wal", 2, 1]


@pytest.mark.parametrize("what", ["folder", "database", "blobs"])
async def test_a_folder_that_cannot_be_used_is_said_in_one_line(
    open_store: Open, tmp_path: Path, what: str
) -> None:
    """Something else stands where the folder, the database or the pictures should be."""
    data = tmp_path / "data"
    if what == "folder":
        data.write_text("a file")
    elif what == "database":
        (data / "gafuu.sqlite3").mkdir(parents=True)
    else:
        data.mkdir()
        (data / "blobs").write_text("a file")
    with pytest.raises(ConfigError, match=r"^store\.path: ") as refusal:
        await open_store(data)
    assert str(data) not in str(refusal.value)  # no value of the file is repeated
    assert "\n" not in str(refusal.value)
    # aiosqlite's thread still has to tell the loop that it ended, and must not find it closed.
    await asyncio.to_thread(
        lambda: [each.join() for each in threading.enumerate() if "_worker_" in each.name]
    )


READ_ONLY = """
import asyncio, os, pathlib, sys
from bot.jobs.store import JobStore
from nst_core.errors import ConfigError
asyncio.run(asyncio.to_thread(id, 0))  # loads what another user may not be allowed to read
if os.geteuid() == 0:
    os.seteuid(65534)  # root may write anywhere
try:
    asyncio.run(JobStore.open(pathlib.Path(sys.argv[1])))
except ConfigError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such mode there")
@pytest.mark.parametrize("locked", [".", "blobs", "blobs/incoming"])
async def test_a_read_only_folder_is_refused_at_the_start(
    open_store: Open, order: Order, locked: str
) -> None:
    """Better now than when the first picture is painted."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders cannot be entered by another user
        folder = Path(name)
        store = await open_store(folder)
        await store.add(order())
        await store.close()
        open_to_all(folder)
        (folder / locked).chmod(0o555)
        run = await asyncio.to_thread(python, READ_ONLY, name)
        (folder / locked).chmod(0o777)
    assert run.stdout.startswith("refused: store.path: "), run
    assert run.stdout.count("\n") == 1


async def test_a_damaged_database_is_refused_at_the_start(
    open_store: Open, store: JobStore, order: Order, tmp_path: Path
) -> None:
    """A page of nonsense in the middle of the file: one line that says what to do."""
    for number in range(50):
        await store.add(order(content=b"%d" % number))
    await store.close()
    file = tmp_path / "gafuu.sqlite3"
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 6] = os.urandom(4096 * 4)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="damaged; restore a copy") as refusal:
        await open_store(tmp_path)
    assert "\n" not in str(refusal.value)


async def test_a_full_disk_is_noticed_at_the_start(
    open_store: Open, tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    """A new folder and one that was used before: one line, and afterwards all is well."""
    for _ in range(2):
        with full_disk(), pytest.raises(ConfigError, match=r"^store\.path: ") as refusal:
            await open_store(tmp_path)
        assert "\n" not in str(refusal.value)
        await (await open_store(tmp_path)).close()


@pytest.mark.parametrize("column", ["params", "presets", "weights", "locale"])
async def test_a_row_that_makes_no_sense_hides_no_other(store: JobStore, order: Order, column: str) -> None:
    """Rot inside a page that SQLite cannot see: that job is reported, the others are there."""
    first, broken, last = [await store.add(order()) for _ in range(3)]
    await store._db.execute(
        f"UPDATE jobs SET {column} = CAST(x'ff7b' AS TEXT) WHERE id = ?",  # noqa: S608 - a column's name
        (broken.id,),
    )
    found = await store.unfinished()
    if column == "locale":  # any text will do there
        assert [job.id for job in found] == [first.id, broken.id, last.id]
        return
    assert found == [first, last]
    with pytest.raises(StoreDamaged, match=broken.id):
        await store.get(broken.id)
    with pytest.raises(StoreDamaged, match=broken.id):
        await store.update(broken.id, state="running")


async def test_something_that_is_no_database_is_refused_and_kept(open_store: Open, tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "gafuu.sqlite3").write_bytes(b"my diary\n" * 1000)
    with pytest.raises(ConfigError, match="damaged; restore a copy"):
        await open_store(tmp_path)
    assert (tmp_path / "gafuu.sqlite3").read_bytes() == b"my diary\n" * 1000


async def test_a_missing_or_changed_picture_is_noticed(store: JobStore, order: Order, tmp_path: Path) -> None:
    """Nobody gets another picture than the one that was stored."""
    job = await store.add(order())
    path = tmp_path / "blobs" / job.content_blob[:2] / job.content_blob
    path.write_bytes(b"something else")
    with pytest.raises(BlobGone, match="damaged"):
        await store.read_blob(job.content_blob)
    path.unlink()
    with pytest.raises(BlobGone, match="missing"):
        await store.read_blob(job.content_blob)


async def test_a_full_disk_loses_nothing_and_passes(
    store: JobStore, order: Order, full_disk: Callable[[], AbstractContextManager[None]], tmp_path: Path
) -> None:
    """What was stored can be read meanwhile, what fails leaves nothing behind, and then all goes on."""
    job = await store.add(order())
    before = blob_files(tmp_path)
    with full_disk():
        with pytest.raises(DiskFault, match="write a picture"):
            await store.add(order(content=b"another photo"))
        with pytest.raises(DiskFault, match="change a job"):
            await store.update(job.id, state="running")
        with pytest.raises(DiskFault, match="keep a setting"):
            await store.set_value("key", "value" * 10_000)
        assert await store.get(job.id) == job
        assert await store.read_blob(job.content_blob) == b"a photo"
    assert blob_files(tmp_path) == before
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
    assert await store.unfinished() == [job]
    assert (await store.update(job.id, state="running")).state == "running"
    assert (await store.add(order(content=b"another photo"))).state == "queued"


async def test_old_pictures_go_and_their_jobs_stay(
    store: JobStore, order: Order, clock: Clock, tmp_path: Path
) -> None:
    """After its time a finished job has no pictures; unfinished and recent ones keep all of theirs."""
    old = await painted(store, order, image=b"old image")
    await store.update(old, state="done")
    waiting = await store.add(order(content=b"waiting photo"))
    clock.now += 1000
    recent = await painted(store, order, image=b"recent image")
    await store.update(recent, state="done")
    age_files(tmp_path)
    removed = await store.sweep(inputs_s=500, results_s=500)
    assert removed == 1  # the old image; all else is also used by the recent job
    assert await store.result(old) is None
    forgotten = await store.get(old)
    assert forgotten is not None
    assert (forgotten.state, forgotten.content_blob, forgotten.style_blobs) == ("done", "", ())
    assert await store.result(recent) == pastiche(recent, image=b"recent image")
    assert await store.read_blob(waiting.content_blob) == b"waiting photo"


async def test_a_picture_whose_row_is_about_to_be_written_is_not_swept(
    store: JobStore, tmp_path: Path
) -> None:
    """Fresh files are left alone, and writing the same bytes again makes an old file fresh."""
    name = await asyncio.to_thread(store._blobs.write, b"photo")
    assert await store.sweep(inputs_s=0, results_s=0) == 0
    age_files(tmp_path)
    await asyncio.to_thread(store._blobs.write, b"photo")
    assert await store.sweep(inputs_s=0, results_s=0) == 0
    age_files(tmp_path)
    assert await store.sweep(inputs_s=0, results_s=0) == 1
    with pytest.raises(BlobGone):
        await store.read_blob(name)


async def test_a_file_of_the_first_version(open_store: Open, tmp_path: Path, order: Order) -> None:
    """Its jobs are there after the migrations, and nothing that was not known then is claimed of them."""
    job = dataclasses.replace(schema.new_record("0job", order(), ("content", "style"), 7.0), content_blob="")
    job = dataclasses.replace(job, style_blobs=())
    row = schema.row_of(job)
    with closing(sqlite3.connect(tmp_path / "gafuu.sqlite3")) as db, db:
        db.executescript(schema.MIGRATIONS[0])
        known = [name for _, name, *_ in db.execute("PRAGMA table_info(jobs)") if name in row]
        marks = ", ".join(f":{name}" for name in known)
        db.execute(f"INSERT INTO jobs ({', '.join(known)}) VALUES ({marks})", row)  # noqa: S608 - our own names
        db.execute("PRAGMA user_version = 1")
    assert len(known) < len(row)
    assert await (await open_store(tmp_path)).get(job.id) == job


async def test_leftovers_of_an_interrupted_write_are_removed(open_store: Open, tmp_path: Path) -> None:
    """What stands half written under a temporary name is thrown away at the next start."""
    incoming = tmp_path / "blobs" / "incoming"
    incoming.mkdir(parents=True)
    (incoming / "half").write_bytes(b"half a pho")
    store = await open_store(tmp_path)
    assert list(incoming.iterdir()) == []
    await store.close()


async def test_a_cancelled_caller_leaves_no_open_transaction(store: JobStore, order: Order) -> None:
    """Writers cancelled at any moment: the next write works, and every job is there whole or not at all."""
    for loops in range(40):
        task = asyncio.create_task(store.add(order(content=b"photo %d" % loops)))
        for _ in range(loops):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.set_value("loops", str(loops))
    assert await store.get_value("loops") == "39"
    for job in await store.unfinished():
        assert job.content_blob
        assert len(job.style_blobs) == 1


async def test_writers_at_the_same_time_do_not_mix(store: JobStore, order: Order) -> None:
    """Fifty orders and fifty settings at once: all are stored, each whole."""
    orders = [store.add(order(owner_id=n, content=b"photo %d" % n)) for n in range(50)]
    settings = [store.set_value(f"key {n}", f"value {n}") for n in range(50)]
    jobs, _ = await asyncio.gather(asyncio.gather(*orders), asyncio.gather(*settings))
    for number, job in enumerate(jobs):
        assert await store.read_blob(job.content_blob) == b"photo %d" % number
        assert await store.get_value(f"key {number}") == f"value {number}"


async def test_reading_a_failure_of_another_version_does_not_fail(store: JobStore, order: Order) -> None:
    """A sentence that no longer exists makes the failure a fault and leaves the history readable."""
    job = await store.add(order())
    error = Failure(job_id=job.id, attempt=1, kind="fault", message="")
    await store.update(job.id, state="failed", failure=error)
    text = '{"job_id": "x", "attempt": 1, "kind": "user", "message": "", "error": "BadImage", "code": "gone"}'
    await store._db.execute("UPDATE jobs SET failure = ?", (text,))
    (found,) = await store.by_owner(1)
    assert found.failure is not None
    assert found.failure.kind == "fault"


WRITER = """
import asyncio, pathlib, sys
from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.store import JobStore
from nst_core.protocol import Pastiche, StyleParams

def order(number, pad):
    return JobOrder(owner_id=number, guild_id=1, channel_id=1, content=b"photo %d " % number + pad,
        styles=(StyleSource(image=b"style %d " % number + pad),), params=StyleParams())

async def write(store, number, pad):
    job = await store.add(order(number, pad))
    print("added", job.id, flush=True)
    await store.update(job.id, state="running", attempt=1)
    print("running", job.id, flush=True)
    await store.save_result(Pastiche(job_id=job.id, attempt=1, image=b"image %d " % number + pad,
        image_format="png", curve=pad, content_view=pad, style_views=(pad,), width_px=1, height_px=1,
        losses={}, steps=1, stopped_early=False, seconds=1.0))
    print("delivering", job.id, flush=True)

async def main():
    store = await JobStore.open(pathlib.Path(sys.argv[1]))
    number = int(sys.argv[2])
    while True:
        await asyncio.gather(*(write(store, number + n, bytes(50_000)) for n in range(4)))
        number += 4

asyncio.run(main())
"""
RANK = {"queued": 0, "added": 0, "running": 1, "delivering": 2}


async def test_kill_9_in_the_middle_of_writing_loses_nothing_that_was_confirmed(
    open_store: Open, tmp_path: Path
) -> None:
    """Five lives, each killed while it writes: what it was told is stored is stored, whole and readable."""
    confirmed: dict[str, int] = {}
    for life in range(5):
        confirmed |= await asyncio.to_thread(killed_after, 15 + 11 * life, tmp_path, life * 1000)
        store = await open_store(tmp_path)
        for job_id, rank in confirmed.items():
            job = await store.get(job_id)
            assert job is not None, f"{job_id} was lost"
            assert RANK[job.state] >= rank
        for job in await store.unfinished():
            number = job.owner_id
            assert (await store.read_blob(job.content_blob)).startswith(b"photo %d " % number)
            assert (await store.read_blob(job.style_blobs[0])).startswith(b"style %d " % number)
            result = await store.result(job.id)
            assert (result is not None) == (job.state == "delivering")
            assert result is None or result.image.startswith(b"image %d " % number)
        assert [tuple(row) for row in await store._rows("PRAGMA integrity_check")] == [("ok",)]
        assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
        await store.close()
    assert len(confirmed) >= 40


def killed_after(lines: int, folder: Path, number: int) -> dict[str, int]:
    """Run a writer, kill it after some confirmations, and return the newest one of each job."""
    command = (sys.executable, "-c", WRITER, str(folder), str(number))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        timer = threading.Timer(0.005 * (lines % 7), child.kill)
        timer.start()
        said += child.stdout.readlines()
        timer.join()
    assert child.returncode == -9
    words = (line.split() for line in said if line.endswith("\n"))
    return {job_id: RANK[word] for word, job_id in words}


def age_files(folder: Path) -> None:
    """Let every picture have been written long ago."""
    long_ago = time.time() - 2 * UNREFERENCED_GRACE_S
    for path in (folder / "blobs").glob("??/*"):
        os.utime(path, (long_ago, long_ago))


def open_to_all(folder: Path) -> None:
    """Let every user read and write everything in a folder."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)


def python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    command = (sys.executable, "-c", program, *arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
