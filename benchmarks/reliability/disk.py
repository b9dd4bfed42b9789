"""A full disk, a read-only folder, a damaged database, a missing picture: who is told what, and what is lost.

    python benchmarks/reliability/disk.py [--only full|readonly|damaged|missing]

The bot is the real one, with a real worker's process, on a simulated Discord; the disk is a small file system
of its own where the system lets anybody mount one, else a limit on the size of files. Ends with status 1 if
somebody is not told, somebody else's picture is lost, or things do not go on once the trouble is over.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smalldisk import move_inside, small_disk

from bot.__main__ import readiness
from bot.i18n import words_in
from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.store import JobStore
from bot.web import holds
from nst_core.errors import SENTENCES, ConfigError
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from smalldisk import SmallDisk

ROOT: Final = Path(__file__).resolve().parents[2]
UPLOAD: Final = "IMG_0001.png"
LARGE_PX: Final = 128
"""The small worker takes twenty seconds for it: as long as a disk needs to get full."""
FILLERS: Final = 40
OVER_S: Final = 60.0
QUIET_S: Final = 1.0
SQLITE_LEAF: Final = 0x0A
"""First byte of a page that holds rows of a table without rowids, which the jobs are."""


class Report:
    """What was seen, printed when the disk is well again: it may be the one that holds our output."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.kept = 0
        self.broken: list[str] = []

    def told(self, whom: str, text: str) -> None:
        """Take what somebody reads."""
        self._lines.append(f"  {whom}: {text}")

    def check(self, promise: str, *, holds: bool) -> None:
        """Count whether a promise was kept."""
        self._lines.append(f"  {'ok    ' if holds else 'BROKEN'} {promise}")
        self.kept += holds
        if not holds:
            self.broken.append(promise)

    def print(self) -> None:
        """Print what was taken so far."""
        while self._lines:
            print(self._lines.pop(0))


class Scene:
    """A bot at work on a small disk, and people who want pictures.

    Args:
        stage: `staging.stage.Stage`.
        report: takes what is seen.
    """

    def __init__(self, stage: Any, report: Report) -> None:  # noqa: ANN401 - of the tests, loaded late
        self.stage = stage
        self.report = report
        self.seen = importlib.import_module("staging.seen")
        self.until = importlib.import_module("bot.rehearsal.realtime").until
        self.channel, _ = stage.room()
        self._good = importlib.import_module("pictures.good").good
        self._people = 0

    async def order(self, **options: object) -> tuple[Any, Any]:
        """Let somebody new order a picture; return them and the command's answer."""
        self._people += 1
        person = self.stage.person(f"person-{self._people}")
        return person, await self.again(person, **options)

    async def again(self, person: Any, **options: object) -> Any:  # noqa: ANN401 - simcord's own
        """Let somebody order a picture."""
        photo = (UPLOAD, self._good("png").data)
        return await person.slash(
            self.channel, "stylize", **({"content": photo, "preset": "scream"} | options)
        )

    def other_photo(self) -> tuple[str, bytes]:
        """Return a photo that nobody else sends: the same bytes would be the same file."""
        return UPLOAD, self._good("png-exif-6").data

    async def running(self) -> tuple[Any, Any]:
        """Let somebody order a large picture, and wait until it is being painted."""
        person, card = await self.order(size=LARGE_PX)
        await self.seen.runs(card)
        return person, card

    async def waiting(self) -> Any:  # noqa: ANN401 - simcord's own
        """Let somebody order a picture that waits behind another."""
        _, card = await self.order()
        await self.seen.offers(card, "Cancel")
        return card

    async def posted(self, number: int) -> bool:
        """Return whether so many results get posted."""
        try:
            await self.until(lambda: len(self.seen.results(self.channel)) >= number, within_s=OVER_S)
        except TimeoutError:
            return False
        return True

    async def shows(self, card: Any, words: str) -> bool:  # noqa: ANN401 - simcord's own
        """Return whether a card comes to say something."""
        try:
            await self.seen.shows(card, words)
        except TimeoutError:
            self.report.told("the card", self.seen.text(card.response))
            return False
        return True

    async def refused(self, reply: Any, sentence: str) -> bool:  # noqa: ANN401 - simcord's own
        """Print what a person is told; return whether it is this sentence."""
        said = await self.seen.refusal(reply)
        self.report.told("the person", said)
        return bool(self.seen.says(said, sentence))

    async def is_ready(self) -> bool:
        """Return what `/readyz` says of the store."""
        return await holds(readiness(self.stage.bot)["store"])

    async def all_done(self) -> bool:
        """Return whether the store comes to know every job as over."""
        try:
            async with asyncio.timeout(OVER_S):
                while await self.stage.bot.store.unfinished():  # noqa: ASYNC110 - the store tells nobody
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return False
        return True


async def full(scene: Scene, disk: SmallDisk) -> None:
    """Fill the disk while one picture is being painted and one waits."""
    report, seen = scene.report, scene.seen
    painter, running = await scene.running()
    waiting = await scene.waiting()
    disk.fill()
    late, refused = await scene.order()
    disk_words = words_in("en").texts["answer.disk"]
    report.check("a new order is refused in one sentence", holds=await scene.refused(refused, disk_words))
    report.check("/readyz says that the store is not ready", holds=not await scene.is_ready())
    await painter.click(running.response, label="Stop here")
    report.check("what was being painted is posted from memory", holds=await scene.posted(1))
    report.check("its card links to it", holds=await scene.shows(running, "See the picture"))
    report.check("what waits keeps its place", holds="Cancel" in seen.buttons(waiting.response))
    disk.free()
    report.check("with room again, what waited is painted", holds=await scene.posted(2))
    report.check("/readyz says that the store is ready", holds=await scene.is_ready())
    await scene.again(late)
    report.check("who was refused can order again", holds=await scene.posted(3))
    await after(scene, disk, results=3)


async def readonly(scene: Scene, disk: SmallDisk) -> None:
    """Make the folder of pictures read-only while one is being painted, then the whole folder at a start."""
    report = scene.report
    painter, running = await scene.running()
    blobs = disk.folder / "blobs"
    disk.lock(blobs)
    late, refused = await scene.order()
    disk_words = words_in("en").texts["answer.disk"]
    report.check("a new order is refused in one sentence", holds=await scene.refused(refused, disk_words))
    report.check("/readyz says that the store is not ready", holds=not await scene.is_ready())
    await painter.click(running.response, label="Stop here")
    report.check("what was being painted is posted from memory", holds=await scene.posted(1))
    report.check("its card links to it", holds=await scene.shows(running, "See the picture"))
    disk.unlock(blobs)
    await scene.again(late)
    report.check("writable again, who was refused can order again", holds=await scene.posted(2))
    await after(scene, disk, results=2)


async def damaged(scene: Scene, disk: SmallDisk) -> None:
    """Damage the page of the database that holds an old job while the bot runs."""
    report, store = scene.report, scene.stage.bot.store
    owner, card = await scene.order()
    await scene.seen.shows(card, "See the picture")
    (old,) = [record.id for record in await store.in_channel(scene.channel.id)]
    for number in range(FILLERS):
        filler = await store.add(order_of(number))
        await store.update(filler.id, state="cancelled")
    spoil_page(disk.folder / "gafuu.sqlite3", old.encode())
    await store.read("PRAGMA shrink_memory")  # what it remembers would hide the damage
    (result,) = scene.seen.results(scene.channel)
    press = await owner.click(result, label="Again")
    disk_words = words_in("en").texts["answer.disk"]
    report.check("whose job it was is told", holds=await scene.refused(press, disk_words))
    await scene.order()
    await scene.order()
    report.check("other people's orders are painted", holds=await scene.posted(3))


async def missing(scene: Scene, disk: SmallDisk) -> None:
    """Remove the content image of a job that waits."""
    report, store = scene.report, scene.stage.bot.store
    painter, running = await scene.running()
    _, lost = await scene.order(content=scene.other_photo())
    await scene.seen.offers(lost, "Cancel")
    await scene.waiting()
    name = (await store.get(scene.seen.job_of(lost))).content_blob
    (disk.folder / "blobs" / name[:2] / name).unlink()
    await painter.click(running.response, label="Stop here")
    forgotten = SENTENCES["job_forgotten"]
    report.check("its person is asked to send it again", holds=await scene.refused(lost, forgotten))
    report.check("what was being painted is posted, and what waits behind", holds=await scene.posted(2))
    await scene.order(content=scene.other_photo())
    report.check("sent again, the picture is painted", holds=await scene.posted(3))
    await after(scene, disk, results=3)


async def after(scene: Scene, disk: SmallDisk, *, results: int) -> None:
    """Look whether the store knows everything, and whether a restart repeats anything."""
    report, stage = scene.report, scene.stage
    report.check("the store knows that everything is over", holds=await scene.all_done())
    await stage.restart(importlib.import_module("staging.stage").new_bot(disk.folder, small=True))
    await asyncio.sleep(QUIET_S)
    posted = len(scene.seen.results(scene.channel))
    report.check(f"a restart posts nothing twice ({posted} results)", holds=posted == results)


async def starts(disk: SmallDisk, report: Report, trouble: str) -> None:
    """Start with a read-only folder or a damaged file that holds many jobs, and again once it is mended."""
    folder = disk.folder / "start"
    store = await JobStore.open(folder)
    jobs = [(await store.add(order_of(number))).id for number in range(FILLERS)]
    await store.close()
    file, copy = folder / "gafuu.sqlite3", folder / "copy"
    if trouble == "readonly":
        disk.lock(folder)
    else:
        shutil.copy(file, copy)
        spoil_page(file, jobs[0].encode())
    said = await refusal_of(folder)
    report.told("the owner", said)
    report.check(
        "a start is refused in one line that names the key",
        holds=said.startswith("store.path: ") and "\n" not in said,
    )
    if trouble == "readonly":
        disk.unlock(folder)
    else:
        copy.replace(file)
    store = await JobStore.open(folder)
    found = [record.id for record in await store.unfinished()]
    await store.close()
    report.check(f"mended, it has every one of {len(jobs)} jobs", holds=found == jobs)


async def refusal_of(folder: Path) -> str:
    """Return why a store cannot be opened, "" if it can."""
    try:
        store = await JobStore.open(folder)
    except ConfigError as error:
        return str(error)
    await store.close()
    return ""


def spoil_page(file: Path, job_id: bytes) -> None:
    """Overwrite the page of the jobs' table that holds a job."""
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    db.close()
    data = bytearray(file.read_bytes())
    for start in range(page_bytes, len(data), page_bytes):
        page = data[start : start + page_bytes]
        if page[0] == SQLITE_LEAF and job_id in page and b"strength" in page:
            with file.open("r+b") as out:
                out.seek(start)
                out.write(b"\xde\xad\xbe\xef" * (page_bytes // 4))
            return
    raise LookupError(f"no page of the table holds {job_id!r}")


def order_of(number: int) -> JobOrder:
    """Return somebody's order that is never painted."""
    return JobOrder(
        owner_id=1000 + number,
        guild_id=1,
        channel_id=2,
        content=b"content of %d" % number,
        styles=(StyleSource(image=b"style"),),
        params=StyleParams(),
    )


SCENES: Final[dict[str, tuple[str, Callable[[Scene, SmallDisk], Awaitable[None]]]]] = {
    "full": ("The disk is full", full),
    "readonly": ("The folder is read-only", readonly),
    "damaged": ("A page of the database is damaged", damaged),
    "missing": ("A picture's file is missing", missing),
}


async def played(name: str, report: Report) -> None:
    """Play one scene on a disk of its own."""
    stage_of = importlib.import_module("staging.stage")
    title, play = SCENES[name]
    with small_disk() as disk:
        print(f"{title} — on {disk.kind}")
        async with stage_of.opened(stage_of.new_bot(disk.folder, small=True)) as stage:
            await play(Scene(stage, report), disk)
            for error in stage.env.errors:  # it was raised on purpose; simcord wants it looked at
                logging.getLogger("disk").info("raised %r", error)
        if name in {"readonly", "damaged"}:
            await starts(disk, report, name)


def main() -> int:
    """Play the scenes, print what was seen, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="The bot on a disk in trouble.")
    parser.add_argument("--only", choices=SCENES, help="one scene instead of all")
    arguments = parser.parse_args()
    move_inside()
    sys.path.append(str(ROOT / "tests" / "builders"))
    logging.getLogger("bot").addHandler(logging.NullHandler())
    logging.getLogger("bot").propagate = False
    report = Report()
    for name in [arguments.only] if arguments.only else SCENES:
        try:
            asyncio.run(played(name, report))
        finally:
            report.print()
    broken = len(report.broken)
    print(f"{report.kept + broken} promises: {report.kept} kept, {broken} broken")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
