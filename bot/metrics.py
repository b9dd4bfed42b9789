"""What `/metrics` shows: how long people wait, how long painting takes, what goes wrong, and where.

Nothing here names a person, a server or a job. Every name begins with `gafuu_`.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

    from bot.jobs.model import JobView
    from bot.pool.base import Slot
    from nst_core.protocol import StyleParams

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
LAGS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SIZES_PX: Final = (512, 1024, 2048)
LARGEST: Final = "larger"
LANES: Final = ("draft", "slow")
STATES: Final = ("starting", "ready", "busy", "restarting", "set_aside")
LAG_EVERY_S: Final = 0.25
FIRST_ERROR: Final = 400


class Metrics:
    """The counters of one bot, and what is read when somebody looks.

    Args:
        slots: returns the pool's slots as they are now.
    """

    def __init__(self, slots: Callable[[], Sequence[Slot]]) -> None:
        self.views: Callable[[], Iterable[JobView]] = tuple
        """Returns the jobs that wait or are being painted; set when there are any."""
        self._slots = slots
        self._registry = registry = CollectorRegistry()
        kind = ("mode", "size")
        self._wait = Histogram(
            "gafuu_wait_seconds",
            "From the order to the first attempt.",
            kind,
            buckets=SECONDS,
            registry=registry,
        )
        self._run = Histogram(
            "gafuu_run_seconds",
            "The attempt that painted the picture.",
            kind,
            buckets=SECONDS,
            registry=registry,
        )
        self._results = Counter(
            "gafuu_results", "Jobs that ended, by how: painted, cancelled, user, or a kind of fault.",
            ("result", "mode"), registry=registry,
        )  # fmt: skip
        self._refusals = Counter(
            "gafuu_refusals",
            "Orders and presses refused, by the sentence shown.",
            ("reason",),
            registry=registry,
        )
        self._retries = Counter("gafuu_retries", "Attempts that had to be made again.", registry=registry)
        self._discord = Counter(
            "gafuu_discord_errors",
            "Answers of Discord from 400 on, by status.",
            ("status",),
            registry=registry,
        )
        self._lag = Histogram(
            "gafuu_event_loop_lag_seconds", "How late the bot's loop is.", buckets=LAGS_S, registry=registry
        )
        registry.register(_Now(self))

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def saw(self, before: JobView | None, after: JobView) -> None:
        """Count what a newer view of a job tells."""
        was, now = before.job.state if before else None, after.job.state
        job, labels = after.job, (after.job.params.mode, size_of(after.job.params))
        if was == "queued" and now == "running" and job.attempt == 1 and job.started_at is not None:
            self._wait.labels(*labels).observe(max(0.0, job.started_at - job.created_at))
        if after.retrying and before is not None and not before.retrying:
            self._retries.inc()
        if now in ("delivering", "failed", "cancelled") and was != now:
            self._end(after, labels)

    def refused(self, reason: str) -> None:
        """Count an order or a press that was refused; `reason` is a code of `nst_core.errors`."""
        self._refusals.labels(reason).inc()

    def trace(self) -> aiohttp.TraceConfig:
        """Return what lets discord.py's client count Discord's errors here."""

        async def ended(_: object, __: object, answer: aiohttp.TraceRequestEndParams) -> None:
            if answer.response.status >= FIRST_ERROR:
                self._discord.labels(str(answer.response.status)).inc()

        async def failed(*_: object) -> None:
            self._discord.labels("unreachable").inc()

        config = aiohttp.TraceConfig()
        config.on_request_end.append(ended)
        config.on_request_exception.append(failed)
        return config

    async def watch_loop(self) -> None:
        """Measure the loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.observe(max(0.0, loop.time() - due))

    def status(self) -> dict[str, Any]:
        """Return queue and slots as `python -m bot status` shows them."""
        running = {view.job.id: view for view in self.views() if view.job.state == "running"}
        return {
            "queue": dict(self.waiting()),
            "running": len(running),
            "slots": [_slot_status(slot, running.get(slot.job_id or "")) for slot in self._slots()],
        }

    def waiting(self) -> Tally[str]:
        """Return how many jobs wait in each lane."""
        lanes = Tally(dict.fromkeys(LANES, 0))
        lanes.update(lane_of(view.job.params) for view in self.views() if view.job.state == "queued")
        return lanes

    def slots(self) -> Sequence[Slot]:
        """Return the pool's slots."""
        return self._slots()

    def _end(self, view: JobView, labels: tuple[str, str]) -> None:
        job, result = view.job, str(view.job.state)
        if job.state == "delivering":
            result = "painted"
            if job.started_at is not None and job.finished_at is not None:
                self._run.labels(*labels).observe(max(0.0, job.finished_at - job.started_at))
        self._results.labels(job.failure.kind if job.failure else result, labels[0]).inc()


class _Now:
    """What is read at the moment somebody looks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        """Return nothing: there may be no pool yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the queue and the slots as they are."""
        queue = GaugeMetricFamily("gafuu_queue_length", "Jobs that wait.", labels=["lane"])
        for lane, count in self._metrics.waiting().items():
            queue.add_metric([lane], count)
        yield queue
        slots = self._metrics.slots()
        yield _states(slots)
        deaths = CounterMetricFamily("gafuu_worker_deaths", "Worker processes lost.", labels=["slot"])
        used = GaugeMetricFamily(
            "gafuu_device_memory_used_bytes", "Of the device or worker.", labels=["slot"]
        )
        whole = GaugeMetricFamily("gafuu_device_memory_bytes", "Of the device in all.", labels=["slot"])
        busy = GaugeMetricFamily("gafuu_device_utilisation", "From 0 to 1.", labels=["slot"])
        for slot in slots:
            deaths.add_metric([slot.name], slot.deaths)
            for family, value in (
                (used, slot.memory_used_bytes),
                (whole, slot.memory_bytes or None),
                (busy, slot.utilisation),
            ):
                if value is not None:
                    family.add_metric([slot.name], value)
        yield from (deaths, used, whole, busy)


def size_of(params: StyleParams) -> str:
    """Return the class of sizes that a picture belongs to: "512" holds all up to 512 pixels."""
    return next((str(size) for size in SIZES_PX if params.long_side_px <= size), LARGEST)


def lane_of(params: StyleParams) -> str:
    """Return the lane of the queue in which a job waits."""
    return "draft" if params.mode == "draft" else "slow"


def _states(slots: Sequence[Slot]) -> GaugeMetricFamily:
    counts = Tally((slot.node or "here", slot.state) for slot in slots)
    family = GaugeMetricFamily("gafuu_slots", "Slots by what they do.", labels=["node", "state"])
    for node in sorted({node for node, _ in counts}):
        for state in STATES:
            family.add_metric([node, state], counts[node, state])
    return family


def _slot_status(slot: Slot, view: JobView | None) -> dict[str, Any]:
    return {
        "slot": slot.name,
        "node": slot.node,
        "device": slot.device_name,
        "state": slot.state,
        "job": slot.job_id,
        "step": view.step if view else 0,
        "steps": view.steps if view else 0,
        "deaths": slot.deaths,
        "memory_bytes": slot.memory_bytes,
        "memory_used_bytes": slot.memory_used_bytes,
        "utilisation": slot.utilisation,
    }
