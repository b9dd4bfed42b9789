"""`classic`: Gatys, Ecker & Bethge 2016, painted coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.losses import content_loss, gram_matrix, mix, style_loss, total_variation
from nst_core.transfer.optimise import Optimizer, optimise
from nst_core.transfer.scales import Scale, fitted, plan_scales

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nst_core.features import FeatureExtractor
    from nst_core.protocol import StyleParams
    from nst_core.transfer.optimise import Losses

CONTENT_LAYER: Final = "relu4_2"
STYLE_LAYERS: Final[dict[str, float]] = {
    "relu1_1": 256.0,
    "relu2_1": 64.0,
    "relu3_1": 16.0,
    "relu4_1": 4.0,
    "relu5_1": 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassicRecipe:
    """Everything that tunes `classic`; the values were chosen by eye over all bundled paintings."""

    coarsest_px: int = 128
    steps_at_coarsest: int = 90
    steps_falloff: float = 1.5
    """Steps fall with the long side to this power; a step's cost grows with its square."""
    least_steps: int = 8
    optimizer: Optimizer = "adam"
    step_size: float = 0.02
    content_weight: float = 0.06
    """At strength 50."""
    content_range: float = 20.0
    """Strength 0 multiplies the content weight by this, strength 100 divides it."""
    tv_weight: float = 2.0

    def steps(self, long_side_px: int) -> int:
        """Return how many steps a scale gets: many where they are cheap and settle the shapes."""
        if long_side_px < self.coarsest_px:
            return max(self.least_steps, self.steps_at_coarsest * long_side_px // (2 * self.coarsest_px))
        share: float = (self.coarsest_px / long_side_px) ** self.steps_falloff
        return max(self.least_steps, int(self.steps_at_coarsest * share))


def paint_classic(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor,
    recipe: ClassicRecipe | None = None,
) -> tuple[int, Iterator[tuple[Scale, Tensor, Losses]]]:
    """Return how many steps there will be, and those steps.

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
    )
    walk = _walk(scales, content, styles, strength=params.strength, extractor=extractor, recipe=recipe)
    return sum(scale.steps for scale in scales), walk


def _walk(
    scales: list[Scale],
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    *,
    strength: int,
    extractor: FeatureExtractor,
    recipe: ClassicRecipe,
) -> Iterator[tuple[Scale, Tensor, Losses]]:
    picture = content
    for scale in scales:
        size = (scale.height_px, scale.width_px)
        objective = _Objective(
            resized(content, size),
            [(at_scale(style, scale.long_side_px), share) for style, share in styles],
            extractor=extractor,
            content_weight=recipe.content_weight * recipe.content_range ** (1.0 - strength / 50),
            tv_weight=recipe.tv_weight,
        )
        walk = optimise(
            resized(picture, size),
            objective,
            steps=scale.steps,
            optimizer=recipe.optimizer,
            step_size=recipe.step_size,
        )
        for picture, losses in walk:
            yield scale, picture, losses


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
    ) -> None:
        self._extractor = extractor
        self._content_weight = content_weight
        self._tv_weight = tv_weight
        with torch.no_grad():
            self._content = extractor(content, [CONTENT_LAYER])[CONTENT_LAYER]
            maps = [extractor(style, STYLE_LAYERS) for style, _ in styles]
            shares = [share for _, share in styles]
            self._grams = {
                layer: mix([gram_matrix(found[layer]) for found in maps], shares) for layer in STYLE_LAYERS
            }

    def __call__(self, image: Tensor) -> Losses:
        maps = self._extractor(image, [*STYLE_LAYERS, CONTENT_LAYER])
        terms = [
            weight * style_loss(gram_matrix(maps[layer]), self._grams[layer])
            for layer, weight in STYLE_LAYERS.items()
        ]
        style = torch.stack(terms).sum() / sum(STYLE_LAYERS.values())
        content = self._content_weight * content_loss(maps[CONTENT_LAYER], self._content)
        variation = self._tv_weight * total_variation(image)
        return {"content": content, "style": style, "tv": variation, "total": content + style + variation}


def at_scale(image: Tensor, long_side_px: int) -> Tensor:
    """Return (N, 3, H, W) in [0, 1] with this long side and the same shape."""
    return resized(image, fitted(image.shape[2], image.shape[3], long_side_px))


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, 3, H, W) in [0, 1] at another (height, width), antialiased."""
    if tuple(image.shape[2:]) == size:
        return image
    return functional.interpolate(image, size, mode="bicubic", antialias=True).clamp(0.0, 1.0)
