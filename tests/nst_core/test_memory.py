"""What a real process holds on to, by what the system says."""

import json
import subprocess
import sys

import pytest

from nst_core.memory import give_back_memory, keep_memory

HEAD = """
import json, os
from nst_core.memory import give_back_memory, keep_memory
if {keeps}:
    assert keep_memory(os.environ)
import torch

def mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
"""
KEEPING = """
before = mib()
large = [torch.ones(4, 2**20) for _ in range(16)]
most = mib()
del large
dropped = mib()
give_back_memory()
print(json.dumps([most - before, dropped - before, mib() - before]))
"""
TWO_SCALES = """
from nst_core.transfer.scales import Scale
from nst_core.transfer.optimise import Pace
from nst_core.transfer.walk import coarse_to_fine

at_begin = []

def make_objective(scale, start):
    at_begin.append(mib())
    def objective(image):
        large = [torch.ones(4, 2**20) for _ in range(16)]
        return {"total": image.sum() * large[-1][0, 0]}
    return objective

scales = [Scale(long_side_px=px, height_px=px, width_px=px, steps=1) for px in (16, 24)]
pace = Pace(step_size=0.02)
for _ in coarse_to_fine(torch.rand(1, 3, 16, 16), scales, make_objective, pace=lambda _: pace):
    most = mib()
print(json.dumps([most - at_begin[0], at_begin[1] - at_begin[0]]))
"""
MIB = 256


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="/proc and glibc are Linux's")


def _grown(program: str, *, keeps: bool) -> list[float]:
    """Return what a program prints: by how many MiB it had grown at some moments."""
    whole = HEAD.format(keeps=keeps) + program
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, check=True, text=True)
    grown: list[float] = json.loads(done.stdout)
    return grown


@linux_only
def test_a_process_keeps_its_memory_until_it_gives_it_back() -> None:
    """By default what large tensors had goes at once, and is cleared anew for the next ones."""
    most, dropped, given_back = _grown(KEEPING, keeps=True)
    assert most > 0.9 * MIB
    assert dropped > 0.9 * MIB
    assert given_back < 0.3 * MIB
    assert _grown(KEEPING, keeps=False)[1] < 0.3 * MIB


@linux_only
def test_one_scale_does_not_pay_for_what_the_one_before_left() -> None:
    """Its pieces are of another size and do not fit."""
    most, left = _grown(TWO_SCALES, keeps=True)
    assert most > 0.9 * MIB
    assert left < 0.3 * MIB


def test_whoever_runs_the_machine_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """On large pages; and where the C library is another one, nothing fails."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for said, expected in ({}, "1"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "0"):
        assert not keep_memory(said)
        assert said == {"THP_MEM_ALLOC_ENABLE": expected}
    give_back_memory()
