"""Work that is due often is done at once when there is time, and otherwise once for many."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.jobs.paced import Paced


def toil(seconds: float) -> None:
    """Keep the processor busy."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_at_once_while_quick() -> None:
    """Who looks right after a change sees it, as long as the work is little."""
    done: list[int] = []
    paced = Paced(lambda: done.append(len(done)))
    for _ in range(3):
        paced.due()
    assert done == [0, 1, 2]


async def test_many_changes_are_taken_together() -> None:
    """A hundred changes while the work rests: done once more, with how things stand then."""
    done: list[int] = []
    changes = 0

    def work() -> None:
        done.append(changes)
        toil(0.02)

    paced = Paced(work, share=0.2)
    for _ in range(100):
        changes += 1
        paced.due()
    assert done == [1]
    await asyncio.sleep(0.3)
    assert done == [1, 100]


async def test_share_is_kept() -> None:
    """Asked for all the time, it takes about its share of the time and no more."""
    spent = 0.0

    def work() -> None:
        nonlocal spent
        began = time.thread_time()
        toil(0.005)
        spent += time.thread_time() - began

    paced = Paced(work, share=0.1)
    began = time.perf_counter()
    while time.perf_counter() - began < 0.5:
        paced.due()
        await asyncio.sleep(0.001)
    assert 0 < spent / (time.perf_counter() - began) < 0.15


async def test_close_leaves_it_undone() -> None:
    """Nothing runs after the end; closing twice is no error."""
    done: list[int] = []
    paced = Paced(lambda: (done.append(1), toil(0.01))[0], share=0.2)
    paced.due()
    paced.due()
    paced.close()
    paced.close()
    await asyncio.sleep(0.1)
    assert done == [1]


async def test_fails_but_goes_on() -> None:
    """An error reaches who asked, and the next time is tried again."""
    outcomes = iter([RuntimeError("once"), None])

    def work() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    paced = Paced(work, share=1.0)
    with pytest.raises(RuntimeError, match="once"):
        paced.due()
    await asyncio.sleep(0.01)
    paced.due()
    assert next(outcomes, "used up") == "used up"
