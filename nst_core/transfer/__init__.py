"""Neural style transfer as a generator of steps: it computes and yields, and knows nobody who listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nst_core.errors import BadParameter
from nst_core.features import load_extractor
from nst_core.protocol import AVAILABLE_MODES, StyleParams
from nst_core.transfer.best import paint_best
from nst_core.transfer.classic import paint_classic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from nst_core.features import FeatureExtractor

__all__ = ["AVAILABLE_MODES", "Step", "StyleParams", "stylize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way."""

    index: int
    """1 … `total`."""
    total: int
    losses: dict[str, float]
    """Each term as it enters the sum, and "total"."""
    pastiche: Tensor
    """The picture so far, (1, 3, H, W) float32 sRGB in [0, 1], at this step's scale."""
    scale_px: int
    """The long side being painted."""


def stylize(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor | None = None,
) -> Iterator[Step]:
    """Paint one picture in the manner of others.

    Args:
        content: (1, 3, H, W) float32 sRGB in [0, 1], of any size.
        styles: style images of the same kind, each with its share; only ratios count.
        params: what the person chose; the last step's pastiche has this long side.
        extractor: on the device to paint on; by default the bundled one on the CPU.

    Yields:
        One `Step` per step of the optimisation. Stop iterating at any time: what was yielded last
        is a whole picture.

    Raises:
        BadParameter: no style, or a mode that is not available.
    """
    if not styles:
        raise BadParameter("style_missing")
    if params.mode not in AVAILABLE_MODES:
        raise BadParameter("not_a_choice", name="mode", value=params.mode, choices=", ".join(AVAILABLE_MODES))
    extractor = extractor or load_extractor()
    device = extractor.mean.device
    images = [(style.to(device), share) for style, share in styles]
    paint = paint_best if params.mode == "best" else paint_classic
    total, walk = paint(content.to(device), images, params, extractor=extractor)
    for index, (scale, picture, losses) in enumerate(walk, start=1):
        yield Step(
            index=index,
            total=total,
            losses={name: loss.item() for name, loss in losses.items()},
            pastiche=picture,
            scale_px=scale.long_side_px,
        )
