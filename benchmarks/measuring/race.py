"""How far each side of a race was, and when; standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

MILESTONES: Final = (50, 100, 250, 500)
OBJECTIVES: Final = ("classic", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How far one side was."""

    step: int
    seconds: float
    """Since it began, targets and all, without the judging."""
    loss: float
    """Of the picture at the final size, clamped to [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """One side's way."""

    points: tuple[Judged, ...]
    peak_rss_bytes: int | None
    peak_device_bytes: int | None

    def row(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        return asdict(self)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return what `row` returned."""
        return cls(**{**row, "points": tuple(Judged(**point) for point in row["points"])})

    def reached(self, loss: float) -> Judged | None:
        """Return the first point that is no worse than a loss."""
        return next((point for point in self.points if point.loss <= loss), None)

    def summary(self) -> dict[str, Any]:
        """Return its end."""
        end = self.points[-1]
        return {
            "steps": end.step,
            "seconds": end.seconds,
            "loss": end.loss,
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_device_bytes": self.peak_device_bytes,
        }


def milestones(reference: Descent, ours: Descent) -> list[dict[str, Any]]:
    """Return for each number of steps that the reference was judged after when each side had its loss."""
    found = []
    for point in (point for point in reference.points if point.step in MILESTONES):
        there = ours.reached(point.loss)
        first = reference.reached(point.loss) or point
        found.append(
            {
                "steps": point.step,
                "loss": point.loss,
                "reference_s": first.seconds,
                "ours_s": None if there is None else there.seconds,
                "ratio": None if there is None else first.seconds / there.seconds,
            }
        )
    return found
