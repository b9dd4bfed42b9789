"""A measurement as a table, as a kept file, and against an earlier one. Standard library only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def table(result: Mapping[str, Any]) -> str:
    """Return a measurement of `nst_core.bench.speed` as Markdown."""
    machine, ceilings = result["machine"], result["ceilings"]
    here = f"{machine['name']} ({machine['device']}, {machine['threads']} threads), torch {machine['torch']}"
    arithmetic = f"{ceilings['matmul_gflop_per_s']:.0f} GFLOP/s in {ceilings['dtype']}"
    lines = [
        f"{here}: {arithmetic}, {ceilings['copy_gib_per_s']:.1f} GiB/s",
        "",
        "| mode | px | ready | first | warm | peak memory | pictures a minute |",
        "|---|---|---|---|---|---|---|",
        *(_case_line(case) for case in result["cases"]),
        "",
        "| mode | px | scale | steps | to begin | a step | of the roofline |",
        "|---|---|---|---|---|---|---|",
        *(_scale_line(case, scale) for case in result["cases"] for scale in case["scales"]),
    ]
    return "\n".join(lines)


def keep(result: Mapping[str, Any], folder: Path, name: str) -> Path:
    """Write a result into a folder as `name`.json, whole or not at all, and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-').lower()}.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    new.replace(file)
    return file


def worse(now: Mapping[str, float], before: Mapping[str, float], *, tolerance: float) -> list[str]:
    """Return a sentence for each ratio that has become worse.

    Args:
        now: name → ratio, larger being better.
        before: the same of an earlier measurement; what was measured only once is not compared.
        tolerance: the share by which a ratio may fall, in [0, 1).
    """
    return [
        f"{name}: {now[name]:.2f}, it was {before[name]:.2f}"
        for name in before
        if name in now and now[name] < before[name] * (1.0 - tolerance)
    ]


def _case_line(case: Mapping[str, Any]) -> str:
    rates = ", ".join(f"{rate:.1f} ({jobs})" for jobs, rate in case["pictures_per_minute"].items())
    peaks = [f"{case[key] / 2**30:.2f} GiB" for key in ("peak_rss_bytes", "peak_device_bytes") if case[key]]
    cells = [
        case["mode"],
        str(case["size_px"]),
        *(f"{case[key]:.2f} s" for key in ("ready_s", "first_picture_s", "warm_s")),
        ", of the GPU ".join(peaks),
        rates,
    ]
    return f"| {' | '.join(cells)} |"


def _scale_line(case: Mapping[str, Any], scale: Mapping[str, Any]) -> str:
    cells = [
        case["mode"],
        str(case["size_px"]),
        str(scale["scale_px"]),
        str(scale["steps"]),
        f"{scale['begin_ms']:.0f} ms",
        f"{scale['step_ms']:.1f} ms",
        f"{scale['roofline_share']:.0%}",
    ]
    return f"| {' | '.join(cells)} |"
