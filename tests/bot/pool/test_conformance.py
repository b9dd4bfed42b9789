"""What every pool must do, whatever it is made of: each test runs once for each kind of pool."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from bot.pool.base import NoFreeSlot
from nst_core.errors import BadImage
from nst_core.protocol import Progress, StyleParams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from bot.pool.base import Pool
    from nst_core.protocol import StyleRequest

    OpenPool = Callable[..., AbstractAsyncContextManager[Pool]]
    Order = Callable[..., StyleRequest]
    Run = Callable[[Pool, StyleRequest], Awaitable[Any]]


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Return once a condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a pool tells no other way
            await asyncio.sleep(0.01)


async def first_step(pool: Pool, request: StyleRequest) -> Progress:
    """Return the attempt's first report."""
    async for news in pool.events(request.job_id, request.attempt):
        assert isinstance(news, Progress), news
        return news
    raise AssertionError


def states(pool: Pool) -> list[str]:
    """Return the slots' states."""
    return [slot.state for slot in pool.slots()]


async def test_paints(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A dispatched attempt reports its steps in order, then ends with its picture."""
    async with open_pool() as pool:
        outcome = await run(pool, order("paint", steps=4, step_s=0.05))
        assert [news.step for news in outcome.progress] == [1, 2, 3, 4]
        assert (outcome.pastiche.image, outcome.pastiche.stopped_early) == (b"pastiche", False)


async def test_start_does_not_wait(open_pool: OpenPool, order: Order) -> None:
    """A pool that has just started shows its slots as starting and takes nothing yet."""
    async with open_pool(slots=2) as pool:
        assert states(pool) == ["starting", "starting"]
        with pytest.raises(NoFreeSlot):
            await pool.dispatch(order())
        await pool.wait_for_slot()
        assert "ready" in states(pool)


async def test_slot_tells_what_it_does(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """A slot is ready, busy with a job by its id, and ready again; its name stays."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        (before,) = pool.slots()
        request = order("paint")
        slot = await pool.dispatch(request)
        assert (slot.state, slot.job_id, slot.name) == ("busy", request.job_id, before.name)
        assert slot == pool.slots()[0]
        await follow(pool, request)
        await pool.wait_for_slot()
        assert pool.slots()[0] == before
        assert (before.state, before.job_id, before.device_name) == ("ready", None, "a fake")


async def test_no_free_slot(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """A busy pool refuses a job, and the one in hand is not disturbed."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=3, step_s=0.05)
        await pool.dispatch(request)
        with pytest.raises(NoFreeSlot):
            await pool.dispatch(order())
        assert (await follow(pool, request)).pastiche.steps == 3


async def test_slots_paint_side_by_side(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Two slots paint two jobs at the same time, in two processes."""
    async with open_pool(slots=2) as pool:
        await until(lambda: states(pool) == ["ready", "ready"])
        requests = [order("paint", steps=5, step_s=0.05) for _ in range(2)]
        slots = [await pool.dispatch(request) for request in requests]
        assert slots[0].name != slots[1].name
        outcomes = await asyncio.gather(*(follow(pool, request) for request in requests))
        assert outcomes[0].pid != outcomes[1].pid
        assert all(outcome.pastiche.steps == 5 for outcome in outcomes)


async def test_avoids_a_slot(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """The slot to avoid is used only when no other one is ready."""
    async with open_pool(slots=2) as pool:
        await until(lambda: states(pool) == ["ready", "ready"])
        first, second = (slot.name for slot in pool.slots())
        requests = [order("paint", steps=20, step_s=0.02) for _ in range(2)]
        assert (await pool.dispatch(requests[0], avoid=first)).name == second
        assert (await pool.dispatch(requests[1], avoid=first)).name == first
        await asyncio.gather(*(follow(pool, request) for request in requests))


async def test_slow_reader(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Who reads late gets the newest progress with the newest preview, and the end."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=31, step_s=0.005, preview_every=10)
        await pool.dispatch(request)
        await until(lambda: states(pool) == ["ready"])
        outcome = await follow(pool, request)
        assert [(news.step, news.preview) for news in outcome.progress] == [(31, b"preview 30")]
        assert outcome.pastiche.steps == 31


async def test_reader_may_come_back(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """A reader that was cancelled half-way can follow the same attempt again, to its end."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=20, step_s=0.02)
        await pool.dispatch(request)
        reader = asyncio.create_task(follow(pool, request))
        await asyncio.sleep(0.1)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        assert (await follow(pool, request)).pastiche.steps == 20


async def test_bytes_arrive_unchanged(open_pool: OpenPool, order: Order, run: Run) -> None:
    """Any bytes go there and back as they are, also more than a pipe holds."""
    async with open_pool() as pool:
        picture = bytes(range(256)) * 20_000
        outcome = await run(pool, order("echo", style=picture))
        assert outcome.pastiche.image == picture


async def test_stop_here(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Stopped with `keep`, an attempt ends soon with the picture so far, and its process paints on."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=1000, step_s=0.02)
        await pool.dispatch(request)
        step = await first_step(pool, request)
        await pool.stop(request.job_id, keep=True)
        outcome = await follow(pool, request)
        assert outcome.pastiche.stopped_early
        assert 1 <= outcome.pastiche.steps < 1000
        again = order("paint")
        await pool.wait_for_slot()
        await pool.dispatch(again)
        assert (await follow(pool, again)).pid == int(step.losses["pid"])


async def test_stop_here_before_the_first_step(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Stopped with `keep` before there is any step, an attempt waits for the first one."""
    async with open_pool(stop_grace_s=0.1) as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=10, step_s=0.5)
        await pool.dispatch(request)
        await pool.stop(request.job_id, keep=True)
        assert (await follow(pool, request)).pastiche.steps == 1


async def test_cancel(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Stopped without `keep`, an attempt ends soon as cancelled, and its process paints on."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=1000, step_s=0.02)
        await pool.dispatch(request)
        step = await first_step(pool, request)
        await pool.stop(request.job_id, keep=False)
        assert (await follow(pool, request)).failure.kind == "cancelled"
        again = order("paint")
        await pool.wait_for_slot()
        await pool.dispatch(again)
        assert (await follow(pool, again)).pid == int(step.losses["pid"])


async def test_stop_of_a_stranger(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """To stop a job that is not running here does nothing, neither now nor to a later job of that id."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", job_id="early")
        await pool.stop("early", keep=False)
        await pool.dispatch(request)
        await pool.stop("another", keep=False)
        assert (await follow(pool, request)).pastiche.steps == 3


async def test_wish_does_not_outlive_its_attempt(
    open_pool: OpenPool, order: Order, run: Run, follow: Run
) -> None:
    """An attempt is not stopped by the wish that ended the attempt before it."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", job_id="twice", steps=1000)
        await pool.dispatch(request)
        await first_step(pool, request)
        await pool.stop("twice", keep=False)
        assert (await follow(pool, request)).failure.kind == "cancelled"
        assert (await run(pool, order("paint", job_id="twice", attempt=2))).pastiche.steps == 3


@pytest.mark.parametrize("keep", [True, False])
async def test_stop_of_a_hung_worker(
    open_pool: OpenPool, order: Order, run: Run, follow: Run, *, keep: bool
) -> None:
    """A worker that does not listen is killed: the attempt is cancelled, the slot recovers."""
    async with open_pool(stop_grace_s=0.3, stall_s=0.8) as pool:
        await pool.wait_for_slot()
        request = order("hang")
        await pool.dispatch(request)
        await first_step(pool, request)
        await pool.stop(request.job_id, keep=keep)
        async with asyncio.timeout(5):
            assert (await follow(pool, request)).failure.kind == "cancelled"
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_cancel_after_stop_here(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """To throw away outweighs to keep, whichever was said first."""
    async with open_pool(stop_grace_s=0.3, stall_s=60) as pool:
        for wishes in ([True, False], [False, True]):
            await pool.wait_for_slot()
            request = order("hang")
            await pool.dispatch(request)
            await first_step(pool, request)
            for keep in wishes:
                await pool.stop(request.job_id, keep=keep)
            async with asyncio.timeout(5):
                assert (await follow(pool, request)).failure.kind == "cancelled"


async def test_cancel_outruns_the_end(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """A picture that was finished just when it was cancelled is not delivered."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=5, step_s=0.05, stubborn=True)
        await pool.dispatch(request)
        await first_step(pool, request)
        await pool.stop(request.job_id, keep=False)
        assert (await follow(pool, request)).failure.kind == "cancelled"


async def test_stall(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A worker that makes no step for too long is killed, and the slot recovers."""
    async with open_pool(stall_s=0.5) as pool:
        outcome = await run(pool, order("hang", after=2))
        assert outcome.failure.kind == "timed_out"
        assert [news.step for news in outcome.progress][-1] == 2
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_overrun(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A worker that makes steps but comes to no end is killed, and the slot recovers."""
    async with open_pool(job_timeout_s=0.6, stall_s=0.4) as pool:
        outcome = await run(pool, order("paint", steps=10**6, step_s=0.05))
        assert outcome.failure.kind == "timed_out"
        assert outcome.progress[-1].step > 3
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_large_picture(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A picture with four times the pixels may take four times as long."""
    large = dataclasses.replace(order("paint", steps=24, step_s=0.05), params=StyleParams(long_side_px=2048))
    async with open_pool(job_timeout_s=0.6) as pool:
        assert (await run(pool, large)).pastiche.steps == 24


async def test_death(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A worker that dies in the middle of a job ends it as such, and the slot recovers with a new one."""
    async with open_pool() as pool:
        outcome = await run(pool, order("die"))
        assert outcome.failure.kind == "worker_died"
        again = await run(pool, order("paint"))
        assert again.pastiche.steps == 3
        assert again.pid != outcome.pid


async def test_death_of_a_cancelled_one(open_pool: OpenPool, order: Order, run: Run, follow: Run) -> None:
    """Whatever ends a cancelled attempt, it is cancelled."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("die")
        await pool.dispatch(request)
        await pool.stop(request.job_id, keep=False)
        assert (await follow(pool, request)).failure.kind == "cancelled"
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_user_error(open_pool: OpenPool, order: Order, run: Run) -> None:
    """The person's mistake arrives as the very error that was raised, and the process paints on."""
    async with open_pool() as pool:
        outcome = await run(pool, order("complain"))
        error = outcome.failure.user_error()
        assert isinstance(error, BadImage)
        assert str(error).startswith("The style picture is only 1×2 pixels")
        assert (await run(pool, order("paint"))).pid == outcome.pid


@pytest.mark.parametrize(
    ("do", "kind", "words"),
    [("run_out_of_memory", "out_of_memory", "alloc_cpu"), ("fail", "fault", "ZeroDivisionError")],
)
async def test_fault(open_pool: OpenPool, order: Order, run: Run, *, do: str, kind: str, words: str) -> None:
    """A lack of memory and a bug are told apart, with their traceback; a fresh process paints on."""
    async with open_pool() as pool:
        outcome = await run(pool, order(do))
        assert outcome.failure.kind == kind
        assert words in outcome.failure.message
        assert "Traceback" in outcome.failure.message
        again = await run(pool, order("paint"))
        assert again.pastiche.steps == 3
        assert again.pid != outcome.pid


@pytest.mark.parametrize(
    "hexadecimal",
    [
        pytest.param("00000000", id="nothing"),
        pytest.param("ffffffff", id="too long"),
        pytest.param(b"Traceback (most recent call last)".hex(), id="text"),
        pytest.param("00000006" + "00000002" + "7b7d", id="a header without a type"),
        pytest.param("00000009" + "00000001" + "7b7d7d7d7d", id="a header cut short"),
    ],
)
async def test_babble(open_pool: OpenPool, order: Order, run: Run, hexadecimal: str) -> None:
    """A worker that speaks no frames is ended like a dead one, and the slot recovers."""
    async with open_pool() as pool:
        outcome = await run(pool, order("babble", hexadecimal=hexadecimal))
        assert outcome.failure.kind == "worker_died"
        assert (await run(pool, order("paint"))).pid != outcome.pid


async def test_lie(open_pool: OpenPool, order: Order, run: Run) -> None:
    """A worker that says what only a bot says is ended like a dead one, and the slot recovers."""
    async with open_pool() as pool:
        assert (await run(pool, order("lie"))).failure.kind == "worker_died"
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_late_words(open_pool: OpenPool, order: Order, run: Run) -> None:
    """Words about other jobs, about other attempts and after the end are dropped."""
    async with open_pool() as pool:
        outcome = await run(pool, order("mutter"))
        assert [news.step for news in outcome.progress][-1] == 3
        assert outcome.pastiche.steps == 3
        again = await run(pool, order("paint"))
        assert again.pid == outcome.pid
        assert {news.steps for news in again.progress} == {3}


async def test_prints_are_harmless(open_pool: OpenPool, order: Order, run: Run) -> None:
    """What libraries print, on either stream, does not get between the frames."""
    async with open_pool() as pool:
        assert (await run(pool, order("chatter"))).pastiche.steps == 3


async def test_close_ends_what_runs(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Closing without patience ends every attempt in hand; its reader hears of it."""
    async with open_pool(slots=2) as pool:
        await until(lambda: states(pool) == ["ready", "ready"])
        requests = [order("hang"), order("paint", steps=10**6)]
        for request in requests:
            await pool.dispatch(request)
        readers = [asyncio.create_task(follow(pool, request)) for request in requests]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await pool.close()
            outcomes = await asyncio.gather(*readers)
        assert [outcome.failure.kind for outcome in outcomes] == ["worker_died", "worker_died"]


async def test_close_drains(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Closing with patience lets the job in hand finish, but takes no new one."""
    async with open_pool(slots=2) as pool:
        await until(lambda: states(pool) == ["ready", "ready"])
        request = order("paint", steps=20, step_s=0.02)
        await pool.dispatch(request)
        closing = asyncio.create_task(pool.close(drain_s=20))
        await asyncio.sleep(0)
        with pytest.raises(NoFreeSlot):
            await pool.dispatch(order())
        async with asyncio.timeout(10):
            assert (await follow(pool, request)).pastiche.steps == 20
            await closing


async def test_waiting_for_a_slot(open_pool: OpenPool, order: Order, follow: Run) -> None:
    """Everybody who waits for a slot is told as soon as one is ready, not sooner."""
    async with open_pool() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=10, step_s=0.02)
        await pool.dispatch(request)
        waiting = [asyncio.create_task(pool.wait_for_slot()) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        await follow(pool, request)
        async with asyncio.timeout(5):
            await asyncio.gather(*waiting)
