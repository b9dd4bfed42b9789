"""Jobs from submission to delivery, over a real store and an engine that does what the test says."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from bot.jobs.disk import DiskFault
from bot.jobs.model import StyleSource
from nst_core.errors import BadImage, Busy, Unavailable
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bot.jobs.model import JobOrder, JobView
    from tests.bot.jobs.conftest import Clock, Workshop

    Order = Callable[..., JobOrder]
    FullDisk = Callable[[], AbstractContextManager[None]]


async def state_of(workshop: Workshop, job_id: str) -> str:
    """Return what the store says about a job."""
    job = await workshop.store.get(job_id)
    assert job is not None
    return job.state


async def shown(workshop: Workshop, job_id: str) -> JobView:
    """Return how a job stands now."""
    async with aclosing(workshop.service.watch(job_id)) as views:
        return await anext(views)


# --- the whole way


async def test_a_job_goes_all_the_way(workshop: Workshop, order: Order, clock: Clock) -> None:
    """Ordered, painted, delivered: each view, the request, the record and the stored picture."""
    given = order(
        styles=(StyleSource(image=b"one", weight=2.0), StyleSource(image=b"two", preset="scream")),
        params=StyleParams(long_side_px=640, seed=5),
        public_locale="ja",
        max_bytes=777,
        card_message_id=4242,
    )
    job = await workshop.service.submit(given)
    attempt = await workshop.pool.attempt(1)
    request = attempt.request
    assert (request.job_id, request.attempt, request.content) == (job.id, 1, b"a photo")
    assert [(style.image, style.weight) for style in request.styles] == [(b"one", 2.0), (b"two", 1.0)]
    assert (request.params, request.max_bytes, request.language) == (given.params, 777, "ja")

    attempt.progress(3, preview=b"preview")
    view = await workshop.until(job.id, lambda view: view.step == 3)
    assert (view.job.state, view.steps, view.preview, view.device_name) == (
        "running",
        10,
        b"preview",
        "device one",
    )
    assert (view.job.card_message_id, view.job.attempt, view.losses) == (4242, 1, {"total": 100.0 / 3})

    clock.now += 20
    workshop.pool.finish(attempt)
    view = await workshop.last_view(job.id)
    assert (view.job.state, view.pastiche) == ("delivering", attempt.painted())
    assert await workshop.service.result(job.id) == attempt.painted()

    await workshop.service.delivered(job.id, result_message_id=99)
    done = await workshop.service.get(job.id)
    assert done is not None
    assert (done.state, done.result_message_id, done.finished_at) == ("done", 99, clock.now)
    assert (done.card_message_id, done.started_at) == (4242, clock.now - 20)
    assert await workshop.service.recover() == []


async def test_the_order_can_be_had_again(workshop: Workshop, order: Order) -> None:
    """What buttons need to order once more: the pictures, presets and weights, also after the end."""
    styles = (StyleSource(image=b"one", weight=2.0), StyleSource(image=b"two", preset="scream"))
    job = await workshop.service.submit(order(styles=styles))
    await workshop.service.stop(job.id, keep=False)
    assert await workshop.service.content(job.id) == b"a photo"
    assert await workshop.service.styles(job.id) == styles


async def test_what_is_no_longer_kept_is_said_in_one_sentence(
    workshop: Workshop, order: Order, clock: Clock
) -> None:
    """After their time, when a file is missing, and for a job nobody knows: send them again."""
    job = await workshop.service.submit(order())
    await workshop.service.stop(job.id, keep=False)
    lost = await workshop.service.submit(order(content=b"lost"))
    remove_blob(workshop, lost.content_blob)
    clock.now += 7200
    await workshop.store.sweep(inputs_s=3600, results_s=3600)
    for job_id in (job.id, lost.id, "nobody's"):
        with pytest.raises(Unavailable, match="send them again"):
            await workshop.service.content(job_id)
    with pytest.raises(Unavailable, match="send them again"):
        await workshop.service.styles(job.id)


@pytest.mark.parametrize(("private", "language"), [(False, "ja"), (True, "en")])
async def test_the_curve_speaks_to_who_will_see_it(
    workshop: Workshop, order: Order, *, private: bool, language: str
) -> None:
    """The server's language in public, the person's own in private."""
    await workshop.service.submit(order(private=private, locale="en", public_locale="ja"))
    assert (await workshop.pool.attempt(1)).request.language == language


async def test_preview_and_losses_are_the_newest(workshop: Workshop, order: Order) -> None:
    """A step without a preview keeps the preview before it."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    attempt.progress(1, preview=b"first")
    attempt.progress(2)
    view = await workshop.until(job.id, lambda view: view.step == 2)
    assert (view.preview, view.losses) == (b"first", {"total": 50.0})


# --- watching


async def test_a_slow_watcher_sees_the_newest_view_and_the_end(workshop: Workshop, order: Order) -> None:
    """A thousand steps while it looks away: two views, not a thousand; the last one has the picture."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    seen = []
    async for view in workshop.service.watch(job.id):
        seen.append(view)
        if len(seen) == 1:
            for step in range(1, 1001):
                attempt.progress(step, steps=1000)
            await workshop.until(job.id, lambda view: view.step == 1000)
        elif len(seen) == 2:
            workshop.pool.finish(attempt)
            await workshop.last_view(job.id)
    assert [view.step for view in seen[:2]] == [0, 1000]
    assert [view.job.state for view in seen] == ["running", "running", "delivering"]
    assert seen[-1].pastiche is not None


async def test_who_looks_away_before_the_end_still_sees_it(workshop: Workshop, order: Order) -> None:
    """The job ends, is delivered and forgotten while the watcher is busy with the first view."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    seen = []
    async for view in workshop.service.watch(job.id):
        seen.append(view.job.state)
        if len(seen) == 1:
            workshop.pool.finish(attempt)
            await workshop.last_view(job.id)
            await workshop.service.delivered(job.id, result_message_id=1)
    assert seen == ["running", "delivering"]


async def test_several_watch_one_job(workshop: Workshop, order: Order) -> None:
    """Each gets the end; one that gives up disturbs nobody."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    watchers = [asyncio.create_task(workshop.last_view(job.id)) for _ in range(3)]
    await asyncio.sleep(0)
    watchers[0].cancel()
    await asyncio.gather(watchers[0], return_exceptions=True)
    workshop.pool.finish(attempt)
    ends = await asyncio.gather(*watchers[1:])
    assert [view.job.state for view in ends] == ["delivering", "delivering"]


async def test_a_job_that_is_over_can_still_be_watched(workshop: Workshop, order: Order) -> None:
    """Who comes late gets one last view: with the picture until it is delivered, with the error always."""
    painted = await workshop.service.submit(order())
    workshop.pool.finish(await workshop.pool.attempt(1))
    await workshop.last_view(painted.id)
    refused = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(2)
    workshop.pool.end(attempt, user_failure(attempt))
    await workshop.last_view(refused.id)

    assert (await workshop.last_view(painted.id)).pastiche is not None
    await workshop.service.delivered(painted.id, result_message_id=None)
    late = await workshop.last_view(painted.id)
    assert (late.job.state, late.pastiche) == ("done", None)
    late = await workshop.last_view(refused.id)
    assert (late.job.state, str(late.error)) == ("failed", str(BadImage("image_empty", role="content")))
    assert [view async for view in workshop.service.watch("nobody's")] == []


async def test_every_place_in_the_queue_is_told_and_kept_up_to_date(workshop: Workshop, order: Order) -> None:
    """Three wait behind one; when the second is cancelled the third moves up."""
    jobs = [await workshop.service.submit(order()) for _ in range(4)]
    await workshop.pool.attempt(1)
    assert [(await shown(workshop, job.id)).position for job in jobs] == [None, 1, 2, 3]
    await workshop.service.stop(jobs[1].id, keep=False)
    assert [(await shown(workshop, job.id)).position for job in jobs[2:]] == [1, 2]
    assert [view.job.id for view in workshop.service.views()] == [jobs[0].id, jobs[2].id, jobs[3].id]


async def test_times_are_told_once_something_is_measured(
    workshop: Workshop, order: Order, clock: Clock
) -> None:
    """Nothing before the first picture; then now + 20 s, + 40 s …; known again after a restart."""
    first = await workshop.service.submit(order())
    second = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    assert [(await shown(workshop, job.id)).ready_at for job in (first, second)] == [None, None]
    clock.now += 20
    workshop.pool.finish(attempt, seconds=20.0)
    await workshop.last_view(first.id)
    await workshop.pool.attempt(2)
    third = await workshop.service.submit(order())
    times = [(await shown(workshop, job.id)).ready_at for job in (second, third)]
    assert times == [clock.now + 20, clock.now + 40]
    await workshop.reopen("one")
    await workshop.pool.attempt(1)
    times = [(await shown(workshop, job.id)).ready_at for job in (second, third)]
    assert times == [clock.now + 20, clock.now + 40]


async def test_the_first_picture_is_judged_by_its_work_and_not_by_its_steps(
    workshop: Workshop, order: Order, clock: Clock
) -> None:
    """Four of ten steps, a fifth of the work, after 8 s: 32 s to go. Half, where only steps are told: 8 s."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    clock.now += 8
    attempt.progress(4, share=0.2)
    view = await workshop.until(job.id, lambda view: view.step == 4)
    assert (view.ready_at or 0.0) - clock.now == pytest.approx(32)
    attempt.progress(5)
    view = await workshop.until(job.id, lambda view: view.step == 5)
    assert (view.ready_at or 0.0) - clock.now == pytest.approx(8)


# --- who may and who comes next


async def test_a_share_that_is_used_up_is_refused_before_anything_is_stored(
    workshop: Workshop, order: Order
) -> None:
    """Two are allowed: the third is refused with the number; when one ends there is room."""
    service = await workshop.reopen("one", per_person=2)
    jobs = [await service.submit(order(owner_id=1)) for _ in range(2)]
    with pytest.raises(Busy, match="already have 2 pictures under way") as refusal:
        await service.submit(order(owner_id=1, content=b"one too many"))
    assert (refusal.value.code, refusal.value.values) == ("share_used", {"limit": 2})
    assert len(await workshop.store.unfinished()) == 2
    await service.submit(order(owner_id=2))
    await service.stop(jobs[1].id, keep=False)
    await service.submit(order(owner_id=1))


async def test_a_full_queue_says_when_to_come_back(workshop: Workshop, order: Order, clock: Clock) -> None:
    """With the number, and a time: a guess while nothing is measured, else when the next slot is free."""
    service = await workshop.reopen("one", queue_limit=1)
    first = await service.submit(order())
    attempt = await workshop.pool.attempt(1)
    await service.submit(order())
    with pytest.raises(Busy) as refusal:
        await service.submit(order())
    assert refusal.value.values == {"limit": 1, "when": f"<t:{int(clock.now) + 300}:R>"}
    assert str(refusal.value).endswith(f"try again <t:{int(clock.now) + 300}:R>.")
    workshop.pool.finish(attempt, seconds=100.0)
    await workshop.last_view(first.id)
    await workshop.pool.attempt(2)
    await service.submit(order())
    with pytest.raises(Busy) as refusal:
        await service.submit(order())
    assert refusal.value.values["when"] == f"<t:{int(clock.now) + 100}:R>"


async def test_orders_at_the_same_moment_do_not_pass_the_limit_together(
    workshop: Workshop, order: Order
) -> None:
    """Ten at once, three allowed: three are stored, seven refused."""
    service = await workshop.reopen("one", per_person=3)
    results = await asyncio.gather(*(service.submit(order()) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(result, Busy) for result in results) == 7
    assert len(await workshop.store.unfinished()) == 3


async def test_everybody_gets_a_turn(workshop: Workshop, order: Order) -> None:
    """One person orders 50, five others one each: the five are among the next six of three slots."""
    service = await workshop.reopen("one", "two", "three")
    for _ in range(50):
        await service.submit(order(owner_id=1))
    await workshop.pool.attempt(3)
    for person in range(2, 7):
        await service.submit(order(owner_id=person))
    for number in range(6):
        workshop.pool.finish(await workshop.pool.attempt(number + 1))
    await workshop.pool.attempt(9)
    owners = {(await service.get(attempt.job_id)).owner_id for attempt in workshop.pool.attempts[3:9]}  # type: ignore[union-attr]
    assert owners >= {2, 3, 4, 5, 6}


async def test_every_slot_is_used(workshop: Workshop, order: Order) -> None:
    """Three slots, three jobs at once; the fourth begins when one of them ends."""
    service = await workshop.reopen("one", "two", "three")
    for _ in range(4):
        await service.submit(order())
    third = await workshop.pool.attempt(3)
    assert {attempt.slot for attempt in workshop.pool.attempts} == {"one", "two", "three"}
    assert len(workshop.pool.attempts) == 3
    workshop.pool.finish(third)
    assert (await workshop.pool.attempt(4)).slot == third.slot


# --- stopping


async def test_cancelling_while_it_waits(workshop: Workshop, order: Order) -> None:
    """At once; it never starts; a second time it is over already."""
    await workshop.service.submit(order())
    first = await workshop.pool.attempt(1)
    job = await workshop.service.submit(order())
    watcher = asyncio.create_task(workshop.last_view(job.id))
    assert await workshop.service.stop(job.id, keep=False)
    assert (await watcher).job.state == "cancelled"
    assert not await workshop.service.stop(job.id, keep=False)
    workshop.pool.finish(first)
    await workshop.last_view(first.job_id)
    await asyncio.sleep(0.05)
    assert len(workshop.pool.attempts) == 1


async def test_stop_here_while_it_waits_cancels(workshop: Workshop, order: Order) -> None:
    """There is no best picture so far."""
    workshop.pool.set_ready("one")
    job = await workshop.service.submit(order())
    assert await workshop.service.stop(job.id, keep=True)
    assert await state_of(workshop, job.id) == "cancelled"


async def test_cancelling_while_it_is_painted(workshop: Workshop, order: Order) -> None:
    """Through the pool; the slot is free for the next."""
    job = await workshop.service.submit(order())
    await workshop.pool.attempt(1)
    assert await workshop.service.stop(job.id, keep=False)
    assert (await workshop.last_view(job.id)).job.state == "cancelled"
    assert workshop.pool.stops == [(job.id, False)]
    following = await workshop.service.submit(order())
    assert (await workshop.pool.attempt(2)).job_id == following.id


async def test_stop_here_delivers_what_there_is_and_teaches_no_speed(
    workshop: Workshop, order: Order
) -> None:
    """The best picture so far comes; how long a whole one takes is not learned from it."""
    job = await workshop.service.submit(order())
    await workshop.pool.attempt(1)
    assert await workshop.service.stop(job.id, keep=True)
    view = await workshop.last_view(job.id)
    assert view.pastiche is not None
    assert view.pastiche.stopped_early
    assert await workshop.store.get_value("speeds") is None


async def test_a_picture_that_comes_after_cancelling_is_thrown_away(workshop: Workshop, order: Order) -> None:
    """Cancelled is cancelled, also if the worker was quicker."""
    workshop.pool.obeys_stop = False
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    assert await workshop.service.stop(job.id, keep=True)
    assert await workshop.service.stop(job.id, keep=False)
    assert await workshop.service.stop(job.id, keep=True)
    assert workshop.pool.stops == [(job.id, True), (job.id, False)]
    workshop.pool.finish(attempt)
    assert (await workshop.last_view(job.id)).job.state == "cancelled"
    assert await workshop.service.result(job.id) is None


async def test_cancelling_at_every_moment_of_the_beginning(workshop: Workshop, order: Order) -> None:
    """However many turns of the event loop after its submission: it ends cancelled and the slot is free."""
    for loops in range(60):
        job = await workshop.service.submit(order())
        for _ in range(loops):
            await asyncio.sleep(0)
        assert await workshop.service.stop(job.id, keep=False)
        assert (await workshop.last_view(job.id)).job.state == "cancelled"
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(len(workshop.pool.attempts) + 1)
    assert attempt.job_id == job.id


async def test_what_is_over_cannot_be_stopped(workshop: Workshop, order: Order) -> None:
    """Delivering, done, failed, unknown: False, and nothing changes."""
    job = await workshop.service.submit(order())
    workshop.pool.finish(await workshop.pool.attempt(1))
    await workshop.last_view(job.id)
    assert not await workshop.service.stop(job.id, keep=False)
    assert await state_of(workshop, job.id) == "delivering"
    await workshop.service.delivered(job.id, result_message_id=1)
    assert not await workshop.service.stop(job.id, keep=False)
    assert not await workshop.service.stop("nobody's", keep=False)
    assert workshop.pool.stops == []


# --- trouble


def user_failure(attempt: object) -> object:
    """Return the failure that tells a person their picture is empty."""
    error = BadImage("image_empty", role="content")
    return attempt.failed(  # type: ignore[attr-defined]
        "user", error="BadImage", code=error.code, values=error.values
    )


async def test_a_persons_mistake_is_told_and_not_tried_again(workshop: Workshop, order: Order) -> None:
    """The sentence reaches the view as the error it was."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    workshop.pool.end(attempt, user_failure(attempt))
    view = await workshop.last_view(job.id)
    assert view.job.state == "failed"
    assert isinstance(view.error, BadImage)
    assert str(view.error) == str(BadImage("image_empty", role="content"))
    assert len(workshop.pool.attempts) == 1


@pytest.mark.parametrize("kind", ["fault", "timed_out"])
async def test_a_fault_of_ours_is_not_tried_again(
    workshop: Workshop, order: Order, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """It would only happen again; the log has the job and the reason, the person a fixed sentence."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    workshop.pool.end(attempt, attempt.failed(kind))
    view = await workshop.last_view(job.id)
    assert (view.job.state, view.error) == ("failed", None)
    assert view.job.failure is not None
    assert view.job.failure.kind == kind
    assert f"job_failed job={job.id} kind={kind} error=said {kind}" in caplog.text
    assert len(workshop.pool.attempts) == 1


async def test_a_dead_worker_means_once_more_elsewhere_from_the_start(
    workshop: Workshop, order: Order
) -> None:
    """The second attempt avoids the first slot, goes before the queue, and shows nothing of the first."""
    service = await workshop.reopen("one", "two")
    workshop.pool.set_ready("two")
    job = await service.submit(order(owner_id=1))
    first = await workshop.pool.attempt(1)
    others = [await service.submit(order(owner_id=2)) for _ in range(3)]
    workshop.pool.set_ready()
    second = await workshop.pool.attempt(2)
    first.progress(7, preview=b"lost")
    await workshop.until(job.id, lambda view: view.step == 7)
    workshop.pool.set_ready("one")  # its worker is being restarted
    workshop.pool.end(first, first.failed("worker_died"))
    view = await workshop.until(job.id, lambda view: view.retrying)
    assert (view.job.state, view.position, view.step, view.preview) == ("queued", 1, 0, None)
    assert (await shown(workshop, others[1].id)).position == 2
    workshop.pool.finish(second)
    again = await workshop.pool.attempt(3)
    assert (again.job_id, again.request.attempt, again.slot, again.avoid) == (job.id, 2, "two", "one")
    view = await workshop.until(job.id, lambda view: view.job.state == "running")
    assert (view.retrying, view.step, view.preview, view.job.attempt) == (True, 0, None, 2)
    workshop.pool.finish(again)
    assert (await workshop.last_view(job.id)).pastiche == again.painted()


async def test_a_job_that_killed_two_workers_never_runs_again(workshop: Workshop, order: Order) -> None:
    """Not in this life and not after a restart between the two; its pictures are kept for inspection."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    workshop.pool.end(attempt, attempt.failed("worker_died"))
    await workshop.pool.attempt(2)
    service = await workshop.reopen("one")
    attempt = await workshop.pool.attempt(1)
    assert attempt.request.attempt == 3
    workshop.pool.end(attempt, attempt.failed("worker_died"))
    view = await workshop.last_view(job.id)
    assert (view.job.state, view.job.deaths, view.error) == ("failed", 2, None)
    assert await service.content(job.id) == b"a photo"
    assert len(workshop.pool.attempts) == 1


async def test_out_of_memory_means_once_more_smaller(workshop: Workshop, order: Order) -> None:
    """1000 px, then 700 px in steps of 8, then no more; the record keeps what was asked for."""
    params = StyleParams(long_side_px=1000)
    job = await workshop.service.submit(order(params=params))
    for number, long_side_px in ((1, 1000), (2, 696)):
        attempt = await workshop.pool.attempt(number)
        assert attempt.request.params.long_side_px == long_side_px
        workshop.pool.end(attempt, attempt.failed("out_of_memory"))
    view = await workshop.last_view(job.id)
    assert (view.job.state, view.job.params, view.job.shrinks) == ("failed", params, 2)
    assert len(workshop.pool.attempts) == 2


async def test_a_stop_between_two_attempts_is_obeyed(workshop: Workshop, order: Order) -> None:
    """Cancelled after the worker died and before the next one is ready: at once, and no second attempt."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    workshop.pool.set_ready("one")
    workshop.pool.end(attempt, attempt.failed("worker_died"))
    await workshop.until(job.id, lambda view: view.retrying)
    assert await workshop.service.stop(job.id, keep=False)
    assert await state_of(workshop, job.id) == "cancelled"
    workshop.pool.set_ready()
    following = await workshop.service.submit(order())
    assert (await workshop.pool.attempt(2)).job_id == following.id


async def test_a_worker_that_dies_while_it_is_told_to_cancel_means_cancelled(
    workshop: Workshop, order: Order
) -> None:
    """No retry of what nobody wants."""
    workshop.pool.obeys_stop = False
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    await workshop.service.stop(job.id, keep=False)
    workshop.pool.end(attempt, attempt.failed("worker_died"))
    assert (await workshop.last_view(job.id)).job.state == "cancelled"


async def test_a_slot_that_is_gone_again_costs_no_attempt(workshop: Workshop, order: Order) -> None:
    """The pool refuses twice: the job waits, and its first attempt is still number 1."""
    workshop.pool.refusals = 2
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    assert (attempt.job_id, attempt.request.attempt) == (job.id, 1)


async def test_a_stream_that_breaks_off_ends_its_job_only(workshop: Workshop, order: Order) -> None:
    """A pool that breaks its word is our fault; the next job goes on."""
    job = await workshop.service.submit(order())
    workshop.pool.end(await workshop.pool.attempt(1), None)
    assert (await workshop.last_view(job.id)).job.state == "failed"
    following = await workshop.service.submit(order())
    workshop.pool.finish(await workshop.pool.attempt(2))
    assert (await workshop.last_view(following.id)).job.state == "delivering"


def remove_blob(workshop: Workshop, name: str) -> None:
    """Remove a picture from the disk."""
    (workshop.folder / "blobs" / name[:2] / name).unlink()


async def test_a_missing_picture_fails_its_own_job_only(workshop: Workshop, order: Order) -> None:
    """Its person is told to send the pictures again; the next job in the queue is painted."""
    workshop.pool.set_ready("one")
    broken = await workshop.service.submit(order(content=b"lost"))
    whole = await workshop.service.submit(order())
    remove_blob(workshop, broken.content_blob)
    workshop.pool.set_ready()
    view = await workshop.last_view(broken.id)
    assert view.job.state == "failed"
    assert view.error is not None
    assert view.error.code == "job_forgotten"
    assert (await workshop.pool.attempt(1)).job_id == whole.id


async def test_a_damaged_row_fails_its_own_job_only(workshop: Workshop, order: Order) -> None:
    """Found while it waits: failed, and the next is painted. Found at the start: left out."""
    workshop.pool.set_ready("one")
    broken = await workshop.service.submit(order())
    whole = await workshop.service.submit(order(owner_id=2))
    await workshop.store._db.execute("UPDATE jobs SET params = 'rot' WHERE id = ?", (broken.id,))
    workshop.pool.set_ready()
    assert (await workshop.last_view(broken.id)).job.state == "failed"
    assert (await workshop.pool.attempt(1)).job_id == whole.id
    await workshop.reopen("one")
    assert [job.id for job in await workshop.service.recover()] == [whole.id]
    assert (await workshop.pool.attempt(1)).job_id == whole.id


async def test_a_missing_result_fails_its_own_job_only(workshop: Workshop, order: Order) -> None:
    """After a restart the picture is gone from the disk: failed, and said in the log."""
    job = await workshop.service.submit(order())
    workshop.pool.finish(await workshop.pool.attempt(1))
    assert (await workshop.last_view(job.id)).job.state == "delivering"
    ((name,),) = await workshop.store._rows("SELECT hash FROM job_blobs WHERE role = 'image'")
    remove_blob(workshop, name)
    await workshop.reopen("one")
    view = await workshop.last_view(job.id)
    assert (view.job.state, view.error, view.pastiche) == ("failed", None, None)
    assert await state_of(workshop, job.id) == "failed"


async def test_a_full_disk_refuses_new_jobs_and_goes_on_when_there_is_room(
    workshop: Workshop, order: Order, full_disk: FullDisk
) -> None:
    """What waits goes on waiting and is painted once there is room; a place refused is a place free."""
    service = await workshop.reopen("one", per_person=2)
    workshop.pool.set_ready("one")
    waiting = await service.submit(order())
    with full_disk():
        for _ in range(3):
            with pytest.raises(DiskFault):
                await service.submit(order(content=b"no room"))
        workshop.pool.set_ready()
        await asyncio.sleep(0.1)
        assert workshop.pool.attempts == []
        assert (await shown(workshop, waiting.id)).job.state == "queued"
    assert (await workshop.pool.attempt(1)).job_id == waiting.id
    await service.submit(order())


async def test_a_picture_painted_while_the_disk_is_full_is_delivered_from_memory(
    workshop: Workshop, order: Order, full_disk: FullDisk
) -> None:
    """Who watches gets it, who comes later too, and once delivered it is not painted again."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    with full_disk():
        workshop.pool.finish(attempt)
        for _ in range(2):
            view = await workshop.last_view(job.id)
            assert (view.job.state, view.pastiche) == ("delivering", attempt.painted())
        assert await workshop.service.result(job.id) == attempt.painted()
        with pytest.raises(DiskFault):
            await workshop.service.delivered(job.id, result_message_id=5)
    await workshop.service.delivered(job.id, result_message_id=5)
    assert await state_of(workshop, job.id) == "done"
    assert workshop.service.views() == []
    await workshop.reopen("one")
    assert await workshop.service.recover() == []


async def test_an_end_that_cannot_be_stored_is_told_all_the_same(
    workshop: Workshop, order: Order, full_disk: FullDisk
) -> None:
    """The person is not left waiting because of our disk; other jobs go on."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    with full_disk():
        workshop.pool.end(attempt, attempt.failed("fault"))
        assert (await workshop.last_view(job.id)).job.state == "failed"
    following = await workshop.service.submit(order())
    assert (await workshop.pool.attempt(2)).job_id == following.id


async def test_a_caller_that_is_cancelled_leaves_no_forgotten_job(workshop: Workshop, order: Order) -> None:
    """Submissions cancelled at any moment: whatever is in the store is also in the queue."""
    workshop.pool.set_ready("one")
    for loops in range(30):
        task = asyncio.create_task(workshop.service.submit(order(content=b"%d" % loops)))
        for _ in range(loops):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await workshop.service._submissions.wait()
    stored = {job.id for job in await workshop.store.unfinished()}
    assert {view.job.id for view in workshop.service.views()} == stored
    assert stored


# --- restarts


async def test_a_restart_keeps_every_place(workshop: Workshop, order: Order, clock: Clock) -> None:
    """One is painted, three wait, one is cancelled: each goes on where it was, the painted one first."""
    jobs = []
    for number in range(5):
        clock.now += 1
        jobs.append(await workshop.service.submit(order(card_message_id=75 + number)))
    first = await workshop.pool.attempt(1)
    first.progress(5)
    await workshop.service.stop(jobs[4].id, keep=False)
    await workshop.reopen("one")
    again = await workshop.pool.attempt(1)
    assert (again.job_id, again.request.attempt) == (jobs[0].id, 2)
    assert [(await shown(workshop, job.id)).position for job in jobs[1:4]] == [1, 2, 3]
    assert (await shown(workshop, jobs[2].id)).job.card_message_id == 77
    assert [job.id for job in await workshop.service.recover()] == [job.id for job in jobs[:4]]
    assert await state_of(workshop, jobs[4].id) == "cancelled"


async def test_who_was_being_painted_goes_first_after_a_restart(workshop: Workshop, order: Order) -> None:
    """Also when somebody's older job waits, and the place counts against the share."""
    first, older = [await workshop.service.submit(order(owner_id=1)) for _ in range(2)]
    newer = await workshop.service.submit(order(owner_id=2))
    workshop.pool.finish(await workshop.pool.attempt(1))
    assert (await workshop.last_view(first.id)).job.state == "delivering"
    assert (await workshop.pool.attempt(2)).job_id == newer.id
    service = await workshop.reopen("one", per_person=1)
    assert (await workshop.pool.attempt(1)).job_id == newer.id
    assert (await shown(workshop, older.id)).position == 1
    with pytest.raises(Busy):
        await service.submit(order(owner_id=2))


async def test_a_picture_nobody_delivered_is_delivered_after_the_restart_and_not_painted_again(
    workshop: Workshop, order: Order
) -> None:
    """The process died between painting and posting: the picture waits in the store."""
    job = await workshop.service.submit(order())
    attempt = await workshop.pool.attempt(1)
    workshop.pool.finish(attempt)
    await workshop.last_view(job.id)
    await workshop.reopen("one")
    (recovered,) = await workshop.service.recover()
    view = await workshop.last_view(recovered.id)
    assert (view.job.state, view.pastiche) == ("delivering", attempt.painted())
    await workshop.service.delivered(job.id, result_message_id=8)
    await workshop.service.delivered(job.id, result_message_id=9)
    done = await workshop.service.get(job.id)
    assert done is not None
    assert done.result_message_id == 8
    assert workshop.pool.attempts == []


async def test_closing_tells_watchers_that_the_place_is_kept(workshop: Workshop, order: Order) -> None:
    """Who waits and who is being painted: the last view says queued, then the watch ends."""
    jobs = [await workshop.service.submit(order()) for _ in range(2)]
    await workshop.pool.attempt(1)
    watchers = [asyncio.create_task(workshop.last_view(job.id)) for job in jobs]
    await asyncio.sleep(0)
    await workshop.service.close()
    assert [(await watcher).job.state for watcher in watchers] == ["queued", "queued"]
    assert [await state_of(workshop, job.id) for job in jobs] == ["queued", "queued"]
    with pytest.raises(Busy, match="being restarted"):
        await workshop.service.submit(order())


async def test_closing_gives_what_is_painted_time_to_end(workshop: Workshop, order: Order) -> None:
    """Within the time it is delivered; the next in the queue does not begin."""
    first, second = [await workshop.service.submit(order()) for _ in range(2)]
    attempt = await workshop.pool.attempt(1)
    closing = asyncio.create_task(workshop.service.close(drain_s=5))
    watcher = asyncio.create_task(workshop.last_view(first.id))
    await asyncio.sleep(0.05)
    workshop.pool.finish(attempt)
    assert (await watcher).job.state == "delivering"
    await closing
    assert await state_of(workshop, second.id) == "queued"
    assert len(workshop.pool.attempts) == 1


async def test_closing_at_every_moment_of_the_beginning_loses_nothing(
    workshop: Workshop, order: Order
) -> None:
    """However many turns of the event loop after a submission: after the restart the job is painted."""
    for loops in range(0, 40, 3):
        job = await workshop.service.submit(order())
        for _ in range(loops):
            await asyncio.sleep(0)
        await workshop.reopen("one")
        attempt = await workshop.pool.attempt(1)
        assert attempt.job_id == job.id
        workshop.pool.finish(attempt)
        assert (await workshop.last_view(job.id)).job.state == "delivering"
        await workshop.service.delivered(job.id, result_message_id=1)


async def test_a_job_that_brings_the_bot_down_every_time_is_given_up(
    workshop: Workshop, order: Order
) -> None:
    """After ten attempts, whatever ended them, nobody tries again."""
    job = await workshop.service.submit(order())
    await workshop.pool.attempt(1)
    for number in range(2, 11):
        await workshop.reopen("one")
        assert (await workshop.pool.attempt(1)).request.attempt == number
    await workshop.reopen("one")
    assert (await workshop.last_view(job.id)).job.state == "failed"
    assert workshop.pool.attempts == []


# --- much at once


async def test_two_hundred_jobs_with_trouble_all_over_all_end_once(
    workshop: Workshop, order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    """20 people, 4 slots, every kind of end, cancels, two restarts: all accounted for, nothing left over."""
    caplog.set_level(logging.CRITICAL)
    kinds = ["painted"] * 5 + ["worker_died", "out_of_memory", "fault", "timed_out", "user"]

    def outcome(attempt: object) -> object:
        kind = kinds[len(workshop.pool.attempts) % len(kinds)]
        if kind == "painted":
            return attempt.painted()  # type: ignore[attr-defined]
        return user_failure(attempt) if kind == "user" else attempt.failed(kind)  # type: ignore[attr-defined]

    jobs = []
    for number in range(200):
        if number in (50, 120):
            await workshop.reopen("a", "b", "c", "d")
        workshop.pool.outcome = outcome  # type: ignore[assignment]
        job = await workshop.service.submit(order(owner_id=number % 20, guild_id=number % 3))
        jobs.append(job.id)
        if number % 7 == 0:
            await workshop.service.stop(job.id, keep=False)
    ends = [await workshop.last_view(job_id) for job_id in jobs]
    for view in ends:
        if view.job.state == "delivering":
            await workshop.service.delivered(view.job.id, result_message_id=1)
    counts = {
        state: sum(view.job.state == state for view in ends)
        for state in ("delivering", "failed", "cancelled")
    }
    assert sum(counts.values()) == 200
    assert min(counts.values()) > 0
    assert await workshop.service.recover() == []
    assert workshop.service.views() == []
    assert not workshop.service._queue._under_way
    assert not workshop.service._queue._crowds
