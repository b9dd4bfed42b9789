"""From scores to what a reader can believe: means with intervals, wins, the frontier."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from judging.judge import Scores
    from judging.painters import Task

RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One picture and what the judge says of it."""

    task: Task
    scores: Scores
    seconds: float | None
    halves: float
    """How far the painting's two halves are from each other, as `Judge` says."""


def mean_and_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and the ends of its 95 % bootstrap interval over the pairs (percentiles)."""
    sample = torch.tensor(values, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(values), (RESAMPLES, len(values)), generator=generator)
    low, high = sample[drawn].mean(1).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return statistics.fmean(values), low, high


def table(judged: Sequence[Judged]) -> str:
    """Return a Markdown table, a line for every painter and strength, of means over the pairs."""
    lines = [
        "| painter | strength | pairs | structure | style ↓ | colour ↓ | LPIPS to the photo | score | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (painter, strength), group in _grouped(judged).items():
        cells = [painter, str(strength), str(len(group)), *_cells(group)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def wins(judged: Sequence[Judged], *, of: str, over: str, strength: int, theirs: int) -> tuple[int, int]:
    """Return (on how many pairs a painter's mean score is above another's, of how many pairs).

    Args:
        judged: what both painted.
        of: one painter.
        over: the other one.
        strength: at which the one is judged.
        theirs: at which the other is.
    """
    ours, others = _by_pair(judged, of, strength), _by_pair(judged, over, theirs)
    both = ours.keys() & others.keys()
    return sum(ours[pair] > others[pair] for pair in both), len(both)


def by_painting(judged: Sequence[Judged], painter: str, strength: int) -> dict[str, float]:
    """Return each painting's mean score."""
    scores: dict[str, list[float]] = {}
    for one in judged:
        if _is_by(one, painter, strength):
            scores.setdefault(one.task.pair.painting.stem, []).append(one.scores.score)
    return {painting: statistics.fmean(values) for painting, values in sorted(scores.items())}


def frontier(judged: Sequence[Judged], painter: str) -> list[tuple[int, float, float]]:
    """Return (strength, mean structure, mean style) by rising strength."""
    return [
        (strength, _mean(group, lambda one: one.structure), _mean(group, lambda one: one.style))
        for (name, strength), group in sorted(_grouped(judged).items())
        if name == painter
    ]


def style_at(points: Iterable[tuple[int, float, float]], structure: float) -> float | None:
    """Return a frontier's style distance where it has this structure; None where it does not reach."""
    in_order = sorted((kept, style) for _, kept, style in points)
    for (low, style_low), (high, style_high) in itertools.pairwise(in_order):
        if low <= structure <= high:
            share = (structure - low) / (high - low) if high > low else 0.0
            return style_low + share * (style_high - style_low)
    return None


def _grouped(judged: Sequence[Judged]) -> dict[tuple[str, int], list[Judged]]:
    groups: dict[tuple[str, int], list[Judged]] = {}
    for one in judged:
        groups.setdefault((one.task.painter, one.task.strength), []).append(one)
    return groups


def _cells(group: Sequence[Judged]) -> list[str]:
    score, low, high = mean_and_interval([one.scores.score for one in group])
    lpips = [one.scores.lpips for one in group if one.scores.lpips is not None]
    seconds = [one.seconds for one in group if one.seconds is not None]
    return [
        f"{_mean(group, lambda one: one.structure):.3f}",
        f"{_mean(group, lambda one: one.style):.3f}",
        f"{_mean(group, lambda one: one.colour):.3f}",
        f"{statistics.fmean(lpips):.3f}" if lpips else "–",
        f"{score:.3f} ({low:.3f} … {high:.3f})",
        f"{statistics.median(seconds):.1f}" if seconds else "–",
    ]


def _mean(group: Sequence[Judged], value: Callable[[Scores], float]) -> float:
    return statistics.fmean(value(one.scores) for one in group)


def _by_pair(judged: Sequence[Judged], painter: str, strength: int) -> dict[str, float]:
    scores: dict[str, list[float]] = {}
    for one in judged:
        if _is_by(one, painter, strength):
            scores.setdefault(one.task.pair.name, []).append(one.scores.score)
    return {pair: statistics.fmean(values) for pair, values in scores.items()}


def _is_by(one: Judged, painter: str, strength: int) -> bool:
    return one.task.painter == painter and one.task.strength == strength
