"""The measurement itself, small: real workers, a real painting."""

from __future__ import annotations

import json

import pytest
import torch

from nst_core.__main__ import main
from nst_core.bench.report import table
from nst_core.bench.speed import Plan, deepest_layer, measure, ratios, scale_costs
from nst_core.transfer import Step
from nst_core.transfer.best import FINE_LAYERS
from nst_core.transfer.classic import FINE_STYLE_LAYERS, STYLE_LAYERS


@pytest.mark.timeout(400)
def test_measures_modes_from_start_to_step() -> None:
    """Every number is there and plausible; the table has a line for each case and scale."""
    plan = Plan(device="cpu", modes=("draft",), sizes_px=(64,), jobs=(1, 2), runs=1)
    result = measure(plan)
    (case,) = result["cases"]
    assert 0 < case["warm_s"] < case["ready_s"]
    assert case["peak_rss_bytes"] > 10**8
    assert set(case["pictures_per_minute"]) == {"1", "2"}
    assert case["scales"] == []
    assert set(ratios(result)) == {"draft 64 px: 2 at a time against 1", "draft 64 px: warm against cold"}
    assert "| draft | 64 |" in table(result)
    assert json.loads(json.dumps(result)) == result


def test_tells_scales_apart() -> None:
    """Each scale has its steps, their median time, and what its first one took beyond that."""
    at, losses = torch.zeros(1, 3, 16, 16), {"total": 1.0}
    steps = [
        Step(index=index, total=5, losses=losses, pastiche=at, scale_px=scale_px)
        for index, scale_px in enumerate((64, 64, 64, 91, 91), start=1)
    ]
    times = iter((0.0, 0.5, 0.6, 0.7, 1.7, 1.9))
    costs = scale_costs(steps, device="cpu", clock=lambda: next(times))
    assert [(cost.scale_px, cost.steps) for cost in costs] == [(64, 3), (91, 2)]
    assert [cost.step_s for cost in costs] == pytest.approx([0.1, 0.2])
    assert [cost.begin_s for cost in costs] == pytest.approx([0.4, 0.8])


def test_a_draft_has_no_scales() -> None:
    """It minimises nothing and is one step."""
    step = Step(index=1, total=1, losses={}, pastiche=torch.zeros(1, 3, 16, 16), scale_px=64)
    assert scale_costs([step], device="cpu") == []


def test_the_deepest_layer_is_the_one_that_is_computed() -> None:
    """What the roofline counts for the fine scales of `best` is what they look at."""
    assert deepest_layer("best", 512) == max((*FINE_LAYERS, *FINE_STYLE_LAYERS))
    assert deepest_layer("classic", 512) == max(FINE_STYLE_LAYERS)
    assert deepest_layer("best", 256) == deepest_layer("classic", 256) == max(STYLE_LAYERS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "worst"], "There is no mode worst"),
        (["--size", "7"], "--size has to be"),
        (["--jobs", "0"], "--jobs has to be"),
        (["--runs", "0"], "--runs has to be"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, with the status of a person's mistake."""
    assert main(["bench", *options]) == 2
    assert words in capsys.readouterr().err
