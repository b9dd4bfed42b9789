"""Mutated pictures of eight formats as real jobs: each ends in a picture or in one sentence.

    python benchmarks/reliability/fuzz.py [--pictures 2000] [--seed 6]

The store, the queue, the pool and the worker's process are the bot's own, and so are the decoder's process
and its limits; only the walk of the painting is one step of arithmetic (`blending_worker.py`). Every tenth
job is somebody else's and sound: it must come back as it came back before there was anything hostile.

Ends with status 1 if a job got no answer, or one that is neither a picture nor one sentence; if somebody
else's job was touched; if a worker died that nobody counted; or if memory passed its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import io
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mutate import mutated
from PIL import Image

from bot.i18n import LANGUAGES, words_in
from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.service import JobService
from bot.jobs.store import JobStore
from bot.pool.local import LocalPool
from bot.pool.needs import needed_bytes
from bot.pool.slot import Patience
from nst_core.decoder import memory_for
from nst_core.formats import picture_format
from nst_core.limits import DEFAULT_LIMITS
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.jobs.model import JobView

ROOT: Final = Path(__file__).resolve().parents[2]
WORKER: Final = (sys.executable, str(Path(__file__).with_name("blending_worker.py")))
PARAMS: Final = StyleParams(mode="draft", long_side_px=64)
HOSTILE_OWNER, OTHER_OWNER = 666, 7
ONE_IN: Final = 10
"""So often a job is somebody else's."""
AT_ONCE: Final = 24
"""Jobs under way at a time."""
ANSWER_S: Final = 120.0
MIB: Final = 2**20
CRAFTED: Final = "crafted"
"""Files made by hand to break something: bombs, films, documents."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one job sends."""

    kind: str
    """The format of the file before it was damaged."""
    content: bytes
    style: bytes


@dataclass(slots=True)
class Count:
    """What came of everything."""

    pictures: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    others: int = 0
    """Sound jobs of somebody else that came back as they should."""
    deaths_in_jobs: int = 0
    """Workers that died, by the word of the jobs that they died of."""


class Watch(logging.Handler):
    """Counts processes by what the bot's log says of them."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = self.deaths = self.decoders = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event."""
        text = record.getMessage()
        self.starts += text.startswith("worker-start ")
        self.deaths += text.startswith("worker-ended ") and not text.endswith("exit_code=0")
        self.decoders += "decoder-ended " in text


@dataclass(slots=True)
class Memory:
    """The most that a worker and its decoder held, as the system counts it."""

    worker_bytes: int = 0
    decoder_bytes: int = 0
    decoder_space_bytes: int = 0

    def look(self, pid: int | None) -> None:
        """Look at a worker and its children; where there is no /proc, at nothing."""
        with contextlib.suppress(OSError, TypeError):
            self.worker_bytes = max(self.worker_bytes, peak(f"{pid}", "VmHWM"))
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                self.decoder_bytes = max(self.decoder_bytes, peak(child, "VmHWM"))
                self.decoder_space_bytes = max(self.decoder_space_bytes, peak(child, "VmPeak"))


def peak(pid: str, what: str) -> int:
    """Return a figure of a process in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(what)), 0)


def seeds() -> dict[str, list[bytes]]:
    """Return real files of each format: the tests' cards of every kind, and cuttings of photos."""
    good = importlib.import_module("pictures.good")
    found: dict[str, list[bytes]] = {}
    for name in good.GOOD_NAMES:
        data = good.good(name).data
        found.setdefault(picture_format(data), []).append(data)
    for path in sorted((ROOT / "benchmarks" / "photos").glob("*.jpg"))[:3]:
        cutting = Image.open(path).convert("RGB").resize((160, 120))
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"):
            data = good.saved(cutting, kind)
            found[picture_format(data)].append(data)
        if "HEIC" in found:
            found["HEIC"].append(good.heic(cutting))
    return found


def crafted() -> list[bytes]:
    """Return the files that the tests refuse one by one."""
    bad = importlib.import_module("pictures.bad")
    return [data for name in bad.BAD_NAMES if (data := bad.bad(name).data)]


def samples(pictures: int, seed: int) -> list[Sample]:
    """Return what is sent: mutated pictures in turn of each format, three in four as the content."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    sources = seeds()
    every = [data for files in sources.values() for data in files]
    sound = sources["PNG"][0]
    found = []
    for number in range(pictures):
        kind = sorted(sources)[number % len(sources)]
        data = mutated(chance.choice(sources[kind]), chance, every)
        as_content = chance.random() < 3 / 4
        found.append(Sample(kind, data if as_content else sound, sound if as_content else data))
    return found + [Sample(CRAFTED, data, sound) for data in crafted()]


def sound_samples() -> list[Sample]:
    """Return what the other person sends: one file of each format."""
    return [Sample(kind, files[-1], files[0]) for kind, files in sorted(seeds().items())]


def problem_of(view: JobView) -> str:
    """Return why the end of a job is neither a picture nor one sentence; "" if it is."""
    if view.pastiche is not None:
        with Image.open(io.BytesIO(view.pastiche.image)) as image:
            image.load()
            return "" if max(image.size) == PARAMS.long_side_px else f"a picture of {image.size}"
    if view.error is None:
        return f"{view.job.state}: {view.job.failure}"[:500]
    said = [words_in(language).refuse(view.error) for language in LANGUAGES]
    return "" if all(text and "\n" not in text and "{" not in text for text in said) else f"said {said}"


class Fuzz:
    """One run.

    Args:
        service: of the bot.
        pool: its workers.
    """

    def __init__(self, service: JobService, pool: LocalPool) -> None:
        self._service = service
        self._pool = pool
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.count = Count()
        self.memory = Memory()

    async def run(self, hostile: Sequence[Sample], sound: Sequence[Sample]) -> None:
        """Send everything, and the sound ones in between."""
        expected = [await self._sound_image(sample) for sample in sound]
        async with asyncio.TaskGroup() as group:
            for number, sample in enumerate(hostile):
                group.create_task(self._hostile(sample))
                if number % ONE_IN == 0:
                    turn = number // ONE_IN % len(sound)
                    group.create_task(self._other(sound[turn], expected[turn]))

    async def _hostile(self, sample: Sample) -> None:
        view = await self._answer(sample, HOSTILE_OWNER)
        problem = problem_of(view) if view else "no answer"
        if problem:
            self.count.broken.append(f"{sample.kind}: {problem}")
        elif view and view.error:
            self.count.sentences[sample.kind] += 1
            self.count.codes[view.error.code] += 1
        else:
            self.count.pictures[sample.kind] += 1

    async def _other(self, sample: Sample, expected: bytes) -> None:
        view = await self._answer(sample, OTHER_OWNER)
        right = view is not None and view.pastiche is not None and view.pastiche.image == expected
        self.count.others += right
        if not right or (view and view.job.deaths):
            self.count.broken.append(f"somebody else's {sample.kind}: {problem_of(view) if view else 'none'}")

    async def _sound_image(self, sample: Sample) -> bytes:
        view = await self._answer(sample, OTHER_OWNER)
        if view is None or view.pastiche is None:
            raise RuntimeError(f"a sound {sample.kind} was not painted")
        return view.pastiche.image

    async def _answer(self, sample: Sample, owner_id: int) -> JobView | None:
        """Send a job and return its last view, None if there is no end to it."""
        order = JobOrder(
            owner_id=owner_id,
            guild_id=None,
            channel_id=1,
            content=sample.content,
            styles=(StyleSource(image=sample.style),),
            params=PARAMS,
        )
        view = None
        async with self._gate:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    job = await self._service.submit(order)
                    async for newest in self._service.watch(job.id):
                        view = newest
                    self._note(view)
        return view

    def _note(self, view: JobView | None) -> None:
        self.count.deaths_in_jobs += view.job.deaths if view else 0
        for slot in self._pool._slots:  # noqa: SLF001 - a slot's pid is nobody else's business
            self.memory.look(slot.pid)


@contextlib.contextmanager
def _heard_by(watch: Watch) -> Iterator[None]:
    """Let what the bot logs within the block be counted, and not be shown."""
    logger = logging.getLogger("bot")
    before = (logger.level, logger.propagate)
    logger.addHandler(watch)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(watch)
        logger.setLevel(before[0])
        logger.propagate = before[1]


async def fuzz(pictures: int, seed: int) -> tuple[Fuzz, Watch]:
    """Send mutated pictures through a bot of their own; return what came of it."""
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder, _heard_by(watch):
        store = await JobStore.open(Path(folder))
        pool = LocalPool("cpu", command=lambda _device: WORKER, patience=Patience(stall_s=90.0))
        service = JobService(store=store, pool=pool, queue_limit=AT_ONCE, per_person=AT_ONCE)
        await pool.start()
        await service.start()
        try:
            run = Fuzz(service, pool)
            hostile, sound = await asyncio.to_thread(lambda: (samples(pictures, seed), sound_samples()))
            await run.run(hostile, sound)
        finally:
            await service.close()
            await pool.close()
            await store.close()
    return run, watch


def broken_promises(run: Fuzz, watch: Watch, sent: int) -> list[str]:
    """Return what was promised and not kept."""
    count, memory = run.count, run.memory
    answers = sum(count.pictures.values()) + sum(count.sentences.values())
    broken = list(count.broken)
    if answers + len([text for text in broken if not text.startswith("somebody")]) != sent:
        broken.append(f"{sent} sent, {answers} answered")
    if watch.deaths != count.deaths_in_jobs:
        broken.append(f"{watch.deaths} workers died, and jobs know of {count.deaths_in_jobs}")
    if memory.worker_bytes > needed_bytes(PARAMS):
        broken.append("a worker held more memory than the pool reckons with")
    if memory.decoder_space_bytes > memory_for(DEFAULT_LIMITS):
        broken.append("a decoder had more address space than its limit")
    return broken


def report(run: Fuzz, watch: Watch, seconds: float) -> None:
    """Print the counts."""
    count, memory = run.count, run.memory
    print(f"{'format':8} {'sent':>5} {'pictures':>9} {'sentences':>10}")
    for kind in sorted({*count.pictures, *count.sentences}):
        pictures, sentences = count.pictures[kind], count.sentences[kind]
        print(f"{kind:8} {pictures + sentences:5} {pictures:9} {sentences:10}")
    whole = count.pictures.total() + count.sentences.total()
    print(f"{'all':8} {whole:5} {count.pictures.total():9} {count.sentences.total():10}  in {seconds:.0f} s")
    print("sentences: " + ", ".join(f"{number} {code}" for code, number in count.codes.most_common()))
    print(
        f"workers: {watch.starts} begun, {watch.deaths} died; decoders ended by a picture: {watch.decoders}"
    )
    print(f"somebody else's jobs: {count.others}, each as before")
    print(
        f"most memory: worker {memory.worker_bytes // MIB} MiB of {needed_bytes(PARAMS) // MIB}, "
        f"decoder {memory.decoder_bytes // MIB} MiB resident, "
        f"{memory.decoder_space_bytes // MIB} MiB of {memory_for(DEFAULT_LIMITS) // MIB} of address space"
    )


def main() -> int:
    """Run, print the counts, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="Mutated pictures through the bot's own queue and worker.")
    parser.add_argument("--pictures", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=6, help="of the damage (default: 6)")
    arguments = parser.parse_args()
    sys.path.append(str(ROOT / "tests" / "builders"))
    began = time.monotonic()
    run, watch = asyncio.run(fuzz(arguments.pictures, arguments.seed))
    report(run, watch, time.monotonic() - began)
    broken = broken_promises(run, watch, arguments.pictures + len(crafted()))
    for text in broken:
        print(f"BROKEN {text}")
    print(f"seed {arguments.seed}: " + (f"{len(broken)} promises broken" if broken else "every promise kept"))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
