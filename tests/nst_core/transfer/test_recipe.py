"""What `strength` means in `best`, number by number; the pictures are in `test_transfer.py`."""

from dataclasses import replace
from itertools import pairwise

from nst_core.transfer.recipe import Balance, BestRecipe


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
        assert stronger.match_weight >= weaker.match_weight
        assert stronger.calm_freedom >= weaker.calm_freedom


def test_colors_and_grain_arrive_before_the_shapes() -> None:
    """At a third they are the painting's, its shapes past the middle: a little strength already paints."""
    recipe = BestRecipe()
    third, more, half = (Balance.of(strength, recipe) for strength in (33, 42, 50))
    assert (third.palette, third.style_weight) == (half.palette, half.style_weight) == (1.0, 1.0)
    assert third.distribution_weight == half.distribution_weight == recipe.distribution_weight
    assert third.pace == half.pace == 1.0
    assert 0.7 < third.manner < more.manner < half.manner == 1.0
    late = Balance.of(25, replace(recipe, settled_strength=50))
    assert (late.palette, late.style_weight) == (0.5, 0.5)


def test_the_recipes_weights_are_those_of_the_usual_strength() -> None:
    """From there on matching grows, and structure falls by the square of that."""
    recipe = BestRecipe()
    photo, usual, more, most = (Balance.of(strength, recipe) for strength in (0, 50, 75, 100))
    assert photo.structure_weight == 4.0 * usual.structure_weight == 4.0 * recipe.structure_weight
    assert photo.match_weight == usual.match_weight == recipe.match_weight
    for balance, grown in ((more, 3.3**0.5), (most, 3.3)):
        assert balance.match_weight == recipe.match_weight * grown
        assert balance.tv_weight == recipe.tv_weight * grown
        assert balance.structure_weight == recipe.structure_weight / grown**2


def test_landmarks_are_kept_up_to_the_usual_strength() -> None:
    """From there on less and less; at the end they are places like any other."""
    recipe = BestRecipe(landmark_loyalty=0.6, landmark_structure=1.5)
    kept = [Balance.of(strength, recipe) for strength in (0, 50, 75, 100)]
    assert [balance.landmark_loyalty for balance in kept] == [0.6, 0.6, 0.3, 0.0]
    assert [balance.landmark_structure for balance in kept] == [1.5, 1.5, 0.75, 0.0]


def test_calm_places_are_freed_with_strength() -> None:
    """Not at all up to 30, at 50 by all that is ever given, halfway in between."""
    recipe = BestRecipe(calm_freedom=0.8)
    freedom = [Balance.of(strength, recipe).calm_freedom for strength in (0, 30, 50, 100)]
    assert freedom == [0.0, 0.0, 0.8, 0.8]
    assert Balance.of(40, recipe).calm_freedom == 0.4


def test_a_scale_gets_the_steps_its_size_can_afford() -> None:
    """All up to 181 px, then fewer by the pixels; shallow scales get more up to 512 px than above it."""
    recipe = BestRecipe()
    steps = {size: recipe.steps(size) for size in (128, 181, 256, 362, 512, 724, 2048)}
    assert steps == {128: 64, 181: 64, 256: 31, 362: 40, 512: 40, 724: 28, 2048: 28}
