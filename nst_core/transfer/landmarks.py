"""Landmarks of a photo, such as a face, a tower, a cup: what is one of a kind there carries its likeness.

A wall or a wood may be painted in any place of the painting and stays a wall or a wood. An eye that becomes a
flower is no eye any more, and with it a face is lost. No detector of faces decides here: a lone castle is as
dear to whoever took the photo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.transfer.bands import look
from nst_core.transfer.walk import at_scale

if TYPE_CHECKING:
    from nst_core.features import FeatureExtractor

SIDE_PX: Final = 256
"""Long side of the copy that is looked at; relu4_3 has a place for every 8 px of it."""
LAYER: Final = "relu4_3"
"""Sees things: what relu3_3 finds one of a kind is scattered along edges all over a photo."""
NEIGHBOURS: Final = 2
"""Places as near as this, along each side, do not count as others: they see the same thing."""
OTHERS: Final = 0.05
"""The share of all places, the most alike, that a place is compared with."""
COMMON: Final = 0.6
"""This share of a photo's places is common, 0."""
UNIQUE: Final = 0.97
"""And from this share on one of a kind, 1."""


def landmarks(extractor: FeatureExtractor, image: Tensor) -> Tensor:
    """Return how much each place of a picture is one of a kind.

    Args:
        extractor: sees the picture.
        image: (1, 3, H, W) sRGB in [0, 1].

    Returns:
        (1, 1, h, w) in [0, 1], a value for each position of relu4_3 on a copy of at most 256 px.
    """
    with torch.no_grad():
        seen = look(extractor, at_scale(image, min(SIDE_PX, max(image.shape[2:]))), maps=(LAYER,))
        lonely = rarity(seen.maps[LAYER].float())
        common, unique = lonely.flatten().quantile(lonely.new_tensor([COMMON, UNIQUE]))
        held: Tensor = (lonely - common) / (unique - common).clamp_min(1e-6)
        return held.clamp(0.0, 1.0)


def rarity(features: Tensor) -> Tensor:
    """Return how little each place is like those places, not its neighbours, that are most like it.

    Args:
        features: (1, C, H, W).

    Returns:
        (1, 1, H, W) in [0, 2]: 1 − the mean cosine similarity to the most similar twentieth of all places,
        of features from which the mean over all places was taken.
    """
    height, width = features.shape[2:]
    columns = features[0].flatten(1)
    columns = functional.normalize(columns - columns.mean(dim=1, keepdim=True), dim=0)
    row = torch.arange(height, device=features.device).repeat_interleave(width)
    column = torch.arange(width, device=features.device).repeat(height)
    near = ((row[:, None] - row).abs() <= NEIGHBOURS) & ((column[:, None] - column).abs() <= NEIGHBOURS)
    alike = (columns.T @ columns).masked_fill(near, -1.0)
    others = max(1, int(OTHERS * height * width))
    return 1.0 - alike.topk(others, dim=1).values.mean(dim=1).view(1, 1, height, width)
