"""`classic`: Gatys, Ecker & Bethge 2016, painted coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from nst_core.losses import content_loss, mix, style_loss, total_variation
from nst_core.transfer.bands import look
from nst_core.transfer.optimise import Pace
from nst_core.transfer.scales import Scale, plan_scales
from nst_core.transfer.walk import at_scale, coarse_to_fine, resized, shaken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nst_core.features import FeatureExtractor
    from nst_core.protocol import StyleParams
    from nst_core.transfer.optimise import Losses, Objective, Optimizer
    from nst_core.transfer.walk import Walk

CONTENT_LAYER: Final = "relu4_2"
STYLE_LAYERS: Final[dict[str, float]] = {
    "relu1_1": 256.0,
    "relu2_1": 64.0,
    "relu3_1": 16.0,
    "relu4_1": 4.0,
    "relu5_1": 1.0,
}
FINE_CONTENT_LAYER: Final = "relu3_1"
FINE_STYLE_LAYERS: Final = ("relu1_1", "relu2_1", "relu3_1")
"""Where the large shapes are settled only the grain is missing; without deeper layers a step costs less than
half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicRecipe:
    """Everything that tunes `classic`; the values were chosen by eye over all bundled paintings."""

    coarsest_px: int = 128
    steps_at_coarsest: int = 84
    steps_falloff: float = 1.7
    """Steps fall with the long side to this power; a step's cost grows with its square."""
    least_steps: int = 8
    fine_px: int = 256
    """Above this size only the grain is worked on, without the deep layers."""
    optimizer: Optimizer = "adam"
    step_size: float = 0.02
    """Equal ones, averaged: its finest scales have eight, too few to come to rest. With those of `best` the
    judge gave 0.233 instead of 0.302 (six pairs at 512 px)."""
    content_weight: float = 0.06
    """At strength 50."""
    content_range: float = 20.0
    """Strength 0 multiplies the content weight by this, strength 100 divides it."""
    tv_weight: float = 2.0

    def steps(self, long_side_px: int) -> int:
        """Return how many steps a scale gets: many where they are cheap and settle the shapes."""
        if long_side_px < self.coarsest_px:
            return max(self.least_steps, self.steps_at_coarsest * long_side_px // self.coarsest_px)
        share: float = (self.coarsest_px / long_side_px) ** self.steps_falloff
        return max(self.least_steps, int(self.steps_at_coarsest * share))


def paint_classic(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor,
    recipe: ClassicRecipe | None = None,
) -> tuple[list[Scale], Walk]:
    """Return the scales, coarse to fine, and the steps on them.

    Args:
        content: (1, 3, H, W) in [0, 1].
        styles: such images of any size, each with its share.
        params: what the person chose.
        extractor: on the device of the images.
        recipe: the tuning.
    """
    recipe = recipe or ClassicRecipe()
    scales = plan_scales(
        *content.shape[2:],
        long_side_px=params.long_side_px,
        coarsest_px=recipe.coarsest_px,
        steps=recipe.steps,
        fine_px=recipe.fine_px,
    )

    def make_objective(scale: Scale, start: Tensor) -> Objective:
        here = resized(content, (start.shape[2], start.shape[3]))
        return classic_objective(
            here, styles, params, extractor=extractor, recipe=recipe, is_fine=scale.is_fine
        )

    coarsest = resized(content, (scales[0].height_px, scales[0].width_px))
    start = shaken(coarsest, params.seed).clamp(0.0, 1.0)
    pace = Pace(step_size=recipe.step_size)
    walk = coarse_to_fine(start, scales, make_objective, optimizer=recipe.optimizer, pace=lambda _: pace)
    return scales, walk


def classic_objective(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor,
    recipe: ClassicRecipe | None = None,
    is_fine: bool = False,
) -> Objective:
    """Return what is minimised at one scale.

    Args:
        content: (1, 3, H, W) in [0, 1], of the size that is painted.
        styles: such images of any size, each with its share.
        params: what the person chose.
        extractor: on the device of the images.
        recipe: the tuning.
        is_fine: whether only shallow layers are looked at.
    """
    recipe = recipe or ClassicRecipe()
    side_px = max(content.shape[2:]) * params.brush // 100
    return _Objective(
        content,
        [(at_scale(style, side_px), share) for style, share in styles],
        extractor=extractor,
        content_weight=recipe.content_weight * recipe.content_range ** (1.0 - params.strength / 50),
        tv_weight=recipe.tv_weight,
        is_fine=is_fine,
    )


class _Objective:
    """The weighted sum of content, style and total variation at one scale."""

    def __init__(
        self,
        content: Tensor,
        styles: list[tuple[Tensor, float]],
        *,
        extractor: FeatureExtractor,
        content_weight: float,
        tv_weight: float,
        is_fine: bool,
    ) -> None:
        self._extractor = extractor
        self._content_weight = content_weight
        self._tv_weight = tv_weight
        layers = FINE_STYLE_LAYERS if is_fine else tuple(STYLE_LAYERS)
        self._content_layer = FINE_CONTENT_LAYER if is_fine else CONTENT_LAYER
        with torch.no_grad():
            self._content = look(extractor, content, maps=[self._content_layer]).maps[self._content_layer]
            found = [(look(extractor, style, grams=layers).grams, share) for style, share in styles]
            self._grams = mixed_grams(found)

    def __call__(self, image: Tensor) -> Losses:
        seen = look(self._extractor, image, maps=[self._content_layer], grams=self._grams)
        style = style_term(seen.grams, self._grams)
        content = self._content_weight * content_loss(seen.maps[self._content_layer], self._content)
        variation = self._tv_weight * total_variation(image)
        return {"content": content, "style": style, "tv": variation, "total": content + style + variation}


def mixed_grams(styles: Sequence[tuple[Mapping[str, Tensor], float]]) -> dict[str, Tensor]:
    """Return the Gram matrices to reach, by layer.

    Args:
        styles: of each style image its Gram matrices, all of the same layers, and its share.
    """
    shares = [share for _, share in styles]
    return {layer: mix([grams[layer] for grams, _ in styles], shares) for layer in styles[0][0]}


def style_term(grams: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Return the weighted mean of the layers' style losses.

    Args:
        grams: the pastiche's Gram matrices, of some of `STYLE_LAYERS`.
        targets: what they should be.
    """
    terms = [STYLE_LAYERS[layer] * style_loss(grams[layer], target) for layer, target in targets.items()]
    return torch.stack(terms).sum() / sum(STYLE_LAYERS.values())
