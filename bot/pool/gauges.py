"""How much of its memory and of its time each device uses, as far as that can be had without torch."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM: Final = "nvidia-smi"
QUERY: Final = (
    "--query-gpu=index,uuid,memory.used,utilization.gpu",
    "--format=csv,noheader,nounits",
)
ANSWER_S: Final = 10.0
MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A device just now."""

    memory_used_bytes: int | None = None
    utilisation: float | None = None
    """0 … 1."""


async def read_gpus(program: str | None = None) -> dict[str, Gauge]:
    """Return the NVIDIA devices of this machine by index ("0") and by UUID; none without their driver."""
    path = shutil.which(program or PROGRAM)
    if path is None:
        return {}
    asked = await asyncio.create_subprocess_exec(
        path, *QUERY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            answer, _ = await asked.communicate()
    except TimeoutError:  # its driver hangs; the card's own worker will show it
        with contextlib.suppress(ProcessLookupError):
            asked.kill()
        await asked.wait()
        return {}
    return parse_gpus(answer.decode(errors="replace"))


def parse_gpus(text: str) -> dict[str, Gauge]:
    """Read the program's answer; what a device does not tell ("[N/A]") stays unknown."""
    gauges: dict[str, Gauge] = {}
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) == len(QUERY[0].split(",")):
            index, uuid, used_mib, per_cent = row
            gauges[index] = gauges[uuid] = Gauge(
                memory_used_bytes=int(used_mib) * MIB if used_mib.isdecimal() else None,
                utilisation=int(per_cent) / 100 if per_cent.isdecimal() else None,
            )
    return gauges


def gpu_of(device: str, environ: Mapping[str, str]) -> str:
    """Return index or UUID of the card that torch calls "cuda:<n>" here."""
    number = int(device.partition(":")[2] or 0)
    visible: Sequence[str] = [name for name in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return visible[number].strip() if number < len(visible) else str(number)


def resident_bytes(pid: int) -> int | None:
    """Return how much memory a process holds; None where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, LookupError, AttributeError):
        return None
