"""A blank margin is left out, and nothing else is."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor
from torch.nn.functional import pad

from nst_core import presets
from nst_core.images import load_image
from nst_core.margins import without_margins
from nst_core.transfer import StyleParams, stylize
from nst_core.transfer.walk import at_scale

WITH_MARGINS = {"inokashira_snow"}
"""Bundled paintings that are scans of a sheet wider than the print."""


@pytest.fixture(scope="module")
def wave() -> Tensor:
    return load_image(presets.FOLDER / "great_wave.jpg", long_side_px=300)


def framed(image: Tensor, *, left: int, right: int, top: int, bottom: int, grey: float = 1.0) -> Tensor:
    """Return it with a margin of one colour."""
    return pad(image, (left, right, top, bottom), value=grey)


def as_jpeg(image: Tensor, *, blur_px: float) -> Tensor:
    """Return it as a scanner would: a little soft, and with JPEG's ringing."""
    pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(blur_px)).save(file, "JPEG", quality=80)
    return load_image(file.getvalue())


@pytest.mark.parametrize("grey", [0.0, 1.0])
@pytest.mark.parametrize(
    "sides",
    [
        {"left": 9, "right": 20, "top": 5, "bottom": 30},
        {"left": 0, "right": 0, "top": 25, "bottom": 25},
        {"left": 40, "right": 0, "top": 0, "bottom": 0},
    ],
    ids=["all around", "letterbox", "one side"],
)
def test_exact(wave: Tensor, sides: dict[str, int], grey: float) -> None:
    """A margin with a hard edge goes, to the pixel."""
    assert torch.equal(without_margins(framed(wave, **sides, grey=grey)), wave)


@pytest.mark.parametrize("blur_px", [0.0, 0.8])
def test_scan(wave: Tensor, blur_px: float) -> None:
    """Soft edges and JPEG's ringing change that by a few pixels, inwards."""
    scan = as_jpeg(framed(wave, left=16, right=16, top=16, bottom=16), blur_px=blur_px)
    height, width = without_margins(scan).shape[2:]
    assert 0 <= wave.shape[2] - height <= 6
    assert 0 <= wave.shape[3] - width <= 6


@pytest.mark.parametrize("long_side_px", [None, 512, 128])
@pytest.mark.parametrize("preset", [name for name, preset in presets.all_presets().items() if preset.file])
def test_paintings(preset: str, long_side_px: int | None) -> None:
    """No bundled painting loses anything but a margin: dark grounds, gold and graded skies stay."""
    painting = load_image(presets.FOLDER / str(presets.find(preset).file), long_side_px=long_side_px)
    bare = without_margins(painting)
    if preset in WITH_MARGINS:
        assert (painting.shape[3] - bare.shape[3] > 0) == (long_side_px != 128)
        assert painting.shape[3] - bare.shape[3] <= 8
        assert painting.shape[2] == bare.shape[2]
    else:
        assert bare is painting


@pytest.mark.parametrize("margin_px", [3, 4, 6])
def test_made_smaller(wave: Tensor, margin_px: int) -> None:
    """Of a margin that a smaller size leaves a row or two of, at most a mixed row stays."""
    scan = framed(wave, left=margin_px, right=margin_px, top=0, bottom=0)
    small = at_scale(scan, scan.shape[3] // 2)
    bare = without_margins(small)
    assert bare.shape[3] <= wave.shape[3] // 2 + 1
    for edge in (bare[..., 0], bare[..., -1]):
        assert ((edge > 0.9).all(dim=1)).float().mean() < 0.3


def test_drawing_on_white_paper() -> None:
    """White ground is part of a drawing, however little of it is drawn on."""
    paper = Image.new("RGB", (240, 200), "white")
    draw = ImageDraw.Draw(paper)
    draw.ellipse((30, 20, 200, 180), outline="black", width=4)
    draw.line((10, 190, 230, 12), fill="red", width=6)
    drawing = as_jpeg(
        torch.frombuffer(bytearray(paper.tobytes()), dtype=torch.uint8)
        .reshape(1, 200, 240, 3)
        .permute(0, 3, 1, 2)
        / 255,
        blur_px=0.0,
    )
    assert without_margins(drawing) is drawing


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (4, 4), (64, 64)])
def test_one_colour(size: tuple[int, int]) -> None:
    """What is of one colour is a picture of that colour, not a margin."""
    blank = torch.ones(1, 3, *size)
    assert without_margins(blank) is blank


def test_graded_sky() -> None:
    """An even dark band that grades into light, as in a woodcut's sky, is no margin."""
    grade = torch.cat([torch.full((12,), 0.1), torch.linspace(0.1, 0.9, 30), torch.full((60,), 0.9)])
    sky = grade.reshape(1, 1, -1, 1).expand(1, 3, -1, 80)
    assert without_margins(sky) is sky


def test_wide_ground(wave: Tensor) -> None:
    """What takes more than a sixth of the side is no margin."""
    painting = wave[..., :200, :]
    narrow, wide = (framed(painting, left=0, right=0, top=top, bottom=0) for top in (38, 42))
    assert torch.equal(without_margins(narrow), painting)
    assert without_margins(wide) is wide


@pytest.mark.parametrize("mode", ["draft", "classic", "best"])
def test_every_mode_leaves_it_out(wave: Tensor, mode: str) -> None:
    """A painting in a white frame paints the very picture that it paints without."""
    photo = load_image(presets.FOLDER / "mona_lisa.jpg", long_side_px=64)
    params = StyleParams(mode=mode, long_side_px=64)
    frame = framed(wave, left=12, right=12, top=12, bottom=12)

    def first_step(style: Tensor) -> Tensor:
        return next(iter(stylize(photo, [(style, 1.0)], params))).pastiche

    assert torch.equal(first_step(frame), first_step(wave))
