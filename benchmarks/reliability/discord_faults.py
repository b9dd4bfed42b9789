"""Storms at Discord's door: every result arrives late, and once.

The real bot with discord.py's own HTTP client and gateway, on the Discord of `wire`. In each phase people
order, then something goes wrong until their pictures are there: rate limits on routes and everywhere, server
errors, connections cut before and after a request was taken, the gateway gone in mid-job, cards and channels
deleted. The nonce is honoured as Discord does; in one phase Discord has forgotten it.

    python benchmarks/reliability/discord_faults.py [--jobs 4] [--seed 6] [--only NAME…]

Exit status 1 if a result is missing or came twice, or a phase did without its fault.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lives import Lives
from verdict import UNFINISHED, exit_status, facts_of, job_of, judge, states_in, until
from wire import server
from wire.state import NONCE_LASTS_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from verdict import Verdict
    from wire.faults import Fault
    from wire.server import WireDiscord
    from wire.state import Asked

    Act = Callable[[WireDiscord, list[Asked]], Awaitable[None]]

ORDERED_WITHIN_S: Final = 20.0
STORM_S: Final = 12.0
"""Then the weather clears; a bot that gives up before is found out all the same."""
OVER_WITHIN_S: Final = 60.0
PERSON: Final = 1000


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of trouble.

    Attributes:
        name: what it is called.
        chances: what happens to requests.
        act: what somebody, or Discord itself, does.
        nonce_lasts_s: how long Discord remembers a nonce.
        from_the_start: while people order, too, and the bot answers them.
    """

    name: str
    chances: dict[Fault, float] = field(default_factory=dict)
    act: Act | None = None
    nonce_lasts_s: float = NONCE_LASTS_S
    from_the_start: bool = False


@dataclass(frozen=True, slots=True)
class Lap:
    """How a phase went."""

    name: str
    jobs: list[str]
    faults: int
    places: dict[str, int]
    """Where the results are: "channel", "direct", "kept"."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How all of them went."""

    laps: list[Lap]
    verdict: Verdict
    counts: dict[str, int]
    repeats: int
    found: int


async def cut_gateway(discord: WireDiscord, asked: list[Asked]) -> None:
    """Cut the gateway off, and let somebody order before the bot is back."""
    await discord.drop("gateway_cut")
    asked.append(await discord.order(PERSON, asked[0].channel_id, preset="scream"))


async def ask_to_reconnect(discord: WireDiscord, _asked: list[Asked]) -> None:
    """Tell the bot to connect anew, as Discord does every few hours."""
    await discord.drop("gateway_reconnect")


async def forget_session(discord: WireDiscord, _asked: list[Asked]) -> None:
    """Tell the bot that its session is no longer known."""
    await discord.drop("gateway_invalid")


async def delete_cards(discord: WireDiscord, asked: list[Asked]) -> None:
    """Delete every card."""
    for each in asked:
        await discord.delete_card(each)


async def delete_channel(discord: WireDiscord, asked: list[Asked]) -> None:
    """Delete the channel in which everything was ordered."""
    await discord.delete_channel(asked[0].channel_id)


async def delete_channel_and_close(discord: WireDiscord, asked: list[Asked]) -> None:
    """Delete the channel, of people who take no direct messages either."""
    discord.state.closed.add(PERSON)
    await discord.delete_channel(asked[0].channel_id)


PHASES: Final = (
    Phase("answers cut", {"cut_before": 0.15, "cut_after": 0.15}, from_the_start=True),
    Phase("429 on routes", {"429": 0.5}),
    Phase("429 everywhere", {"429_global": 0.4}),
    Phase("5xx", {"5xx": 0.45}),
    Phase("cut before", {"cut_before": 0.5}),
    Phase("cut after", {"cut_after": 0.5}),
    Phase("cut after, nonce forgotten", {"cut_after": 0.6}, nonce_lasts_s=0),
    Phase(
        "everything", {"429": 0.15, "429_global": 0.05, "5xx": 0.15, "cut_before": 0.15, "cut_after": 0.15}
    ),
    Phase("gateway cut", act=cut_gateway),
    Phase("gateway reconnects", act=ask_to_reconnect),
    Phase("gateway session lost", act=forget_session),
    Phase("card deleted", act=delete_cards),
    Phase("channel deleted", act=delete_channel),
    Phase("channel deleted, no DMs", act=delete_channel_and_close),
)


async def prove(folder: Path, *, phases: Sequence[Phase] = PHASES, jobs: int = 4, seed: int = 6) -> Outcome:
    """Go through the phases with one bot."""
    async with server.running(seed) as discord:
        lives = Lives(discord, folder, slots=4, steps=5)
        try:
            await lives.begin()
            laps = [await _lap(discord, lives, phase, jobs) for phase in phases]
            await lives.end()
        finally:
            await lives.abandon()
        kept = {job_id for lap in laps for job_id in lap.jobs if lap.places["kept"]}
        return Outcome(
            laps=laps,
            verdict=judge(lives.data, discord.state, unpostable=frozenset(kept)),
            counts=dict(discord.weather.counts),
            repeats=discord.state.repeats,
            found=lives.log.read_bytes().count(b"letter_was_there"),
        )


async def _lap(discord: WireDiscord, lives: Lives, phase: Phase, jobs: int) -> Lap:
    began, weather = time.monotonic(), discord.weather
    channel_id = discord.state.open_channel()
    await until(lambda: discord.gateway.connected, within_s=ORDERED_WITHIN_S)
    before = weather.counts.total()
    weather.spares_answers = not phase.from_the_start
    weather.chances = phase.chances if phase.from_the_start else {}
    asked = [await discord.order(PERSON, channel_id, preset="scream") for _ in range(jobs)]
    if not await until(lambda: all(job_of(lives.data, each) for each in asked), within_s=ORDERED_WITHIN_S):
        raise TimeoutError(f"{phase.name}: not every order was taken")
    names = [job_of(lives.data, each) for each in asked]
    discord.state.nonce_lasts_s = phase.nonce_lasts_s
    weather.chances = phase.chances
    if phase.act is not None:
        await phase.act(discord, asked)
        names += [await _name(lives, each) for each in asked[jobs:]]
    ids = [name for name in names if name]

    def over() -> bool:
        states = states_in(lives.data)
        return not any(states[job_id] in UNFINISHED for job_id in ids)

    await until(over, within_s=STORM_S)
    weather.chances, weather.spares_answers = {}, True
    await until(over, within_s=OVER_WITHIN_S)
    discord.state.nonce_lasts_s = NONCE_LASTS_S
    faults = weather.counts.total() - before
    return Lap(phase.name, ids, faults, _places(discord, ids), time.monotonic() - began)


async def _name(lives: Lives, asked: Asked) -> str | None:
    await until(lambda: job_of(lives.data, asked) is not None, within_s=ORDERED_WITHIN_S)
    return job_of(lives.data, asked)


def _places(discord: WireDiscord, ids: list[str]) -> dict[str, int]:
    state = discord.state
    posts = [message for message in state.posts if message.job_id in ids]
    direct = sum(state.is_direct(message.channel_id) for message in posts)
    kept = len(ids) - len({message.job_id for message in posts}) if PERSON in state.closed else 0
    return {"channel": len(posts) - direct, "direct": direct, "kept": kept}


def kept(outcome: Outcome) -> bool:
    """Tell whether every promise was kept."""
    whole = all(sum(lap.places.values()) == len(lap.jobs) > 0 and lap.faults for lap in outcome.laps)
    jobs = sum(len(lap.jobs) for lap in outcome.laps)
    done = outcome.verdict.states["done"] == outcome.verdict.jobs == jobs
    return whole and done and not outcome.verdict.broken


def report(outcome: Outcome) -> str:
    """Return the counts for a reader."""
    lines = [f"{'phase':<28}{'jobs':>5}{'faults':>8}{'channel':>9}{'direct':>8}{'/history':>10}{'time':>8}"]
    for lap in outcome.laps:
        places = f"{lap.places['channel']:>9}{lap.places['direct']:>8}{lap.places['kept']:>10}"
        lines.append(f"{lap.name:<28}{len(lap.jobs):>5}{lap.faults:>8}{places}{lap.seconds:>6.1f} s")
    verdict, rows = outcome.verdict, sorted(outcome.counts.items())
    facts: dict[str, Any] = {
        **facts_of(verdict),
        "repeats that the nonce stopped": outcome.repeats,
        "found in the channel instead": outcome.found,
        "what happened": ", ".join(f"{name} {count}" for name, count in rows),
    }
    return "\n".join([*lines, *(f"{name:<36}{value}" for name, value in facts.items())])


def main() -> int:
    """Prove it and print the counts."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--jobs", type=int, default=4, help="in each phase")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--only", nargs="+", choices=[phase.name for phase in PHASES], metavar="NAME")
    options = parser.parse_args()
    phases = [phase for phase in PHASES if not options.only or phase.name in options.only]
    with tempfile.TemporaryDirectory(prefix="gafuu-discord-") as folder:
        outcome = asyncio.run(prove(Path(folder), phases=phases, jobs=options.jobs, seed=options.seed))
        print(report(outcome))
        return exit_status(outcome.verdict, Path(folder) / "log", kept=kept(outcome))


if __name__ == "__main__":
    sys.exit(main())
