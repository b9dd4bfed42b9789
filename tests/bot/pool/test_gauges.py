"""Figures of devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.pool.gauges import MIB, Gauge, gpu_of, parse_gpus, read_gpus, resident_bytes

ANSWER = """\
0, GPU-5a1c, 1024, 37
1, GPU-77de, [N/A], [N/A]
"""


def test_answer_of_the_driver() -> None:
    """Each card is known by its index and its UUID; what it does not tell stays unknown."""
    gauges = parse_gpus(ANSWER)
    assert gauges["0"] == gauges["GPU-5a1c"] == Gauge(memory_used_bytes=1024 * MIB, utilisation=0.37)
    assert gauges["1"] == Gauge()
    assert parse_gpus("NVIDIA-SMI has failed because it couldn't communicate with the driver") == {}


async def test_program_is_asked(tmp_path: Path) -> None:
    """The program is run, and read; where there is none, nothing is known."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ncat <<END\n{ANSWER}END\n")
    program.chmod(0o755)
    assert (await read_gpus(str(program)))["0"].utilisation == 0.37
    assert await read_gpus(str(tmp_path / "nowhere")) == {}


@pytest.mark.parametrize(
    ("device", "visible", "card"),
    [
        ("cuda:1", None, "1"),
        ("cuda:0", "3,5", "3"),
        ("cuda:1", "GPU-a, GPU-b", "GPU-b"),
        ("cuda:2", "0,1", "2"),
    ],
)
def test_which_card(device: str, visible: str | None, card: str) -> None:
    """What torch calls cuda:1 is the second of those that are visible."""
    assert gpu_of(device, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) == card


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_memory_of_a_process() -> None:
    """This very process holds some megabytes; one that is gone holds nothing that is known."""
    assert 10 * MIB < (resident_bytes(os.getpid()) or 0) < 10_000 * MIB
    assert resident_bytes(2**22 + 1) is None
