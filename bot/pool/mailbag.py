"""A job that a node has taken: its pictures fetched, its end stored, its delivery acknowledged."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.pool import subjects, wire
from bot.pool.errand import SLOT
from nst_core.errors import Cancelled
from nst_core.protocol import ProtocolError, StyleRequest, decode, encode

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.js import JetStreamContext

    from bot.pool.subjects import Key
    from nst_core.protocol import Failure, Pastiche

log = logging.getLogger(__name__)
PAUSE_S: Final = 0.5


@dataclass(slots=True)
class InHand:
    """A job that this node has taken."""

    key: Key
    message: Msg
    """Its newest delivery, which is the one to acknowledge."""
    keep: bool | None = None
    """Set by a wish to stop."""
    painting: bool = False

    def header(self, name: str) -> str:
        """Return what the bot wrote on it, or ""."""
        return (self.message.headers or {}).get(name, "")


async def fetch_request(js: JetStreamContext, node: str, job: InHand) -> StyleRequest:
    """Return what is to be painted; the server is waited for.

    Raises:
        Cancelled: it is no longer wanted.
        Damaged: its pictures are missing.
        ProtocolError: it is no request, or another job's.
    """
    parcel = wire.Parcel(job.message.data, dict(job.message.headers or {}))
    chunks = subjects.to_node(node, "chunk", job.key)
    while True:
        try:
            request = decode(await wire.unpack(js, subjects.IN, chunks, parcel))
            break
        except wire.TROUBLE as error:
            log.debug("node-not-fetched job=%s error=%r", job.key[0], error)
            await asyncio.sleep(PAUSE_S)
        if job.keep is False:
            raise Cancelled
    if not isinstance(request, StyleRequest) or (request.job_id, request.attempt) != job.key:
        raise ProtocolError(f"a request that is none: {type(request).__name__}")
    return request


async def store_end(js: JetStreamContext, node: str, job: InHand, end: Pastiche | Failure) -> None:
    """Store the end where the bot finds it, then acknowledge the job; the server is waited for."""
    subject, chunks = subjects.from_node(node, "end", job.key), subjects.result_chunks(node, job.key)
    frame = encode(end)
    while True:
        try:
            parcel = await wire.pack(js, chunks, frame)
            headers = dict(parcel.headers) | {SLOT: job.header(SLOT)}
            await js.publish(subject, parcel.data, headers=headers)
            break
        except wire.TROUBLE as error:
            log.warning("node-end-waits job=%s attempt=%d error=%r", *job.key, error)
            await asyncio.sleep(PAUSE_S)
    await acknowledge(job.message)


async def acknowledge(message: Msg) -> None:
    """Take a job out of the queue; if the server does not hear it, it is delivered once more."""
    try:
        await message.ack_sync(timeout=wire.REQUEST_S)
    except wire.TROUBLE as error:
        log.debug("node-not-acknowledged error=%r", error)
