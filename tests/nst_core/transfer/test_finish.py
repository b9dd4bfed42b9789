"""What every pastiche goes through on its way out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nst_core import presets
from nst_core.images import load_image
from nst_core.oklab import to_oklab
from nst_core.transfer import StyleParams, stylize
from nst_core.transfer.finish import Finish, with_colors
from nst_core.transfer.walk import resized

MODES = ("draft", "classic", "best")


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """Four quarters of strong, unlike colours with a slope of light over each."""
    slope = torch.linspace(0.35, 1.0, 24).expand(24, 24)
    rgb = torch.tensor([[0.8, 0.2, 0.2], [0.2, 0.7, 0.3], [0.3, 0.3, 0.8], [0.8, 0.7, 0.2]])
    quarters = [color.view(3, 1, 1) * slope for color in rgb]
    rows = [torch.cat(quarters[:2], dim=2), torch.cat(quarters[2:], dim=2)]
    return torch.cat(rows, dim=1)[None]


def painting() -> Tensor:
    return load_image(presets.FOLDER / "starry_night.jpg", long_side_px=80)


def first_pictures(content: Tensor, count: int, **choices: object) -> list[Tensor]:
    params = StyleParams(**{"long_side_px": 64, **choices})  # type: ignore[arg-type]
    steps = stylize(content, [(painting(), 1.0)], params)
    return [step.pastiche for step, _ in zip(steps, range(count), strict=False)]


@pytest.mark.parametrize("mode", MODES)
def test_kept_colors_are_the_photos(mode: str, photo: Tensor) -> None:
    """In every mode and from the first picture on: a and b of OkLab are the photo's, lightness is not.

    Where the pastiche is too light or too dark for a colour it is paler, but never of another hue.
    """
    pictures = first_pictures(photo, 5, mode=mode, keep_colors=True)
    wanted = to_oklab(resized(photo, (64, 64)))
    for picture in pictures:
        found = to_oklab(picture)
        hue_error = found[:, 1] * wanted[:, 2] - found[:, 2] * wanted[:, 1]
        assert hue_error.abs().max() < 2e-3
        chroma, chroma_wanted = (lab[:, 1:].square().sum(dim=1).sqrt() for lab in (found, wanted))
        assert (chroma - chroma_wanted).max() < 5e-3
        assert ((chroma - chroma_wanted).abs() < 5e-3).float().mean() > 0.5
    assert (to_oklab(pictures[-1])[:, 0] - wanted[:, 0]).abs().mean() > 0.01


@pytest.mark.parametrize(("mode", "size_px"), [("draft", 192), ("best", 64)])
def test_kept_colors_keep_the_photos_light(mode: str, size_px: int) -> None:
    """The painting is given the photo's light first: a bright picture does not become a night."""
    bright = load_image(presets.FOLDER / "great_wave.jpg", long_side_px=size_px)
    kept, plain = (
        first_pictures(bright, 12, mode=mode, keep_colors=keep, long_side_px=size_px)[-1]
        for keep in (True, False)
    )
    lightness = [to_oklab(picture)[:, 0].mean() for picture in (bright, kept, plain)]
    assert abs(lightness[1] - lightness[0]) < 0.06
    assert abs(lightness[1] - lightness[0]) < abs(lightness[2] - lightness[0])


def test_without_it_nothing_is_touched(photo: Tensor) -> None:
    """The very picture comes out again."""
    assert Finish(photo, keep_colors=False)(photo) is photo


def test_every_size_has_its_own_colors(photo: Tensor) -> None:
    """What is remembered for one scale is not used at the next."""
    finish = Finish(photo, keep_colors=True)
    for size in ((16, 16), (16, 16), (48, 48), (16, 16)):
        grey = torch.full((1, 3, *size), 0.6)
        expected = with_colors(grey, to_oklab(resized(photo, size))[:, 1:])
        torch.testing.assert_close(finish(grey), expected, rtol=0, atol=0)


def test_with_colors_swaps_only_the_colors(photo: Tensor) -> None:
    """A picture in its own colours is itself; a grey one in no colours is itself."""
    torch.testing.assert_close(with_colors(photo, to_oklab(photo)[:, 1:]), photo, rtol=0, atol=1e-3)
    grey = torch.linspace(0, 1, 48).expand(1, 3, 48, 48)
    torch.testing.assert_close(with_colors(grey, torch.zeros(1, 2, 48, 48)), grey, rtol=0, atol=1e-3)
