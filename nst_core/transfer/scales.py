"""From coarse to fine: which sizes are painted one after another, and for how many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_SIDE_PX = 16
"""relu5_1 halves four times: below 16 px nothing is left of a side."""
FINE_COST = 0.4
"""Of a step on shallow layers, for each pixel, in units of one that looks at deep layers too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One size to paint at."""

    long_side_px: int
    height_px: int
    width_px: int
    steps: int
    is_fine: bool = False
    """Whether only shallow layers are looked at here."""

    @property
    def step_work(self) -> float:
        """Return what a step costs, in units of a pixel of one that looks at deep layers too."""
        return (FINE_COST if self.is_fine else 1.0) * self.height_px * self.width_px


def fitted(height_px: int, width_px: int, long_side_px: int) -> tuple[int, int]:
    """Return (height, width) with this long side and the same shape, no side under 16 px."""
    factor = long_side_px / max(height_px, width_px)
    return max(LEAST_SIDE_PX, round(height_px * factor)), max(LEAST_SIDE_PX, round(width_px * factor))


def plan_scales(
    height_px: int,
    width_px: int,
    *,
    long_side_px: int,
    coarsest_px: int,
    steps: Callable[[int], int],
    fine_px: float = math.inf,
) -> list[Scale]:
    """Return the scales, coarse to fine, each √2 larger than the one before.

    A deep layer sees about 156 px of the image: only at a small size is that a whole figure, so
    large shapes are settled first and details last.

    Args:
        height_px: the content image's height.
        width_px: its width.
        long_side_px: the last scale's.
        coarsest_px: no scale is smaller, unless the last one is.
        steps: long side in px → how many steps a scale of that size gets.
        fine_px: scales above this size are fine.
    """
    count = max(1, 1 + math.floor(2 * math.log2(max(1.0, long_side_px / coarsest_px)) + 1e-9))
    scales = []
    for octave in range(count):
        side = round(long_side_px / 2 ** (octave / 2))
        height, width = fitted(height_px, width_px, side)
        scales.append(
            Scale(
                long_side_px=side,
                height_px=height,
                width_px=width,
                steps=steps(side),
                is_fine=side > fine_px,
            )
        )
    return scales[::-1]
