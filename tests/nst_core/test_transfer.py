"""`stylize` moves the photo towards the painting, step by step, and keeps its promises."""

import itertools
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.distribution import TURNS, DistributionLoss
from nst_core.errors import BadParameter
from nst_core.features import FeatureExtractor, load_extractor
from nst_core.losses import content_loss, gram_matrix, self_similarity, style_loss, total_variation
from nst_core.transfer import Step, StyleParams, stylize
from nst_core.transfer.best import distribution_plan, paint_best
from nst_core.transfer.calm import calmness
from nst_core.transfer.classic import (
    FINE_STYLE_LAYERS,
    STYLE_LAYERS,
    ClassicRecipe,
    classic_objective,
    paint_classic,
)
from nst_core.transfer.landmarks import landmarks
from nst_core.transfer.optimise import Average, Pace, optimise
from nst_core.transfer.recipe import Balance, BestRecipe
from nst_core.transfer.scales import Scale, plan_scales
from nst_core.transfer.walk import at_scale, resized


@pytest.fixture(scope="module")
def extractor() -> FeatureExtractor:
    return load_extractor()


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """Smooth shapes: a bright disc before a slope of grey."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 60), torch.linspace(-1, 1, 80), indexing="ij")
    disc = ((x * x + y * y) < 0.3).float() * 0.5
    return torch.stack([0.3 + 0.2 * x + disc, 0.4 + 0.1 * y, 0.5 - 0.2 * x]).clamp(0, 1)[None]


@pytest.fixture(scope="module")
def painting() -> Tensor:
    """Red and yellow stripes with grain."""
    torch.manual_seed(5)
    x = torch.arange(64).float()
    stripes = (torch.sin(x * 0.8)[None, :] * torch.ones(48, 1)).mul(0.5).add(0.5)
    return (torch.stack([0.6 + 0.4 * stripes, stripes, 0.1 * stripes]) + 0.05 * torch.randn(3, 48, 64)).clamp(
        0, 1
    )[None]


@pytest.fixture(scope="module")
def steps(photo: Tensor, painting: Tensor) -> list[Step]:
    """One whole run that several tests look at."""
    return run(photo, [(painting, 1.0)])


def run(content: Tensor, styles: Sequence[tuple[Tensor, float]], **params: object) -> list[Step]:
    choice = {"long_side_px": 64, "mode": "classic", **params}
    return list(stylize(content, styles, StyleParams(**choice)))  # type: ignore[arg-type]


def first_steps(count: int, content: Tensor, styles: Sequence[tuple[Tensor, float]]) -> list[Step]:
    return list(
        itertools.islice(stylize(content, styles, StyleParams(mode="classic", long_side_px=64)), count)
    )


def distance(image: Tensor, style: Tensor, extractor: FeatureExtractor) -> float:
    def gram(picture: Tensor) -> Tensor:
        return gram_matrix(extractor(picture, ["relu3_1"])["relu3_1"])

    with torch.no_grad():
        return (gram(image) - gram(style)).norm().item()


def test_the_style_gets_closer_and_the_total_falls(
    steps: list[Step], photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """The last picture is nearer to the painting's Gram matrix than the photo, and cheaper than the first."""
    assert distance(steps[-1].pastiche, painting, extractor) < 0.85 * distance(photo, painting, extractor)
    assert steps[-1].losses["total"] < 0.5 * steps[0].losses["total"]


def test_steps_are_numbered_and_whole(steps: list[Step]) -> None:
    """1 … total, each with a finite picture of the photo's shape inside [0, 1]; the terms add up."""
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert steps[-1].pastiche.shape == (1, 3, 48, 64)
    for step in steps:
        assert 0.0 <= step.pastiche.min() <= step.pastiche.max() <= 1.0
        parts = [loss for name, loss in step.losses.items() if name != "total"]
        assert sum(parts) == pytest.approx(step.losses["total"], rel=1e-4)


def test_each_step_tells_its_share_of_the_work(photo: Tensor, painting: Tensor) -> None:
    """Twice the pixels, twice the work; above 256 px, where less is looked at, 0.4 of that a pixel."""
    scales = plan_scales(
        100, 100, long_side_px=400, coarsest_px=200, steps=lambda _: 3, fine_px=ClassicRecipe().fine_px
    )
    assert [scale.long_side_px for scale in scales] == [200, 283, 400]
    assert [scale.step_work for scale in scales] == [200**2, 0.4 * 283**2, 0.4 * 400**2]
    steps = run(photo, [(painting, 1.0)], mode="classic")
    shares = [step.share for step in steps]
    assert shares == sorted(set(shares))
    assert shares[0] > 0.0
    assert shares[-1] == pytest.approx(1.0)


def test_the_first_step_starts_from_the_photo(steps: list[Step]) -> None:
    """Content loss is 0 before anything has moved."""
    assert steps[0].losses["content"] == pytest.approx(0.0, abs=1e-6)


def test_the_same_inputs_give_the_same_picture(steps: list[Step], photo: Tensor, painting: Tensor) -> None:
    """Bit for bit, on one machine."""
    again = first_steps(9, photo, [(painting, 1.0)])[-1].pastiche
    torch.testing.assert_close(again, steps[8].pastiche, rtol=0, atol=0)


@pytest.mark.parametrize("mode", ["classic", "best"])
def test_another_seed_paints_another_picture(mode: str, photo: Tensor, painting: Tensor) -> None:
    """Each seed its own, and the same one again gives the same again."""

    def painted(seed: int) -> Tensor:
        params = StyleParams(mode=mode, long_side_px=64, seed=seed)
        return list(itertools.islice(stylize(photo, [(painting, 1.0)], params), 6))[-1].pastiche

    first, second = painted(1), painted(2)
    assert (first - second).abs().mean() > 0.002
    torch.testing.assert_close(painted(1), first, rtol=0, atol=0)


def test_strength_orders_the_pictures(
    steps: list[Step], photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """More strength is nearer to the painting; 0 stays nearer to the photo than 100."""
    gentle, strong = (run(photo, [(painting, 1.0)], strength=strength)[-1] for strength in (0, 100))
    found = [distance(step.pastiche, painting, extractor) for step in (gentle, steps[-1], strong)]
    assert found[0] > found[1] > found[2]


def test_inputs_are_left_alone(photo: Tensor, painting: Tensor) -> None:
    """No function changes its argument in place."""
    before = photo.clone(), painting.clone()
    first_steps(5, photo, [(painting, 1.0)])
    torch.testing.assert_close((photo, painting), before, rtol=0, atol=0)


def test_stopping_anywhere_leaves_a_whole_picture(photo: Tensor, painting: Tensor) -> None:
    """A reader may walk away after any step."""
    third = first_steps(3, photo, [(painting, 1.0)])[-1]
    assert third.index == 3
    assert torch.isfinite(third.pastiche).all()


def test_two_styles_lie_between_one_and_the_other(
    steps: list[Step], photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """A 50:50 mixture is nearer to each style than the other style alone is."""
    blue = painting.flip(1)
    alone = steps[-1].pastiche
    mixed = run(photo, [(painting, 1.0), (blue, 1.0)])[-1].pastiche
    assert distance(mixed, blue, extractor) < distance(alone, blue, extractor)


def test_no_style_and_an_unknown_mode_are_the_persons_mistakes(photo: Tensor, painting: Tensor) -> None:
    """Sentences, not tracebacks."""
    with pytest.raises(BadParameter, match="style"):
        run(photo, [])
    with pytest.raises(BadParameter, match="mode"):
        run(photo, [(painting, 1.0)], mode="woodcut")


@pytest.mark.parametrize("shape", [(16, 300), (300, 16), (17, 19)])
def test_odd_shapes_paint(shape: tuple[int, int], painting: Tensor) -> None:
    """Long, narrow and tiny pictures have room for the deepest layer too."""
    last = first_steps(3, torch.rand(1, 3, *shape), [(painting, 1.0)])[-1]
    assert max(last.pastiche.shape[2:]) == 64
    assert torch.isfinite(last.pastiche).all()


def test_scales_grow_by_the_square_root_of_two() -> None:
    """512 px from 128: 128, 181, 256, 362, 512, each in the photo's shape."""
    scales = plan_scales(600, 800, long_side_px=512, coarsest_px=128, steps=lambda px: px)
    assert [scale.long_side_px for scale in scales] == [128, 181, 256, 362, 512]
    assert [scale.steps for scale in scales] == [128, 181, 256, 362, 512]
    assert (scales[-1].height_px, scales[-1].width_px) == (384, 512)


def test_a_small_picture_has_one_scale() -> None:
    """Nothing is painted smaller than the coarsest scale, and nothing larger than was asked for."""
    assert [
        s.long_side_px for s in plan_scales(60, 80, long_side_px=64, coarsest_px=128, steps=lambda _: 9)
    ] == [64]


@pytest.mark.parametrize(
    ("long_side_px", "first_px"), [(100, 64), (200, 100), (256, 128), (512, 128), (2048, 128)]
)
def test_best_starts_where_faces_are_still_faces(long_side_px: int, first_px: int) -> None:
    """From 128 px; pictures of up to 256 px from a half, but never under 64."""
    assert BestRecipe().coarsest(long_side_px) == first_px


def test_fine_scales_of_classic_look_at_shallow_layers_only(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """Their objective is the sum of the shallow layers' style, relu3_1's content and variation."""
    content = resized(photo, (48, 64))
    image = (content * 0.8 + 0.1).contiguous()
    recipe, params = ClassicRecipe(), StyleParams(long_side_px=64)
    terms = classic_objective(
        content, [(painting, 1.0)], params, extractor=extractor, recipe=recipe, is_fine=True
    )(image)
    ours, theirs, own = (
        extractor(picture, FINE_STYLE_LAYERS) for picture in (image, at_scale(painting, 64), content)
    )
    style = sum(
        STYLE_LAYERS[layer] * style_loss(gram_matrix(ours[layer]), gram_matrix(theirs[layer]))
        for layer in FINE_STYLE_LAYERS
    )
    torch.testing.assert_close(terms["style"], style / sum(STYLE_LAYERS.values()))
    kept = recipe.content_weight * content_loss(ours["relu3_1"], own["relu3_1"])
    torch.testing.assert_close(terms["content"], kept)
    torch.testing.assert_close(terms["total"], terms["style"] + terms["content"] + terms["tv"])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_both_optimisers_reach_a_known_minimum(optimizer: str) -> None:
    """The nearest picture to a target is the target."""
    target = torch.linspace(0.1, 0.9, 48).view(1, 3, 4, 4)

    def objective(image: Tensor) -> dict[str, Tensor]:
        return {"total": (image - target).square().sum()}

    start, pace = torch.full((1, 3, 4, 4), 0.5), Pace(step_size=0.02)
    *_, (image, losses) = optimise(start, objective, steps=150, optimizer=optimizer, pace=pace)  # type: ignore[arg-type]
    torch.testing.assert_close(image, target, rtol=0, atol=0.02)
    assert losses["total"] < 0.01


def test_adam_takes_the_same_steps_as_torchs() -> None:
    """Our few lines of Adam follow the library's path, as long as nothing is clamped."""
    target = torch.linspace(0.3, 0.7, 12).view(1, 3, 2, 2)
    theirs = torch.full((1, 3, 2, 2), 0.5, requires_grad=True)
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.99))

    def objective(image: Tensor) -> dict[str, Tensor]:
        return {"total": (image - target).pow(4).sum()}

    ours = optimise(torch.full((1, 3, 2, 2), 0.5), objective, steps=30, pace=Pace(step_size=0.01, decay=0.0))
    for image, _ in ours:
        adam.zero_grad()
        objective(theirs)["total"].backward()
        adam.step()
        torch.testing.assert_close(image, theirs.detach(), rtol=1e-5, atol=1e-6)


def test_lbfgs_paints_the_classic_objective(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """The recipe's other optimiser goes the same way."""
    recipe = ClassicRecipe(optimizer="lbfgs", coarsest_px=64, steps_at_coarsest=25)
    _, walk = paint_classic(
        photo, [(painting, 1.0)], StyleParams(long_side_px=64), extractor=extractor, recipe=recipe
    )
    totals = [losses["total"].item() for _, _, losses in walk]
    assert totals[-1] < 0.5 * totals[0]


def test_the_average_is_bias_corrected() -> None:
    """The first mean is the first picture itself; later ones weigh newer pictures more."""
    average = Average(0.9)
    first, second = torch.full((1, 3, 2, 2), 0.2), torch.full((1, 3, 2, 2), 0.8)
    torch.testing.assert_close(average.update(first), first)
    expected = (0.9 * 0.1 * 0.2 + 0.1 * 0.8) / (0.9 * 0.1 + 0.1)
    torch.testing.assert_close(average.update(second), torch.full((1, 3, 2, 2), expected))


@pytest.fixture(scope="module")
def best_steps(photo: Tensor, painting: Tensor) -> list[Step]:
    """One whole run of `best` that several tests look at."""
    return run(photo, [(painting, 1.0)], mode="best")


def test_best_gets_closer_to_the_painting_than_the_photo_is(
    best_steps: list[Step], photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """Its last picture has the painting's features, in the photo's shape, and its terms add up."""
    last = best_steps[-1]
    assert last.pastiche.shape == (1, 3, 48, 64)
    assert distance(last.pastiche, painting, extractor) < 0.5 * distance(photo, painting, extractor)
    assert set(last.losses) == {"match", "style", "distribution", "structure", "tv", "total"}
    assert sum(loss for name, loss in last.losses.items() if name != "total") == pytest.approx(
        last.losses["total"]
    )
    assert last.losses["match"] < best_steps[0].losses["match"]


def test_best_takes_the_paintings_colours(best_steps: list[Step], photo: Tensor, painting: Tensor) -> None:
    """The mean colour is the painting's rather than the photo's."""
    mean = best_steps[-1].pastiche.mean(dim=(2, 3))
    assert (mean - painting.mean(dim=(2, 3))).norm() < 0.3 * (mean - photo.mean(dim=(2, 3))).norm()


def test_best_still_shows_the_photo(best_steps: list[Step], photo: Tensor) -> None:
    """Where the photo's disc is, the picture differs from where it is not."""
    bright = photo[:, :1] > 0.6
    mask = torch.nn.functional.interpolate(bright.float(), (48, 64), mode="area") > 0.5
    picture = best_steps[-1].pastiche
    inside, outside = picture[mask.expand_as(picture)], picture[~mask.expand_as(picture)]
    assert abs(inside.mean() - outside.mean()) > 0.05


def test_best_keeps_the_layout_by_its_structure_term(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """Which places look alike follows the photo more closely with the term than without it."""

    def kept(weight: float) -> float:
        recipe = BestRecipe(structure_weight=weight, steps_at_coarsest=30)
        styles, params = [(painting, 1.0)], StyleParams(long_side_px=64)
        *_, (_, picture, _) = paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1]
        pair = [extractor(each, ["relu3_1"])["relu3_1"] for each in (picture, resized(photo, (48, 64)))]
        ours, theirs = (self_similarity(maps, grid=16) for maps in pair)
        return (ours @ theirs).item()

    assert kept(1.0) > kept(0.0) + 0.02


def test_best_spreads_features_by_its_distribution_term(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """Deep features, too, are spread more as the painting's with the term than without it."""
    layers = ["relu3_1", "relu4_1"]
    goal = DistributionLoss([(extractor(at_scale(painting, 64), layers), 1.0)], dict.fromkeys(layers, 1))

    def apart(weight: float) -> float:
        recipe = BestRecipe(distribution_weight=weight, steps_at_coarsest=30)
        styles, params = [(painting, 1.0)], StyleParams(long_side_px=64)
        *_, (_, picture, _) = paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1]
        seen = extractor(picture, layers)
        return sum(goal(seen).item() for _ in range(TURNS)) / TURNS

    assert apart(0.5) < 0.9 * apart(0.0)


@pytest.mark.parametrize(
    ("size_px", "calm_freedom", "landmark_structure"),
    [(64, 0.0, 0.0), (256, 0.0, 0.0), (64, 0.65, 0.0), (64, 0.0, 1.5), (64, 0.65, 1.5)],
)
def test_best_keeps_the_layout_in_five_layers(  # noqa: PLR0917 - three of them are fixtures
    size_px: int,
    calm_freedom: float,
    landmark_structure: float,
    photo: Tensor,
    painting: Tensor,
    extractor: FeatureExtractor,
) -> None:
    """Its structure term is their mean, each computed on its own from the picture of the step before.

    Where the photo is calm, the three shallow ones count less, and the two deep ones as much as anywhere;
    landmarks count more in all.
    """
    recipe = BestRecipe(
        calm_freedom=calm_freedom,
        landmark_structure=landmark_structure,
        decay=0.0,
        recolors=False,
        steps_at_coarsest=6,
        coarsest_px=256,
        coarsest_of_small_px=256,
    )
    styles, params = [(painting, 1.0)], StyleParams(long_side_px=size_px)
    walk = paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1]
    (_, picture, _), (_, _, losses) = next(walk), next(walk)
    grids = {"relu2_2": 32, "relu3_1": 32, "relu3_3": 32, "relu4_1": 16, "relu4_3": 16}
    content = resized(photo, (size_px * 3 // 4, size_px))
    ours, kept = extractor(picture, list(grids)), extractor(content, list(grids))
    terms = []
    for layer, grid in grids.items():
        counts = 1.0 - calm_freedom * functional.adaptive_avg_pool2d(calmness(content), kept[layer].shape[2:])
        if layer in ("relu4_1", "relu4_3"):
            counts = torch.ones_like(counts)
        held = functional.interpolate(landmarks(extractor, photo), kept[layer].shape[2:], mode="bilinear")
        counts = counts * (1.0 + landmark_structure * held)
        own, target = (self_similarity(maps[layer], grid=grid, weight=counts) for maps in (ours, kept))
        terms.append(1.0 - own @ target)
    weight = Balance.of(params.strength, recipe).structure_weight
    torch.testing.assert_close(losses["structure"], weight * torch.stack(terms).mean(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("finest_px", "strides", "factor"),
    [(64, {"relu1_2": 2, "relu2_1": 2, "relu2_2": 2, "relu3_1": 1}, 3.0), (63, {"relu3_1": 1}, 1.0)],
)
def test_best_spreads_shallow_features_at_fine_scales(  # noqa: PLR0917 - three of them are fixtures
    finest_px: int,
    strides: dict[str, int],
    factor: float,
    photo: Tensor,
    painting: Tensor,
    extractor: FeatureExtractor,
) -> None:
    """There its distribution term weighs more and looks at four layers; in larger pictures, at one."""
    recipe = BestRecipe(fine_px=48, finest_px=finest_px, decay=0.0, coarsest_px=64, coarsest_of_small_px=64)
    styles, params = [(painting, 1.0)], StyleParams(long_side_px=64)
    walk = paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1]
    (scale, picture, _), (_, _, losses) = next(walk), next(walk)
    assert scale.is_fine
    theirs, ours = (extractor(image, list(strides)) for image in (at_scale(painting, 64), picture))
    loss = DistributionLoss([(theirs, 1.0)], strides)
    expected = [loss(ours) for _ in range(2)][1]  # the second step's lines
    weight = factor * recipe.distribution_weight
    torch.testing.assert_close(losses["distribution"], weight * expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("long_side_px", "style_px", "layers"),
    [(256, 256, 7), (362, 362, 4), (512, 1000, 4), (512, 2048, 1), (513, 500, 1)],
)
def test_best_keeps_no_whole_shallow_features_of_large_pictures(
    long_side_px: int, style_px: int, layers: int
) -> None:
    """Neither of a large picture's nor of a painting's that a large brush enlarges."""
    is_fine = long_side_px > 256
    scale = Scale(long_side_px=long_side_px, height_px=9, width_px=9, steps=1, is_fine=is_fine)
    small, style = torch.empty(1, 3, 64, 64), torch.empty(1, 3, style_px, style_px, device="meta")
    strides, factor = distribution_plan(scale, [small, style], BestRecipe())
    assert len(strides) == layers
    assert factor == (BestRecipe().fine_distribution if layers == 4 else 1.0)


def test_best_paints_by_the_balance_of_its_strength(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """The same first picture costs by so much more or less as its weights say."""

    def first(emphasis: float) -> dict[str, Tensor]:
        recipe = BestRecipe(emphasis=emphasis, steps_at_coarsest=2)
        styles, params = [(painting, 1.0)], StyleParams(long_side_px=64, strength=75)
        return next(paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1])[2]

    plain, shipped, grown = first(1.0), first(3.3), 3.3**0.5
    for name, factor in {"match": grown, "tv": grown, "structure": grown**-2, "style": 1.0}.items():
        torch.testing.assert_close(shipped[name], factor * plain[name], rtol=1e-3, atol=1e-6)


def test_best_reaches_for_the_photo_at_landmarks(
    photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """There the picture's features come nearer to the photo's own; how near elsewhere hardly changes."""
    held = functional.interpolate(landmarks(extractor, photo), (12, 16), mode="bilinear")[0, 0]
    own = extractor(resized(photo, (48, 64)), ["relu3_1"])["relu3_1"]

    def apart(landmark_loyalty: float) -> tuple[float, float]:
        recipe = BestRecipe(
            landmark_loyalty=landmark_loyalty,
            landmark_structure=0.0,
            style_weight=0.0,
            distribution_weight=0.0,
            recolors=False,
        )
        styles, params = [(painting, 1.0)], StyleParams(long_side_px=64)
        *_, (_, picture, _) = paint_best(photo, styles, params, extractor=extractor, recipe=recipe)[1]
        far = (extractor(picture, ["relu3_1"])["relu3_1"] - own).square().mean(dim=1)[0]
        return far[held > 0.9].mean().item(), far[held == 0.0].mean().item()

    (landmark, elsewhere), (landmark_kept, elsewhere_kept) = apart(0.0), apart(1.0)
    assert landmark_kept < 0.7 * landmark
    assert landmark_kept / landmark < elsewhere_kept / elsewhere


def test_best_walks_as_its_recipe_says(photo: Tensor, painting: Tensor, extractor: FeatureExtractor) -> None:
    """How steps fall, what Adam remembers and what the mean does all reach the picture."""

    def last(**recipe: object) -> Tensor:
        chosen = BestRecipe(steps_at_coarsest=4, **recipe)  # type: ignore[arg-type]
        styles, params = [(painting, 1.0)], StyleParams(long_side_px=64)
        *_, (_, picture, _) = paint_best(photo, styles, params, extractor=extractor, recipe=chosen)[1]
        return picture

    shipped = last()
    assert torch.equal(shipped, last())
    for other in ({"last_step": 1.0}, {"betas": (0.9, 0.99)}, {"decay": 0.0}):
        assert (last(**other) - shipped).abs().max() > 0.01


def test_best_at_strength_nothing_is_the_photo(photo: Tensor, painting: Tensor) -> None:
    """0 is nearly the photo: no manner at all is left."""
    picture = run(photo, [(painting, 1.0)], mode="best", strength=0)[-1].pastiche
    assert (picture - resized(photo, (48, 64))).abs().mean() < 0.05


def test_best_orders_strengths(
    best_steps: list[Step], photo: Tensor, painting: Tensor, extractor: FeatureExtractor
) -> None:
    """A quarter of the manner is farther from the painting than the whole of it."""
    gentle = run(photo, [(painting, 1.0)], mode="best", strength=15)[-1].pastiche
    assert distance(gentle, painting, extractor) > distance(best_steps[-1].pastiche, painting, extractor)


def test_a_larger_brush_paints_wider_stripes(photo: Tensor, painting: Tensor) -> None:
    """At 200 neighbouring pixels differ less, as strokes are twice as wide."""
    fine, wide = (
        total_variation(run(photo, [(painting, 1.0)], mode="best", brush=brush)[-1].pastiche)
        for brush in (100, 200)
    )
    assert wide < fine
