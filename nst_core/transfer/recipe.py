"""What `best` weighs against what, and how `strength` shifts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    from torch import Tensor

USUAL_STRENGTH: Final = StyleParams().strength
"""Whoever says nothing gets this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestRecipe:
    """Everything that tunes `best`; chosen by eye, on woodcuts, cubism and brushwork alike."""

    coarsest_px: int = 128
    """Of pictures of 256 px and more. From 64 px the largest shapes of a painting arrive too, but windows and
    faces are lost: the judge gave each of four pairs at 512 px less."""
    coarsest_of_small_px: int = 64
    """Smaller pictures start from a half, but not below this: from a quarter faces were lost at 256 px."""
    steps_at_coarsest: int = 64
    settled_px: int = 181
    """Up to this size every scale gets all steps; from there they fall, as a step's cost grows."""
    steps_falloff: float = 2.0
    fine_px: int = 256
    """Above this size only the fine layers are looked at, matched on a coarser grid."""
    fine_steps: int = 40
    """After 28 the judge gave 0.416, where it gives 0.431, in 0.86 of the time (six pairs at 512 px,
    strength 35)."""
    finest_px: int = 512
    finest_steps: int = 28
    """Above finest_px, where a step costs most; more were not tried there."""
    step_size: float = 0.06
    """The first of each scale; they fall."""
    fine_step_size: float = 0.03
    """With few steps to go a smaller one ends calmer, with less grain."""
    last_step: float = 1 / 30
    """In units of the first. Equal steps of 0.02, averaged over 33, lagged so far behind that after as many
    the Gram matrices were twice as far from the painting's."""
    betas: tuple[float, float] = (0.8, 0.9)
    """Adam's memory: scales are short, and with (0.9, 0.99) it remembers a slope that is no longer there."""
    decay: float = 0.8
    """Of the mean of the iterates, which only calms what whoever looks on sees."""
    least_pace: float = 0.15
    """Of these steps, at strength 0: there the picture is where it should be, and large steps lead away."""
    settled_strength: int = 33
    """From this strength on the colours and the grain are the painting's. With these and the shapes growing
    evenly, a gentle picture was still a tinted photo."""
    whole_strength: int = 50
    """From this strength on what is reached for is the painting's places alone. Weights are those here."""
    emphasis: float = 3.3
    """From there on to strength 100 the weights of matching and total variation grow by this, and that of
    structure falls by its square: shapes become broader, strokes longer."""
    loyalty: float = 0.6
    """How much of the photo, and not of the picture so far, looks up its match. The judge would have the
    photo alone: fur then becomes a carpet of small strokes and not the painting's shapes."""
    calm_loyalty: float = 0.2
    """The same where the photo is calm."""
    sowing: float = 0.8
    """How much of the painting's shapes is laid over calm places to begin with."""
    match_weight: float = 0.5
    style_weight: float = 1.0
    distribution_weight: float = 0.5
    fine_distribution: float = 3.0
    """How much more it counts at fine scales up to finest_px, where four shallow layers are looked at."""
    structure_weight: float = 0.8
    structure_range: float = 4.0
    """Strength 0 multiplies the structure weight by this."""
    calm_freedom: float = 0.8
    """How much less of the layout of strokes is kept where the photo is calm, from strength 50 on: a sky
    whose strokes must be as even as the photo's gets no swirls, but a carpet of one stroke."""
    calm_strength: int = 30
    """Up to this strength all of it is kept."""
    landmark_loyalty: float = 0.6
    """How much of the photo's own features is reached for at a landmark, such as a face: what is one of a
    kind there. Up to strength 50; at 100 a landmark is a place like any other."""
    landmark_structure: float = 1.5
    """How much more the layout of a landmark counts; of two landmarks, by the product."""
    tv_weight: float = 1.0
    recolors: bool = True
    """Whether the photo first gets the painting's colours."""

    def coarsest(self, long_side_px: int) -> int:
        """Return the long side of the first scale of a picture, in pixels."""
        return min(self.coarsest_px, max(self.coarsest_of_small_px, long_side_px // 2))

    def steps(self, long_side_px: int) -> int:
        """Return how many steps a scale gets."""
        if long_side_px > self.fine_px:
            return self.fine_steps if long_side_px <= self.finest_px else self.finest_steps
        share: float = min(1.0, (self.settled_px / long_side_px) ** self.steps_falloff)
        return int(self.steps_at_coarsest * share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What `strength` means here: up to a half less of the painting's, from there on less of the photo's."""

    manner: float
    """0 … 1: how far features go from the photo's own to the painting's."""
    palette: float
    """0 … 1: how far colours do."""
    pace: float
    """0 … 1, of the recipe's step size."""
    loyalty: float
    calm_loyalty: float
    sowing: float
    match_weight: float
    style_weight: float
    distribution_weight: float
    structure_weight: float
    tv_weight: float
    calm_freedom: float
    landmark_loyalty: float
    landmark_structure: float

    def loyalty_at(self, calm: Tensor) -> Tensor:
        """Return the loyalty of each place, given how calm it is, 0 … 1."""
        return self.loyalty + (self.calm_loyalty - self.loyalty) * calm

    @classmethod
    def of(cls, strength: int, recipe: BestRecipe) -> Balance:
        """Return the balance for a strength of 0 … 100."""
        whole = min(1.0, strength / recipe.whole_strength)
        manner = math.sqrt(whole)
        palette = min(1.0, strength / recipe.settled_strength)
        excess = max(0.0, (strength - recipe.whole_strength) / (100 - recipe.whole_strength))
        emphasis = recipe.emphasis**excess
        free = min(1.0, max(0.0, (strength - recipe.calm_strength) / (USUAL_STRENGTH - recipe.calm_strength)))
        return cls(
            manner=manner,
            palette=palette,
            pace=recipe.least_pace + (1.0 - recipe.least_pace) * palette,
            loyalty=recipe.loyalty * (1.0 - 0.7 * excess),
            calm_loyalty=recipe.calm_loyalty * (1.0 - 0.7 * excess),
            sowing=recipe.sowing * manner,
            match_weight=recipe.match_weight * emphasis,
            style_weight=recipe.style_weight * palette,
            distribution_weight=recipe.distribution_weight * palette,
            structure_weight=recipe.structure_weight * recipe.structure_range ** (1.0 - whole) / emphasis**2,
            tv_weight=recipe.tv_weight * emphasis,
            calm_freedom=recipe.calm_freedom * free,
            landmark_loyalty=recipe.landmark_loyalty * (1.0 - excess),
            landmark_structure=recipe.landmark_structure * (1.0 - excess),
        )
