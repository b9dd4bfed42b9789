"""How soon a worker is ready, how long a picture takes it, and how much memory it grows to.

Starts the real worker afresh for every run, paints one photo in the manner of one painting, and
prints the medians as JSON:  python benchmarks/worker.py --size 512 --runs 3 [--content PHOTO]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

from nst_core.bench.workers import WorkerProcess
from nst_core.protocol import StyleParams, StyleRequest, WeightedStyle

PHOTO = Path(__file__).parents[1] / "bot" / "rehearsal" / "castle.webp"
PAINTING = Path(__file__).parents[1] / "nst_core" / "presets" / "starry_night.jpg"


def measure(request: StyleRequest, device: str) -> dict[str, float | None]:
    """Start a worker, paint one picture, return what it took."""
    began = time.perf_counter()
    with WorkerProcess(device) as worker:
        worker.ready()
        ready_s, ready_mib = time.perf_counter() - began, _mib(worker.peak_bytes())
        began = time.perf_counter()
        pastiche, first_step_s = worker.paint(request)
        return {
            "ready_s": ready_s,
            "ready_mib": ready_mib,
            "first_step_s": first_step_s,
            "job_s": time.perf_counter() - began,
            "steps": pastiche.steps,
            "peak_mib": _mib(worker.peak_bytes()),
        }


def _mib(count_bytes: int | None) -> float | None:
    return None if count_bytes is None else count_bytes / 2**20


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
