"""When a picture will be done."""

from __future__ import annotations

import pytest

from bot.jobs.eta import Machine, Speeds, forecast, running_ready_at


def measured(*jobs: tuple[str, str, int, float]) -> Speeds:
    """Return speeds learned from (device, mode, long side, seconds)."""
    speeds = Speeds()
    for device, mode, long_side_px, took_s in jobs:
        speeds = speeds.learned(device=device, mode=mode, long_side_px=long_side_px, took_s=took_s)
    return speeds


def test_nothing_measured_means_nothing_promised() -> None:
    """No speed, no estimate: neither for a job nor for a queue."""
    assert Speeds().estimate_s(device="cpu", mode="classic", long_side_px=512) is None
    assert forecast(Speeds(), [Machine(device="cpu", free_at=0.0)], [("classic", 512)]) == [None]


def test_newer_jobs_count_more() -> None:
    """The first job counts whole, the next moves the estimate by three tenths of the difference."""
    speeds = measured(("cpu", "classic", 512, 50.0), ("cpu", "classic", 512, 60.0))
    assert speeds.estimate_s(device="cpu", mode="classic", long_side_px=512) == pytest.approx(53.0)


def test_a_size_never_measured_is_scaled_by_its_pixels_from_the_nearest() -> None:
    """Twice the side, four times the pixels; of two measured sizes the nearer one counts."""
    speeds = measured(("cpu", "classic", 512, 50.0), ("cpu", "classic", 128, 999.0))
    assert speeds.estimate_s(device="cpu", mode="classic", long_side_px=1024) == pytest.approx(200.0)


def test_modes_are_not_mixed() -> None:
    """What a draft took says nothing about the others."""
    speeds = measured(("cpu", "draft", 512, 1.0))
    assert speeds.estimate_s(device="cpu", mode="classic", long_side_px=512) is None


def test_a_device_never_measured_is_taken_to_be_the_slowest() -> None:
    """Better early than late."""
    speeds = measured(("gpu", "classic", 512, 5.0), ("cpu", "classic", 512, 50.0))
    assert speeds.estimate_s(device="new", mode="classic", long_side_px=512) == pytest.approx(50.0)


def test_the_forecast_fills_whichever_slot_is_free_first() -> None:
    """A free fast slot and a slow one that is busy until 30: worked out by hand."""
    speeds = measured(("gpu", "classic", 512, 10.0), ("cpu", "classic", 512, 100.0))
    machines = [Machine(device="gpu", free_at=5.0), Machine(device="cpu", free_at=30.0)]
    times = forecast(speeds, machines, [("classic", 512)] * 5)
    assert times == [15.0, 25.0, 35.0, 130.0, 45.0]


def test_the_forecast_ends_at_the_first_job_nobody_can_judge() -> None:
    """Behind an unknown job everything is unknown; a slot that is free nobody knows when takes no part."""
    speeds = measured(("cpu", "classic", 512, 10.0))
    machines = [Machine(device="cpu", free_at=0.0), Machine(device="cpu", free_at=None)]
    jobs = [("classic", 512), ("best", 512), ("classic", 512)]
    assert forecast(speeds, machines, jobs) == [10.0, None, None]
    assert forecast(speeds, [machines[1]], jobs) == [None, None, None]
    assert forecast(speeds, [], jobs) == [None, None, None]


def test_a_running_job_keeps_its_estimate_while_that_lies_ahead() -> None:
    """Started at 100, 50 s expected: done at 150, whatever the work so far says."""
    ready_at = running_ready_at(now=120.0, started_at=100.0, estimate_s=50.0, share=0.9)
    assert ready_at == 150.0


def test_an_overdue_or_unmeasured_job_is_judged_by_its_work_once_that_says_something() -> None:
    """Half done after 40 s: another 40 s. At a tenth of the work: no promise."""
    for estimate_s in (None, 30.0):
        ready_at = running_ready_at(now=140.0, started_at=100.0, estimate_s=estimate_s, share=0.5)
        assert ready_at == pytest.approx(180.0)
    early = running_ready_at(now=140.0, started_at=100.0, estimate_s=None, share=0.1)
    unknown = running_ready_at(now=140.0, started_at=100.0, estimate_s=None, share=0.0)
    assert (early, unknown) == (None, None)


def test_speeds_survive_the_store() -> None:
    """As text and back they are the same."""
    speeds = measured(("cpu", "classic", 512, 50.0), ("グラフィック", "best", 1000, 0.1))
    assert Speeds.from_json(speeds.to_json()) == speeds
