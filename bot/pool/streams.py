"""What the server keeps: streams, and each node's own queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nats.js import api
from nats.js.errors import NotFoundError

from bot.pool import subjects

if TYPE_CHECKING:
    from nats.js import JetStreamContext

DAY_S: Final = 86400.0


async def prepare_streams(js: JetStreamContext) -> None:
    """Make the streams that are missing; those that are there stay as they are."""
    for config in _streams():
        try:
            await js.stream_info(config.name or "")
        except NotFoundError:
            await js.add_stream(config)


async def prepare_consumer(js: JetStreamContext, node: str, *, ack_wait_s: float) -> None:
    """Make the consumer from which one node, and only it, takes its jobs."""
    await js.add_consumer(
        subjects.JOBS,
        api.ConsumerConfig(
            durable_name=node,
            filter_subject=f"gafuu.to.{node}.job.>",
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ack_wait_s,
        ),
    )


def _streams() -> tuple[api.StreamConfig, ...]:
    """Return every stream; their sizes are what a server must have room for, in bytes.

    A full one drops its oldest message: what nobody has fetched for so long nobody will.
    """
    file, mebi, newest = api.StorageType.FILE, 2**20, 1
    jobs = api.StreamConfig(
        name=subjects.JOBS,
        subjects=["gafuu.to.*.job.>"],
        retention=api.RetentionPolicy.WORK_QUEUE,
        storage=file,
        max_bytes=256 * mebi,
        max_age=DAY_S,
    )
    kept = {
        subjects.IN: ("gafuu.to.*.chunk.>", 2048),
        subjects.ENDS: ("gafuu.from.*.end.>", 256),
        subjects.OUT: ("gafuu.result.>", 2048),
    }
    folders = [
        api.StreamConfig(
            name=name,
            subjects=[subject],
            storage=file,
            max_msgs_per_subject=newest,
            max_bytes=size * mebi,
            max_age=DAY_S,
            allow_direct=True,
        )
        for name, (subject, size) in kept.items()
    ]
    news = api.StreamConfig(
        name=subjects.NEWS,
        subjects=["gafuu.from.*.progress.>"],
        storage=api.StorageType.MEMORY,
        max_msgs_per_subject=newest,
        max_bytes=64 * mebi,
        max_age=3600.0,
        allow_direct=True,
    )
    return jobs, *folders, news
