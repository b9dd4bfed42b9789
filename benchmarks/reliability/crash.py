"""Kill the bot three times and workers ten times; everybody gets their picture, once.

30 jobs of 6 people. The bot is killed with signal 9 at random moments while it paints and posts (the first
time just when Discord has taken a result and has not said so yet), and started again; workers are killed at
random moments in between. Discord is `wire`, outside of the bot's process. A job's worker is killed once at
most: a job that two workers died of is refused on purpose.

    python benchmarks/reliability/crash.py [--jobs 30] [--bot-kills 3] [--worker-kills 10] [--seed 6]

Exit status 1 if a result is missing or was posted twice, or a process outlived its bot by a second.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lives import Lives
from verdict import Verdict, all_over, job_of, judge, states_in, until
from wire import server

PEOPLE = 6
ORDERED_WITHIN_S = 60.0
HIT_WITHIN_S = 30.0
OVER_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to the bot."""

    jobs: int = 30
    bot_kills: int = 3
    worker_kills: int = 10
    seed: int = 6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    verdict: Verdict
    worker_kills: int
    while_painting: int
    orphans: int
    repeats: int
    found: int
    unasked: list[int]
    seconds: float


async def prove(plan: Plan, folder: Path) -> Outcome:
    """Carry the plan out."""
    began, rng = time.monotonic(), random.Random(plan.seed)  # noqa: S311 - repeatable on purpose
    async with server.running(plan.seed) as discord:
        lives = Lives(discord, folder)
        try:
            await lives.begin()
            await _order(discord, lives, plan.jobs)
            killed = await _kill(lives, plan, rng)
            await until(lambda: all_over(lives.data, jobs=plan.jobs), within_s=OVER_WITHIN_S)
            await lives.end()
        finally:
            await lives.abandon()
        return Outcome(
            verdict=judge(lives.data, discord.state),
            worker_kills=len(killed),
            while_painting=sum(map(bool, killed)),
            orphans=len(lives.orphans),
            repeats=discord.state.repeats,
            found=lives.log.read_bytes().count(b"letter_was_there"),
            unasked=lives.unasked,
            seconds=time.monotonic() - began,
        )


async def _order(discord: server.WireDiscord, lives: Lives, jobs: int) -> None:
    """Let everybody order, and wait until each order is in the store."""
    channels = [discord.state.open_channel() for _ in range(PEOPLE)]
    places = [(1000 + who % PEOPLE, channels[who % PEOPLE]) for who in range(jobs)]
    asked = [await discord.order(person, channel, preset="scream") for person, channel in places]
    if not await until(lambda: all(job_of(lives.data, each) for each in asked), within_s=ORDERED_WITHIN_S):
        raise TimeoutError("not every order was taken")


async def _kill(lives: Lives, plan: Plan, rng: random.Random) -> list[str]:
    """Kill at random moments; return what each killed worker painted."""
    acts = ["bot"] * plan.bot_kills + ["worker"] * plan.worker_kills
    rng.shuffle(acts)
    killed: list[str] = []
    at_a_post = acts.index("bot") if "bot" in acts else None
    for number, act in enumerate(acts):
        await asyncio.sleep(rng.uniform(0.1, 0.7))
        if act == "bot":
            await lives.kill(at_a_post=number == at_a_post)
            await lives.begin()
            await asyncio.sleep(rng.uniform(0, 1.0))
        else:
            killed.append(await _hit(lives, rng))
    return killed


async def _hit(lives: Lives, rng: random.Random) -> str:
    hits: list[str | None] = []

    def hit() -> bool:
        hits.append(lives.hit_a_worker(rng))
        return hits[-1] is not None

    await until(hit, within_s=HIT_WITHIN_S)
    if hits[-1] is None:
        raise TimeoutError("no worker could be killed")
    return hits[-1]


def report(plan: Plan, outcome: Outcome) -> str:
    """Return the counts for a reader."""
    verdict = outcome.verdict
    rows = {
        "jobs": f"{verdict.jobs} of {PEOPLE} people, {dict(verdict.states)}",
        "bot killed with signal 9": f"{plan.bot_kills} times",
        "workers killed": f"{outcome.worker_kills}, {outcome.while_painting} of them while painting",
        "results posted exactly once": verdict.once,
        "posted more than once": len(verdict.again),
        "missing": len(verdict.missing),
        "repeats that Discord's nonce stopped": outcome.repeats,
        "found in the channel instead": outcome.found,
        "processes 1 s after their bot": outcome.orphans,
        "lives that ended by themselves": outcome.unasked or 0,
        "time": f"{outcome.seconds:.0f} s",
    }
    return "\n".join(f"{name:<38}{value}" for name, value in rows.items())


def kept(plan: Plan, outcome: Outcome) -> bool:
    """Tell whether every promise was kept."""
    whole = outcome.verdict.once == outcome.verdict.jobs == plan.jobs
    return whole and not outcome.verdict.broken and not outcome.orphans and not outcome.unasked


def main() -> int:
    """Prove it and print the counts."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    for name, usual in dataclasses.asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=usual)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="gafuu-crash-") as folder:
        outcome = asyncio.run(prove(plan, Path(folder)))
        print(report(plan, outcome))
        if kept(plan, outcome):
            return 0
        print(*outcome.verdict.broken, states_in(Path(folder) / "data"), sep="\n")
        print((Path(folder) / "log").read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
