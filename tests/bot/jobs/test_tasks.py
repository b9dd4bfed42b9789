"""An owner for tasks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.jobs.tasks import TaskSet

if TYPE_CHECKING:
    import pytest


async def test_waiting_includes_tasks_that_begin_meanwhile() -> None:
    """A task that hands over to another: both are done when the wait ends."""
    tasks = TaskSet()
    done: list[str] = []

    async def first() -> None:
        tasks.own(second(), name="second")
        done.append("first")

    async def second() -> None:
        await asyncio.sleep(0.01)
        done.append("second")

    tasks.own(first(), name="first")
    await tasks.wait()
    assert done == ["first", "second"]


async def test_waiting_ends_with_its_time_and_leaves_the_tasks_alone() -> None:
    """After the time the task still runs; it ends when it is asked to."""
    tasks = TaskSet()
    task = tasks.own(asyncio.sleep(60), name="long")
    await tasks.wait(timeout_s=0.01)
    assert not task.done()
    tasks.cancel()
    await tasks.wait()
    assert task.cancelled()


async def test_a_crash_is_logged_even_if_nobody_asks(caplog: pytest.LogCaptureFixture) -> None:
    """Its name and its traceback are in the log; the other tasks go on."""
    tasks = TaskSet()

    async def crash() -> None:
        raise ZeroDivisionError("a bug of ours")

    tasks.own(crash(), name="unlucky")
    await tasks.wait()
    assert "task_crashed task=unlucky" in caplog.text
    assert "a bug of ours" in caplog.text


async def test_a_task_that_swallows_the_first_wish_to_end_gets_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a library's wait_for on Python 3.11 does when its answer comes in the same moment."""
    monkeypatch.setattr("bot.jobs.tasks.AGAIN_S", 0.01)
    tasks = TaskSet()
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 2:
                    raise

    task = tasks.own(deaf(), name="deaf")
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await tasks.end()
    assert task.cancelled()
    assert swallowed == 2
