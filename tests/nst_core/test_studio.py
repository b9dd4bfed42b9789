"""A device made ready to paint: nothing that can wait is waited for."""

from __future__ import annotations

import json
import subprocess
import sys

import torch

from nst_core.features import load_extractor

OPEN = """
import json, sys, threading
from nst_core.studio import open_studio
imported = "matplotlib" in sys.modules
ready, _ = open_studio(device="cpu", extractor="vgg16", share=1, upload_mib=1.0, megapixels=1.0)
for thread in threading.enumerate():
    if thread.name == "load-later":
        thread.join()
print(json.dumps([imported, ready.device, "matplotlib" in sys.modules]))
"""


def test_curves_are_prepared_beside_the_first_job() -> None:
    """Opening a studio needs no matplotlib, which is loaded soon after."""
    done = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, "cpu", True]


def test_loading_weights_draws_no_random_ones() -> None:
    """Which would take longer than reading the file, and would move on everybody's random numbers."""
    before = torch.get_rng_state()
    load_extractor()
    assert torch.equal(torch.get_rng_state(), before)
