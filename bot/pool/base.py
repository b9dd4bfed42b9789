"""The one interface of every pool: free slots, single attempts, a stream of messages per attempt.

A pool runs one attempt of one job per slot and reports how it ended. It keeps no queue and never
retries: which job runs next, and whether a failed one runs again, is decided above it (`bot.jobs`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from nst_core.errors import Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from nst_core.protocol import Failure, Pastiche, Progress, StyleRequest

SlotState = Literal["starting", "ready", "busy", "restarting", "set_aside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One device that paints one picture at a time."""

    name: str
    """Unique in the pool, stable over restarts of the worker: "cpu", "cuda:0", "garage/cuda:1"."""
    device_name: str
    """As its maker names it; "" until the worker is ready."""
    state: SlotState
    job_id: str | None = None
    device: str = ""
    """As torch names it, without its number: "cuda", "mps", "cpu"; "" until the worker is ready."""
    memory_bytes: int = 0
    """Of the device in all; 0 where that is not known."""
    node: str = ""
    """The machine it belongs to; "" for this one."""
    deaths: int = field(default=0, compare=False)
    """Workers that were lost here since the pool was started."""
    memory_used_bytes: int | None = field(default=None, compare=False)
    utilisation: float | None = field(default=None, compare=False)
    """0 … 1; None where that is not known."""


class Unreachable(Fault):
    """The pool cannot be reached just now; another try may succeed."""


class NoFreeSlot(Exception):
    """`dispatch` was called while no slot was ready."""


class Pool(Protocol):
    """What `bot.jobs` may ask of a pool.

    Attributes:
        outlives_bot: whether attempts go on while the bot is away, so that `resume` can find them.
    """

    outlives_bot: bool

    async def start(self) -> None:
        """Start the workers; return without waiting until they are ready."""

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Let running jobs finish for at most `drain_s`, then end every worker."""

    def slots(self) -> Sequence[Slot]:
        """Return every slot as it is now."""

    async def wait_for_slot(self) -> None:
        """Return once at least one slot is ready to take a job."""

    async def dispatch(self, request: StyleRequest, *, avoid: str | None = None) -> Slot:
        """Send one attempt of a job to a ready slot and return that slot.

        Args:
            request: `(job_id, attempt)` must not have been dispatched before.
            avoid: a slot's name to be used only if no other one is ready (a retry goes elsewhere).

        Raises:
            NoFreeSlot: nothing was sent.
        """

    async def resume(self, job_id: str, attempt: int) -> Slot | None:
        """Take up an attempt that an earlier process dispatched, if it is still alive.

        Returns:
            The slot that paints it, or painted it: `events` then tells the rest of its story.
            None if nothing is left of it.
        """

    async def stop(self, job_id: str, *, keep: bool) -> None:
        """Ask the running attempt to end; after a grace time its worker is killed.

        With `keep` the stream ends with the best picture so far, else with a `Failure` of kind
        "cancelled". A job that is not running here is ignored.
        """

    def events(self, job_id: str, attempt: int) -> AsyncIterator[Progress | Pastiche | Failure]:
        """Yield what the attempt reports, from its dispatch on; ends after `Pastiche` or `Failure`.

        A slow reader loses old progress, never the end: of several unread `Progress` only the
        newest is kept (with the newest preview). Every dispatched attempt ends, also when its
        worker dies ("worker_died"), stalls or overruns ("timed_out").
        """
