"""What became of every job: the store's word against what stands on Discord."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wire.state import Asked, WireState

UNFINISHED = frozenset({"queued", "running", "delivering"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The count of everything.

    Attributes:
        jobs: how many there are.
        states: how many in each state.
        once: results posted exactly once.
        again: job → how often, for those posted more than once.
        missing: done, but not posted, and not in a place where nothing can be posted.
        strangers: posted for a job that is not done.
    """

    jobs: int
    states: Counter[str]
    once: int
    again: dict[str, int]
    missing: list[str]
    strangers: list[str]

    @property
    def broken(self) -> list[str]:
        """What should not be."""
        wrong = [f"{count} times posted: {job_id}" for job_id, count in self.again.items()]
        wrong += [f"never posted: {job_id}" for job_id in self.missing]
        return wrong + [f"posted, but not done: {job_id}" for job_id in self.strangers]


def _opened(data: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{data / 'gafuu.sqlite3'}?mode=ro", uri=True, timeout=10))


def facts_of(verdict: Verdict) -> dict[str, object]:
    """Return the counts that every proof prints, by what they are called."""
    return {
        "jobs": f"{verdict.jobs} {dict(verdict.states)}",
        "results posted exactly once": verdict.once,
        "posted more than once": len(verdict.again),
        "missing": len(verdict.missing),
    }


def exit_status(verdict: Verdict, log: Path, *, kept: bool) -> int:
    """Return 0 if every promise was kept; else print what is broken, show the bot's log, and return 1."""
    if kept:
        return 0
    print(*verdict.broken, sep="\n")
    print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
    return 1


def states_in(data: Path) -> dict[str, str]:
    """Return the state of every job of a store, which a bot may have open."""
    with _opened(data) as db:
        return dict(db.execute("SELECT id, state FROM jobs"))


def job_of(data: Path, asked: Asked) -> str | None:
    """Return the job that came of a command, once it is in the store."""
    with _opened(data) as db:
        row = db.execute("SELECT id FROM jobs WHERE card_message_id = ?", (asked.card_id,)).fetchone()
    return row[0] if row else None


def judge(data: Path, state: WireState, *, unpostable: frozenset[str] = frozenset()) -> Verdict:
    """Compare.

    Args:
        data: the store's folder.
        state: Discord.
        unpostable: jobs whose picture no place takes; they are kept for /history.
    """
    states = states_in(data)
    posts = Counter(message.job_id or "a message without buttons" for message in state.posts)
    done = {job_id for job_id, each in states.items() if each == "done"}
    return Verdict(
        jobs=len(states),
        states=Counter(states.values()),
        once=sum(posts[job_id] == 1 for job_id in done),
        again={job_id: count for job_id, count in posts.items() if count > 1},
        missing=sorted(done - posts.keys() - unpostable),
        strangers=sorted(posts.keys() - done),
    )


async def until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Wait until something is so; tell whether it came to that."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def all_over(data: Path, *, jobs: int) -> bool:
    """Tell whether there are so many jobs, and none of them is under way."""
    states = states_in(data)
    return len(states) >= jobs and not UNFINISHED & set(states.values())
