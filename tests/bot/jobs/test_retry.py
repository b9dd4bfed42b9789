"""Whether a job that failed is painted again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.jobs import retry, schema
from bot.jobs.model import JobOrder, JobRecord, StyleSource
from nst_core.protocol import Failure, StyleParams


def record(*, long_side_px: int = 512, **changes: int) -> JobRecord:
    """Return a job on its first attempt."""
    order = JobOrder(
        owner_id=1,
        guild_id=None,
        channel_id=1,
        content=b"",
        styles=(StyleSource(image=b""),),
        params=StyleParams(long_side_px=long_side_px),
    )
    job = schema.new_record("id", order, ("a", "b"), 0.0)
    return replace(job, **({"attempt": 1} | changes))


@pytest.mark.parametrize(
    ("kind", "deaths", "shrinks", "attempt", "again"),
    [
        ("worker_died", 0, 0, 1, True),
        ("worker_died", 1, 0, 2, False),
        ("worker_died", 0, 1, 2, True),
        ("out_of_memory", 0, 0, 1, True),
        ("out_of_memory", 0, 1, 2, False),
        ("out_of_memory", 1, 0, 2, True),
        ("worker_died", 0, 0, 10, False),
        ("out_of_memory", 0, 0, 10, False),
        ("timed_out", 0, 0, 1, False),
        ("fault", 0, 0, 1, False),
    ],
)
def test_what_is_tried_again(kind: str, deaths: int, shrinks: int, attempt: int, again: bool) -> None:  # noqa: FBT001 - a table
    """One dead worker, one lack of memory, ten attempts in all; nothing else."""
    failure = Failure(job_id="id", attempt=attempt, kind=kind, message="")
    job = retry.counted(record(deaths=deaths, shrinks=shrinks, attempt=attempt), failure)
    assert retry.is_worth_it(job, failure) is again


@pytest.mark.parametrize(("wanted_px", "smaller_px"), [(1000, 696), (512, 352), (80, 64), (64, 64)])
def test_smaller_means_seven_tenths_in_steps_of_eight_and_never_below_the_least(
    wanted_px: int, smaller_px: int
) -> None:
    """The person's own wish stays in the record."""
    job = record(long_side_px=wanted_px, shrinks=1)
    assert retry.params_for(job).long_side_px == smaller_px
    assert job.params.long_side_px == wanted_px
    assert retry.params_for(record(long_side_px=wanted_px)) == job.params
