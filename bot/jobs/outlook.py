"""Tells everybody who waits their place and the time when they will probably be done."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bot.jobs import retry
from bot.jobs.disk import DiskFault
from bot.jobs.eta import Machine, Speeds, forecast, running_ready_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.jobs.board import Board
    from bot.jobs.model import JobRecord
    from bot.jobs.store import JobStore
    from bot.pool.base import Pool, Slot

logger = logging.getLogger(__name__)
SPEEDS_KEY: Final = "speeds"


class Outlook:
    """The measured speeds, and what follows from them."""

    def __init__(self, *, store: JobStore, pool: Pool, board: Board, clock: Callable[[], float]) -> None:
        self._store = store
        self._pool = pool
        self._board = board
        self._clock = clock
        self._speeds = Speeds()

    async def load(self) -> None:
        """Read what was measured before the restart."""
        known = await self._store.get_value(SPEEDS_KEY)
        self._speeds = Speeds.from_json(known) if known else Speeds()

    async def learn(self, record: JobRecord, slot: Slot, took_s: float) -> None:
        """Take a finished attempt into account, also after a restart."""
        params = retry.params_for(record)
        self._speeds = self._speeds.learned(
            device=device_of(slot), mode=params.mode, long_side_px=params.long_side_px, took_s=took_s
        )
        try:
            await self._store.set_value(SPEEDS_KEY, self._speeds.to_json())
        except DiskFault as fault:
            logger.warning("speeds_not_stored job=%s error=%s", record.id, fault)

    def ready_at(self, record: JobRecord, slot: Slot, *, share: float = 0.0) -> float | None:
        """Return when a job that is being painted will probably be done."""
        params = retry.params_for(record)
        return running_ready_at(
            now=self._clock(),
            started_at=record.started_at or self._clock(),
            estimate_s=self._speeds.estimate_s(
                device=device_of(slot), mode=params.mode, long_side_px=params.long_side_px
            ),
            share=share,
        )

    def publish(self, *, waiting: Sequence[JobRecord], running: Iterable[tuple[JobRecord, Slot]]) -> None:
        """Tell every job its time, and those that wait their place.

        Args:
            waiting: in the order in which they will start.
            running: with the slots that paint them.
        """
        for record, slot in running:
            view = self._board.view(record.id)
            if view is not None:
                ready_at = self.ready_at(record, slot, share=view.share)
                self._tell(record.id, position=None, ready_at=ready_at)
        asked = [(params.mode, params.long_side_px) for params in map(retry.params_for, waiting)]
        times = forecast(self._speeds, self._machines(), asked)
        for position, (record, ready_at) in enumerate(zip(waiting, times, strict=True), start=1):
            self._tell(record.id, position=position, ready_at=ready_at)

    def next_free_at(self) -> float | None:
        """Return when the next slot will probably be free; None when nobody can tell."""
        return min((m.free_at for m in self._machines() if m.free_at is not None), default=None)

    def _tell(self, job_id: str, *, position: int | None, ready_at: float | None) -> None:
        view = self._board.view(job_id)
        if view is not None and (view.position, view.ready_at) != (position, ready_at):
            self._board.publish(replace(view, position=position, ready_at=ready_at))

    def _machines(self) -> list[Machine]:
        return [
            Machine(device=device_of(slot), free_at=self._free_at(slot))
            for slot in self._pool.slots()
            if slot.state != "set_aside"
        ]

    def _free_at(self, slot: Slot) -> float | None:
        now = self._clock()
        view = self._board.view(slot.job_id) if slot.job_id is not None else None
        if view is None:
            return now
        return None if view.ready_at is None else max(now, view.ready_at)


def device_of(slot: Slot) -> str:
    """Return what a slot's speeds are filed under: slots with the same hardware share theirs."""
    return slot.device_name or slot.name
