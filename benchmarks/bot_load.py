"""How soon the bot answers when many people press at once, and what its loop and its memory do.

The real bot in a process of its own, with its store, its queue and discord.py's own HTTP client and
gateway, on a Discord in this process (`reliability/wire`), with a worker that takes no time. In each round
everybody orders a picture at the same moment, and once all pictures are there, everybody presses something
else at the same moment. Prints a table, with --json one object:

    python benchmarks/bot_load.py [--people 200] [--rounds 5] [--json]

Exit status 1 if somebody was not answered, or not within Discord's limit, or a picture is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path[:0] = [str(Path(__file__).with_name("reliability"))]

from verdict import all_over, judge, until  # noqa: E402 - they lie in a folder beside this file
from wire import server  # noqa: E402
from wire.http import TOKEN  # noqa: E402

if TYPE_CHECKING:
    from wire.server import WireDiscord
    from wire.state import Asked

LIFE: Final = Path(__file__).with_name("crowd_life.py")
CONFIG: Final = """
[store]
path = "{data}"
[limits]
queue = {queue}
[workers]
devices = "cpu"
drain_s = 0
[log]
level = "WARNING"
"""
IN_A_CHANNEL: Final = 10
SMALL_CROWD: Final = 50
ONLINE_WITHIN_S: Final = 60.0
OVER_WITHIN_S: Final = 300.0
OTHERS: Final = ("Details", "queue", "history", "help")
"""What people do besides ordering, one after another."""
LIMIT_S: Final = 3.0
"""Discord's own limit for a first answer."""
PROMISED_S: Final = 1.0
PROMISED_LATE_S: Final = 0.05


@dataclass(slots=True)
class Seen:
    """What was measured of one crowd.

    Attributes:
        orders_s, others_s: how long the first answers took, to orders and to everything else.
        unanswered: how many got none.
        rounds_s: how long each round took until the last picture.
        busy: begin and end of the times in which there was something to do, seconds since 1970.
        memory_mib: what the bot had resident after each round.
    """

    orders_s: list[float] = field(default_factory=list)
    others_s: list[float] = field(default_factory=list)
    unanswered: int = 0
    rounds_s: list[float] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Crowd:
    """People in channels of one server, ten in each.

    Args:
        discord: where they are.
        data: the bot's store.
        pid: the bot's process.
    """

    discord: WireDiscord
    data: Path
    pid: int
    people: list[tuple[int, int]]
    jobs: int = 0

    async def play(self, rounds: int) -> Seen:
        """Let everybody act, so many times."""
        seen = Seen()
        for number in range(rounds):
            began = time.time()
            cards = [await self.discord.order(*who, preset="scream") for who in self.people]
            await self._answered(cards, seen.orders_s, seen)
            self.jobs += len(cards)
            over = await until(lambda: all_over(self.data, jobs=self.jobs), within_s=OVER_WITHIN_S)
            seen.rounds_s.append(time.time() - began)
            if not over:
                raise TimeoutError("pictures are missing")
            presses = [await self._press(who, number) for who in range(len(self.people))]
            await self._answered(presses, seen.others_s, seen)
            seen.busy.append((began, time.time()))
            await asyncio.sleep(1)
            seen.memory_mib.append(memory_mib(self.pid))
        return seen

    async def _press(self, who: int, number: int) -> Asked:
        person_id, channel_id = self.people[who]
        what = OTHERS[(who + number) % len(OTHERS)]
        if what == "Details":
            result = next(
                each for each in reversed(self.discord.state.posts) if each.channel_id == channel_id
            )
            return await self.discord.press(person_id, result, f"gafuu:details:{result.job_id}")
        return await self.discord.command(person_id, channel_id, what)

    async def _answered(self, asked: list[Asked], times_s: list[float], seen: Seen) -> None:
        await until(lambda: all(each.answered_at for each in asked), within_s=10 * LIMIT_S)
        times_s += [each.answered_at - each.asked_at for each in asked if each.answered_at]
        seen.unanswered += sum(not each.answered_at for each in asked)


async def measure(people: int, rounds: int) -> dict[str, Any]:
    """Return what was measured: of a small crowd once, then of the whole one."""
    with tempfile.TemporaryDirectory(prefix="gafuu-load-") as name:
        folder = Path(name)
        data, notes = folder / "data", folder / "notes.json"
        (folder / "config.toml").write_text(CONFIG.format(data=data.as_posix(), queue=10 * people))
        async with server.running(seed=0) as discord:
            words = (LIFE, discord.base, discord.address, folder / "config.toml", notes)
            environ = os.environ | {"DISCORD_TOKEN": TOKEN, "PYTHONPATH": str(LIFE.parents[1])}
            bot = subprocess.Popen([sys.executable, *map(str, words)], env=environ)  # noqa: ASYNC220 - it only forks
            try:
                if not await until(
                    lambda: discord.weather.counts["identified"] > 0, within_s=ONLINE_WITHIN_S
                ):
                    raise TimeoutError("the bot does not come online")
                await asyncio.sleep(2)
                rooms = [discord.state.open_channel() for _ in range(-(-people // IN_A_CHANNEL))]
                everybody = [(who + 1, rooms[who // IN_A_CHANNEL]) for who in range(people)]
                crowd = Crowd(discord, data, bot.pid, everybody[: min(people, SMALL_CROWD)])
                small = await crowd.play(1)
                crowd.people = everybody
                whole = await crowd.play(rounds)
                verdict = judge(data, discord.state)
            finally:
                bot.send_signal(signal.SIGTERM)
                await asyncio.to_thread(bot.wait, 30)
        heard = json.loads(notes.read_text(encoding="ascii"))
    return {
        "people": people,
        "rounds": rounds,
        "small_crowd": report(small, heard) | {"people": min(people, SMALL_CROWD)},
        "crowd": report(whole, heard),
        "jobs": verdict.jobs,
        "posted_once": verdict.once,
        "wrong": verdict.broken,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def report(seen: Seen, heard: list[tuple[float, float]]) -> dict[str, Any]:
    """Return the numbers of a crowd.

    Args:
        seen: what it was like for people.
        heard: how late the bot's loop was, and when.
    """
    late = [late_s for at, late_s in heard if any(begin <= at <= end for begin, end in seen.busy)]
    return {
        "presses": len(seen.orders_s) + len(seen.others_s) + seen.unanswered,
        "unanswered": seen.unanswered,
        "orders_s": quantiles(seen.orders_s),
        "others_s": quantiles(seen.others_s),
        "loop_late_s": quantiles(late)
        | {"over_50_ms": sum(each > PROMISED_LATE_S for each in late), "of": len(late)},
        "rounds_s": [round(each, 2) for each in seen.rounds_s],
        "memory_mib": [round(each, 1) for each in seen.memory_mib],
    }


def quantiles(values: list[float]) -> dict[str, float]:
    """Return median, 95 and 99 per cent and the most, in seconds."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    found = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


def table(found: dict[str, Any]) -> str:
    """Return the numbers for a reader."""
    small, whole = found["small_crowd"], found["crowd"]
    late = whole["loop_late_s"]
    rows = {
        "jobs, posted exactly once": f"{found['jobs']}, {found['posted_once']}",
        "presses, without an answer": f"{whole['presses']}, {whole['unanswered']}",
        f"first answer to an order, {small['people']} at once": _seconds(small["orders_s"]),
        f"first answer to an order, {found['people']} at once": _seconds(whole["orders_s"]),
        "first answer to anything else": _seconds(whole["others_s"]),
        "event loop late": _seconds(late),
        "  looks that found it over 50 ms late": f"{late['over_50_ms']} of {late['of']}",
        "seconds until all pictures were there": ", ".join(map(str, whole["rounds_s"])),
        "memory after each round": " → ".join(f"{each:.0f}" for each in whole["memory_mib"]) + " MiB",
    }
    return "p50 / p95 / p99 / most in seconds\n" + "\n".join(f"{name:<42}{rows[name]}" for name in rows)


def _seconds(of: dict[str, float]) -> str:
    return " / ".join(f"{of[name]:.3f}" for name in ("p50", "p95", "p99", "most"))


def memory_mib(pid: int) -> float:
    """Return what a process has resident; 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def kept(found: dict[str, Any]) -> bool:
    """Tell whether everybody was answered in time and has their picture."""
    crowds = (found["small_crowd"], found["crowd"])
    answered = not any(each["unanswered"] for each in crowds)
    slowest = max(each[kind]["most"] for each in crowds for kind in ("orders_s", "others_s"))
    return answered and slowest < LIMIT_S and not found["wrong"] and found["posted_once"] == found["jobs"]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.people, arguments.rounds))
    print(json.dumps(found) if arguments.json else table(found))
    return 0 if kept(found) else 1


if __name__ == "__main__":
    sys.exit(main())
