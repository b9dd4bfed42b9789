"""Measurements kept, shown and compared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from nst_core.bench.report import keep, worse

if TYPE_CHECKING:
    from pathlib import Path


def test_only_what_fell_by_more_than_tolerated_is_told() -> None:
    """A ratio that rose, fell a little, or was not measured both times is no complaint."""
    before = {"risen": 1.0, "a little": 1.0, "fallen": 1.0, "not now": 1.0}
    now = {"risen": 9.0, "a little": 0.71, "fallen": 0.69, "new": 0.1}
    assert worse(now, before, tolerance=0.3) == ["fallen: 0.69, it was 1.00"]


@pytest.mark.parametrize("name", ["Xeon(R) @ 2.8 GHz cpu", "xeon r 2 8 ghz cpu"])
def test_keeps_a_result_under_a_plain_name(tmp_path: Path, name: str) -> None:
    """As JSON, over an older one, and nothing else is left in the folder."""
    keep({"old": 1}, tmp_path / "results", name)
    file = keep({"new": 2}, tmp_path / "results", name)
    assert file.name == "xeon-r-2-8-ghz-cpu.json"
    assert json.loads(file.read_text()) == {"new": 2}
    assert list(file.parent.iterdir()) == [file]
