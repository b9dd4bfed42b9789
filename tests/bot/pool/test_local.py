"""What the pool of worker processes does beyond the conformance tests: starting, failing, ending."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import discord
import pytest

from bot.pool.devices import parse_devices
from bot.pool.local import LocalPool, worker_command
from bot.pool.process import WorkerProcess
from bot.pool.slot import Patience
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from bot.pool.base import Pool
    from nst_core.protocol import StyleRequest

    OpenLocal = Callable[..., AbstractAsyncContextManager[LocalPool]]
    Order = Callable[..., StyleRequest]
    Run = Callable[[Pool, StyleRequest], Awaitable[Any]]

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and sessions of POSIX")
ROOT = Path(__file__).parents[3]


class Ledger(Protocol):
    """The fixture's type."""

    def pids(self) -> list[int]:
        """Return every worker's pid, oldest first."""

    def alive(self) -> list[int]:
        """Return those that are not gone."""


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Return once a condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a pool tells no other way
            await asyncio.sleep(0.01)


def states(pool: Pool) -> list[str]:
    """Return the slots' states."""
    return [slot.state for slot in pool.slots()]


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the first word of every line that was logged."""
    return [record.getMessage().split()[0] for record in caplog.records]


async def test_names_of_slots(open_local: OpenLocal) -> None:
    """Slots are named after their devices, and numbered where one device has several."""
    async with open_local("cpu*2,cuda:1") as pool:
        assert [slot.name for slot in pool.slots()] == ["cpu#1", "cpu#2", "cuda:1"]


async def test_no_such_device() -> None:
    """A device that nobody can mean is refused before anything is started."""
    pool = LocalPool("gpu0")
    with pytest.raises(ConfigError, match=r"workers\.devices: entry 1 "):
        await pool.start()
    await pool.close()


async def test_the_same_attempt_twice(open_local: OpenLocal, order: Order, run: Run) -> None:
    """An attempt is dispatched once: a second time is a bug of the caller."""
    async with open_local() as pool:
        await pool.wait_for_slot()
        request = order("paint")
        await pool.dispatch(request)
        with pytest.raises(ValueError, match="already"):
            await pool.dispatch(request)
        await until(lambda: states(pool) == ["ready"])
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_read_once(open_local: OpenLocal, order: Order, run: Run) -> None:
    """An end that was read is forgotten: pictures do not pile up in the bot."""
    async with open_local() as pool:
        request = order("paint")
        await run(pool, request)
        with pytest.raises(KeyError):
            await anext(pool.events(request.job_id, request.attempt))


@pytest.mark.parametrize("start", ["die", "babble", "newer", "closed"])
async def test_bad_start(open_local: OpenLocal, order: Order, run: Run, ledger: Ledger, start: str) -> None:
    """A worker that fails at the start is replaced after a pause, until one is fine."""
    async with open_local(start=start, times=1) as pool:
        assert (await run(pool, order("paint"))).pastiche.steps == 3
        assert len(ledger.pids()) == 2


async def test_endless_start(open_local: OpenLocal, order: Order, run: Run, ledger: Ledger) -> None:
    """A worker that is not ready in time is killed and replaced."""
    async with open_local(start="never", times=1, start_timeout_s=3) as pool:
        await until(lambda: states(pool) == ["restarting"])
        assert (await run(pool, order("paint"))).pastiche.steps == 3
        assert len(ledger.pids()) == 2


async def test_set_aside(
    open_local: OpenLocal, order: Order, run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """After three failures in a row a device is set aside, aloud, and gets another chance later."""
    async with open_local(start="die", times=3, set_aside_s=1) as pool:
        await until(lambda: states(pool) == ["set_aside"])
        assert len(ledger.pids()) == 3
        assert "slot-set-aside" in events(caplog)
        assert (await run(pool, order("paint"))).pastiche.steps == 3
        assert len(ledger.pids()) == 4


async def test_back_off(open_local: OpenLocal, ledger: Ledger) -> None:
    """Each failure in a row doubles the pause before the next start."""
    async with open_local(start="die", back_off_s=0.4, failures=4, set_aside_s=60) as pool:
        began = time.monotonic()
        await until(lambda: states(pool) == ["set_aside"])
        assert time.monotonic() - began > 0.4 + 0.8 + 1.6
        assert len(ledger.pids()) == 4


async def test_success_clears_failures(open_local: OpenLocal, order: Order, run: Run) -> None:
    """Deaths set a device aside only in a row: a job well done starts the count again."""
    async with open_local(failures=2, set_aside_s=60) as pool:
        for _ in range(2):
            assert (await run(pool, order("die"))).failure.kind == "worker_died"
            assert (await run(pool, order("paint"))).pastiche.steps == 3
        assert "set_aside" not in states(pool)


async def test_jobs_are_not_held_against_the_device(open_local: OpenLocal, order: Order, run: Run) -> None:
    """Neither bugs, nor a lack of memory, nor an overrun, nor a cancelled hang sets a device aside."""
    async with open_local(failures=1, set_aside_s=60, job_timeout_s=1.5, stop_grace_s=0.1) as pool:
        for do in ("fail", "run_out_of_memory", "spin"):
            await run(pool, order(do))
        await pool.wait_for_slot()
        request = order("hang", after=0)
        await pool.dispatch(request)
        await pool.stop(request.job_id, keep=False)
        assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_no_such_program(caplog: pytest.LogCaptureFixture) -> None:
    """A worker program that cannot be started at all is a failure like others, not a crash."""
    patience = Patience(back_off_s=0.01, set_aside_s=60)
    pool = LocalPool("cpu", patience=patience, command=lambda _: ["/no/such/program"])
    await pool.start()
    await until(lambda: states(pool) == ["set_aside"])
    await pool.close()
    assert events(caplog).count("worker-lost") == 3


async def test_recycling(open_local: OpenLocal, order: Order, run: Run, ledger: Ledger) -> None:
    """After so many jobs a worker is replaced, and no job notices."""
    async with open_local(recycle_after=2) as pool:
        pids = [(await run(pool, order("paint"))).pid for _ in range(5)]
        assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
        await until(lambda: states(pool) == ["ready"])
        assert ledger.alive() == [pids[4]]


@POSIX
async def test_killed_in_mid_job(open_local: OpenLocal, order: Order, follow: Run, run: Run) -> None:
    """A worker killed with -9 in mid-job ends its attempt at once, and the slot recovers."""
    async with open_local() as pool:
        await pool.wait_for_slot()
        request = order("paint", steps=10**6)
        await pool.dispatch(request)
        async for news in pool.events(request.job_id, 1):
            os.kill(int(news.losses["pid"]), signal.SIGKILL)
            break
        async with asyncio.timeout(3):
            outcome = await follow(pool, request)
        assert outcome.failure.kind == "worker_died"
        assert "-9" in outcome.failure.message
        assert (await run(pool, order("paint"))).pastiche.steps == 3


@POSIX
async def test_killed_while_idle(open_local: OpenLocal, order: Order, run: Run, ledger: Ledger) -> None:
    """A worker that dies while it has nothing to do is replaced, without anybody's failure."""
    async with open_local() as pool:
        await pool.wait_for_slot()
        os.kill(ledger.pids()[0], signal.SIGKILL)
        await until(lambda: len(ledger.pids()) == 2)
        assert (await run(pool, order("paint"))).pid == ledger.pids()[1]


@POSIX
async def test_interrupt_is_for_the_bot(
    open_local: OpenLocal, order: Order, follow: Run, ledger: Ledger
) -> None:
    """Neither Ctrl-C nor a service manager's SIGTERM disturbs a job in hand: the bot drains it."""
    async with open_local() as pool:
        await pool.wait_for_slot()
        assert os.getpgid(ledger.pids()[0]) != os.getpgid(0)
        request = order("paint", steps=20, step_s=0.02)
        await pool.dispatch(request)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(ledger.pids()[0], number)
        assert (await follow(pool, request)).pastiche.steps == 20


async def test_close_of_a_deaf_worker(open_local: OpenLocal, ledger: Ledger) -> None:
    """A worker that does not quit when asked to is killed after the grace."""
    async with open_local(start="deaf", stop_grace_s=0.3) as pool:
        await pool.wait_for_slot()
        async with asyncio.timeout(5):
            await pool.close()
        assert not ledger.alive()


@pytest.mark.parametrize("start", ["never", "die", "fine"])
async def test_close_at_any_time(open_local: OpenLocal, ledger: Ledger, start: str) -> None:
    """A pool can be closed while its workers start, rest after a failure or are ready; and again."""
    for pause_s in (0, 0.05, 0.2, 0.6):
        async with open_local("cpu*2", start=start, back_off_s=0.3) as pool:
            await asyncio.sleep(pause_s)
            async with asyncio.timeout(5):
                await pool.close()
                await pool.close()
            assert not ledger.alive()


async def test_close_before_start() -> None:
    """A pool that was never started can be closed."""
    await LocalPool().close()


async def test_deaf_to_a_large_request(order: Order) -> None:
    """A worker that does not read cannot block the bot, however much there is to write."""
    patience = Patience(stall_s=0.5, back_off_s=0.05)
    ready = "nst_core.protocol.Ready(device='cpu')"
    program = f"""
        import sys, time, nst_core.protocol
        from nst_core.protocol import encode, write_frame
        write_frame(sys.stdout.buffer, encode({ready}))
        time.sleep(3600)
    """
    command = (sys.executable, "-c", textwrap.dedent(program))
    pool = LocalPool("cpu", patience=patience, command=lambda _: command)
    await pool.start()
    await pool.wait_for_slot()
    request = order("paint", style=bytes(20_000_000))
    began = time.monotonic()
    await pool.dispatch(request)
    assert time.monotonic() - began < 0.2
    (end,) = [news async for news in pool.events(request.job_id, 1)]
    assert end.kind == "timed_out"
    await pool.close()


async def test_standard_error_is_logged(
    open_local: OpenLocal, order: Order, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """What a worker writes to standard error is in the log, with its slot, harmless to a terminal."""
    caplog.set_level(logging.INFO)
    async with open_local() as pool:
        await run(pool, order("chatter"))
    lines = [record.getMessage() for record in caplog.records if "worker-stderr " in record.getMessage()]
    assert any("slot=cpu" in line and line.endswith("[31mwarned\ufffd by a library") for line in lines)
    assert not any("\x1b" in line for line in lines)


async def test_standard_error_is_bounded(
    open_local: OpenLocal, order: Order, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that writes without end fills neither the log nor its pipe."""
    caplog.set_level(logging.INFO)
    async with open_local() as pool:
        assert (await run(pool, order("chatter", lines=100_000))).pastiche.steps == 3
    assert events(caplog).count("worker-stderr") == 200
    assert "worker-stderr-dropped" in events(caplog)


async def test_log_tells_the_story(
    open_local: OpenLocal, order: Order, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """Each event is one line: the word first, then what it is about."""
    caplog.set_level(logging.INFO)
    async with open_local() as pool:
        await run(pool, order("paint", job_id="j1"))
    story = [event for event in events(caplog) if event != "worker-stderr"]
    assert story == ["worker-start", "worker-ready", "attempt-sent", "attempt-ended", "worker-ended"]
    ended = next(record.getMessage() for record in caplog.records if "attempt-ended" in record.getMessage())
    assert ended.startswith("attempt-ended job=j1 attempt=1 slot=cpu kind=done seconds=")


async def test_no_secrets(
    open_local: OpenLocal, order: Order, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker, which decodes strangers' files, is not told the bot's token."""
    monkeypatch.setenv("DISCORD_TOKEN", "secret")
    monkeypatch.setenv("GAFUU_HARMLESS", "yes")
    async with open_local() as pool:
        outcome = await run(pool, order("environment"))
    environment = json.loads(outcome.pastiche.image)
    assert environment["GAFUU_HARMLESS"] == "yes"
    assert "DISCORD_TOKEN" not in environment


@POSIX
@pytest.mark.parametrize("do", ["hang", "spin", "paint"])
async def test_no_orphans(ledger: Ledger, do: str) -> None:
    """A bot that is killed with -9 takes its workers with it within a second, whatever they are doing."""
    program = f"""
        import asyncio, json, sys
        from bot.pool.local import LocalPool
        from nst_core.protocol import StyleRequest, WeightedStyle
        async def main():
            how = json.dumps({{"ledger": {str(ledger.path)!r}, "start": "fine", "times": 0}})
            pool = LocalPool("cpu", command=lambda _: (sys.executable, {_fake_worker()!r}, how))
            await pool.start()
            await pool.wait_for_slot()
            how = {{"do": {do!r}}} | ({{"steps": 10**6}} if {do!r} == "paint" else {{}})
            style = WeightedStyle(image=b"style")
            request = StyleRequest(job_id="j", content=json.dumps(how).encode(), styles=(style,))
            await pool.dispatch(request)
            async for news in pool.events("j", 1):
                print("painting", flush=True)
        asyncio.run(main())
    """
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert await bot.stdout.readline() == b"painting\n"
    bot.kill()
    await bot.wait()
    began = time.monotonic()
    await until(lambda: not any(_runs(pid) for pid in ledger.pids()), within_s=5)
    assert time.monotonic() - began < 1


async def test_on_a_simulated_discord(
    live: Callable[..., AbstractAsyncContextManager[Any]], order: Order, run: Run, ledger: Ledger
) -> None:
    """A bot on the simulated Discord, whose clock is not the loop's own, runs and times its jobs as ever."""
    how = json.dumps({"ledger": str(ledger.path), "start": "fine", "times": 0})
    outcomes: list[Any] = []

    class Bot(discord.Client):
        """Paints when it starts."""

        async def setup_hook(self) -> None:
            """Run one job well and one into its time limit, in a task of the bot's own."""
            self.pool = LocalPool(
                "cpu",
                patience=Patience(stall_s=0.5, back_off_s=0.05),
                command=lambda _: (sys.executable, _fake_worker(), how),
            )
            await self.pool.start()
            self.work = asyncio.create_task(self.paint())

        async def paint(self) -> None:
            """Do the jobs."""
            outcomes.extend([await run(self.pool, order(do)) for do in ("paint", "hang", "paint")])

        async def close(self) -> None:
            """End the workers with the bot."""
            await self.pool.close()
            await super().close()

    async with live(Bot(intents=discord.Intents(guilds=True))):
        await until(lambda: len(outcomes) == 3)
    assert outcomes[0].pastiche.steps == outcomes[2].pastiche.steps == 3
    assert outcomes[1].failure.kind == "timed_out"
    assert not ledger.alive()


def test_default_command() -> None:
    """The real worker is started with this very Python and told its device and its limits."""
    device = parse_devices("cpu*2")[1]
    words = worker_command(device, upload_mib=3, megapixels=7, extractor="vgg19")
    assert words[:3] == (sys.executable, "-m", "nst_core.worker")
    assert " ".join(words[3:]) == "--device cpu --share 2 --extractor vgg19 --upload-mib 3 --megapixels 7"


def _fake_worker() -> str:
    return str(Path(__file__).with_name("fake_worker.py"))


def _runs(pid: int) -> bool:
    """Tell whether a process is more than a zombie that its foster parent has not yet reaped."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("ticks", range(5))
async def test_a_cancellation_in_the_moment_of_a_workers_end_is_not_lost(ticks: int) -> None:
    """However the two fall together: a pool that is closed just then would otherwise wait for ever."""
    ended: list[object] = []
    worker = WorkerProcess(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], slot="x", hear=ended.append
    )
    waiting = asyncio.create_task(worker.gone(60))
    await asyncio.sleep(0)
    worker.kill()
    while not worker._ended.is_set():  # noqa: ASYNC110 - to the very tick
        await asyncio.sleep(0)
    for _ in range(ticks):
        await asyncio.sleep(0)
    if waiting.cancel():
        await asyncio.wait([waiting])
        assert waiting.cancelled()
    else:
        assert waiting.result() is True
