"""Pictures on their way out: exact or small enough, bare of metadata, with their settings inside."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pictures.card import noise, picture, saved
from PIL import Image, ImageCms, PngImagePlugin

from nst_core import images
from nst_core.errors import Fault
from nst_core.images import decode, encode, read_settings

if TYPE_CHECKING:
    from pictures.bad import BadPicture
    from pictures.good import GoodPicture

GIVEN = {"mode": "best", "strength": 60, "style": "神奈川沖浪裏 “wave” {x}", "seed": None}


def test_a_png_is_exact() -> None:
    """Encoding as PNG and decoding changes no pixel, from Pillow or from a tensor."""
    image = noise(120, 80)
    encoded = encode(image, format="png")
    assert (encoded.format, encoded.width_px, encoded.height_px) == ("png", 120, 80)
    assert decode(encoded.data).tobytes() == image.tobytes()
    assert encode(images.to_tensor(image), format="png") == encoded


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_lossy_files_are_near(kind: images.Format) -> None:
    """JPEG and WebP come back within a few shades."""
    image = picture()
    difference = np.asarray(decode(encode(image, format=kind).data)).astype(int) - np.asarray(image)
    assert np.abs(difference).mean() < 2


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_file_says_that_it_is_srgb_and_nothing_else(kind: images.Format) -> None:
    """Each format is tagged as sRGB; EXIF, comments and profiles of the source are gone."""
    source = noise(64, 64)
    source.info = {"comment": b"secret", "exif": b"Exif\0\0secret", "icc_profile": b"secret", "dpi": (1, 1)}
    data = encode(source, format=kind).data
    assert b"secret" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert not image.getexif()
        if kind == "png":
            assert image.info == {"srgb": 0}
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_a_jpeg_keeps_full_chroma() -> None:
    """No chroma subsampling: strokes of pure colour stay sharp."""
    with Image.open(io.BytesIO(encode(noise(64, 64), format="jpeg").data)) as image:
        assert [sampling[1:3] for sampling in image.layer] == [(1, 1)] * 3


def test_the_same_picture_gives_the_same_file() -> None:
    """No time of day gets into a file of any format."""
    kinds: tuple[images.Format, ...] = ("png", "jpeg", "webp")
    first = [encode(noise(32, 32), format=kind, settings=GIVEN) for kind in kinds]
    time.sleep(1.1)  # the date in a profile counts whole seconds
    assert [encode(noise(32, 32), format=kind, settings=GIVEN) for kind in kinds] == first


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("max_bytes", [1_000_000, 150_000, 60_000, 9_000, 2_000])
def test_a_file_keeps_under_its_limit(kind: images.Format, max_bytes: int) -> None:
    """Noise, which hardly compresses, gets under every limit, uses at least half of it, and decodes."""
    image = noise(480, 320)
    encoded = encode(image, format=kind, max_bytes=max_bytes, settings={"seed": 1})

    assert len(encoded.data) <= max_bytes
    shown = Image.open(io.BytesIO(encoded.data))
    assert shown.format.lower() == encoded.format  # type: ignore[union-attr]
    assert shown.size == (encoded.width_px, encoded.height_px)
    assert abs(shown.width / shown.height - 1.5) < 0.1
    assert len(encoded.data) >= max_bytes / 2 or shown.size == image.size


def test_the_ladder_goes_down_in_order() -> None:
    """As the limit falls: PNG, then JPEG of full size, then smaller pictures."""
    image = noise(200, 200)
    png_bytes = len(encode(image, format="png").data)
    jpeg_bytes = len(encode(image, format="jpeg").data)
    assert encode(image, format="png", max_bytes=png_bytes).format == "png"
    under_png = encode(image, format="png", max_bytes=png_bytes - 1)
    assert (under_png.format, under_png.width_px, len(under_png.data)) == ("jpeg", 200, jpeg_bytes)
    lower_quality = encode(image, format="png", max_bytes=jpeg_bytes - 1)
    assert (lower_quality.format, lower_quality.width_px) == ("jpeg", 200)
    assert encode(image, format="png", max_bytes=jpeg_bytes // 4).width_px < 200


def test_an_impossible_limit_is_a_fault() -> None:
    """No picture fits into a hundred bytes: that is our mistake, and does not loop for ever."""
    with pytest.raises(Fault, match="100 bytes"):
        encode(noise(64, 64), format="png", max_bytes=100)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_settings_come_back(kind: images.Format) -> None:
    """What was put into a file is read from it again, in any script."""
    assert read_settings(encode(noise(40, 40), format=kind, settings=GIVEN).data) == GIVEN
    assert read_settings(encode(noise(40, 40), format=kind).data) is None


def test_settings_survive_the_ladder() -> None:
    """A PNG that had to become a smaller JPEG still has its settings."""
    encoded = encode(noise(300, 300), format="png", max_bytes=30_000, settings=GIVEN)
    assert encoded.format == "jpeg"
    assert read_settings(encoded.data) == GIVEN


def test_very_long_settings_do_not_break_a_jpeg() -> None:
    """A JPEG has no room for 100 kB of settings: it is written without them; a PNG has."""
    long = {"text": "x" * 100_000}
    assert read_settings(encode(noise(40, 40), format="jpeg", settings=long).data) is None
    assert read_settings(encode(noise(40, 40), format="png", settings=long).data) == long


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "[" * 9000, '{"gafuu": [1]}', '{"gafuu": "x"}', '{"other": {}}', "\xff\0"]
)
def test_malformed_settings_are_none(text: str) -> None:
    """What is not our JSON in our place is no settings, and no error."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("gafuu", text)
    assert read_settings(saved(noise(20, 20), "PNG", pnginfo=chunks)) is None
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = text.encode("utf-8")
    assert read_settings(saved(noise(20, 20), "JPEG", exif=exif)) is None


def test_other_pictures_have_no_settings(good_picture: GoodPicture) -> None:
    """Pictures from elsewhere have none, whatever else they carry."""
    assert read_settings(good_picture.data) is None


def test_bad_files_have_no_settings(bad_picture: BadPicture) -> None:
    """Files that are refused as pictures have none, and reading them is no error."""
    assert read_settings(bad_picture.data) is None


def test_a_view_is_a_bare_jpeg_that_was_never_enlarged() -> None:
    """For showing: at most the long side, at most the picture's own size, no metadata at all."""
    source = noise(2000, 1000)
    source.info = {"exif": b"Exif\0\0secret", "icc_profile": b"secret", "comment": b"secret"}
    with Image.open(io.BytesIO(images.view(source))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (1024, 512))
        assert not {"exif", "icc_profile", "comment"} & shown.info.keys()
    with Image.open(io.BytesIO(images.view(noise(300, 200)))) as shown:
        assert shown.size == (300, 200)
    assert len(images.view(source, quality=40)) < len(images.view(source))


def test_a_preview_is_small() -> None:
    """A picture in progress of 1024 px is shown as a JPEG of at most 384 px and a few kilobytes."""
    data = images.preview(torch.rand(1, 3, 8, 8).repeat_interleave(128, 2).repeat_interleave(96, 3) * 1.2)
    with Image.open(io.BytesIO(data)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (288, 384))
    assert len(data) < 40_000
