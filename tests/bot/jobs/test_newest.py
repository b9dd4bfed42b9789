"""One value between a fast writer and a slow reader."""

from __future__ import annotations

import asyncio
import time

from bot.jobs.newest import Newest


async def test_slow_reader_gets_the_newest() -> None:
    """What was put meanwhile is forgotten."""
    newest: Newest[int] = Newest()
    for value in range(5):
        newest.put(value)
    assert await newest.next() == 4
    newest.put(5)
    assert await newest.next() == 5


async def test_value_is_read_once() -> None:
    """A reader waits for something new."""
    newest: Newest[str] = Newest()
    newest.put("old")
    await newest.next()
    waiting = asyncio.create_task(newest.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    newest.put("new")
    assert await waiting == "new"


async def test_end_outdoes_what_was_not_read() -> None:
    """After the end there is nothing to show any more, however often one asks."""
    newest: Newest[str] = Newest()
    newest.put("stale")
    newest.end()
    assert [await newest.next() for _ in range(2)] == [None, None]


async def test_pause_ends_with_the_end() -> None:
    """Whoever pauses between two edits does not hold up the last one."""
    newest: Newest[str] = Newest()
    asyncio.get_running_loop().call_later(0.02, newest.end)
    began = time.perf_counter()
    await newest.pause(30)
    assert time.perf_counter() - began < 5


async def test_pause_lasts() -> None:
    """Without an end a pause takes its time."""
    newest: Newest[str] = Newest()
    began = time.perf_counter()
    await newest.pause(0.05)
    assert time.perf_counter() - began >= 0.045
