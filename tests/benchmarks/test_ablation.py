"""The ablation takes out one part at a time and compares pair by pair."""

import dataclasses

from ablation import RECIPES, WHOLE, _line, _pairs
from judging.judge import Scores

from nst_core.transfer.best import BestRecipe


def test_every_recipe_lacks_one_part() -> None:
    """Only the fields of that part differ from the recipe as it is shipped, and each recipe is another."""
    whole = dataclasses.asdict(BestRecipe())
    assert dataclasses.asdict(RECIPES[WHOLE]) == whole
    changed = {
        name: {field for field, value in dataclasses.asdict(recipe).items() if value != whole[field]}
        for name, recipe in RECIPES.items()
        if name != WHOLE
    }
    assert changed.pop("one scale") == {"coarsest_px", "coarsest_of_small_px"}
    assert changed.pop("calm places as any other") == {"calm_loyalty", "sowing", "calm_freedom"}
    assert changed.pop("landmarks as any other place") == {"landmark_loyalty", "landmark_structure"}
    assert changed.pop("only the picture so far asks") == {"loyalty", "calm_loyalty"}
    assert all(len(fields) == 1 for fields in changed.values())
    assert len(set(RECIPES.values())) == len(RECIPES)


def test_every_pair_has_a_painting_and_a_photo_of_its_own() -> None:
    """So that no painting counts twice."""
    pairs = _pairs(6)
    assert len({pair.painting for pair in pairs}) == len({pair.photo for pair in pairs}) == 6
    assert all(pair.painting.is_file() and pair.photo.is_file() for pair in pairs)


def test_a_line_tells_the_mean_and_the_difference() -> None:
    """Score is structure × (1 − style), and what is compared is the same pair's."""
    whole = [
        Scores(structure=0.8, style=0.5, colour=0.2, lpips=None),
        Scores(structure=0.6, style=0.5, colour=0.2, lpips=None),
    ]
    without = [
        Scores(structure=0.8, style=0.75, colour=0.4, lpips=None),
        Scores(structure=0.4, style=0.25, colour=0.4, lpips=None),
    ]
    assert _line(WHOLE, whole, whole) == "| whole | 0.700 | 0.500 | 0.200 | 0.350 |  |"
    line = _line("no such part", without, whole)
    assert line.startswith("| no such part | 0.600 | 0.500 | 0.400 | 0.250 | -0.100 (-0.200 … ")
