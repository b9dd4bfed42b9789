"""Neural style transfer as a generator of steps: it computes and yields, and knows nobody who listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nst_core.color import match_color
from nst_core.errors import BadParameter
from nst_core.features import load_extractor
from nst_core.margins import without_margins
from nst_core.protocol import AVAILABLE_MODES, StyleParams
from nst_core.transfer.best import paint_best
from nst_core.transfer.classic import paint_classic
from nst_core.transfer.draft import paint_draft
from nst_core.transfer.finish import Finish
from nst_core.transfer.readout import Readout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from nst_core.features import FeatureExtractor
    from nst_core.transfer.scales import Scale
    from nst_core.transfer.walk import Walk

__all__ = ["AVAILABLE_MODES", "Step", "StyleParams", "stylize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way."""

    index: int
    """1 … `total`."""
    total: int
    losses: dict[str, float]
    """Each term as it enters the sum, and "total"; empty where nothing is minimised (draft). On a GPU those
    of a few steps before, but for the last step's."""
    pastiche: Tensor
    """The picture so far, (1, 3, H, W) float32 sRGB in [0, 1], at this step's scale."""
    scale_px: int
    """The long side being painted."""
    share: float = 0.0
    """Of all the work, what is done with this step, 0 … 1: later steps are larger."""


def stylize(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor | None = None,
    mask: Tensor | None = None,
) -> Iterator[Step]:
    """Paint one picture in the manner of others.

    Args:
        content: (1, 3, H, W) float32 sRGB in [0, 1], of any size.
        styles: style images of the same kind, each with its share; only ratios count. A blank margin, as
            around a scan, is left out.
        params: what the person chose; the last step's pastiche has this long side.
        extractor: on the device to paint on; by default the bundled one on the CPU. Draft asks it only
            for its device, and without it stays where the content is.
        mask: (1, 1, H, W) in [0, 1] of any size: the share of paint in each place of the content, which
            stays as it is where that is 0; None paints all of it.

    Yields:
        One `Step` per step of the optimisation; draft makes a single one. Stop iterating at any time:
        what was yielded last is a whole picture.

    Raises:
        BadParameter: no style.
        Unavailable: a network's weights are damaged.
    """
    if not styles:
        raise BadParameter("style_missing")
    if extractor is None and params.mode != "draft":
        extractor = load_extractor()
    device = extractor.mean.device if extractor else content.device
    content = content.to(device)
    images = [(without_margins(style.to(device)), share) for style, share in styles]
    if params.keep_colors:
        # Gatys et al. 2017: a painting in the photo's colours asks for no light that the photo lacks.
        images = [(match_color(style, content), share) for style, share in images]
    scales, walk = _walk(content, images, params, extractor)
    total = sum(scale.steps for scale in scales)
    work, done = sum(scale.steps * scale.step_work for scale in scales), 0.0
    finish = Finish(content, keep_colors=params.keep_colors, mask=None if mask is None else mask.to(device))
    read = Readout()
    for index, (scale, picture, losses) in enumerate(walk, start=1):
        done += scale.step_work
        yield Step(
            index=index,
            total=total,
            losses=read(losses, wait=index == total),
            pastiche=finish(picture),
            scale_px=scale.long_side_px,
            share=min(1.0, done / work),
        )


def _walk(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    extractor: FeatureExtractor | None,
) -> tuple[list[Scale], Walk]:
    """Return the scales and the steps on them; without an extractor only a draft is made."""
    if extractor is None or params.mode == "draft":
        return paint_draft(content, styles, params)
    paint = paint_best if params.mode == "best" else paint_classic
    return paint(content, styles, params, extractor=extractor)
