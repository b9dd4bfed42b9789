"""The soak itself: people who order, a Discord that fails, hands that kill, an eye that takes samples."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from lives import ONLINE_WITHIN_S, Lives
from verdict import Verdict, all_over, job_of, judge, until
from wire import server

from soaking.samples import Sample, take

if TYPE_CHECKING:
    from pathlib import Path

    from wire.faults import Fault
    from wire.gateway import Drop
    from wire.server import WireDiscord

PEOPLE: Final = 20
CHANNELS: Final = 5
CHANCES: Final[dict[Fault, float]] = {
    "429": 0.04,
    "429_global": 0.005,
    "5xx": 0.04,
    "cut_before": 0.03,
    "cut_after": 0.03,
}
DROPS: Final[tuple[Drop, ...]] = ("gateway_cut", "gateway_reconnect", "gateway_invalid")
ENDS: Final[tuple[tuple[float, Literal["term", "kill", "kill at a post"]], ...]] = (
    (0.08, "term"),
    (0.16, "kill"),
    (0.25, "term"),
    (0.94, "kill at a post"),
    (0.98, "term"),
)
"""When the bot ends, as shares of the whole time."""
ORDERS_UNTIL: Final = 0.96
WORKER_KILLS: Final = 40
GATEWAY_DROPS: Final = 25
SAMPLES: Final = 30
DELETED_CARDS: Final = 0.05
TAKEN_WITHIN_S: Final = 15.0
"""A person whose order is in no store by then types the command again."""
OVER_WITHIN_S: Final = 120.0
KEEPS: Final = 10
"""Pictures are kept for the tenth part of the time."""
DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, and how long."""

    minutes: float = 30.0
    jobs: int = 500
    seed: int = 6

    @property
    def seconds(self) -> float:
        """The whole time."""
        return self.minutes * 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    plan: Plan
    verdict: Verdict
    counts: Counter[str]
    samples: list[Sample]
    repeats: int
    found: int
    orphans: int
    unasked: list[int]
    seconds: float


@dataclass(slots=True)
class Soak:
    """One soak under way."""

    plan: Plan
    discord: WireDiscord
    lives: Lives
    rng: random.Random
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    hands: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever starts, ends or touches a process does it alone."""

    def at(self) -> float:
        """Return the share of the time that is over."""
        return (time.monotonic() - self.began) / self.plan.seconds

    async def run(self) -> None:
        """Let everything happen at once, until every order is over."""
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(self._supervise()),
                group.create_task(self._sample()),
                group.create_task(self._kill_workers()),
                group.create_task(self._drop_gateway()),
            ]
            ends = group.create_task(self._end_lives())
            await self._people()
            await ends
            self.discord.weather.chances = {}
            jobs = self.plan.jobs
            await until(lambda: all_over(self.lives.data, jobs=jobs), within_s=OVER_WITHIN_S)
            for chore in chores:
                chore.cancel()

    async def _people(self) -> None:
        """Let everybody order, evenly over the time but at random moments."""
        channels = [self.discord.state.open_channel() for _ in range(CHANNELS)]
        moments = sorted(self.rng.uniform(0, ORDERS_UNTIL) for _ in range(self.plan.jobs))
        async with asyncio.TaskGroup() as group:
            for number, moment in enumerate(moments):
                await self._wait_for(moment)
                group.create_task(self._order(1000 + number % PEOPLE, self.rng.choice(channels)))

    async def _order(self, person_id: int, channel_id: int) -> None:
        """Order until a card tells of a job."""
        while not await self._is_taken(person_id, channel_id):
            self.counts["ordered again"] += 1

    async def _is_taken(self, person_id: int, channel_id: int) -> bool:
        """Order once; tell whether there is a job in time, and sometimes delete it then."""
        await until(lambda: self.discord.gateway.connected, within_s=ONLINE_WITHIN_S)
        asked = await self.discord.order(person_id, channel_id, preset="scream")
        if not await until(lambda: job_of(self.lives.data, asked) is not None, within_s=TAKEN_WITHIN_S):
            return False
        if self.rng.random() < DELETED_CARDS:
            await self.discord.delete_card(asked)
        return True

    async def _supervise(self) -> None:
        while True:
            async with self.hands:
                await self.lives.see_to()
            await asyncio.sleep(1)

    async def _sample(self) -> None:
        for number in range(1, SAMPLES):
            await self._wait_for(number / SAMPLES)
            async with self.hands:
                with contextlib.suppress(OSError):  # it has just ended by itself
                    self.samples.append(take(self.lives.pid, self.lives.data, at=self.at()))

    async def _kill_workers(self) -> None:
        for number in range(WORKER_KILLS):
            await self._wait_for((number + self.rng.random()) / WORKER_KILLS)
            await until(self.lives.is_painting, within_s=self.plan.seconds / WORKER_KILLS)
            async with self.hands:
                hit = self.lives.hit_a_worker(self.rng)
            self.counts["workers killed"] += hit is not None
            self.counts["workers killed while painting"] += bool(hit)

    async def _drop_gateway(self) -> None:
        for number in range(GATEWAY_DROPS):
            await self._wait_for((number + self.rng.random()) / GATEWAY_DROPS)
            await self.discord.drop(self.rng.choice(DROPS))

    async def _end_lives(self) -> None:
        for moment, how in ENDS:
            await self._wait_for(moment)
            async with self.hands:
                if how == "term":
                    self.counts["ended with another status than 0"] += await self.lives.end() != 0
                else:
                    await self.lives.kill(at_a_post=how == "kill at a post")
                self.counts["bot ended by SIGTERM" if how == "term" else "bot killed with signal 9"] += 1
                await self.lives.begin()

    async def _wait_for(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, (moment - self.at()) * self.plan.seconds))


async def soak(plan: Plan, folder: Path) -> Outcome:
    """Soak a bot, and count."""
    began = time.monotonic()
    rng = random.Random(plan.seed)  # noqa: S311 - repeatable on purpose
    async with server.running(plan.seed) as discord:
        keep_days = plan.seconds / KEEPS / DAY_S
        lives = Lives(discord, folder, slots=2, steps=6, step_s=0.25, drain_s=1.0, keep_days=keep_days)
        try:
            await lives.begin()
            discord.weather.spares_answers = False
            discord.weather.chances = dict(CHANCES)
            soaking = Soak(plan, discord, lives, rng)
            await soaking.run()
            await lives.end()
        finally:
            await lives.abandon()
        return Outcome(
            plan=plan,
            verdict=judge(lives.data, discord.state),
            counts=soaking.counts + discord.weather.counts,
            samples=soaking.samples,
            repeats=discord.state.repeats,
            found=lives.log.read_bytes().count(b"letter_was_there"),
            orphans=len(lives.orphans),
            unasked=lives.unasked,
            seconds=time.monotonic() - began,
        )
