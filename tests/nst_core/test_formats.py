"""What is told of a file from its first bytes, before any decoder sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pictures.card import noise, picture, saved, see_through
from pictures.raw import gif_of_frames

from nst_core import formats

if TYPE_CHECKING:
    from pictures.bad import BadPicture
    from pictures.good import GoodPicture

NAMES = {"apng": "PNG", "mpo": "JPEG", "webp": "WebP"}


def test_a_picture_is_told_by_its_bytes(good_picture: GoodPicture) -> None:
    """Each kind of picture is recognised, and is neither a document nor foreign."""
    first = good_picture.name.partition("-")[0]
    assert formats.picture_format(good_picture.data) == NAMES.get(first, first.upper())
    assert not formats.document_kind(good_picture.data)
    assert not formats.foreign_format(good_picture.data)


def test_any_beginning_of_a_file_can_be_asked(bad_picture: BadPicture) -> None:
    """However early a file ends, every question has an answer."""
    for end in range(64):
        head = bad_picture.data[:end]
        assert isinstance(formats.picture_format(head) + formats.document_kind(head), str)
        assert isinstance(formats.foreign_format(head), str)
        assert min(formats.webp_size_px(head)) >= 0
        assert formats.gif_frames(head, most=5) <= 6
        assert formats.jpeg_bits(head) >= 0


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"\n\n%PDF-1.7", "a PDF document"),
        (b"%!PS-Adobe-3.0", "a PostScript drawing"),
        (b"\xef\xbb\xbf<svg/>", "an SVG drawing"),
        (b"<!DOCTYPE svg PUBLIC><SVG>", "an SVG drawing"),
        (b"the word <svg> in a text", ""),
        (b"<html><svg/></html>", ""),
        (b"", ""),
    ],
)
def test_drawings_are_not_pictures(head: bytes, kind: str) -> None:
    """Files of drawing instructions are named, with their article; texts about them are not."""
    assert formats.document_kind(head) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\x0a\0", "JPEG XL"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", ""),
        (b"Dear diary", ""),
    ],
)
def test_pictures_of_other_kinds_are_named(head: bytes, kind: str) -> None:
    """What other programs can read is named, so that the person knows what to convert."""
    assert formats.foreign_format(head) == kind


def test_frames_are_counted_as_far_as_asked() -> None:
    """A GIF's frames are counted, never further than one beyond the limit, whole file or not."""
    data = gif_of_frames(30)
    assert formats.gif_frames(data, most=1000) == 30
    assert formats.gif_frames(data, most=30) == 30
    assert formats.gif_frames(data, most=7) == 8
    assert formats.gif_frames(data[: len(data) // 2], most=1000) in range(14, 17)
    assert formats.gif_frames(saved(picture(), "GIF", comment=b"hello" * 99), most=9) == 1


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_a_webp_tells_its_size(options: dict[str, object]) -> None:
    """The size stands in the header of all three kinds of WebP, plain, lossless and extended."""
    assert formats.webp_size_px(saved(noise(321, 77), "WEBP", **options)) == (321, 77)
    assert formats.webp_size_px(saved(see_through(), "WEBP", **options)) == (96, 64)


def test_a_jpeg_tells_its_depth() -> None:
    """Bits per sample are found behind whatever segments come before the frame."""
    assert formats.jpeg_bits(saved(noise(32, 32), "JPEG")) == 8
    assert formats.jpeg_bits(saved(noise(32, 32), "JPEG", progressive=True, exif=b"Exif\0\0" * 900)) == 8
    assert formats.jpeg_bits(b"\xff\xd8\xff\xc1\0\x11\x0c") == 12
    assert formats.jpeg_bits(b"\xff\xd8\xff\xe0\0\0") == 0
