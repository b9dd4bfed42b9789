"""`draft`: one pass through a network that was trained once for every manner; an instant impression.

Source: Ghiasi et al. 2017 (`nst_core.magenta`).
Differs: the photo first gets the painting's colours, as in `best`, because the small network alone keeps
too much of the photo's own; above strength 50 what was painted is painted over once more; a large picture is
painted after a copy half as large, because the network's strokes have one size in pixels.
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

ONE_PASS_PX: Final = 768
"""Above this long side, at brush 100, a copy half as large is painted first; so strokes grow with the
picture and with the brush."""
STYLE_PX: Final = 256
"""The style image's long side from brush 100 on: with that the network was trained. In larger ones it sees
paler colours, in smaller ones finer strokes, and below half (brush 50) other colours."""


def paint_draft(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    network: Magenta | None = None,
) -> tuple[list[Scale], Walk]:
    """Return the only scale, of one step, and that step; it has no losses.

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
    return [scale], ((scale, _painted(start, styles, params, network), {}) for _ in range(scale.steps))


@torch.no_grad()
def _painted(
    content: Tensor, styles: Sequence[tuple[Tensor, float]], params: StyleParams, network: Magenta
) -> Tensor:
    """Return the pastiche, at the size of `content`.

    Up to strength 50 the code goes from the photo's own to the mixed styles' (Ghiasi et al. 2017, 4.2);
    beyond the styles' it would fall apart, so from there the picture goes on to its own pastiche.
    """
    long_side_px = max(content.shape[2:])
    manner, excess = min(1.0, params.strength / 50), max(0.0, params.strength / 50 - 1.0)
    start = torch.lerp(content, _colored(content, styles), manner)
    if long_side_px > ONE_PASS_PX * 100 / params.brush:
        coarse = _painted(at_scale(content, long_side_px // 2), styles, params, network)
        start = torch.lerp(start, resized(coarse, (content.shape[2], content.shape[3])), manner / 2)
    side_px = STYLE_PX * min(max(params.brush, 50), 100) // 100
    wanted = [share * network.code(at_scale(style, side_px)) for style, share in _shares(styles)]
    code = torch.lerp(network.code(at_scale(content, side_px)), torch.stack(wanted).sum(dim=0), manner)
    pastiche = network.paint(shaken(start, params.seed).clamp(0.0, 1.0), code)
    return torch.lerp(pastiche, network.paint(pastiche, code), excess) if excess else pastiche


def _colored(content: Tensor, styles: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Return the content image in the styles' colours, mixed by their shares."""
    return torch.stack([share * match_color(content, style) for style, share in _shares(styles)]).sum(dim=0)


def _shares(styles: Sequence[tuple[Tensor, float]]) -> list[tuple[Tensor, float]]:
    whole = sum(share for _, share in styles)
    return [(style, share / whole) for style, share in styles]
