"""What a job needs, and which of the free slots gets it: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.pool.base import Slot
    from nst_core.protocol import StyleParams

BASE_BYTES: Final = int(0.6 * 2**30)
BYTES_PER_PIXEL: Final = 1850
"""Measured on a CPU, on square pictures: `best` takes 1.1 GiB at 512 pixels and 2.4 GiB at 1024."""
WHOLE_PIXELS: Final = 2**20
BYTES_PER_FURTHER_PIXEL: Final = 130
"""Larger pictures are painted in bands: 2.6 to 2.8 GiB at 2048."""
TIMED_PX: Final = 1024
"""What `job_timeout_s` allows is for pictures of up to this long side."""
FASTEST: Final = ("cuda", "mps", "cpu")


def needed_bytes(params: StyleParams) -> int:
    """Return about how much memory a job takes, square pictures being the largest."""
    pixels = params.long_side_px**2
    further = max(0, pixels - WHOLE_PIXELS)
    return BASE_BYTES + BYTES_PER_PIXEL * (pixels - further) + BYTES_PER_FURTHER_PIXEL * further


def longest_s(params: StyleParams, job_timeout_s: float) -> float:
    """Return how many seconds an attempt may take in all; a large one has more to paint.

    Args:
        params: of the job.
        job_timeout_s: for a picture of up to `TIMED_PX`.
    """
    return job_timeout_s * max(1.0, (params.long_side_px / TIMED_PX) ** 2)


def choose(
    ready: Sequence[Slot], working: Iterable[Slot], params: StyleParams, avoid: str | None
) -> Slot | None:
    """Return the slot to use: large enough, not the one to avoid, of the fastest kind, the roomiest.

    A slot too small for the job is used only where no working slot is large enough, and a slot
    whose memory nobody knows counts as large enough.

    Args:
        ready: those that can take a job now.
        working: those that can, sooner or later.
        params: of the job.
        avoid: a slot's name, used only if no other one is ready.

    Returns:
        None if the job had better wait.
    """
    need = needed_bytes(params)
    fitting = [slot for slot in ready if _fits(slot, need)]
    if not fitting and any(_fits(slot, need) for slot in working):
        return None
    return min(fitting or ready, key=lambda slot: _rank(slot, avoid), default=None)


def _fits(slot: Slot, need: int) -> bool:
    return not slot.memory_bytes or slot.memory_bytes >= need


def _rank(slot: Slot, avoid: str | None) -> tuple[bool, int, int]:
    speed = FASTEST.index(slot.device) if slot.device in FASTEST else len(FASTEST)
    return slot.name == avoid, speed, -slot.memory_bytes
