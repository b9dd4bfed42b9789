"""The soak, small: the whole is `make soak`."""

from __future__ import annotations

from pathlib import Path

import pytest
from soaking import samples
from soaking.report import kept, report
from soaking.run import Plan, soak


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
async def test_soak_of_half_a_minute(tmp_path: Path) -> None:
    """12 jobs with every kind of fault, five ends of the bot among them: 12 results, once each."""
    outcome = await soak(Plan(minutes=0.4, jobs=12, seed=1), tmp_path)
    assert kept(outcome), report(outcome) + (tmp_path / "log").read_text()
    assert outcome.counts["bot ended by SIGTERM"] == 3
    assert outcome.counts["bot killed with signal 9"] == 2
    assert outcome.counts["workers killed"] > 0


@pytest.mark.parametrize("name", samples.MEASURES)
def test_what_grows_is_named(name: str) -> None:
    """A life that holds more and more is not flat; one that holds as much as before is."""
    usual = dict.fromkeys(samples.MEASURES, 100)
    flat = [samples.Sample(at=at / 30, pid=1, jobs=at, **usual) for at in range(30)]  # type: ignore[arg-type]
    assert samples.grown(flat) == []
    leaking = [
        samples.Sample(at=at / 30, pid=1, jobs=at, **(usual | {name: 100 + 10 * at}))  # type: ignore[arg-type]
        for at in range(30)
    ]
    assert samples.grown(leaking) == [name]


def test_a_restart_hides_nothing() -> None:
    """Only samples of the longest life are compared; without one there is no proof."""
    usual = dict.fromkeys(samples.MEASURES, 100)
    lives = [samples.Sample(at=at / 30, pid=at, jobs=at, **usual) for at in range(30)]  # type: ignore[arg-type]
    assert samples.grown(lives) == list(samples.MEASURES)
