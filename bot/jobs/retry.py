"""Whether a job that failed is painted again: pure decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nst_core.protocol import RANGES

if TYPE_CHECKING:
    from bot.jobs.model import JobRecord
    from nst_core.protocol import Failure, StyleParams

MAX_DEATHS: Final = 2
"""A job that killed two workers is dangerous and never runs again."""
MAX_SHRINKS: Final = 1
SHRINK: Final = 0.7
MAX_ATTEMPTS: Final = 10
"""In all, restarts of the bot included: a job may be what brings the bot down."""
SIZE_STEP_PX: Final = 8


def counted(record: JobRecord, failure: Failure) -> JobRecord:
    """Return the record with one more dead worker or lack of memory, if that is how the attempt failed."""
    return replace(
        record,
        deaths=record.deaths + (failure.kind == "worker_died"),
        shrinks=record.shrinks + (failure.kind == "out_of_memory"),
    )


def is_worth_it(record: JobRecord, failure: Failure) -> bool:
    """Tell whether a job whose attempt failed is to be painted again.

    Out of memory: once more, smaller. A dead worker: once more, elsewhere. Moved, since its machine ended
    or never took it: as often as an attempt may be made. Nothing else is tried again:
    the person's mistake and a fault of ours would only repeat, and a timeout took long enough.

    Args:
        record: with this failure `counted`.
        failure: how the attempt ended.
    """
    mends = failure.kind in ("worker_died", "out_of_memory", "moved")
    return mends and record.shrinks <= MAX_SHRINKS and may_start(record)


def may_start(record: JobRecord) -> bool:
    """Tell whether a job may have another attempt at all."""
    return record.deaths < MAX_DEATHS and record.attempt < MAX_ATTEMPTS


def params_for(record: JobRecord) -> StyleParams:
    """Return what the next attempt is asked for: smaller by `SHRINK` for each time memory ran out."""
    if not record.shrinks:
        return record.params
    wanted_px = record.params.long_side_px * SHRINK**record.shrinks
    smaller_px = max(RANGES["long_side_px"][0], int(wanted_px) // SIZE_STEP_PX * SIZE_STEP_PX)
    return replace(record.params, long_side_px=smaller_px)
