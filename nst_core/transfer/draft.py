"""`draft`: one pass through a network that was trained once for every manner; an instant impression.

Source: Ghiasi et al. 2017 (`nst_core.magenta`).
Differs: the photo first gets the painting's colours, as in `best`, because the small network alone keeps
too much of the photo's own; above strength 50 what was painted is painted over once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from nst_core.color import match_color
from nst_core.magenta import load_magenta
from nst_core.transfer.scales import Scale, fitted
from nst_core.transfer.walk import at_scale, resized, shaken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.magenta import Magenta
    from nst_core.protocol import StyleParams
    from nst_core.transfer.walk import Walk

STYLE_SHARE: Final = 0.5
"""Of the pastiche's long side that of the style image, at brush 100: 256 px for 512, as it was trained."""
LEAST_STYLE_PX: Final = 32
"""Once halved five times, a single place is left."""
MOST_STYLE_PX: Final = 2048
"""More would only cost memory."""


def paint_draft(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    network: Magenta | None = None,
) -> tuple[int, Walk]:
    """Return the number of steps, which is 1, and that step; it has no losses.

    Args:
        content: (1, 3, H, W) in [0, 1].
        styles: such images of any size, each with its share.
        params: what the person chose.
        network: on the device of the images; by default it is loaded, which takes a moment.

    Raises:
        Unavailable: the network's weights are damaged.
    """
    network = network or load_magenta(content.device)
    height_px, width_px = fitted(content.shape[2], content.shape[3], params.long_side_px)
    scale = Scale(long_side_px=params.long_side_px, height_px=height_px, width_px=width_px, steps=1)
    start = resized(content, (height_px, width_px))
    return 1, ((scale, _painted(start, styles, params, network), {}) for _ in range(scale.steps))


@torch.no_grad()
def _painted(
    content: Tensor, styles: Sequence[tuple[Tensor, float]], params: StyleParams, network: Magenta
) -> Tensor:
    """Return the pastiche.

    Up to strength 50 the code goes from the photo's own to the mixed styles' (Ghiasi et al. 2017, 4.2);
    beyond the styles' it would fall apart, so from there the picture goes on to its own pastiche.
    """
    manner, excess = min(1.0, params.strength / 50), max(0.0, params.strength / 50 - 1.0)
    side_px = round(params.long_side_px * STYLE_SHARE * params.brush / 100)
    side_px = min(max(side_px, LEAST_STYLE_PX), MOST_STYLE_PX)
    whole = sum(share for _, share in styles)
    colored, wanted = torch.zeros_like(content), content.new_zeros(())
    for style, share in styles:
        colored = colored + share / whole * match_color(content, style)
        wanted = wanted + share / whole * network.code(at_scale(style, side_px))
    own = network.code(at_scale(content, side_px))
    code = torch.lerp(own, wanted, manner)
    start = shaken(torch.lerp(content, colored, manner), params.seed).clamp(0.0, 1.0)
    pastiche = network.paint(start, code)
    return torch.lerp(pastiche, network.paint(pastiche, code), excess) if excess else pastiche
