"""Masks: read, refused, and laid over a painting without a trace at their edges."""

from __future__ import annotations

import io

import pytest
import torch
from pictures.card import saved
from PIL import Image, ImageDraw
from torch import Tensor

from nst_core import presets
from nst_core.errors import BadImage
from nst_core.images import load_image
from nst_core.masking import mask_tensor, read_mask
from nst_core.transfer import StyleParams, stylize
from nst_core.transfer.finish import Finish, blended

CONTENT_PX = (300, 200)


def drawn(size: tuple[int, int] = CONTENT_PX, mode: str = "L") -> Image.Image:
    """Return a white disc on black."""
    mask = Image.new(mode, size)
    width_px, height_px = size
    ImageDraw.Draw(mask).ellipse(
        (width_px // 4, height_px // 4, width_px * 3 // 4, height_px * 3 // 4), "white"
    )
    return mask


def slow_blend(photo: float, picture: float, share: float) -> float:
    """Return one channel of one place, by the lines of the sRGB standard."""

    def light(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    mixed = share * light(picture) + (1 - share) * light(photo)
    return float(12.92 * mixed if mixed <= 0.0031308 else 1.055 * mixed ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("size", [(300, 200), (150, 100), (1201, 800)])
def test_masks_of_any_size_and_kind_are_read(kind: str, size: tuple[int, int]) -> None:
    """White in the middle, black in the corners."""
    mask = read_mask(saved(drawn(size, "RGB"), kind), CONTENT_PX)
    assert mask.size == size
    shares = mask_tensor(mask)
    assert shares.shape == (1, 1, size[1], size[0])
    assert shares[0, 0, size[1] // 2, size[0] // 2] > 0.99
    assert shares[0, 0, 2, 2] < 0.03


def test_grey_is_partial() -> None:
    """Half of white is half of the paint."""
    mask = read_mask(saved(Image.new("L", (30, 20), 128), "PNG"), CONTENT_PX)
    assert mask_tensor(mask).unique().tolist() == pytest.approx([128 / 255])


def test_transparent_is_black() -> None:
    """White strokes on nothing paint where the strokes are, though pictures are else laid on white."""
    mask = drawn()
    see_through = Image.new("RGBA", CONTENT_PX, (255, 255, 255, 0))
    see_through.putalpha(mask)
    read = read_mask(saved(see_through, "PNG"), CONTENT_PX)
    assert read.getpixel((150, 100)) == 255
    assert read.getpixel((5, 5)) == 0


@pytest.mark.parametrize(
    ("size", "accepted"),
    [
        ((300, 200), True),
        ((100, 67), True),
        ((33, 22), True),
        ((300, 300), False),
        ((200, 300), False),
        ((320, 180), False),
    ],
)
def test_another_shape_is_refused(size: tuple[int, int], accepted: bool) -> None:  # noqa: FBT001 - the expectation
    """A copy made smaller may be a pixel off; a crop or a turned picture would be painted in wrong places."""
    data = saved(drawn(size), "PNG")
    if accepted:
        assert read_mask(data, CONTENT_PX).size == size
        return
    with pytest.raises(BadImage, match="another shape than the content picture: draw it on a copy"):
        read_mask(data, CONTENT_PX)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("shade", [0, 4])
def test_a_black_mask_is_refused(kind: str, shade: int) -> None:
    """Nothing would be painted, and somebody would wait for it."""
    with pytest.raises(BadImage, match=r"black all over.*make it white where I should paint"):
        read_mask(saved(Image.new("RGB", CONTENT_PX, (shade,) * 3), kind), CONTENT_PX)


def test_what_is_no_picture_is_refused_as_the_mask() -> None:
    """The complaint names the picture that it is about."""
    with pytest.raises(BadImage, match="The mask is not a picture I can read"):
        read_mask(b"text", CONTENT_PX)


def test_it_mixes_light() -> None:
    """Every pixel as a slow version does it; in particular white over black at a half is not 128."""
    random = torch.Generator().manual_seed(3)
    photo, picture = (torch.rand((1, 3, 4, 5), generator=random) for _ in range(2))
    mask = torch.rand((1, 1, 4, 5), generator=random)
    photo[..., 0, 0], picture[..., 0, 0], mask[..., 0, 0] = 0.0, 1.0, 0.5
    found = blended(photo, picture, mask)
    for channel in range(3):
        for row in range(4):
            for column in range(5):
                at = (0, channel, row, column)
                share = mask[0, 0, row, column].item()
                expected = slow_blend(photo[at].item(), picture[at].item(), share)
                assert found[at].item() == pytest.approx(expected, abs=1e-5)
    assert found[0, 0, 0, 0] == pytest.approx(0.7354, abs=1e-3)


def test_a_soft_edge_has_no_fringe() -> None:
    """Across the edge the light goes one way only, from the photo's to the picture's."""
    ramp = torch.linspace(0, 1, 50).expand(1, 1, 8, 50)
    light, dark = torch.full((1, 3, 8, 50), 0.9), torch.full((1, 3, 8, 50), 0.1)
    edge = blended(light, dark, ramp)[0, 0, 0]
    assert (edge.diff() < 1e-6).all()
    assert edge.max() == pytest.approx(0.9, abs=1e-6)
    assert edge.min() == pytest.approx(0.1, abs=1e-5)


def test_a_mask_without_soft_edges_gets_smooth_ones() -> None:
    """Made smaller with its photo, a hard edge is smoothed as the photo is, and never overshoots."""
    mask = mask_tensor(drawn())
    photo, picture = torch.zeros(1, 3, 40, 60), torch.ones(1, 3, 40, 60)
    found = Finish(photo, mask=mask)(picture)
    assert 0.0 <= found.min() <= found.max() <= 1.0
    between = ((found > 0.02) & (found < 0.98)).float().mean()
    assert 0.005 < between < 0.1


@pytest.mark.parametrize("mode", ["draft", "classic", "best"])
def test_black_stays_the_photo_in_every_picture(mode: str) -> None:
    """In each mode and from the first picture on, whatever else is chosen, to the last bit."""
    content = load_image(presets.FOLDER / "kiss.jpg", long_side_px=64)
    style = load_image(presets.FOLDER / "great_wave.jpg", long_side_px=64)
    left = torch.zeros(1, 1, 10, 10)
    left[..., :5] = 1.0
    params = StyleParams(mode=mode, long_side_px=64, keep_colors=mode == "classic")
    for step, _ in zip(stylize(content, [(style, 1.0)], params, mask=left), range(3), strict=False):
        assert torch.equal(step.pastiche[..., 40:], content[..., 40:])
        assert (step.pastiche[..., :24] - content[..., :24]).abs().mean() > 0.004


def exif_turned(image: Image.Image) -> bytes:
    """Return a JPEG that is to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_turned_mask_is_upright() -> None:
    """A phone's photo of a drawing lies on its side in the file."""
    lying: Tensor = mask_tensor(
        read_mask(exif_turned(drawn((200, 300), "RGB").rotate(90, expand=True)), (200, 300))
    )
    assert lying.shape == (1, 1, 300, 200)
