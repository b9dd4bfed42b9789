"""Real worker processes, spoken to as the bot does: how soon they are ready, how long a picture takes."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from nst_core.errors import Fault
from nst_core.protocol import (
    Failure,
    Pastiche,
    Progress,
    Quit,
    Ready,
    decode,
    encode,
    read_frame,
    write_frame,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.protocol import Message, StyleRequest


class WorkerProcess:
    """The worker program with its pipes; leaving it as a context ends it.

    Args:
        device: "cpu", "mps" or "cuda:N".
        share: workers that share the CPU's cores.
    """

    def __init__(self, device: str, *, share: int = 1) -> None:
        command = [sys.executable, "-m", "nst_core.worker", "--device", device, "--share", str(share)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own program

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        if self._process.poll() is None:
            self.say(Quit())
        self._process.communicate()

    def say(self, message: Message) -> None:
        """Send a message."""
        if self._process.stdin is None:
            raise Fault("the worker has no input")
        write_frame(self._process.stdin, encode(message))

    def hear(self) -> Message:
        """Return the next message.

        Raises:
            Fault: the worker ended.
        """
        frame = None if self._process.stdout is None else read_frame(self._process.stdout)
        if frame is None:
            raise Fault("the worker ended")
        return decode(frame)

    def ready(self) -> Ready:
        """Wait until it is ready."""
        message = self.hear()
        if not isinstance(message, Ready):
            raise Fault(f"the worker began with {type(message).__name__}")
        return message

    def paint(self, request: StyleRequest) -> tuple[Pastiche, float]:
        """Return the picture, and the seconds until the first step was reported.

        Raises:
            Fault: the worker failed.
        """
        began, first_step_s = time.perf_counter(), 0.0
        self.say(request)
        while isinstance(message := self.hear(), Progress):
            first_step_s = first_step_s or time.perf_counter() - began
        if isinstance(message, Failure):
            raise Fault(message.message)
        if not isinstance(message, Pastiche):
            raise Fault(f"the worker said {type(message).__name__}")
        return message, first_step_s

    def peak_bytes(self) -> int | None:
        """Return the most memory the process ever had resident; None where the system does not tell."""
        return peak_bytes(self._process.pid)


def peak_bytes(pid: int) -> int | None:
    """Return the most memory that a process ever had resident; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def cold_and_warm(request: StyleRequest, device: str, *, runs: int) -> dict[str, float | int | None]:
    """Start a worker and let it paint the same picture again and again.

    Returns:
        Seconds until it was ready, for the first picture, and for each later one (median); the most
        memory the process ever had.
    """
    began = time.perf_counter()
    with WorkerProcess(device) as worker:
        worker.ready()
        ready_s = time.perf_counter() - began
        seconds = [_timed(worker, request) for _ in range(runs + 1)]
        peak = worker.peak_bytes()
    warm = sorted(seconds[1:]) or seconds
    return {
        "ready_s": ready_s,
        "first_picture_s": seconds[0],
        "warm_s": warm[len(warm) // 2],
        "peak_rss_bytes": peak,
    }


def pictures_per_minute(request: StyleRequest, device: str, *, jobs: Sequence[int]) -> dict[str, float]:
    """Return, for so many workers that paint at the same time, how many pictures they finish a minute."""
    return {str(count): _together(request, device, count) for count in jobs}


def _together(request: StyleRequest, device: str, count: int) -> float:
    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(device, share=count)) for _ in range(count)]
        for worker in workers:
            worker.ready()
        began = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda worker: worker.paint(request), workers))
        return 60.0 * count / (time.perf_counter() - began)


def _timed(worker: WorkerProcess, request: StyleRequest) -> float:
    began = time.perf_counter()
    worker.paint(request)
    return time.perf_counter() - began
