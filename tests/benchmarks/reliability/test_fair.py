"""One greedy person and five others, small: the whole is `make prove-fair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fair

if TYPE_CHECKING:
    from pathlib import Path


async def test_nobody_waits_for_a_greedy_one(tmp_path: Path) -> None:
    """With one worker and with two, near and apart, each of the others is among the next 2 × slots starts."""
    laps = await fair.prove(tmp_path, slots=[1, 2], greedy=25, seed=1)
    assert all(lap.is_fair for lap in laps), fair.report(laps)
    assert [len(lap.one_by_one) for lap in laps] == [fair.OTHERS] * 4
