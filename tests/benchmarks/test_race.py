"""The race against the published recipe: what counts as reached, and a small real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from measuring.race import Descent, Judged, milestones

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "convergence.py"


def descent(*points: tuple[int, float, float]) -> Descent:
    judged = tuple(Judged(step=step, seconds=seconds, loss=loss) for step, seconds, loss in points)
    return Descent(points=judged, peak_rss_bytes=1, peak_device_bytes=None)


def test_ratio_is_to_the_first_time_that_each_had_the_loss() -> None:
    """Ours is compared with the reference's loss after 50 steps, not with its time."""
    reference = descent((10, 1.0, 0.9), (50, 5.0, 0.3), (100, 10.0, 0.2))
    ours = descent((1, 0.5, 0.8), (2, 2.0, 0.25), (3, 3.0, 0.24))
    fifty, hundred = milestones(reference, ours)
    assert (fifty["steps"], fifty["ratio"], fifty["ours_s"]) == (50, 2.5, 2.0)
    assert (hundred["steps"], hundred["ratio"], hundred["ours_s"]) == (100, None, None)


def test_a_reference_that_got_worse_is_taken_at_its_first() -> None:
    """Where it had that loss earlier already, the earlier time counts: against us."""
    (fifty,) = milestones(descent((10, 1.0, 0.2), (50, 5.0, 0.3)), descent((1, 0.5, 0.3)))
    assert fifty["ratio"] == pytest.approx(2.0)


def test_a_descent_survives_json() -> None:
    """Each side runs in its own process and comes back as JSON."""
    one = descent((10, 1.0, 0.2))
    assert Descent.of(json.loads(json.dumps(one.row()))) == one


def test_a_small_race_is_run_and_checked(tmp_path: Path) -> None:
    """Both sides paint for real; the check fails for what has become worse than the kept ratios."""
    before = tmp_path / "before.json"
    names = ("to the reference's loss after 50", "the reference's last loss against ours")
    before.write_text(json.dumps({f"classic 64 px: {name}": 1e9 for name in names}))
    command = [
        sys.executable,
        str(PROGRAM),
        "--size",
        "64",
        "--steps",
        "50",
        "--json",
        "--check",
        str(before),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("it was 1000000000.00") == len(names)
    result = json.loads(done.stdout)
    assert [each["steps"] for each in result["milestones"]] == [50]
    losses = [side["points"][-1]["loss"] for side in result["descents"].values()]
    assert all(0 < loss < 0.9 for loss in losses)
