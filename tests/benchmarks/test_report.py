from __future__ import annotations

from pathlib import Path

import pytest
from judging.judge import Scores
from judging.painters import Pair, Task
from judging.report import Judged, by_painting, frontier, mean_and_interval, style_at, table, wins


def judged(painter: str, photo: str, strength: int, structure: float, style: float) -> Judged:
    pair = Pair(photo=Path(f"{photo}.jpg"), painting=Path("wave.jpg"))
    scores = Scores(structure=structure, style=style, colour=0.5, lpips=None)
    return Judged(
        task=Task(pair=pair, painter=painter, strength=strength), scores=scores, seconds=2.0, halves=0.7
    )


def test_the_score_is_structure_times_the_way_gone() -> None:
    """And nothing for a picture that is further from the painting than the photo."""
    assert Scores(structure=0.5, style=0.4, colour=0, lpips=None).score == pytest.approx(0.3)
    assert Scores(structure=0.5, style=1.4, colour=0, lpips=None).score == 0.0


def test_a_bootstrap_interval_holds_the_mean_and_shrinks_with_more_pairs() -> None:
    """Percentiles of resampled means."""
    mean, low, high = mean_and_interval([0.2, 0.4, 0.6, 0.8])
    assert mean == pytest.approx(0.5)
    assert 0.2 < low < 0.5 < high < 0.8
    _, low_many, high_many = mean_and_interval([0.2, 0.4, 0.6, 0.8] * 25)
    assert high_many - low_many < (high - low) / 3


def test_wins_compares_pair_by_pair_each_at_its_own_strength() -> None:
    """Pairs that only one of them painted do not count."""
    pictures = [
        judged("best", "cat", 40, 0.8, 0.5),
        judged("best", "dog", 40, 0.8, 0.9),
        judged("classic", "cat", 60, 0.5, 0.5),
        judged("classic", "dog", 60, 0.5, 0.5),
        judged("classic", "cow", 60, 0.5, 0.5),
    ]
    assert wins(pictures, of="best", over="classic", strength=40, theirs=60) == (1, 2)


def test_the_frontier_is_read_between_its_points() -> None:
    """Half way in structure is half way in style; beyond the ends there is nothing."""
    points = frontier([judged("best", "cat", 75, 0.4, 0.2), judged("best", "cat", 25, 0.8, 0.6)], "best")
    assert points == [(25, 0.8, 0.6), (75, 0.4, 0.2)]
    assert style_at(points, 0.6) == pytest.approx(0.4)
    assert style_at(points, 0.9) is None


def test_the_table_has_a_line_for_each_painter_and_strength() -> None:
    """Unknown LPIPS is a dash."""
    lines = table([judged("best", "cat", 25, 0.8, 0.5), judged("best", "cat", 75, 0.4, 0.5)]).splitlines()
    assert lines[2].startswith("| best | 25 | 1 | 0.800 | 0.500 | 0.500 | – | 0.400 (")
    assert len(lines) == 4


def test_each_painting_has_its_mean() -> None:
    """Over the photos."""
    pictures = [judged("best", "cat", 50, 0.8, 0.5), judged("best", "dog", 50, 0.4, 0.5)]
    assert by_painting(pictures, "best", 50) == {"wave": pytest.approx(0.3)}
