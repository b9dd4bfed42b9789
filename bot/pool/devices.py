"""Which devices paint: `auto`, or a list such as `cuda:0,cuda:1` or `cpu*2`."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

LIST_COMMAND: Final = (sys.executable, "-m", "nst_core.worker", "--list-devices")
LIST_TIMEOUT_S: Final = 120.0
LINUX_DRIVERS: Final = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""NVIDIA's driver, AMD's, and Windows' inside WSL."""
MOST_WORKERS: Final = 64
DEVICE: Final = re.compile(r"(cpu|mps|cuda(?::\d{1,3})?)(?:\*(\d{1,3}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where one worker paints."""

    slot: str
    """Unique in the pool: "cuda:0", or "cpu#2" where one device has several workers."""
    device: str
    """As torch names it."""
    share: int = 1
    """How many workers share this device, and so its cores."""


def parse_devices(text: str) -> tuple[Device, ...]:
    """Read a list of devices as it stands in the configuration.

    Raises:
        ConfigError: something in it is no device.
    """
    names: list[str] = []
    for place, part in enumerate(text.split(","), start=1):
        match = DEVICE.fullmatch(part.strip().lower())
        count = int(match[2] or 1) if match else 0
        if match is None or not 1 <= len(names) + count <= MOST_WORKERS or not count:
            raise ConfigError(
                f"workers.devices: entry {place} does not name devices; "
                "write auto, cpu, cpu*2, mps, or cuda:0,cuda:1"
            )
        names += ["cuda:0" if match[1] == "cuda" else match[1]] * count
    return _with_slots(names)


async def find_devices(text: str, *, list_command: Sequence[str] = LIST_COMMAND) -> tuple[Device, ...]:
    """Return the devices to paint on; for "auto" every CUDA device, else mps, else one CPU worker.

    The bot never loads torch, and on CUDA must not even count devices: a short-lived child does.

    Raises:
        ConfigError: the list names no devices, or the child could not find any.
    """
    if text.strip().lower() != "auto":
        return parse_devices(text)
    if not _may_have_accelerator():
        return parse_devices("cpu")
    return await asyncio.to_thread(_ask, list_command)


def _may_have_accelerator() -> bool:
    """Tell whether asking torch, which takes seconds, can bring another answer than "cpu"."""
    return sys.platform != "linux" or any(Path(driver).exists() for driver in LINUX_DRIVERS)


def _ask(list_command: Sequence[str]) -> tuple[Device, ...]:
    try:
        answer = subprocess.run(  # noqa: S603 - our own program, no shell
            list_command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIST_TIMEOUT_S
        )
        listed = answer.stdout.splitlines()[-1]  # a library may have printed something before
        return parse_devices(",".join(json.loads(listed)))
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError, ConfigError) as error:
        raise ConfigError(
            f"workers.devices: auto: the devices could not be listed ({type(error).__name__}); "
            "run `nst doctor`, or name the devices"
        ) from error


def _with_slots(names: list[str]) -> tuple[Device, ...]:
    devices = []
    for index, name in enumerate(names):
        share, number = names.count(name), names[: index + 1].count(name)
        slot = f"{name}#{number}" if share > 1 else name
        devices.append(Device(slot=slot, device=name, share=share))
    return tuple(devices)
