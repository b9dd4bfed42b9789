"""What a process settles before it imports torch."""

import json
import subprocess
import sys

import pytest

from nst_core.process import settle


def test_settles_memory_and_threads() -> None:
    """What was said before stays."""
    environ = {"KMP_BLOCKTIME": "5"}
    settle(environ)
    assert environ["THP_MEM_ALLOC_ENABLE"] == "1"
    assert environ["KMP_BLOCKTIME"] == "5"


@pytest.mark.parametrize(
    "module", ["nst_core.worker", "nst_core.commandline.stylize", "nst_core.commandline.bench"]
)
def test_torch_comes_after_what_it_reads(module: str) -> None:
    """OpenMP and torch's allocator look at the environment once, when they are loaded."""
    program = (
        f"import json, sys, {module}; print(json.dumps(['torch' in sys.modules, 'numpy' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == [False, False]
