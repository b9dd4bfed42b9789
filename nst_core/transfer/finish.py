"""What every pastiche goes through on its way out, previews as well as the last one."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.oklab import from_oklab, to_oklab
from nst_core.transfer.walk import resized


class Finish:
    """Gives each picture the photo's colours, where they are to be kept.

    It remembers what belongs to the newest size: a scale has many steps, and all have one size.

    Args:
        content: (1, 3, H, W) in [0, 1].
        keep_colors: whether to.
    """

    def __init__(self, content: Tensor, *, keep_colors: bool) -> None:
        self._content = content
        self._keep_colors = keep_colors
        self._size = (0, 0)
        self._colors = content

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> Tensor:
        """Return a picture as it is to be seen; the shape and range are those of `picture`."""
        if not self._keep_colors:
            return picture
        size = (picture.shape[2], picture.shape[3])
        if size != self._size:
            self._size, self._colors = size, to_oklab(resized(self._content, size))[:, 1:]
        return with_colors(picture, self._colors)


def with_colors(picture: Tensor, colors: Tensor) -> Tensor:
    """Return a picture's lightness in other colours.

    Args:
        picture: (1, 3, H, W) in [0, 1].
        colors: (1, 2, H, W), a and b of OkLab.

    Source: Gatys et al. 2017, luminance-only transfer.
    Differs: in OkLab, where lightness and colour are told apart as an eye does it; colours that a screen
    does not have lose chroma and keep their hue.
    """
    return from_oklab(torch.cat([to_oklab(picture)[:, :1], colors], dim=1))
