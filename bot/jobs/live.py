"""A job in memory: what the painter knows beyond its record, and how it is asked for and ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.jobs import retry
from bot.jobs.disk import BlobGone, DiskFault
from bot.jobs.model import JobView
from bot.jobs.queue import Ticket
from nst_core.errors import Fault, Unavailable
from nst_core.protocol import Failure, StyleRequest, WeightedStyle

if TYPE_CHECKING:
    import asyncio

    from bot.jobs.model import JobRecord
    from bot.jobs.store import JobStore
    from bot.pool.base import Slot

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Live:
    """A job that waits or is being painted."""

    record: JobRecord
    stage: Literal["waiting", "starting", "painting", "saving"] = "waiting"
    slot: Slot | None = None
    avoid: str | None = None
    keep: bool | None = None
    """Somebody wants it to end: with the best picture so far, or with nothing."""
    told: bool | None = None
    """The `keep` that the pool was told."""
    task: asyncio.Task[None] | None = None


def ticket_for(record: JobRecord) -> Ticket:
    """Return a job's place in the queue."""
    return Ticket(
        job_id=record.id,
        owner_id=record.owner_id,
        guild_id=record.guild_id,
        lane="draft" if record.params.mode == "draft" else "slow",
    )


async def request_for(record: JobRecord, store: JobStore) -> StyleRequest:
    """Return a job's next attempt, its pictures read from the store.

    Raises:
        Unavailable: one of them is gone; only whoever ordered it can send it again.
        Fault: they cannot be read. Not the store's trouble but this job's: it must not hold up the others.
    """
    try:
        content = await store.read_blob(record.content_blob)
        images = [await store.read_blob(name) for name in record.style_blobs]
    except BlobGone as gone:
        logger.error("job_inputs_gone job=%s error=%s", record.id, gone)  # noqa: TRY400 - no bug of ours
        raise Unavailable("job_forgotten") from gone
    except DiskFault as fault:
        raise Fault(f"inputs cannot be read: {fault}") from fault
    return StyleRequest(
        job_id=record.id,
        attempt=record.attempt + 1,
        content=content,
        styles=tuple(
            WeightedStyle(image=image, weight=weight)
            for image, weight in zip(images, record.weights, strict=True)
        ),
        params=retry.params_for(record),
        max_bytes=record.max_bytes,
        language=record.locale if record.private else record.public_locale,
        timelapse=record.params.mode != "draft",
    )


def ended_view(record: JobRecord) -> JobView:
    """Return the last view of a job that has no picture: it is over, or was put back."""
    failure = record.failure
    return JobView(job=record, error=failure.user_error() if failure and failure.kind == "user" else None)


def fault_of(record: JobRecord, error: Exception) -> Failure:
    """Return our own mistake as the end of a job, after logging where it happened."""
    logger.error("job_fault job=%s", record.id, exc_info=error)
    kind = error.kind if isinstance(error, Fault) else Fault.kind
    return Failure(job_id=record.id, attempt=record.attempt, kind=kind, message=repr(error))
