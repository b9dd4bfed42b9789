"""`best`: places of the painting laid over the photo, from large shapes down to strokes.

At every scale each place of the photo looks up the place of the painting that is most like it, and the
pastiche is drawn towards those places' features; Gram matrices over the whole keep the painting's grain
and its palette, and features are spread as the painting's are; which places of the photo look alike is
kept. So the shapes come from the painting, and where they go from the photo; in its calm places, which
say nothing about that, from the painting too. What is one of a kind in the photo stays more like it.

Source: Kolkin et al. 2022 (NNST) for the matching; Gatys et al. 2016 for the Gram matrices; Heitz et al.
2021 for the spread of features; Kolkin et al. 2019 (STROTSS) for the self-similarity.
Differs: all at once at every scale instead of one after the other, so that no scale ends without its
grain; the photo first gets the painting's colours, so that it is matched by what it shows and not by its
light; calm places begin with the painting's shapes, and look up their matches with the picture so far;
coarse to fine in steps of √2; Adam on the pixels by steps that fall; no second pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.color import match_color
from nst_core.distribution import DistributionLoss
from nst_core.losses import self_similarity, structure_loss, total_variation
from nst_core.matching import MatchingLoss, hypercolumns, nearest
from nst_core.transfer.bands import WHOLE_PIXELS, look
from nst_core.transfer.calm import calmness, sown
from nst_core.transfer.classic import FINE_STYLE_LAYERS, STYLE_LAYERS, mixed_grams, style_term
from nst_core.transfer.landmarks import landmarks
from nst_core.transfer.optimise import Pace
from nst_core.transfer.recipe import Balance, BestRecipe
from nst_core.transfer.scales import Scale, plan_scales
from nst_core.transfer.walk import at_scale, coarse_to_fine, resized, shaken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nst_core.features import FeatureExtractor
    from nst_core.protocol import StyleParams
    from nst_core.transfer.bands import Seen
    from nst_core.transfer.optimise import Losses
    from nst_core.transfer.walk import Walk

COARSE_LAYERS: Final = (
    "relu2_1",
    "relu2_2",
    "relu3_1",
    "relu3_2",
    "relu3_3",
    "relu4_1",
    "relu4_2",
    "relu4_3",
)
FINE_LAYERS: Final = ("relu3_1",)
STRUCTURE_GRIDS: Final = {"relu2_2": 32, "relu3_1": 32, "relu3_3": 32, "relu4_1": 16, "relu4_3": 16}
"""Layers in which a picture keeps its layout, and of how many places along its long side each keeps the
likeness. Where it is kept in all of these, other networks find it kept, too. Each feature of relu4_1 and
relu4_3 sees a wide part of the picture: with 32 places of them the judge sees no difference (0.400 with 32,
0.399 with 16; six pairs at 256 px), and they cost as much as relu3_3."""
THING_LAYERS: Final = ("relu4_1", "relu4_3")
"""These see things more than strokes: in calm places, too, they are laid out as in the photo."""
DISTRIBUTION_STRIDES: Final = dict.fromkeys(
    ("relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_3", "relu5_1"), 1
)
"""Layers whose features are spread as the painting's, and of how many places one is looked at."""
FINE_DISTRIBUTION_STRIDES: Final = {"relu1_2": 2, "relu2_1": 2, "relu2_2": 2, "relu3_1": 1}
"""The same at fine scales: lines are as firm as the painting's, tones as deep."""
FINEST_DISTRIBUTION_STRIDES: Final = {"relu3_1": 1}
"""The same in large pictures, whose whole shallow feature maps take too much memory."""


def paint_best(
    content: Tensor,
    styles: Sequence[tuple[Tensor, float]],
    params: StyleParams,
    *,
    extractor: FeatureExtractor,
    recipe: BestRecipe | None = None,
) -> tuple[list[Scale], Walk]:
    """Return the scales, coarse to fine, and the steps on them; arguments as for `paint_classic`."""
    recipe = recipe or BestRecipe()
    balance = Balance.of(params.strength, recipe)
    recolored = _colored(content, styles) if recipe.recolors else content
    colored = torch.lerp(content, recolored, balance.palette)
    scales = plan_scales(
        *content.shape[2:],
        long_side_px=params.long_side_px,
        coarsest_px=recipe.coarsest(params.long_side_px),
        steps=recipe.steps,
        fine_px=recipe.fine_px,
    )

    held = landmarks(extractor, content)

    def make_objective(scale: Scale, start: Tensor) -> _Objective:
        side_px = scale.long_side_px * params.brush // 100
        return _Objective(
            resized(colored, (start.shape[2], start.shape[3])),
            [(at_scale(style, side_px), share) for style, share in styles],
            start,
            landmark=held,
            extractor=extractor,
            scale=scale,
            balance=balance,
            recipe=recipe,
            seed=params.seed,
        )

    def pace(long_side_px: int) -> Pace:
        is_fine = long_side_px > recipe.fine_px
        step_size = balance.pace * (recipe.fine_step_size if is_fine else recipe.step_size)
        return Pace(step_size=step_size, last_step=recipe.last_step, betas=recipe.betas, decay=recipe.decay)

    begin = resized(colored, (scales[0].height_px, scales[0].width_px))
    begin = sown(begin, styles, amount=balance.sowing, brush=params.brush, seed=params.seed)
    walk = coarse_to_fine(begin, scales, make_objective, pace=pace)
    return scales, walk


def distribution_plan(
    scale: Scale, styles: Sequence[Tensor], recipe: BestRecipe
) -> tuple[Mapping[str, int], float]:
    """Return where the spread of features is looked at on a scale, and how much more than else it counts.

    Args:
        scale: where the picture is.
        styles: (1, 3, H, W) each, as large as they are there; a large brush makes them larger.
        recipe: says which scales are fine.

    Returns:
        Layer → of how many places one is looked at along each side; and a factor.
    """
    if not scale.is_fine:
        return DISTRIBUTION_STRIDES, 1.0
    largest = max(style.shape[2] * style.shape[3] for style in styles)
    if scale.long_side_px > recipe.finest_px or largest > WHOLE_PIXELS:
        return FINEST_DISTRIBUTION_STRIDES, 1.0
    return FINE_DISTRIBUTION_STRIDES, recipe.fine_distribution


def _colored(content: Tensor, styles: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Return the content image in the styles' colours, mixed by their shares."""
    whole = sum(share for _, share in styles)
    return torch.stack([share / whole * match_color(content, style) for style, share in styles]).sum(dim=0)


def _averaged(plane: Tensor, like: Tensor) -> Tensor:
    """Return (1, 1, H, W) means of a finer plane, for each position of a feature map."""
    return functional.adaptive_avg_pool2d(plane, (like.shape[2], like.shape[3]))


def _spread(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (1, 1, *size) values of a coarser plane, in between in proportion."""
    return functional.interpolate(plane, size, mode="bilinear", align_corners=False)


class _Objective:
    """Matching, style, distribution, structure and total variation at one scale."""

    def __init__(
        self,
        content: Tensor,
        styles: Sequence[tuple[Tensor, float]],
        start: Tensor,
        *,
        landmark: Tensor,
        extractor: FeatureExtractor,
        scale: Scale,
        balance: Balance,
        recipe: BestRecipe,
        seed: int,
    ) -> None:
        self._extractor = extractor
        self._balance = balance
        self._recipe = recipe
        self._seed = seed
        self._layers = FINE_LAYERS if scale.is_fine else COARSE_LAYERS
        self._style_layers = FINE_STYLE_LAYERS if scale.is_fine else tuple(STYLE_LAYERS)
        strides, share = distribution_plan(scale, [style for style, _ in styles], recipe)
        self._distribution_weight = share * balance.distribution_weight
        self._structure_layers = FINE_LAYERS if scale.is_fine else tuple(STRUCTURE_GRIDS)
        self._maps = tuple(dict.fromkeys((*self._layers, *self._structure_layers, *strides)))
        self._stride = 8 if scale.is_fine else 4
        self._grid = self._grid_of(content)
        with torch.no_grad():
            own = look(extractor, content, maps=self._maps).maps
            calm = calmness(content)
            self._weights = {
                layer: self._weight(calm, landmark, like=own[layer], sees_things=layer in THING_LAYERS)
                for layer in self._structure_layers
            }
            asking = torch.lerp(start, content, balance.loyalty_at(calm))
            found = [look(extractor, style, maps=self._maps, grams=self._style_layers) for style, _ in styles]
            shares = [share for _, share in styles]
            target = self._lay_out(own, styles, found, asking, landmark)
            self._matching = MatchingLoss(target, own, self._layers, self._grid)
            self._grams = mixed_grams(
                [(seen.grams, share) for seen, share in zip(found, shares, strict=True)]
            )
            spreads = [(seen.maps, share) for seen, share in zip(found, shares, strict=True)]
            self._distribution = DistributionLoss(spreads, strides)
            self._similarities = self._similarities_of(own)

    def __call__(self, image: Tensor) -> Losses:
        seen = look(self._extractor, image, maps=self._maps, grams=self._style_layers)
        losses = {
            "match": self._balance.match_weight * self._matching(seen.maps),
            "style": self._balance.style_weight * style_term(seen.grams, self._grams),
            "distribution": self._distribution_weight * self._distribution(seen.maps),
            "structure": self._balance.structure_weight * self._structure(seen.maps),
            "tv": self._balance.tv_weight * total_variation(image),
        }
        losses["total"] = torch.stack(list(losses.values())).sum()
        return losses

    def _weight(self, calm: Tensor, landmark: Tensor, *, like: Tensor, sees_things: bool) -> Tensor:
        """Return (1, 1, H, W), how much the layout of each position of a feature map counts."""
        freedom = 0.0 if sees_things else self._balance.calm_freedom
        here = _spread(landmark, (like.shape[2], like.shape[3]))
        held = 1.0 + self._balance.landmark_structure * here
        return (1.0 - freedom * _averaged(calm, like)) * held

    def _structure(self, maps: Mapping[str, Tensor]) -> Tensor:
        pairs = zip(self._similarities_of(maps), self._similarities, strict=True)
        return torch.stack([structure_loss(ours, kept) for ours, kept in pairs]).mean()

    def _similarities_of(self, maps: Mapping[str, Tensor]) -> list[Tensor]:
        return [
            self_similarity(maps[layer], grid=STRUCTURE_GRIDS[layer], weight=weight)
            for layer, weight in self._weights.items()
        ]

    def _lay_out(
        self,
        own: Mapping[str, Tensor],
        styles: Sequence[tuple[Tensor, float]],
        found: Sequence[Seen],
        asking: Tensor,
        landmark: Tensor,
    ) -> Tensor:
        """Return the columns to reach at each position."""
        asked = look(self._extractor, shaken(asking, self._seed), maps=self._layers)
        query = hypercolumns(asked.maps, self._layers, self._grid)
        columns = [
            hypercolumns(seen.maps, self._layers, self._grid_of(style))
            for (style, _), seen in zip(styles, found, strict=True)
        ]
        target = nearest(query, columns, [share for _, share in styles])
        here = _spread(landmark, self._grid)
        manner = self._balance.manner * (1.0 - self._balance.landmark_loyalty * here)
        return torch.lerp(hypercolumns(own, self._layers, self._grid), target, manner.view(1, -1))

    def _grid_of(self, image: Tensor) -> tuple[int, int]:
        height, width = image.shape[2:]
        return max(1, height // self._stride), max(1, width // self._stride)
