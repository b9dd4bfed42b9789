"""Discord's faults on the wire, small: the whole is `make prove-discord`."""

from __future__ import annotations

from pathlib import Path

import discord_faults
import pytest

SMALL = (
    "answers cut",
    "429 on routes",
    "cut before",
    "cut after, nonce forgotten",
    "gateway cut",
    "channel deleted",
)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
async def test_faults_of_discord(tmp_path: Path) -> None:
    """Cut answers, limits, cuts, a cut gateway and a deleted channel: every result comes, and once."""
    phases = [phase for phase in discord_faults.PHASES if phase.name in SMALL]
    outcome = await discord_faults.prove(tmp_path, phases=phases, jobs=2, seed=1)
    assert discord_faults.kept(outcome), discord_faults.report(outcome) + (tmp_path / "log").read_text()
    assert len(outcome.laps) == len(SMALL)
    assert outcome.counts["resumed"] >= 1
    assert outcome.laps[-1].places == {"channel": 0, "direct": 2, "kept": 0}
