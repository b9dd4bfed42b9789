"""`make cluster-demo` as a person runs it, but for the page, which has tests of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = r"node    (\w+), pid (\d+): `kill -9 \2`"


@pytest.mark.timeout(180)
def test_killed_node_is_started_again() -> None:
    """Both nodes are named with their process ids; one that is killed comes back; nothing stays behind."""
    words = [sys.executable, "tools/cluster_demo.py", "--port", "0", "--no-browser"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        lines = iter(demo.stdout or ())
        pids = {found[1]: int(found[2]) for _ in range(2) if (found := re.search(NODE, next(lines)))}
        assert set(pids) == {"attic", "garage"}
        assert any("http://127.0.0.1:" in line for line in lines)
        os.kill(pids["attic"], signal.SIGKILL)
        assert any("attic was killed; I start it again" in line for line in lines)
        again = re.search(NODE, next(lines))
        assert again is not None
        assert again[1] == "attic"
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 0
    for pid in (int(again[2]), pids["garage"]):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
