"""`kill -9` of the bot and of workers, small: the whole is `make prove-crash`."""

from __future__ import annotations

from pathlib import Path

import crash
import pytest


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
async def test_kill_9_of_bot_and_workers(tmp_path: Path) -> None:
    """The bot dies when Discord has just taken a result, and two workers die: 6 results, once each."""
    plan = crash.Plan(jobs=6, bot_kills=1, worker_kills=2, seed=1)
    outcome = await crash.prove(plan, tmp_path)
    assert crash.kept(plan, outcome), crash.report(plan, outcome) + (tmp_path / "log").read_text()
    assert outcome.found == 1
    assert outcome.worker_kills == 2
