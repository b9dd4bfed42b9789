"""What a real process holds on to, by what the system says."""

import json
import subprocess
import sys

import pytest

from nst_core.memory import give_back_memory, keep_memory

PROGRAM = """
import json, os
from nst_core.memory import give_back_memory, keep_memory
if {keeps}:
    assert keep_memory(os.environ)
import torch

def mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

before = mib()
large = [torch.ones(4, 2**20) for _ in range(16)]
most = mib()
del large
dropped = mib()
give_back_memory()
print(json.dumps([most - before, dropped - before, mib() - before]))
"""
MIB = 256


def _grown(*, keeps: bool) -> tuple[float, float, float]:
    program = PROGRAM.format(keeps=keeps)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    most, dropped, given_back = json.loads(done.stdout)
    return most, dropped, given_back


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and glibc are Linux's")
def test_a_process_keeps_its_memory_until_it_gives_it_back() -> None:
    """By default what large tensors had goes at once, and is cleared anew for the next ones."""
    most, dropped, given_back = _grown(keeps=True)
    assert most > 0.9 * MIB
    assert dropped > 0.9 * MIB
    assert given_back < 0.3 * MIB
    assert _grown(keeps=False)[1] < 0.3 * MIB


def test_whoever_runs_the_machine_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """On large pages; and where the C library is another one, nothing fails."""
    monkeypatch.setattr(sys, "platform", "darwin")
    for said, expected in ({}, "1"), ({"THP_MEM_ALLOC_ENABLE": "0"}, "0"):
        assert not keep_memory(said)
        assert said == {"THP_MEM_ALLOC_ENABLE": expected}
    give_back_memory()
