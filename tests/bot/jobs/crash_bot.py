"""A bot without Discord, for tests that kill it: real store, real queue, real worker processes.

Arguments: folder, path of the fake worker, number of this life. The first life orders; every life paints
and posts what is not over, and ends when everything is. A post is a file named by the job's id that can
be made only once, as Discord makes a message with the same nonce only once; attempts are counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bot.jobs.model import JobOrder, StyleSource
from bot.jobs.service import JobService
from bot.jobs.store import JobStore
from bot.pool.local import LocalPool
from bot.pool.slot import Patience
from nst_core.protocol import StyleParams

PEOPLE = 4
JOBS_EACH = 5


def orders() -> list[JobOrder]:
    """Return what everybody wants: pictures, and from each person one that kills every worker."""
    work = [{"do": "paint", "steps": 4, "step_s": 0.02}] * (JOBS_EACH - 1) + [{"do": "die"}]
    return [
        JobOrder(
            owner_id=person,
            guild_id=person % 2,
            channel_id=1,
            content=json.dumps(how).encode(),
            styles=(StyleSource(image=b"style"),),
            params=StyleParams(),
        )
        for how in work
        for person in range(PEOPLE)
    ]


async def follow(service: JobService, posts: Path, job_id: str) -> None:
    """Watch a job to its end and post its picture."""
    view = None
    async for newest in service.watch(job_id):
        view = newest
    assert view is not None
    if view.pastiche is None:
        return
    with (posts / "attempts").open("a") as attempts:
        attempts.write(f"{job_id}\n")
    (posts / job_id).touch()
    await asyncio.sleep(0.01)  # the moment in which a bot can die between posting and noting it
    await service.delivered(job_id, result_message_id=1)


async def main() -> None:
    """Live one life."""
    folder, worker, life = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    command = (
        sys.executable,
        worker,
        json.dumps({"ledger": f"{folder}/ledger", "start": "fine", "times": 0}),
    )
    store = await JobStore.open(folder / "data")
    pool = LocalPool("cpu*2", patience=Patience(back_off_s=0.01, failures=100), command=lambda _: command)
    await pool.start()
    service = JobService(store=store, pool=pool, queue_limit=100, per_person=100)
    await service.start()
    if life == 0:
        for order in orders():
            await service.submit(order)
        print("ordered", flush=True)  # noqa: T201 - the test waits for it
    async with asyncio.TaskGroup() as group:
        for job in await service.recover():
            group.create_task(follow(service, folder / "posts", job.id))
    await service.close()
    await pool.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
