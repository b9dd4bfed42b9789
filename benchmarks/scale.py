"""How far one bot reaches: jobs per second, dispatch latency and fairness over 1 … 64 simulated devices.

    python benchmarks/scale.py [--devices 1 2 8 64] [--job-s 1] [--queued 10000]

Everything is real but the painting: the store, the fair queue, the service, a nats-server with the shipped
configuration, up to 8 node processes, and one worker process per device, which sleeps.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/builders")]

from cluster import Server  # noqa: E402 - found by the line above

from bot.jobs.model import FINAL_STATES, JobOrder, StyleSource  # noqa: E402 - as above
from bot.jobs.queue import FairQueue, Ticket  # noqa: E402 - as above
from bot.jobs.service import JobService  # noqa: E402 - as above
from bot.jobs.store import JobStore  # noqa: E402 - as above
from bot.pool import wire  # noqa: E402 - as above
from bot.pool.nats import NatsPool  # noqa: E402 - as above
from bot.pool.report import Build  # noqa: E402 - as above
from nst_core.protocol import StyleParams  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = 8
PEOPLE = 8
FLOODER = 1
"""Orders half of everything; the others share the rest."""
QUEUE_SAMPLES = 20


def main() -> None:
    """Measure and print one JSON object."""
    options = _options()
    results: dict[str, Any] = {"devices": {}}
    for devices in options.devices:
        with tempfile.TemporaryDirectory() as folder:
            jobs = max(8, devices * options.rounds)
            results["devices"][devices] = asyncio.run(
                throughput(Path(folder), devices, jobs=jobs, job_s=options.job_s)
            )
        print(devices, json.dumps(results["devices"][devices]), file=sys.stderr, flush=True)
    if options.queued:
        with tempfile.TemporaryDirectory() as folder:
            results["queued"] = asyncio.run(queued(Path(folder), options.queued))
    print(json.dumps(results, indent=1))


async def throughput(folder: Path, devices: int, *, jobs: int, job_s: float) -> dict[str, Any]:
    """Let so many devices work off so many jobs."""
    with _cluster(folder, devices, job_s) as server:
        pool = NatsPool(
            wire.Link(url=server.url, user="bot", token=server.tokens["bot"]), build=lambda: Build.of("vgg16")
        )
        await pool.start()
        await pool._until(lambda: sum(slot.state == "ready" for slot in pool.slots()) == devices)  # noqa: SLF001 - the pool tells no other way
        store = await JobStore.open(folder / "store")
        service = JobService(store=store, pool=pool, queue_limit=10**6, per_person=10**6)
        try:
            return await _work_off(service, store, jobs=jobs, devices=devices, job_s=job_s)
        finally:
            await service.close()
            await pool.close()
            await store.close()


async def _work_off(
    service: JobService, store: JobStore, *, jobs: int, devices: int, job_s: float
) -> dict[str, Any]:
    records = [await store.add(order(owner(number))) for number in range(jobs)]
    began = time.time()
    await service.start()
    lags: dict[str, float] = {}
    await asyncio.gather(*(_follow(service, record.id, lags) for record in records))
    took_s = time.time() - began
    ended = [record for record in [await store.get(record.id) for record in records] if record]
    starts = [record.owner_id for record in sorted(ended, key=lambda record: record.started_at or 0)]
    latencies = sorted(
        began_at - (record.started_at or 0)
        for record in ended
        if (began_at := lags.get(record.id)) is not None
    )
    half = Counter(starts[: len(starts) // 2])
    return {
        "jobs": jobs,
        "failed": sum(record.state != "delivering" for record in ended),
        "jobs_per_s": round(jobs / took_s, 2),
        "ideal_jobs_per_s": round(devices / job_s, 2),
        "dispatch_ms_median": round(1000 * statistics.median(latencies), 1),
        "dispatch_ms_p95": round(1000 * latencies[int(0.95 * len(latencies))], 1),
        "flooders_share_of_first_half": round(half[FLOODER] / max(1, half.total()), 3),
        "bot_cpu_s": round(time.process_time(), 1),
        "bot_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def _follow(service: JobService, job_id: str, lags: dict[str, float]) -> None:
    async for view in service.watch(job_id):
        if "began" in view.losses:
            lags.setdefault(job_id, view.losses["began"])
        if view.job.state in FINAL_STATES | {"delivering"}:
            return


async def queued(folder: Path, count: int) -> dict[str, Any]:
    """Store so many waiting jobs; what they cost in time and memory, now and at the next start."""
    store = await JobStore.open(folder)
    before = _rss_mib()
    began = time.perf_counter()
    for number in range(count):
        await store.add(order(owner(number)))
    added_s = time.perf_counter() - began
    began = time.perf_counter()
    records = await store.unfinished()
    read_s = time.perf_counter() - began
    queue = FairQueue(queue_limit=10**6, per_person=10**6)
    for record in records:
        queue.push(Ticket(job_id=record.id, owner_id=record.owner_id, guild_id=record.guild_id))
    began = time.perf_counter()
    for _ in range(QUEUE_SAMPLES):
        queue.order()
    order_s = (time.perf_counter() - began) / QUEUE_SAMPLES
    await store.close()
    return {
        "jobs": count,
        "add_ms_each": round(1000 * added_s / count, 2),
        "read_all_s": round(read_s, 2),
        "places_of_all_ms": round(1000 * order_s, 1),
        "memory_mib": _rss_mib() - before,
        "file_mib": round((folder / "gafuu.sqlite3").stat().st_size / 2**20, 1),
    }


def order(owner_id: int) -> JobOrder:
    """Return a small order."""
    style = StyleSource(image=b"a painting", preset="great_wave")
    return JobOrder(
        owner_id=owner_id,
        guild_id=1,
        channel_id=1,
        content=b"a photo",
        styles=(style,),
        params=StyleParams(long_side_px=64),
    )


def owner(number: int) -> int:
    """Return whose job it is: every second one is the flooder's."""
    return FLOODER if number % 2 else 2 + number // 2 % (PEOPLE - 1)


@contextlib.contextmanager
def _cluster(folder: Path, devices: int, job_s: float) -> Iterator[Server]:
    """Run a server and nodes with so many devices among them."""
    server = Server(folder / "nats")
    count = min(NODES, devices)
    shares = [devices // count + (number < devices % count) for number in range(count)]
    names = [f"node-{number}" for number in range(count)]
    for name in names:
        server.let_in(name)
    server.start()
    program = str(Path(__file__).with_name("null_node.py"))
    nodes = [
        subprocess.Popen(
            [sys.executable, program, server.url, name, str(share), str(job_s)],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "NATS_TOKEN": server.tokens[name]},
        )
        for name, share in zip(names, shares, strict=True)
    ]
    try:
        yield server
    finally:
        for node in nodes:
            node.terminate()
        for node in nodes:
            node.wait(30)
        server.kill()


def _rss_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument(
        "--job-s", type=float, default=1.0, help="seconds one job takes (default %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=8, help="jobs per device (default %(default)s)")
    parser.add_argument("--queued", type=int, default=10_000, help="0 leaves that out")
    return parser.parse_args()


if __name__ == "__main__":
    main()
