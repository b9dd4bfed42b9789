"""The jobs over real worker processes, and what is left when the bot is killed."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.jobs.model import StyleSource
from bot.jobs.service import JobService
from bot.jobs.store import JobStore
from bot.pool.local import LocalPool
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.model import JobOrder

ROOT = Path(__file__).parents[3]
CRASH_BOT = Path(__file__).with_name("crash_bot.py")
FAKE_WORKER = ROOT / "tests" / "bot" / "pool" / "fake_worker.py"
PAINTING = ROOT / "nst_core" / "presets" / "great_wave.jpg"
LIVES = 4
GONE_WITHIN_S = 5.0


def live(folder: Path, number: int, *, kill_after_posts: int | None) -> None:
    """Run one life of the bot; kill it once so many posts are there, or let it end."""
    command = (sys.executable, str(CRASH_BOT), str(folder), str(FAKE_WORKER), str(number))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        if number == 0:
            assert bot.stdout.readline() == "ordered\n"
        if kill_after_posts is None:
            assert bot.wait(timeout=60) == 0
            return
        while posts(folder) < kill_after_posts and bot.poll() is None:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))  # noqa: S311 - any moment will do
        bot.kill()
    assert bot.returncode == -9


def posts(folder: Path) -> int:
    """Return how many pictures were posted."""
    return len(list((folder / "posts").glob("[0-9]*")))


def alive(folder: Path) -> set[int]:
    """Return the workers of all lives that still run."""
    pids = {int(line) for line in (folder / "ledger").read_text().split()}
    return {pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and not is_zombie(pid)}


def is_zombie(pid: int) -> bool:
    """Tell whether a process is over and only waits for init to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_kill_9_of_the_bot_three_times_and_everybody_gets_their_picture_once(tmp_path: Path) -> None:
    """20 jobs of 4 people, 4 of which kill workers: 16 posted once, 4 failed, none lost, no orphans."""
    (tmp_path / "posts").mkdir()
    for number in range(LIVES):
        live(tmp_path, number, kill_after_posts=(number + 1) * 4 if number < LIVES - 1 else None)
        deadline = time.monotonic() + GONE_WITHIN_S
        while alive(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(tmp_path)
    states = asyncio.run(states_in(tmp_path / "data"))
    assert Counter(states.values()) == {"done": 16, "failed": 4}
    posted = {path.name for path in (tmp_path / "posts").iterdir()} - {"attempts"}
    assert posted == {job_id for job_id, state in states.items() if state == "done"}
    attempts = Counter((tmp_path / "posts" / "attempts").read_text().split())
    assert (
        sum(attempts.values()) - len(attempts) < LIVES * 2
    )  # again only what a life left between post and note


async def states_in(folder: Path) -> dict[str, str]:
    """Return the state of every job in a store."""
    store = await JobStore.open(folder)
    try:
        jobs = [job for person in range(4) for job in await store.by_owner(person, limit=100)]
    finally:
        await store.close()
    assert all(job.deaths == (2 if job.state == "failed" else 0) for job in jobs)
    return {job.id: job.state for job in jobs}


async def test_a_real_worker_paints_a_real_order(tmp_path: Path, order: Callable[..., JobOrder]) -> None:
    """Through LocalPool and torch, stopped early to save time: a PNG of the right size, with its curve."""
    picture = await asyncio.to_thread(PAINTING.read_bytes)
    store = await JobStore.open(tmp_path)
    pool = LocalPool("cpu")
    await pool.start()
    service = JobService(store=store, pool=pool, queue_limit=10, per_person=3)
    await service.start()
    try:
        styles = (StyleSource(image=picture, preset="great_wave"),)
        job = await service.submit(order(content=picture, styles=styles, params=StyleParams(long_side_px=64)))
        views = []
        async with asyncio.timeout(120):
            async for view in service.watch(job.id):
                views.append(view)
                if view.step:
                    await service.stop(job.id, keep=True)
        result = await service.result(job.id)
        assert result is not None
        assert result == views[-1].pastiche
        assert max(result.width_px, result.height_px) == 64
        assert result.stopped_early
        assert result.image.startswith(b"\x89PNG")
        assert result.curve is not None
        assert result.curve.startswith(b"\x89PNG")
        assert all(view.losses["total"] > 0 for view in views if view.step)
    finally:
        await service.close()
        await pool.close()
        await store.close()
