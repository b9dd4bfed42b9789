"""How soon the bot answers when many people press at once, and what its memory does.

The real bot, its store and its queue, on the simulated Discord of the rehearsal, with a worker process
that takes no time. In each round everybody acts at the same moment; the next round begins when every
picture is there. Prints a table, with --json one object:

    python benchmarks/bot_load.py [--people 200] [--rounds 5] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simcord import actors

from bot.client import create_bot
from bot.config import LimitsSection, Settings, StoreSection, WorkersSection
from bot.pool.local import LocalPool
from bot.rehearsal import realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator

    import discord
    from simcord import MemberActor
    from simcord.backend.models import Interaction
    from simcord.builders import ChannelHandle

WORKER: Final = Path(__file__).with_name("quick_worker.py")
PHOTO: Final = Path(__file__).parents[1] / "bot" / "rehearsal" / "castle.webp"
IN_A_CHANNEL: Final = 10
LOOK_EVERY_S: Final = 0.002
ROUND_WITHIN_S: Final = 300.0
QUIET_S: Final = 1.0
MIX: Final = (
    "stylize",
    "Again",
    "stylize",
    "Details",
    "stylize",
    "queue",
    "stylize",
    "Stronger",
    "history",
    "help",
)
"""What people do from the second round on, one after another; in the first all type /stylize."""
PROMISED_S: Final = 3.0
"""Discord's own limit for a first answer."""


class CrowdedEnv(realtime.LiveEnv):
    """A simulated Discord on which people do not wait for one another."""

    def __init__(self, bot: discord.Client) -> None:
        super().__init__(bot)
        self.pressed: list[tuple[float, Interaction]] = []

    async def _settle_internal(self, **_: Any) -> None:  # noqa: ANN401 - simcord's own
        if self._asked is not None:
            self.pressed.append((time.perf_counter(), self._asked))
            self._asked = None


@dataclass(slots=True)
class Round:
    """What one round took."""

    answers_s: list[float] = field(default_factory=list)
    unanswered: int = 0
    jobs: int = 0
    seconds: float = 0.0
    memory_mib: float = 0.0


class Ear:
    """Measures how long the event loop keeps everybody waiting."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self._deaf = False

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen within the block."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @contextlib.contextmanager
    def deaf(self) -> Iterator[None]:
        """Leave out what this benchmark itself keeps the loop from within the block."""
        self._deaf = True
        yield

    async def _listen(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            if not self._deaf:
                self.late_s.append(time.perf_counter() - began - 0.01)
            self._deaf = False


@dataclass(frozen=True, slots=True)
class Crowd:
    """People in channels of one server."""

    env: CrowdedEnv
    people: list[tuple[MemberActor, ChannelHandle]]
    photo: tuple[str, bytes]

    @classmethod
    def of(cls, env: CrowdedEnv, number: int) -> Crowd:
        """Return so many people, ten in each channel."""
        guild = env.create_guild("Crowd")
        rooms = [guild.create_text_channel(f"art-{room}") for room in range(-(-number // IN_A_CHANNEL))]
        people = [
            (guild.add_member(env.create_user(f"person-{who}")), rooms[who // IN_A_CHANNEL])
            for who in range(number)
        ]
        return cls(env, people, (PHOTO.name, PHOTO.read_bytes()))

    def acts(self, number: int) -> Iterable[Coroutine[Any, Any, Any]]:
        """Return what everybody does in a round."""
        results = self._results() if number else {}
        for who, (member, channel) in enumerate(self.people):
            what = MIX[(who + number) % len(MIX)] if number else "stylize"
            if what == "stylize" or (what[0].isupper() and member.id not in results):
                options = {"content": self.photo, "preset": "scream"}
                yield actors._slash(member, channel, "stylize", options)
            elif what[0].isupper():
                yield actors._component_click(member, results[member.id], label=what, custom_id=None)
            else:
                yield actors._slash(member, channel, what, {})

    def forget(self) -> None:
        """Drop what the simulated Discord remembers beyond each person's last result."""
        backend = self.env.backend
        kept = {message.id for message in self._results().values()}
        for messages in backend.messages.values():
            for message_id in [each for each in messages if each not in kept]:
                del messages[message_id]
        backend.transcript.clear()
        backend.http_requests.clear()
        backend.interaction_tokens.clear()
        backend.cdn._blobs.clear()
        self.env.pressed.clear()

    def _results(self) -> dict[int, discord.Message]:
        found: dict[int, discord.Message] = {}
        for channel in {channel.id: channel for _, channel in self.people}.values():
            for message in channel.history():
                if message.attachments and message.mentions:
                    found[message.mentions[0].id] = message
        return found


async def play(crowd: Crowd, number: int, ear: Ear) -> Round:
    """Let everybody act at once, and wait for every answer and every picture."""
    service: Any = crowd.env.bot.service  # type: ignore[attr-defined]
    store, env, seen = crowd.env.bot.store, crowd.env, Round()  # type: ignore[attr-defined]
    before = await _jobs(store)
    began = time.perf_counter()
    await asyncio.gather(*crowd.acts(number))
    waiting = list(env.pressed)
    while waiting and time.perf_counter() - began < ROUND_WITHIN_S:
        now = time.perf_counter()
        seen.answers_s += [now - pressed for pressed, asked in waiting if asked.responded]
        waiting = [(pressed, asked) for pressed, asked in waiting if not asked.responded]
        await asyncio.sleep(LOOK_EVERY_S)
    seen.unanswered = len(waiting) + len(crowd.people) - len(env.pressed)
    delivery: Any = env.bot.delivery  # type: ignore[attr-defined]
    await _quiet(lambda: not service.views() and not delivery._tasks and not store._writing.locked())
    seen.seconds, seen.jobs = time.perf_counter() - began - QUIET_S, await _jobs(store) - before
    with ear.deaf():
        crowd.forget()
        gc.collect()
    seen.memory_mib = memory_mib()
    return seen


async def measure(people: int, rounds: int) -> dict[str, Any]:
    """Return what was measured."""
    with tempfile.TemporaryDirectory(prefix="gafuu-load-") as folder:
        settings = Settings(
            store=StoreSection(path=folder),
            limits=LimitsSection(queue=10 * people),
            workers=WorkersSection(devices="cpu", drain_s=0),
        )
        pool = LocalPool("cpu", command=lambda _device: (sys.executable, str(WORKER)))
        env, ear = CrowdedEnv(create_bot(settings, pool=pool)), Ear()
        try:
            await env.start()
            with env.time_context():
                crowd = Crowd.of(env, people)
                await asyncio.sleep(1)
                async with ear.listening():
                    seen = [await play(crowd, number, ear) for number in range(rounds)]
                states = await _states(env.bot.store)  # type: ignore[attr-defined]
        finally:
            await env.close()
    return report(people, seen, ear, states)


def report(people: int, seen: list[Round], ear: Ear, states: dict[str, int]) -> dict[str, Any]:
    """Return the numbers of all rounds."""
    answers = sorted(answer for each in seen for answer in each.answers_s)
    cuts = statistics.quantiles(answers, n=100, method="inclusive")
    lates = statistics.quantiles(ear.late_s, n=100, method="inclusive")
    return {
        "people": people,
        "rounds": len(seen),
        "presses": len(answers) + sum(each.unanswered for each in seen),
        "unanswered": sum(each.unanswered for each in seen),
        "first_answer_s": {
            "p50": round(cuts[49], 3),
            "p95": round(cuts[94], 3),
            "p99": round(cuts[98], 3),
            "most": round(answers[-1], 3),
        },
        "loop_late_ms": {"p99": round(lates[98] * 1000, 1), "most": round(max(ear.late_s) * 1000, 1)},
        "jobs": sum(each.jobs for each in seen),
        "states": states,
        "seconds_of_rounds": [round(each.seconds, 1) for each in seen],
        "memory_mib_after_rounds": [round(each.memory_mib, 1) for each in seen],
        "kept_promise": not any(each.unanswered for each in seen) and answers[-1] < PROMISED_S,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def table(found: dict[str, Any]) -> str:
    """Return the numbers for a reader."""
    first, late, memory = found["first_answer_s"], found["loop_late_ms"], found["memory_mib_after_rounds"]
    rows = {
        "presses, all of a round at once": f"{found['presses']} ({found['people']} × {found['rounds']})",
        "unanswered": found["unanswered"],
        "first answer, p50 / p95 / p99": f"{first['p50']:.2f} / {first['p95']:.2f} / {first['p99']:.2f} s",
        "slowest first answer": f"{first['most']:.2f} s (Discord allows {PROMISED_S:g} s)",
        "event loop late, p99 / most": f"{late['p99']:.0f} / {late['most']:.0f} ms",
        "jobs": f"{found['jobs']} {found['states']}",
        "memory after each round": " → ".join(f"{each:.0f}" for each in memory) + " MiB",
    }
    return "\n".join(f"{name:<32}{value}" for name, value in rows.items())


def memory_mib() -> float:
    """Return what this process has resident; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


async def _jobs(store: Any) -> int:  # noqa: ANN401 - the bot's own
    return sum((await _states(store)).values())


async def _states(store: Any) -> dict[str, int]:  # noqa: ANN401
    return dict(Counter(row["state"] for row in await store.read("SELECT state FROM jobs")))


async def _quiet(condition: Callable[[], bool]) -> None:
    """Return once nothing has happened for a second: an order is in the store some time after its answer."""
    async with asyncio.timeout(ROUND_WITHIN_S):
        since = time.perf_counter()
        while time.perf_counter() - since < QUIET_S:
            await asyncio.sleep(0.02)
            if not condition():
                since = time.perf_counter()


def main() -> int:
    """Measure and print; the exit status is 1 if somebody was answered too late or not at all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    found = asyncio.run(measure(arguments.people, arguments.rounds))
    print(json.dumps(found) if arguments.json else table(found))
    return 0 if found["kept_promise"] else 1


if __name__ == "__main__":
    sys.exit(main())
