"""The blank margin of a scan, a page or a screenshot, which is no part of a painting's manner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

MOST: Final = 1 / 6
"""Of a side; a letterboxed 4:3 film has bars of an eighth. More is likely to be a painting's own ground."""
NEAR: Final = 0.08
"""To the margin's colour, in each channel: JPEG's ringing and the grain of paper."""
FAR: Final = 0.2
"""From it, in a channel."""
BLANK: Final = 0.9
"""Of a row of the margin is near its colour."""
FILLED: Final = 0.6
"""Of a row is far from it where the picture begins: a drawing on white paper begins nowhere so."""
BLUR: Final = 0.006
"""Of a side, but at least `BLUR_PX`: how softly a margin may end; a sky darkens upwards more softly."""
BLUR_PX: Final = 2


def without_margins(image: Tensor) -> Tensor:
    """Return an image without blank margins, each of one colour and ended by a straight edge.

    What is painted along an edge, be it as even as a gold ground or an empty sky, is no margin unless
    the picture begins all along one line.

    Args:
        image: (1, 3, H, W) sRGB in [0, 1].

    Returns:
        A view of it; the very same where there is none.
    """
    top, bottom = _margin(image), _margin(image.flip(-2))
    left, right = _margin(image.transpose(-2, -1)), _margin(image.transpose(-2, -1).flip(-2))
    if not (top or bottom or left or right):
        return image
    return image[..., top : image.shape[-2] - bottom, left : image.shape[-1] - right]


def _margin(image: Tensor) -> int:
    """Return how many rows at the top are margin."""
    height = image.shape[-2]
    blur = max(BLUR_PX, int(height * BLUR))
    rows = image[0, :, : max(1, int(height * MOST))]
    colour = rows[:, 0].median(dim=-1).values[:, None, None]
    away = (rows - colour).abs().amax(dim=0)
    near = (away <= NEAR).float().mean(dim=-1).tolist()
    far = (away > FAR).float().mean(dim=-1).tolist()
    blank = next((row for row, share in enumerate(near) if share < BLANK), len(near))
    if blank == 0:
        return 0
    return next((row for row in range(blank, min(blank + blur, len(far))) if far[row] >= FILLED), 0)
