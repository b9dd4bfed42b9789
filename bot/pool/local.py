"""The pool of this machine: one worker process per device, spoken to over pipes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bot.pool.attempt import AttemptStream
from bot.pool.base import NoFreeSlot
from bot.pool.devices import find_devices
from bot.pool.gauges import Gauge, gpu_of, read_gpus, resident_bytes
from bot.pool.slot import LocalSlot, Patience
from nst_core.protocol import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from bot.config import Settings
    from bot.pool.base import Slot
    from bot.pool.devices import Device
    from nst_core.protocol import Failure, Pastiche, StyleRequest

log = logging.getLogger(__name__)

GAUGES_EVERY_S: Final = 10.0


def worker_command(
    device: Device, *, extractor: str = "vgg16", upload_mib: float = 25.0, megapixels: float = 64.0
) -> tuple[str, ...]:
    """Return the command that starts the real worker on a device."""
    options = {
        "--device": device.device,
        "--share": device.share,
        "--extractor": extractor,
        "--upload-mib": upload_mib,
        "--megapixels": megapixels,
    }
    words = [str(word) for option in options.items() for word in option]
    return (sys.executable, "-m", "nst_core.worker", *words)


class LocalPool:
    """A `Pool` of processes on this machine.

    Args:
        devices: "auto" or a list, as `bot.pool.devices` reads it.
        extractor: the workers' feature extractor.
        upload_mib: the largest file that they accept.
        megapixels: the largest picture that they accept.
        patience: how long to wait for what.
        command: returns the command that starts a worker on a device; tests start other ones.
    """

    outlives_bot = False

    def __init__(
        self,
        devices: str = "auto",
        *,
        extractor: str = "vgg16",
        upload_mib: float = 25.0,
        megapixels: float = 64.0,
        patience: Patience | None = None,
        command: Callable[[Device], Sequence[str]] | None = None,
    ) -> None:
        self._devices = devices
        self._patience = patience or Patience()
        self._command = command or functools.partial(
            worker_command, extractor=extractor, upload_mib=upload_mib, megapixels=megapixels
        )
        self._slots: list[LocalSlot] = []
        self._streams: dict[tuple[str, int], AttemptStream] = {}
        self._changed = asyncio.Event()
        self._news = asyncio.Event()
        self._closing = False
        self._gauges: dict[str, Gauge] = {}
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> LocalPool:
        """Return the pool that the settings ask for."""
        workers, limits = settings.workers, settings.limits
        patience = Patience(
            job_timeout_s=workers.job_timeout_s,
            stall_s=workers.stall_s,
            start_timeout_s=workers.start_timeout_s,
            stop_grace_s=workers.stop_grace_s,
            recycle_after=workers.recycle_after,
        )
        return cls(
            workers.devices,
            extractor=settings.style.extractor,
            upload_mib=limits.upload_mib,
            megapixels=limits.megapixels,
            patience=patience,
        )

    async def start(self) -> None:
        """Find the devices and start their workers; return without waiting until they are ready.

        Raises:
            ConfigError: there are no such devices.
        """
        for device in await find_devices(self._devices):
            slot = LocalSlot(
                device.slot,
                self._command(device),
                patience=self._patience,
                changed=self._note_change,
            )
            self._slots.append(slot)
            slot.start()
        self._watch = asyncio.create_task(self._watch_devices(), name="gauges")

    async def close(self, *, drain_s: float = 0.0) -> None:
        """Take no more jobs, let running ones finish for at most `drain_s`, then end every worker.

        An attempt that is still running then ends with a `Failure` of kind "worker_died".
        """
        self._closing = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._until(lambda: not any(slot.state == "busy" for slot in self.slots()))
        await asyncio.gather(*(slot.close() for slot in self._slots))

    def slots(self) -> Sequence[Slot]:
        """Return every slot as it is now."""
        return [self._gauged(slot) for slot in self._slots]

    async def wait_for_slot(self) -> None:
        """Return once at least one slot is ready to take a job."""
        await self._until(lambda: any(slot.state == "ready" for slot in self.slots()))

    async def dispatch(
        self, request: StyleRequest, *, avoid: str | None = None, only: str | None = None
    ) -> Slot:
        """Send one attempt of a job to a ready slot and return that slot.

        Args:
            request: the attempt.
            avoid: a slot's name to be used only if no other one is ready.
            only: the one slot to use; None for any.

        Raises:
            NoFreeSlot: nothing was sent.
            ValueError: this attempt was dispatched before.
        """
        key = (request.job_id, request.attempt)
        if key in self._streams:
            raise ValueError(f"attempt {request.attempt} of job {request.job_id} is already here")
        views = [(slot, slot.view()) for slot in self._slots]
        ready = [slot for slot, view in views if view.state == "ready" and only in (None, view.name)]
        if self._closing or not ready:
            raise NoFreeSlot
        slot = min(ready, key=lambda slot: slot.view().name == avoid)
        stream = self._streams[key] = AttemptStream()
        slot.accept(request, stream)
        log.info("attempt-sent job=%s attempt=%d slot=%s", *key, slot.view().name)
        return slot.view()

    async def resume(self, job_id: str, attempt: int) -> Slot | None:  # noqa: ARG002 - the interface's names
        """Return None: a worker ends with its bot."""
        return None

    async def stop(self, job_id: str, *, keep: bool) -> None:
        """Ask the running attempt to end; after a grace time its worker is killed.

        A worker that was asked to keep the picture has as long as for a step, since finishing one
        takes its time; a second call without `keep` shortens that.
        """
        for slot in self._slots:
            if slot.view().job_id == job_id:
                slot.stop(keep=keep)

    async def events(self, job_id: str, attempt: int) -> AsyncIterator[Progress | Pastiche | Failure]:
        """Yield what the attempt reports; ends after `Pastiche` or `Failure`.

        Raises:
            KeyError: it was never dispatched here, or its end has been read.
        """
        key = (job_id, attempt)
        async for news in self._streams[key].read():
            if not isinstance(news, Progress):
                self._streams.pop(key, None)
            yield news

    async def changed_within(self, seconds: float) -> None:
        """Return when a slot has changed its state since the last call, or after some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    def _gauged(self, slot: LocalSlot) -> Slot:
        view = slot.view()
        gauge = self._gauges.get(view.name, Gauge())
        return replace(view, memory_used_bytes=gauge.memory_used_bytes, utilisation=gauge.utilisation)

    async def _watch_devices(self) -> None:
        while True:
            cards = await read_gpus() if any(slot.view().device == "cuda" for slot in self._slots) else {}
            for slot in self._slots:
                self._gauges[slot.view().name] = _gauge_of(slot, cards)
            await asyncio.sleep(GAUGES_EVERY_S)

    def _note_change(self) -> None:
        self._changed.set()
        self._news.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


def _gauge_of(slot: LocalSlot, cards: Mapping[str, Gauge]) -> Gauge:
    """Return a card's own figures; of any other device what its worker holds in memory."""
    view = slot.view()
    if view.device == "cuda":
        return cards.get(gpu_of(view.name.partition("#")[0], os.environ), Gauge())
    return Gauge(memory_used_bytes=resident_bytes(slot.pid) if slot.pid is not None else None)
