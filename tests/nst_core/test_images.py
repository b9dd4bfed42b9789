"""The door through which people's pictures come in."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures.card import noise, saved
from pictures.raw import gif_of_frames, png_of_zeros
from PIL import Image

from nst_core import images
from nst_core.errors import SENTENCES, BadImage, UploadTooLarge, UserError
from nst_core.images import Limits, decode, load_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from pictures.bad import BadPicture
    from pictures.good import GoodPicture


def refusal(data: bytes, **options: object) -> UserError:
    """Return the error with which a file is refused."""
    with pytest.raises(UserError) as caught:
        decode(data, **options)  # type: ignore[arg-type]
    return caught.value


# --- in: pictures that have to be understood -----------------------------------------------------


def test_a_picture_is_seen_as_it_is_meant(good_picture: GoodPicture) -> None:
    """Whatever the format, each quarter of the card has its colour, upright, and no metadata is left."""
    image = decode(good_picture.data)

    assert (image.mode, image.size, image.info) == ("RGB", (96, 64), {})
    pixels = np.asarray(image).astype(int)
    for index, color in enumerate(good_picture.quarters):
        top, left = index // 2 * 32 + 10, index % 2 * 48 + 12
        quarter = pixels[top : top + 12, left : left + 24]
        assert np.abs(quarter - color).max() <= good_picture.tolerance, f"quarter {index}"


def test_a_hint_changes_the_size_and_nothing_else(good_picture: GoodPicture) -> None:
    """A picture decoded for a small long side still has its colours and stands upright."""
    tensor = load_image(good_picture.data, long_side_px=24)

    assert tensor.shape == (1, 3, 16, 24)
    colors = tensor[0, :, [4, 4, 11, 11], [6, 17, 6, 17]].T * 255
    assert torch.allclose(
        colors, torch.tensor(good_picture.quarters).float(), atol=good_picture.tolerance + 2
    )


@pytest.mark.parametrize("name", ["jpeg-exif-6", "png-palette-see-through", "tiff-exif-6", "gif-animated"])
def test_paths_bytes_and_pillow_images_are_the_same(
    name: str, good_named: Callable[[str], GoodPicture], tmp_path: Path
) -> None:
    """The three kinds of source give the same tensor."""
    data = good_named(name).data
    path = tmp_path / "画像 picture.bin"
    path.write_bytes(data)

    expected = load_image(data)
    assert expected.shape == (1, 3, 64, 96)
    assert expected.dtype == torch.float32
    assert torch.equal(load_image(path), expected)
    assert torch.equal(load_image(str(path)), expected)
    with Image.open(path) as opened:
        assert torch.equal(load_image(opened), expected)


def test_a_pillow_image_that_was_given_is_not_changed() -> None:
    """Loading at a smaller size leaves the caller's image as large as it was."""
    image = Image.open(io.BytesIO(saved(noise(800, 600), "JPEG")))
    load_image(image, long_side_px=64)
    assert image.size == (800, 600)


def test_a_large_photo_is_decoded_at_a_fraction_of_its_size() -> None:
    """With a hint a 12-megapixel JPEG comes back much smaller, though never under twice the need."""
    data = saved(Image.linear_gradient("L").resize((4000, 3000)), "JPEG")
    assert decode(data, long_side_px=300).size == (1000, 750)
    assert decode(data, long_side_px=2000).size == (4000, 3000)
    assert decode(data).size == (4000, 3000)


def test_a_hint_neither_widens_nor_narrows_what_is_accepted() -> None:
    """A JPEG is judged by its own size, not by the smaller one it is decoded at."""
    narrowest = saved(Image.new("RGB", (320, 16)), "JPEG")
    assert decode(narrowest, long_side_px=32).size == (80, 4)
    data = saved(Image.new("L", (1000, 1001)), "JPEG")
    error = refusal(data, limits=Limits(max_megapixels=1), long_side_px=32)
    assert error.values["height_px"] == 1001


def test_a_large_png_is_shrunk_before_its_colours_are_converted() -> None:
    """With a hint other formats come back at least twice as large as needed, and below four times."""
    data = saved(Image.new("RGBA", (3000, 2000), (10, 200, 30, 255)), "PNG")
    image = decode(data, long_side_px=256)
    assert 512 <= image.width < 1024
    assert image.getpixel((5, 5)) == (10, 200, 30)


def test_a_float_picture_brighter_than_white_is_not_clipped() -> None:
    """The brightest value of a high dynamic range TIFF is white; what is no number does not spoil it."""
    light = np.tile(np.float32([0, 1, 2, 4]).repeat(8), (32, 1))
    light[0, 0], light[0, 1], light[0, 2] = np.nan, np.inf, -np.inf
    pixels = np.asarray(decode(saved(Image.fromarray(light), "TIFF")))[..., 0]
    assert pixels[9, [4, 12, 20, 28]].tolist() == [0, 64, 128, 255]
    assert pixels[0, :3].tolist() == [0, 255, 0]


def test_sixteen_bits_are_rounded_to_eight() -> None:
    """Every 16-bit grey becomes the nearest 8-bit one."""
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.asarray(decode(saved(Image.fromarray(ramp), "PNG")))[..., 0]
    assert np.abs(pixels / 255 - ramp / 65535).max() <= 0.5 / 255 + 1e-9


# --- in: files that have to be refused -----------------------------------------------------------


@pytest.mark.parametrize("role", ["content", "style", "picture"])
def test_a_bad_file_is_refused_in_one_sentence(bad_picture: BadPicture, role: str) -> None:
    """Each gets its own error, and a sentence that names the picture and leaves no blank."""
    error = refusal(bad_picture.data, role=role)

    assert (type(error).__name__, error.code) == (bad_picture.error, bad_picture.code)
    assert str(error).startswith(SENTENCES[f"role_{role}"])
    assert re.fullmatch(r"[^{}\n]+\.", str(error))
    assert json.loads(json.dumps(error.values)) == error.values, "it has to cross a process border"


def test_a_huge_picture_is_refused_without_memory(bad_named: Callable[[str], BadPicture]) -> None:
    """40,000×40,000 pixels in 2 MB are refused at once: peak memory grows by less than 20 MB."""
    data = bad_named("huge").data
    assert len(data) < 2 * 2**20
    refusal(data)  # whatever is loaded once is loaded now
    peak_before = _reset_peak_memory()

    start = time.perf_counter()
    error = refusal(data)

    assert time.perf_counter() - start < 1
    assert _peak_memory() - peak_before < 20 * 2**20
    assert "40000×40000" in str(error)
    assert "64 megapixels" in str(error)


def _reset_peak_memory() -> int:
    if not sys.platform.startswith("linux"):
        pytest.skip("peak memory can be reset on Linux only")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _peak_memory()


def _peak_memory() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_that_huge_picture_would_decode(bad_named: Callable[[str], BadPicture]) -> None:
    """The refusal is for its size: the same file with a smaller side is a whole and valid picture."""
    assert decode(png_of_zeros(400)).getextrema() == ((0, 0),) * 3
    assert bad_named("huge").data[:8] == png_of_zeros(400)[:8]


def test_ten_thousand_frames_are_counted_without_decoding(bad_named: Callable[[str], BadPicture]) -> None:
    """Counting stops at the limit, so a long film is refused at once; a short one is a picture."""
    data = bad_named("ten-thousand-frames").data
    start = time.perf_counter()
    refusal(data)
    assert time.perf_counter() - start < 0.5
    assert decode(gif_of_frames(1000)).size == (96, 64)
    assert refusal(gif_of_frames(1001)).code == "image_too_many_frames"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((16, 16), None),
        ((15, 16), "image_too_small"),
        ((16, 320), None),
        ((16, 321), "image_too_narrow"),
        ((321, 16), "image_too_narrow"),
    ],
)
def test_sides_are_accepted_up_to_the_limit(size: tuple[int, int], code: str | None) -> None:
    """16 pixels and a ratio of 20 are accepted; one pixel beyond is not."""
    data = saved(Image.new("RGB", size), "PNG")
    if code is None:
        assert decode(data).size == size
    else:
        assert refusal(data).code == code


def test_limits_can_be_chosen() -> None:
    """Bytes and megapixels are refused above the limit given, with both numbers in the sentence."""
    data = saved(noise(1000, 1001), "BMP")
    assert refusal(data, limits=Limits(max_megapixels=1)).values == {
        "role": "picture",
        "width_px": 1000,
        "height_px": 1001,
        "most_mp": 1,
    }
    error = refusal(data, limits=Limits(max_bytes=2**20))
    assert isinstance(error, UploadTooLarge)
    assert str(error) == "The picture is 2.9 MiB, and I accept at most 1 MiB: send a smaller copy."
    assert decode(data, limits=Limits(max_bytes=len(data))).size == (1000, 1001)


def test_a_file_just_over_the_limit_does_not_read_like_the_limit() -> None:
    """The two numbers of the sentence differ even when the sizes differ by one byte."""
    error = refusal(bytes(2**20 + 1), limits=Limits(max_bytes=2**20))
    assert error.values["size_mib"] != error.values["limit_mib"]


@pytest.mark.parametrize("name", ["missing.png", ".", "no/such/folder.png", "nul\0.png"])
def test_a_path_without_a_picture_is_refused_by_name(name: str, tmp_path: Path) -> None:
    """No file there, or a folder: the sentence has the file's name and not its folder."""
    with pytest.raises(BadImage) as caught:
        load_image(tmp_path / name)
    assert caught.value.code == "image_missing"
    assert str(tmp_path.parent) not in str(caught.value)
    assert (tmp_path / name).name in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A path that is no regular file, such as a pipe that nobody writes to, is refused at once."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadImage, match=r"pipe\.png"):
        load_image(tmp_path / "pipe.png")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """A file of a tebibyte (a sparse one) is refused by its size."""
    path = tmp_path / "endless.png"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UploadTooLarge):
        load_image(path)


def test_a_damaged_pillow_image_is_refused_too(bad_named: Callable[[str], BadPicture]) -> None:
    """Pillow opens a truncated file happily; loading it then is a `BadImage` all the same."""
    image = Image.open(io.BytesIO(bad_named("cut-png").data))
    with pytest.raises(BadImage) as caught:
        load_image(image, role="style")
    assert caught.value.code == "image_damaged"
    with pytest.raises(BadImage, match="too long and narrow"):
        load_image(Image.new("RGB", (3, 5000)))


def test_heic_without_its_plugin_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pillow-heif is not installed, a HEIC is said to be of a kind that cannot be read."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # this is how Python itself marks it missing
    error = refusal(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert (error.code, error.values["kind"]) == ("image_unsupported", "HEIC")
    assert "save it as PNG or JPEG" in str(error)


# --- sizes and tensors ---------------------------------------------------------------------------


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2000))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no error
def test_a_scaled_size_keeps_the_ratio(width_px: int, height_px: int, long_side_px: int) -> None:
    """The long side is as asked, the short one within half a pixel of its share and never nothing."""
    width, height = images.scaled_size(width_px, height_px, long_side_px)
    assert max(width, height) == long_side_px
    assert min(width, height) >= 1
    exact = min(width_px, height_px) * long_side_px / max(width_px, height_px)
    assert abs(min(width, height) - max(1, exact)) <= 0.5


def test_fit_enlarges_and_shrinks() -> None:
    """The long side is what was asked, either way; a flat colour stays what it is."""
    image = Image.new("RGB", (300, 200), (12, 200, 99))
    for long_side_px, size in ((600, (600, 400)), (30, (30, 20)), (300, (300, 200)), (1, (1, 1))):
        fitted = images.fit(image, long_side_px)
        assert fitted.size == size
        assert fitted.getextrema() == ((12, 12), (200, 200), (99, 99))


def test_resize_is_antialiased_and_stays_in_range() -> None:
    """A fine checkerboard shrinks to grey instead of aliasing; enlarged edges do not overshoot."""
    board = (torch.arange(63).view(-1, 1) + torch.arange(91)).remainder(2).float().expand(1, 3, 63, 91)
    small = images.resize(board, (9, 13))
    assert small.shape == (1, 3, 9, 13)
    assert torch.allclose(small, torch.full_like(small, 0.5), atol=0.05)
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    large = images.resize(edge, (32, 32))
    assert (large.min(), large.max()) == (0, 1)


def test_a_tensor_is_clamped_and_rounded_on_its_way_out() -> None:
    """Values outside [0, 1] become black or white, never wrap around; others go to the nearest shade."""
    values = torch.tensor(
        [-3.0, 0.0, 0.4 / 255, 0.6 / 255, 254.4 / 255, 1.0, 1.001, 9.0, torch.nan, torch.inf]
    )
    image = images.to_pil(values.expand(1, 3, 16, 10))
    assert [image.getpixel((x, 0))[0] for x in range(10)] == [0, 0, 0, 1, 254, 255, 255, 255, 0, 255]


def test_a_picture_survives_as_a_tensor() -> None:
    """Pillow → tensor → Pillow changes no pixel, and the tensor is (1, 3, H, W) with red first."""
    image = noise(33, 20)
    tensor = images.to_tensor(image)
    assert tensor.shape == (1, 3, 20, 33)
    assert tensor[0, 0, 3, 7] * 255 == image.getpixel((7, 3))[0]
    assert images.to_pil(tensor).tobytes() == image.tobytes()
