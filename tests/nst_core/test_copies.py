"""The program that copies a picture for a collection."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from nst_core import copies
from nst_core.decoder import memory_for
from nst_core.errors import USER_ERRORS
from nst_core.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pictures.bad import BadPicture
    from pictures.good import GoodPicture


def parts(output: bytes) -> list[Image.Image]:
    """Return the two pictures of an answer."""
    line, _, blobs = output.partition(b"\n")
    middle, end = json.loads(line)["lengths"]
    assert len(blobs) == middle + end
    return [Image.open(io.BytesIO(blob)) for blob in (blobs[:middle], blobs[middle:])]


def large(width_px: int, height_px: int) -> bytes:
    """Return a picture of this size, with a place of its own in its EXIF."""
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width_px, height_px)).convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_copies_are_small_and_tell_nothing() -> None:
    """The style has at most 1600 pixels, the thumbnail 320, and no metadata is left."""
    style, small = parts(copies.answer(large(2400, 1200), megapixels=64))
    assert (style.size, small.size) == ((1600, 800), (320, 160))
    assert [dict(image.getexif()) for image in (style, small)] == [{}, {}]
    assert style.format == small.format == "JPEG"


def test_nothing_is_enlarged() -> None:
    """A small picture stays as small as it is."""
    style, small = parts(copies.answer(large(200, 100), megapixels=64))
    assert style.size == small.size == (200, 100)


def test_good_pictures_are_copied(good_picture: GoodPicture) -> None:
    """Every kind that can be painted from can be in a collection."""
    assert len(parts(copies.answer(good_picture.data, megapixels=64))) == 2


@pytest.mark.parametrize("name", ["huge", "12-bit-jpeg", "empty"])
def test_bad_pictures_are_refused(bad_named: Callable[[str], BadPicture], name: str) -> None:
    """The refusal is the one that the painter would give."""
    refusal = json.loads(copies.answer(bad_named(name).data, megapixels=64))
    error = USER_ERRORS[refusal["error"]](refusal["code"], **refusal["values"])
    assert error.code == bad_named(name).code
    assert str(error)


def test_megapixels_are_limited() -> None:
    """As the settings say."""
    refusal = json.loads(copies.answer(large(1200, 1200), megapixels=1))
    assert refusal["code"] == "image_too_many_pixels"


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on address space here")
def test_program_has_no_more_memory_than_a_picture_needs() -> None:
    """It looks at strangers' files: its limit is the decoder's for so many megapixels."""
    source = (
        "import resource, sys; from nst_core import copies; sys.argv = ['copies', '--megapixels=2']\n"
        "copies.main(); sys.stderr.write(str(resource.getrlimit(resource.RLIMIT_AS)[0]))"
    )
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, input=large(300, 300), capture_output=True, check=True, timeout=100)
    assert len(parts(done.stdout)) == 2
    assert int(done.stderr) == memory_for(Limits(max_megapixels=2))


def test_program() -> None:
    """Standard input to standard output, as the bot runs it."""
    command = [sys.executable, "-m", "nst_core.copies", "--megapixels=2.5"]
    done = subprocess.run(command, input=large(300, 300), capture_output=True, check=True, timeout=100)
    style, small = parts(done.stdout)
    assert (style.size, small.size) == ((300, 300), (300, 300))
