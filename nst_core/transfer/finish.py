"""What every pastiche goes through on its way out, previews as well as the last one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.oklab import from_oklab, to_linear, to_oklab, to_srgb
from nst_core.transfer.walk import resized


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """What belongs to pictures of one size."""

    size: tuple[int, int]
    content: Tensor
    colors: Tensor | None
    mask: Tensor | None


class Finish:
    """Gives each picture the photo's colours and leaves out what is masked, where that is wanted.

    It remembers what belongs to the newest size: a scale has many steps, and all have one size.

    Args:
        content: (1, 3, H, W) in [0, 1].
        keep_colors: whether the photo's colours are kept.
        mask: (1, 1, H', W') in [0, 1], of any size: the share of paint in each place; None paints all.
    """

    def __init__(self, content: Tensor, *, keep_colors: bool = False, mask: Tensor | None = None) -> None:
        self._content = content
        self._keep_colors = keep_colors
        self._mask = mask
        self._fitted: _Fitted | None = None

    @torch.no_grad()
    def __call__(self, picture: Tensor) -> Tensor:
        """Return a picture as it is to be seen; the shape and range are those of `picture`."""
        if not self._keep_colors and self._mask is None:
            return picture
        fitted = self._fit((picture.shape[2], picture.shape[3]))
        if fitted.colors is not None:
            picture = with_colors(picture, fitted.colors)
        return picture if fitted.mask is None else blended(fitted.content, picture, fitted.mask)

    def _fit(self, size: tuple[int, int]) -> _Fitted:
        if self._fitted is None or self._fitted.size != size:
            content = resized(self._content, size)
            self._fitted = _Fitted(
                size=size,
                content=content,
                colors=to_oklab(content)[:, 1:] if self._keep_colors else None,
                mask=None if self._mask is None else resized(self._mask, size),
            )
        return self._fitted


def blended(photo: Tensor, picture: Tensor, mask: Tensor) -> Tensor:
    """Return a photo that is painted in places.

    Args:
        photo: (1, 3, H, W) in [0, 1].
        picture: such a picture, painted all over.
        mask: (1, 1, H, W), the share of paint in each place.

    Returns:
        (1, 3, H, W): m · picture + (1 − m) · photo, in linear light as two see-through layers would mix;
        mixed as sRGB, a soft edge between light and dark would have a dark fringe.
    """
    mixed = to_srgb(torch.lerp(to_linear(photo), to_linear(picture), mask))
    return torch.where(mask == 0.0, photo, mixed)


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
