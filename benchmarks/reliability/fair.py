"""Somebody queues 50 pictures, five others one each: how many starts each of the five waits.

The real service, store, pool and worker processes (`null_worker.py`), with room for 50. While the 50 are
being painted, the five come at random moments, each once the one before has started; each has to be among
the next 2 × slots starts. Then five more come all at once, and at most two of the greedy one's pictures may
begin before the last of theirs: one that was being begun just then, and one turn among equals. Both on the
greedy one's own server and on servers of their own.

    python benchmarks/reliability/fair.py [--greedy 50] [--slots 1 2 4] [--seed 6]

Exit status 1 if somebody waited for longer.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from verdict import until

from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.service import JobService
from bot.jobs.store import JobStore
from bot.pool.local import LocalPool
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.jobs.model import JobView

ROOT: Final = Path(__file__).parents[2]
NULL_WORKER: Final = Path(__file__).parents[1] / "null_worker.py"
PAINTING_S: Final = 0.08
OTHERS: Final = 5
GREEDY: Final = 1
SERVER: Final = 7
AT_MOST_BEFORE: Final = 2
"""One that was being begun just then, and one turn among equals."""
STARTED_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Lap:
    """How long the others waited.

    Attributes:
        slots: how many workers painted.
        apart: whether the others came from servers of their own.
        one_by_one: the number of the start that was theirs, counted from their coming; 1 is the next.
        at_once: the same for those who came together.
        greedy_before: how many of the greedy one's began between their coming and the last of theirs.
    """

    slots: int
    apart: bool
    one_by_one: list[int]
    at_once: list[int]
    greedy_before: int

    @property
    def is_fair(self) -> bool:
        """Whether nobody waited for longer than promised."""
        alone = all(place <= 2 * self.slots for place in self.one_by_one)
        everybody = len(self.one_by_one) == len(self.at_once) == OTHERS
        return everybody and alone and self.greedy_before <= AT_MOST_BEFORE


@dataclass(slots=True)
class Starts:
    """Whose jobs began, in their order, and how many had begun when each of them came."""

    jobs: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    came: dict[str, int] = field(default_factory=dict)

    def saw(self, _before: JobView | None, view: JobView) -> None:
        """Note that a job came, or began."""
        self.came.setdefault(view.job.id, len(self.jobs))
        if view.job.state == "running" and view.job.id not in self.jobs:
            self.jobs.append(view.job.id)
            self.owners.append(view.job.owner_id)

    def place(self, job_id: str) -> int:
        """Return which start after its coming was a job's own; 1 is the next."""
        return self.jobs.index(job_id) + 1 - self.came[job_id]

    def greedy_before(self, ids: list[str]) -> int:
        """Return how many of the greedy one's began after all of these had come and before the last began."""
        came = max(self.came[job_id] for job_id in ids)
        return self.owners[came : max(map(self.jobs.index, ids))].count(GREEDY)


async def measure(folder: Path, *, slots: int, apart: bool, greedy: int, seed: int) -> Lap:
    """Return how long the others waited with so many slots."""
    rng, starts = random.Random(seed), Starts()  # noqa: S311 - repeatable on purpose
    async for service in _working(folder, slots, starts):
        for _ in range(greedy):
            await service.submit(_order(GREEDY, SERVER))
        await until(lambda: len(starts.jobs) > slots, within_s=STARTED_WITHIN_S)
        one_by_one = []
        for person in range(2, 2 + OTHERS):
            await asyncio.sleep(rng.uniform(0, 2 * PAINTING_S))
            (job_id,) = await _begun(service, starts, [_order(person, _server(person, apart))])
            one_by_one.append(starts.place(job_id))
        together = [_order(person, _server(person, apart)) for person in range(12, 12 + OTHERS)]
        ids = await _begun(service, starts, together)
    return Lap(
        slots=slots,
        apart=apart,
        one_by_one=one_by_one,
        at_once=[starts.place(job_id) for job_id in ids],
        greedy_before=starts.greedy_before(ids),
    )


async def _working(folder: Path, slots: int, starts: Starts) -> AsyncIterator[JobService]:
    """Yield a service that paints, and close everything after it."""
    command = (sys.executable, str(NULL_WORKER), str(PAINTING_S))
    store = await JobStore.open(folder)
    pool = LocalPool(f"cpu*{slots}", command=lambda _device: command)
    service = JobService(store=store, pool=pool, queue_limit=1000, per_person=1000, saw=starts.saw)
    await pool.start()
    await service.start()
    try:
        yield service
    finally:
        await service.close()
        await pool.close()
        await store.close()


async def _begun(service: JobService, starts: Starts, orders: list[JobOrder]) -> list[str]:
    """Order, wait until all of it has begun, and return the jobs."""
    ids = [(await service.submit(order)).id for order in orders]
    await until(lambda: set(ids) <= set(starts.jobs), within_s=STARTED_WITHIN_S)
    return ids


def _server(person: int, apart: bool) -> int:  # noqa: FBT001 - of two kinds of lap
    return SERVER + person if apart else SERVER


def _order(person: int, server: int) -> JobOrder:
    style = StyleSource(image=b"style", preset="scream")
    params = StyleParams(mode="best", long_side_px=64)
    return JobOrder(
        owner_id=person,
        guild_id=server,
        channel_id=server,
        content=b"content",
        styles=(style,),
        params=params,
    )


def report(laps: list[Lap]) -> str:
    """Return the counts for a reader."""
    titles = f"{'slots':<7}{'the others are':<18}{'one by one':<18}{'allowed':<9}{'at once':<18}"
    lines = [f"{titles}the greedy one's before"]
    for lap in laps:
        where = "on other servers" if lap.apart else "beside them"
        alone, together = (" ".join(map(str, places)) for places in (lap.one_by_one, lap.at_once))
        lines.append(
            f"{lap.slots:<7}{where:<18}{alone:<18}{2 * lap.slots:<9}{together:<18}"
            f"{lap.greedy_before} (allowed {AT_MOST_BEFORE}){'' if lap.is_fair else '  UNFAIR'}"
        )
    return "\n".join(lines)


async def prove(folder: Path, *, slots: list[int], greedy: int = 50, seed: int = 6) -> list[Lap]:
    """Measure with each number of slots, near and apart."""
    return [
        await measure(folder / f"{number}-{apart}", slots=number, apart=apart, greedy=greedy, seed=seed)
        for number in slots
        for apart in (False, True)
    ]


def main() -> int:
    """Prove it and print the counts."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--greedy", type=int, default=50)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # the rest of the 50 is given up at the end
    with tempfile.TemporaryDirectory(prefix="gafuu-fair-") as folder:
        laps = asyncio.run(prove(Path(folder), slots=options.slots, greedy=options.greedy, seed=options.seed))
    print(report(laps))
    return 0 if all(lap.is_fair for lap in laps) else 1


if __name__ == "__main__":
    sys.exit(main())
