"""What `strength` means in `best`, number by number; the pictures are in `test_transfer.py`."""

from dataclasses import replace
from itertools import pairwise

from nst_core.transfer.best import Balance, BestRecipe


def test_strength_leads_from_the_photo_to_the_painting() -> None:
    """Nothing of the painting at 0; up to 100 more of all it has, and less of what holds the photo."""
    recipe = BestRecipe()
    none = Balance.of(0, recipe)
    assert (none.manner, none.palette, none.sowing) == (0.0, 0.0, 0.0)
    assert (none.style_weight, none.distribution_weight, none.pace) == (0.0, 0.0, recipe.least_pace)
    for weaker, stronger in pairwise(Balance.of(strength, recipe) for strength in range(0, 101, 5)):
        assert stronger.structure_weight < weaker.structure_weight
        assert stronger.loyalty <= weaker.loyalty
        assert stronger.calm_loyalty <= weaker.calm_loyalty
        assert stronger.manner >= weaker.manner
        assert stronger.palette >= weaker.palette
        assert stronger.sowing >= weaker.sowing
        assert stronger.pace >= weaker.pace
        assert stronger.style_weight >= weaker.style_weight
        assert stronger.distribution_weight >= weaker.distribution_weight


def test_colors_and_grain_arrive_before_the_shapes() -> None:
    """At a third they are the painting's, its shapes past the middle: a little strength already paints."""
    recipe = BestRecipe()
    third, less, half = (Balance.of(strength, recipe) for strength in (33, 40, 50))
    assert (third.palette, third.style_weight) == (half.palette, half.style_weight) == (1.0, 1.0)
    assert third.distribution_weight == half.distribution_weight == recipe.distribution_weight
    assert third.pace == half.pace == 1.0
    assert 0.7 < third.manner < less.manner < half.manner == 1.0
    late = Balance.of(25, replace(recipe, settled_strength=50))
    assert (late.palette, late.style_weight) == (0.5, 0.5)
