"""One attempt that the bot has sent to a node, or found there after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bot.pool.attempt import AttemptStream
from nst_core.protocol import Failure, Pastiche, ProtocolError, decode

if TYPE_CHECKING:
    import asyncio

    from bot.pool.subjects import Key

MOVED: Final = "moved"
"""Kind of failure: the attempt ended through nobody's fault, and another slot may take the job."""
SLOT: Final = "Gafuu-Slot"
BOOT: Final = "Gafuu-Boot"
LONGEST: Final = "Gafuu-Longest-Seconds"
"""Headers of a request: the slot that is to paint it, the boot of the node it was sent to, and how long it
may take; a bot that was restarted reads the last one."""


@dataclass(slots=True, kw_only=True)
class Errand:
    """Where an attempt is, and what has been heard of it; times are seconds on the loop's clock."""

    key: Key
    slot: str = ""
    """As `<node>/<slot>`."""
    boot: str = ""
    """Of the node when the attempt was sent."""
    began: float
    seen: float
    """When the node last said that it has it in hand; before that, when it was sent."""
    longest_s: float
    """So long it may take in all."""
    told: int = -1
    """The last step that was shown: after a restart a step may come both from the stream and live."""
    stream: AttemptStream = field(default_factory=AttemptStream)
    sending: asyncio.Task[None] | None = None
    """While its pictures are on their way."""
    in_pieces: bool = False
    """Its request was too large for one message."""
    keep: bool | None = None
    """Set by a wish to stop."""
    collecting: bool = False
    """Its end has been heard of and is being fetched."""
    over: bool = False

    @property
    def node(self) -> str:
        """The machine."""
        return self.slot.partition("/")[0]

    def owns(self, message: object) -> bool:
        """Tell whether a message is about this very attempt."""
        return (getattr(message, "job_id", None), getattr(message, "attempt", None)) == self.key

    def end_in(self, frame: bytes) -> Pastiche | Failure:
        """Return the end that a node has stored.

        Raises:
            ProtocolError: it is none, or another attempt's.
        """
        message = decode(frame)
        if not isinstance(message, Pastiche | Failure) or not self.owns(message):
            raise ProtocolError(f"it ended with a {type(message).__name__}")
        return message

    def finish(self, end: Pastiche | Failure) -> None:
        """Tell the reader the end; whatever ends a cancelled attempt, it is cancelled."""
        kind = end.kind if isinstance(end, Failure) else "done"
        if self.keep is False and kind != "cancelled":
            end = self.failure("cancelled", f"stopped on request; it would have ended as {kind}")
        self.over = True
        self.stream.finish(end)

    def failure(self, kind: str, message: str) -> Failure:
        """Return this attempt's end without a picture."""
        job_id, attempt = self.key
        return Failure(job_id=job_id, attempt=attempt, kind=kind, message=message)
