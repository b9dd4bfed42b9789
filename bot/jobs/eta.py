"""When a picture will be done, from how long pictures like it took: pure functions.

A speed is the seconds of one job on one kind of device, in one mode, at about one size. Newer jobs count
more (`NEWEST_SHARE`). A size nobody has measured is scaled by its pixels from the nearest one measured.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

NEWEST_SHARE: Final = 0.3
BUCKET_PX: Final = 128
SpeedKey: TypeAlias = tuple[str, str, int]
"""Device, mode, long side rounded up to `BUCKET_PX`."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """What has been measured; `learned` returns a new one."""

    seconds: Mapping[SpeedKey, float] = field(default_factory=dict)

    def learned(self, *, device: str, mode: str, long_side_px: int, took_s: float) -> Speeds:
        """Return the speeds with one more finished job."""
        key = (device, mode, bucket_px(long_side_px))
        before = self.seconds.get(key, took_s)
        return Speeds({**self.seconds, key: before + NEWEST_SHARE * (took_s - before)})

    def estimate_s(self, *, device: str, mode: str, long_side_px: int) -> float | None:
        """Return how long a job will take on a device, or None if that mode was never measured.

        A device that never painted in this mode is taken to be as slow as the slowest that did.
        """
        size_px = bucket_px(long_side_px)
        here = self._nearest_s(device, mode, size_px)
        if here is not None:
            return here
        devices = {known for known, known_mode, _ in self.seconds if known_mode == mode}
        return max((self._nearest_s(known, mode, size_px) or 0.0 for known in devices), default=None)

    def to_json(self) -> str:
        """Return the speeds as text for the store."""
        return json.dumps([[*key, seconds] for key, seconds in self.seconds.items()])

    @classmethod
    def from_json(cls, text: str) -> Speeds:
        """Return the speeds of a text made by `to_json`."""
        rows = json.loads(text)
        return cls({(device, mode, size_px): seconds for device, mode, size_px, seconds in rows})

    def _nearest_s(self, device: str, mode: str, size_px: int) -> float | None:
        sizes = [known for name, known_mode, known in self.seconds if (name, known_mode) == (device, mode)]
        if not sizes:
            return None
        nearest = min(sizes, key=lambda known: abs(known - size_px))
        return self.seconds[device, mode, nearest] * (size_px / nearest) ** 2


def bucket_px(long_side_px: int) -> int:
    """Return the long side rounded up to a multiple of `BUCKET_PX`."""
    return -(-long_side_px // BUCKET_PX) * BUCKET_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A slot as the forecast sees it."""

    device: str
    free_at: float | None
    """Seconds since 1970; None when nobody can tell."""


def forecast(
    speeds: Speeds, machines: Iterable[Machine], jobs: Sequence[tuple[str, int]]
) -> list[float | None]:
    """Return when each waiting job will probably be done, seconds since 1970.

    Args:
        speeds: what has been measured.
        machines: the slots; one that is free at a time nobody knows takes no part.
        jobs: (mode, long side in pixels) in the order in which they will start.

    Returns:
        One time per job; None from the first job on that nothing is known about.
    """
    free = [(m.free_at, number, m.device) for number, m in enumerate(machines) if m.free_at is not None]
    heapq.heapify(free)
    times: list[float | None] = []
    for mode, long_side_px in jobs:
        if not free:
            break
        at, number, device = free[0]
        took_s = speeds.estimate_s(device=device, mode=mode, long_side_px=long_side_px)
        if took_s is None:
            break
        times.append(at + took_s)
        heapq.heapreplace(free, (at + took_s, number, device))
    return times + [None] * (len(jobs) - len(times))


def running_ready_at(
    *, now: float, started_at: float, estimate_s: float | None, share: float
) -> float | None:
    """Return when a job that is being painted will probably be done, seconds since 1970.

    The estimate of jobs like it holds while it lies ahead. Else what is done so far tells the pace, once
    it says something.

    Args:
        now: seconds since 1970, as `started_at`.
        started_at: when the worker got it.
        estimate_s: how long jobs like it took, if any did.
        share: of its work, what is done, 0 … 1.
    """
    if estimate_s is not None and started_at + estimate_s > now:
        return started_at + estimate_s
    if share < MEANINGFUL_SHARE:
        return None
    return now + (now - started_at) * (1.0 - share) / share


MEANINGFUL_SHARE: Final = 0.15
"""Of the work: before it, decoding and the first impression still count for much."""
