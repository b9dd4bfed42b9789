"""Large pictures seen band by band, so that memory grows with a band and not with the picture.

What comes of it is the same as of the whole: every band is looked at with so much around it as its
features depend on, and statistics are summed over all bands before they are compared with anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from nst_core.features import stride
from nst_core.losses import gram_matrix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nst_core.features import FeatureExtractor

WHOLE_PIXELS: Final = 2**20
"""A picture of no more pixels is looked at as a whole: its features still take less than 2 GiB."""
BAND_PIXELS: Final = 2**19
SHALLOW_LAYERS: Final = frozenset({"relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1"})
HALO_PX: Final = 16
"""relu3_1 sees 10 px and the rest of a pooled block to either side; deeper layers see too far for bands."""
ALIGNED_PX: Final = 4
"""Bands begin where relu3_1's positions do, so that the same pixels are pooled together."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an extractor saw in a picture."""

    maps: dict[str, Tensor]
    """Layer → (1, C, H / stride, W / stride)."""
    grams: dict[str, Tensor]
    """Layer → (1, C, C)."""


def look(
    extractor: FeatureExtractor,
    image: Tensor,
    *,
    maps: Collection[str] = (),
    grams: Collection[str] = (),
    whole_pixels: int = WHOLE_PIXELS,
    band_pixels: int = BAND_PIXELS,
) -> Seen:
    """Return feature maps of some layers and Gram matrices of some, with their gradients.

    A large picture is looked at in bands if only shallow layers are asked for. Its features are computed
    once more on the way back, which takes a third more time; those of `maps` are kept whole all the same.

    Args:
        extractor: on the device of the image.
        image: (1, 3, H, W) in [0, 1].
        maps: layers whose feature maps are wanted.
        grams: layers whose Gram matrices are wanted.
        whole_pixels: up to so many the picture is looked at as a whole.
        band_pixels: about so many lie in a band.

    Raises:
        KeyError: a layer that the extractor does not have.
    """
    height, width = image.shape[2:]
    if height * width <= whole_pixels or not SHALLOW_LAYERS.issuperset((*maps, *grams)):
        return Seen(*extractor.maps_and_grams(image, maps, grams))
    parts = [
        _look_at_band(extractor, image, band, maps, grams) for band in _bands(height, width, band_pixels)
    ]
    return Seen(
        maps={layer: torch.cat([part.maps[layer] for part, _ in parts], dim=2) for layer in maps},
        grams={layer: _mean([(part.grams[layer], sizes[layer]) for part, sizes in parts]) for layer in grams},
    )


@dataclass(frozen=True, slots=True)
class _Band:
    """Rows of an image."""

    top: int
    bottom: int
    first: int
    """Of the rows that are looked at, those around the band included."""
    last: int


def _bands(height: int, width: int, band_pixels: int) -> Iterator[_Band]:
    rows = max(1, band_pixels // width // ALIGNED_PX) * ALIGNED_PX
    tops = range(0, max(1, height - ALIGNED_PX), rows)
    for top in tops:
        bottom = height if top == tops[-1] else top + rows
        yield _Band(top, bottom, max(0, top - HALO_PX), min(height, bottom + HALO_PX))


def _look_at_band(
    extractor: FeatureExtractor,
    image: Tensor,
    band: _Band,
    maps: Collection[str],
    grams: Collection[str],
) -> tuple[Seen, dict[str, int]]:
    """Return what is seen in a band, and over how many positions each Gram matrix goes."""

    def see(rows: Tensor) -> tuple[Seen, dict[str, int]]:
        found = extractor(rows, {*maps, *grams})
        own = {layer: _own_rows(found[layer], band, stride(layer), image.shape[2]) for layer in found}
        return (
            Seen(
                maps={layer: own[layer] for layer in maps},
                grams={layer: gram_matrix(own[layer]) for layer in grams},
            ),
            {layer: own[layer].shape[2] * own[layer].shape[3] for layer in grams},
        )

    rows = image[:, :, band.first : band.last]
    if not (torch.is_grad_enabled() and rows.requires_grad):
        return see(rows)
    found: tuple[Seen, dict[str, int]] = checkpoint(see, rows, use_reentrant=False, preserve_rng_state=False)
    return found


def _own_rows(feature_map: Tensor, band: _Band, step: int, height: int) -> Tensor:
    """Return the band's own rows of a feature map that was made of more."""
    top = (band.top - band.first) // step
    last = feature_map.shape[2] if band.bottom == height else (band.bottom - band.first) // step
    return feature_map[:, :, top:last]


def _mean(parts: list[tuple[Tensor, int]]) -> Tensor:
    whole = sum(size for _, size in parts)
    return torch.stack([gram * (size / whole) for gram, size in parts]).sum(dim=0)
