"""The connection to a NATS server, and how a frame of any size travels over it.

A frame up to `INLINE_BYTES` is the message itself. A larger one goes ahead in chunks, each on a subject
of its own, and the message says how many there are and what their sha256 is. Chunks are fetched by
subject: no consumer has to be made for them, so that nodes need no right to make any.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from bot.pool import subjects
from bot.pool.base import Unreachable
from nst_core.errors import ConfigError, Fault
from nst_core.protocol import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from nats.js import JetStreamContext

log = logging.getLogger(__name__)
T = TypeVar("T")

INLINE_BYTES: Final = 256 * 1024
CHUNK_BYTES: Final = 512 * 1024
"""Well below any server's max_payload (1 MiB unless configured)."""
AT_ONCE: Final = 4
"""Chunks under way at a time: enough to fill a slow line, little enough to hold in memory."""
CHUNKS: Final = "Gafuu-Chunks"
SHA256: Final = "Gafuu-Sha256"
MESSAGE_ID: Final = "Nats-Msg-Id"
REQUEST_S: Final = 10.0
PROBE_S: Final = 8.0
PROBES: Final = 3
PROBE_PAUSE_S: Final = 0.3
REFUSED_PAUSE_S: Final = 1.0
RECONNECT_S: Final = 1
DEFAULT_PORT: Final = 4222
TROUBLE: Final = (nats.errors.Error, TimeoutError, OSError)
"""What a call raises while the server is away or slow; worth another try."""


class Damaged(Fault):
    """A frame whose chunks are missing or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where the server is, and as whom to speak to it."""

    url: str
    user: str
    token: str | None = None
    """This user's own; None for a server that asks nobody."""
    ca_file: str = ""
    """A certificate authority of one's own, for `tls://`; "" for those the system knows."""

    def tls(self) -> ssl.SSLContext | None:
        """Return how to check the server, or None for a connection in the clear.

        Raises:
            ConfigError: the certificate cannot be read.
        """
        if not self.url.startswith("tls://"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as error:
            raise ConfigError(f"nats.ca_file: {error.strerror or type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message that stands for a frame."""

    data: bytes
    headers: Mapping[str, str]


async def connect(
    link: Link,
    *,
    on_lost: Callable[[], Awaitable[None]],
    on_regained: Callable[[], Awaitable[None]],
    on_closed: Callable[[], Awaitable[None]],
    on_refused: Callable[[], None],
) -> Client:
    """Return a connection that from now on comes back by itself.

    Args:
        link: to whom.
        on_lost: the server is away; the client looks for it.
        on_regained: it is back.
        on_closed: the connection has ended for good.
        on_refused: the server is back but no longer accepts our token.

    Raises:
        ConfigError: the server refuses the token, or the certificate is not to be trusted.
        Unreachable: there is no server.
    """

    async def on_error(error: Exception) -> None:
        log.warning("nats-trouble error=%s", str(error) or type(error).__name__)
        if _is_refusal(error):
            on_refused()

    async def on_disconnected() -> None:
        if not client.is_closed:  # nats-py calls this after our own close(), too
            await on_lost()

    await _probe_patiently(link)
    client = Client()
    await client.connect(
        **_options(link),
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_S,
        ping_interval=5,
        max_outstanding_pings=3,
        error_cb=on_error,
        disconnected_cb=on_disconnected,
        reconnected_cb=on_regained,
        closed_cb=on_closed,
    )
    return client


async def pack(js: JetStreamContext, chunk_subject: str, frame: bytes) -> Parcel:
    """Send a large frame's chunks ahead; return the message that stands for the frame.

    Args:
        js: where to.
        chunk_subject: of the chunks, without their numbers.
        frame: at most `MAX_FRAME_BYTES`.

    Raises:
        Exception: one of `TROUBLE`.
    """
    if len(frame) <= INLINE_BYTES:
        return Parcel(frame, {})
    pieces = [frame[start : start + CHUNK_BYTES] for start in range(0, len(frame), CHUNK_BYTES)]

    async def send(number: int) -> None:
        await js.publish(f"{chunk_subject}.{number}", pieces[number], timeout=REQUEST_S)

    await _each(send, len(pieces))
    return Parcel(b"", {CHUNKS: str(len(pieces)), SHA256: await _sha256(frame)})


async def unpack(js: JetStreamContext, stream: str, chunk_subject: str, parcel: Parcel) -> bytes:
    """Return the frame that a message stands for.

    Raises:
        Damaged: its chunks are missing, or are not what was sent.
        Exception: one of `TROUBLE`.
    """
    if CHUNKS not in parcel.headers:
        return parcel.data

    async def fetch(number: int) -> bytes:
        try:
            message = await js.get_last_msg(stream, f"{chunk_subject}.{number}", direct=True)
        except NotFoundError:
            raise Damaged(f"chunk {number} is missing") from None
        return message.data or b""

    frame = b"".join(await _each(fetch, _count(parcel.headers[CHUNKS])))
    if await _sha256(frame) != parcel.headers.get(SHA256):
        raise Damaged("the chunks are not what was sent")
    return frame


async def _each(work: Callable[[int], Awaitable[T]], count: int) -> list[T]:
    """Do numbered pieces of work, a few at a time; the first error ends them all."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> T:
        async with room:
            return await work(number)

    tasks = [asyncio.create_task(one(number)) for number in range(count)]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise


async def _sha256(frame: bytes) -> str:
    return await asyncio.to_thread(lambda: hashlib.sha256(frame).hexdigest())


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if not 1 <= count <= MAX_FRAME_BYTES // CHUNK_BYTES + 1:
        raise Damaged(f"{text!r} chunks")
    return count


async def _probe_patiently(link: Link) -> None:
    """Try a few times: a server that is taking over new users drops or refuses whoever comes meanwhile."""
    for _ in range(PROBES - 1):
        try:
            return await _probe(link)
        except (Unreachable, ConfigError) as error:
            log.debug("nats-probe-failed reason=%s", error)
            await asyncio.sleep(PROBE_PAUSE_S if isinstance(error, Unreachable) else REFUSED_PAUSE_S)
    return await _probe(link)


async def _probe(link: Link) -> None:
    """Connect once: the lasting connection, which never gives up, would not tell a refusal."""
    try:
        async with asyncio.timeout(PROBE_S):
            await _knock(link)
            await _try(link)
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message
        raise ConfigError(f"nats.url: the server's certificate is not trusted: {reason}") from None
    except TROUBLE as error:
        if _is_refusal(error):
            raise ConfigError(
                "environment: NATS_TOKEN: the server does not accept this token "
                f"for “{link.user}”; copy it again from where the node was added"
            ) from None
        raise Unreachable(f"no NATS server answers at nats.url: {_plainly(error)}") from None


def _plainly(error: BaseException) -> str:
    """Return what is wrong without the address, which the configuration holds."""
    if isinstance(error, OSError):
        return (
            error.strerror.partition("Connect call failed")[0].strip()
            if error.strerror
            else type(error).__name__
        )
    return str(error) or type(error).__name__


async def _try(link: Link) -> None:
    """Connect and go; the first error counts, where the client itself would go on trying."""
    client = Client()
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def fail(error: Exception) -> None:
        if not failed.done():
            failed.set_exception(error)

    trying = asyncio.create_task(
        client.connect(**_options(link), error_cb=fail, allow_reconnect=False), name="probe"
    )
    try:
        await asyncio.wait((trying, failed), return_when=asyncio.FIRST_COMPLETED)
        await (trying if trying.done() else failed)
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
        failed.cancel()
        await client.close()


async def _knock(link: Link) -> None:
    """Find out at once whether anybody listens, and who; the client would try for minutes."""
    address = urlsplit(link.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port or DEFAULT_PORT)
    try:
        if tls := link.tls():
            await reader.readline()  # a NATS server introduces itself before the handshake
            await writer.start_tls(tls, server_hostname=address.hostname)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def _options(link: Link) -> dict[str, Any]:
    options: dict[str, Any] = {
        "servers": link.url,
        "name": link.user,
        "inbox_prefix": subjects.inbox(link.user),
        "tls": link.tls(),
    }
    if link.token is not None:
        options |= {"user": link.user, "password": link.token}
    return options


def _is_refusal(error: BaseException) -> bool:
    return "authorization" in str(error).lower() or "authentication" in str(error).lower()
