"""What is counted, and how it is shown."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web as aioweb
from cluster import free_port

from bot import metrics as counted
from bot import status, web
from bot.config import Settings, WebSection
from bot.jobs.model import JobRecord, JobState, JobView
from bot.metrics import Metrics
from bot.pool.base import Slot
from nst_core.errors import ConfigError
from nst_core.protocol import Failure, StyleParams

if TYPE_CHECKING:
    from collections.abc import Callable

GIB = 2**30
DASHBOARD = Path(__file__).parents[2] / "deploy/grafana/gafuu.json"
SLOTS = (
    Slot(name="attic/cuda:0", node="attic", device_name="A card", state="busy", job_id="j1", deaths=2,
         device="cuda", memory_bytes=16 * GIB, memory_used_bytes=4 * GIB, utilisation=0.5),
    Slot(name="garage/cpu", node="garage", device_name="A CPU", state="ready"),
)  # fmt: skip
RECORD = JobRecord(
    id="j1", state="queued", attempt=0, owner_id=7, guild_id=8, channel_id=9, params=StyleParams(mode="best"),
    presets=(None,), weights=(1.0,), locale="en", public_locale="en", private=False, parent_id=None,
    max_bytes=1, content_blob="", style_blobs=(), card_message_id=None, result_message_id=None,
    created_at=100.0, started_at=None, finished_at=None,
)  # fmt: skip


@pytest.fixture
def metrics() -> Metrics:
    """Counters over two slots."""
    return Metrics(lambda: SLOTS)


def view(state: JobState, **changes: Any) -> JobView:  # noqa: ANN401 - fields of a record
    """Return a view of the job in a state."""
    return JobView(job=replace(RECORD, state=state, **changes))


def value(metrics: Metrics, name: str) -> float | None:
    """Return a line's value on the page."""
    for line in metrics.page().decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    return None


def test_a_picture(metrics: Metrics) -> None:
    """A painted picture has waited, has run, and is a result; each is counted once, by mode and size."""
    queued, running = view("queued"), view("running", attempt=1, started_at=112.0)
    done = view("delivering", attempt=1, started_at=112.0, finished_at=152.0)
    for before, after in (
        (None, queued),
        (queued, running),
        (running, running),
        (running, done),
        (done, done),
    ):
        metrics.saw(before, after)
    labels = '{mode="best",size="512"}'
    assert value(metrics, f"gafuu_wait_seconds_sum{labels}") == 12
    assert value(metrics, f"gafuu_run_seconds_sum{labels}") == 40
    assert value(metrics, f"gafuu_run_seconds_count{labels}") == 1
    assert value(metrics, 'gafuu_results_total{mode="best",result="painted"}') == 1


def test_failures(metrics: Metrics) -> None:
    """A failure is counted by its kind, a cancelled job as such, and neither has run."""
    failure = Failure(job_id="j1", attempt=1, kind="timed_out", message="")
    metrics.saw(view("running"), view("failed", failure=failure))
    metrics.saw(view("queued"), view("cancelled"))
    assert value(metrics, 'gafuu_results_total{mode="best",result="timed_out"}') == 1
    assert value(metrics, 'gafuu_results_total{mode="best",result="cancelled"}') == 1
    assert b"gafuu_run_seconds_count{" not in metrics.page()


def test_a_retry(metrics: Metrics) -> None:
    """An attempt that has to be made again is counted, and the second wait is not."""
    running = view("running", attempt=1, started_at=101.0)
    again = replace(view("queued", attempt=1, started_at=101.0), retrying=True)
    second = replace(view("running", attempt=2, started_at=150.0), retrying=True)
    for before, after in ((view("queued"), running), (running, again), (again, second)):
        metrics.saw(before, after)
    assert value(metrics, "gafuu_retries_total") == 1
    assert value(metrics, 'gafuu_wait_seconds_count{mode="best",size="512"}') == 1


def test_what_is_now(metrics: Metrics) -> None:
    """Queue, slots, memory, load and deaths are those of the moment; what is unknown is left out."""
    metrics.views = lambda: [view("queued"), view("queued"), view("running")]
    assert value(metrics, 'gafuu_queue_length{lane="slow"}') == 2
    assert value(metrics, 'gafuu_queue_length{lane="draft"}') == 0
    assert value(metrics, 'gafuu_slots{node="attic",state="busy"}') == 1
    assert value(metrics, 'gafuu_slots{node="garage",state="busy"}') == 0
    assert value(metrics, 'gafuu_worker_deaths_total{slot="attic/cuda:0"}') == 2
    assert value(metrics, 'gafuu_device_memory_used_bytes{slot="attic/cuda:0"}') == 4 * GIB
    assert value(metrics, 'gafuu_device_utilisation{slot="attic/cuda:0"}') == 0.5
    assert value(metrics, 'gafuu_device_utilisation{slot="garage/cpu"}') is None


def test_refusals(metrics: Metrics) -> None:
    """Refusals are counted by the sentence that was shown."""
    metrics.refused("queue_full")
    assert value(metrics, 'gafuu_refusals_total{reason="queue_full"}') == 1


@pytest.mark.parametrize(("px", "size"), [(64, "512"), (512, "512"), (513, "1024"), (4096, "larger")])
def test_sizes(px: int, size: str) -> None:
    """Sizes are put into a few classes, so that there are a few histograms only."""
    assert counted.size_of(StyleParams(long_side_px=px)) == size


async def test_errors_of_discord(metrics: Metrics) -> None:
    """Each answer from 400 on is counted by its status, good ones are not, nor is silence forgotten."""

    async def answer(request: aioweb.Request) -> aioweb.Response:
        return aioweb.Response(status=int(request.match_info["status"]))

    app = aioweb.Application()
    app.router.add_get("/{status}", answer)
    runner = aioweb.AppRunner(app)
    await runner.setup()
    port = free_port()
    await aioweb.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession(trace_configs=[metrics.trace()]) as session:
        for code in (200, 429, 429, 503):
            async with session.get(f"http://127.0.0.1:{port}/{code}"):
                pass
        await runner.cleanup()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{port}/200")
    assert value(metrics, 'gafuu_discord_errors_total{status="429"}') == 2
    assert value(metrics, 'gafuu_discord_errors_total{status="503"}') == 1
    assert value(metrics, 'gafuu_discord_errors_total{status="unreachable"}') == 1
    assert value(metrics, 'gafuu_discord_errors_total{status="200"}') is None


async def test_lag_of_the_loop(metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that somebody blocks is seen to lag."""
    monkeypatch.setattr(counted, "LAG_EVERY_S", 0.01)
    watching = asyncio.create_task(metrics.watch_loop())
    await asyncio.sleep(0.03)
    asyncio.get_running_loop().call_soon(_block)
    await asyncio.sleep(0.1)
    watching.cancel()
    lagging = value(metrics, "gafuu_event_loop_lag_seconds_count") or 0
    assert lagging - (value(metrics, 'gafuu_event_loop_lag_seconds_bucket{le="0.1"}') or 0) >= 1


async def test_over_http(metrics: Metrics) -> None:
    """The page is Prometheus' text, and nobody's name stands in it."""
    metrics.views = lambda: [view("running")]
    async with (
        web.serving({}, host="127.0.0.1", port=free_port(), metrics=metrics) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        page, said = await session.get("/metrics"), await session.get("/status")
        text = await page.text()
        assert page.headers["Content-Type"] == counted.CONTENT_TYPE
        assert (await said.json())["running"] == 1
    assert "gafuu_event_loop_lag_seconds_bucket" in text
    assert "j1" not in text


async def test_status(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], config: Callable[[int], Path]
) -> None:
    """`python -m bot status` shows queue, nodes and devices of the bot that runs, as a table or as JSON."""
    from bot.__main__ import main  # noqa: PLC0415 - it runs in a thread of its own below

    metrics.views = lambda: [view("queued"), replace(view("running"), step=3, steps=9)]
    async with web.serving({}, host="127.0.0.1", port=free_port(), metrics=metrics) as port:
        path = str(config(port))
        assert await asyncio.to_thread(main, ["status", "--config", path]) == 0
        assert await asyncio.to_thread(main, ["status", "--json", "--config", path]) == 0
    *lines, data = capsys.readouterr().out.strip().splitlines()
    assert lines[0] == "waiting: 0 draft, 1 slow; being painted: 1"
    assert lines[2].split() == list(status.HEAD)
    assert lines[3].split() == ["attic/cuda:0", "busy", "j1", "3/9", "4.0/16", "GiB", "50%", "2", "A", "card"]
    assert lines[4].split() == ["garage/cpu", "ready", "-", "-", "-", "-", "0", "A", "CPU"]
    assert json.loads(data)["slots"][1]["slot"] == "garage/cpu"


async def test_status_of_nobody() -> None:
    """Without a port, or without a bot, one sentence says what to do."""
    with pytest.raises(ConfigError, match=r"web\.port: 0, .* set a port"):
        await status.ask(Settings())
    with pytest.raises(
        status.NoAnswer, match=r"no bot answers at http://127\.0\.0\.1:\d+/status .* is it running\?"
    ):
        await status.ask(Settings(web=WebSection(host="0.0.0.0", port=free_port())))  # noqa: S104 - nobody binds it


def test_dashboard(metrics: Metrics) -> None:
    """The dashboard asks only for what there is, and leaves nothing out."""
    metrics.refused("queue_full")
    shown = set(re.findall(r"gafuu_[a-z_]+", " ".join(_expressions())))
    there = set(re.findall(r"^# TYPE (gafuu_\S+) ", metrics.page().decode(), re.MULTILINE))
    there = {name for name in there if not name.endswith("_created")}
    assert {name.removesuffix("_bucket") for name in shown} == there


@pytest.fixture
def config(tmp_path: Path) -> Callable[[int], Path]:
    """`config(port)` is a configuration file with that port."""

    def write(port: int) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(f"[web]\nport = {port}\n")
        return path

    return write


def _expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    return [target["expr"] for panel in panels for target in panel["targets"]]


def _block() -> None:
    import time  # noqa: PLC0415 - nothing else here may block

    time.sleep(0.15)
