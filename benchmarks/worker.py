"""How soon a worker is ready, how long a picture takes it, and how much memory it grows to.

Starts the real worker afresh for every run, paints one photo in the manner of one painting, and
prints the medians as JSON:  python benchmarks/worker.py --size 512 --runs 3 [--content PHOTO]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nst_core.protocol import (
    Failure,
    Message,
    Pastiche,
    Progress,
    Quit,
    StyleParams,
    StyleRequest,
    WeightedStyle,
    decode,
    encode,
    read_frame,
    write_frame,
)

PHOTO = Path(__file__).parents[1] / "bot" / "rehearsal" / "castle.webp"
PAINTING = Path(__file__).parents[1] / "nst_core" / "presets" / "starry_night.jpg"


class Worker:
    """The worker program with its pipes."""

    def __init__(self, device: str) -> None:
        command = [sys.executable, "-m", "nst_core.worker", "--device", device]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, message: Message) -> None:
        """Send a message."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        write_frame(self._process.stdin, encode(message))

    def hear(self) -> Message:
        """Return the next message."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        frame = read_frame(self._process.stdout)
        if frame is None:
            raise SystemExit("the worker ended")
        return decode(frame)

    def peak_mib(self) -> float | None:
        """Return the most memory the process ever had resident; None where the system does not tell."""
        status = Path(f"/proc/{self._process.pid}/status")
        lines = status.read_text().splitlines() if status.is_file() else []
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)

    def quit(self) -> None:
        """End the process."""
        self.say(Quit())
        self._process.communicate()


def measure(request: StyleRequest, device: str) -> dict[str, float | None]:
    """Start a worker, paint one picture, return what it took."""
    began = time.perf_counter()
    worker = Worker(device)
    worker.hear()
    ready_s, ready_mib = time.perf_counter() - began, worker.peak_mib()
    began = time.perf_counter()
    worker.say(request)
    first_step_s = 0.0
    while isinstance(message := worker.hear(), Progress):
        first_step_s = first_step_s or time.perf_counter() - began
    if isinstance(message, Failure):
        raise SystemExit(message.message)
    assert isinstance(message, Pastiche)  # noqa: S101 - nothing else is left
    job_s, peak_mib = time.perf_counter() - began, worker.peak_mib()
    worker.quit()
    return {
        "ready_s": ready_s,
        "ready_mib": ready_mib,
        "first_step_s": first_step_s,
        "job_s": job_s,
        "steps": message.steps,
        "peak_mib": peak_mib,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512, help="long side, px")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--mode", default="best")
    parser.add_argument("--content", type=Path, default=PHOTO)
    parser.add_argument("--style", type=Path, default=PAINTING)
    arguments = parser.parse_args()
    request = StyleRequest(
        job_id="benchmark",
        content=arguments.content.read_bytes(),
        styles=(WeightedStyle(image=arguments.style.read_bytes()),),
        params=StyleParams(long_side_px=arguments.size, mode=arguments.mode),
    )
    runs = [measure(request, arguments.device) for _ in range(arguments.runs)]
    medians = {
        name: round(statistics.median(values), 2)
        for name in runs[0]
        if None not in (values := [run[name] for run in runs])
    }
    where = {"device": arguments.device, "size_px": arguments.size, "machine": platform.machine()}
    print(json.dumps({**where, "runs": arguments.runs, "medians": medians}))


if __name__ == "__main__":
    main()
