"""Files made to break a decoder: each is a picture or a `UserError`, and never anything else."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nst_core.errors import UserError
from nst_core.images import decode, load_image, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pictures.good import GoodPicture

SEEDS = ("jpeg-exif-6", "jpeg-cmyk-profile", "mpo", "png-profile", "png-exif-6", "png-palette-see-through")
SEEDS += ("webp-animated", "webp-exif-8", "gif-animated", "avif-exif-6", "bmp-palette", "tiff-lzw", "heic")


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a file with a few bytes changed, cut out, doubled, or missing from its end."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 5, 30))):
        at = chance.randrange(max(1, len(changed)))
        match chance.randrange(5):
            case 0:
                changed[at : at + 1] = chance.randbytes(1)
            case 1:
                changed[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))
            case 2:
                del changed[at : at + chance.randrange(1, 40)]
            case 3:
                changed[at:at] = changed[at : at + chance.randrange(1, 40)]
            case _ if chance.random() < 0.2 and at > 40:
                del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("name", SEEDS)
def test_a_mutated_file_is_a_picture_or_a_user_error(
    name: str, good_named: Callable[[str], GoodPicture]
) -> None:
    """Forty damaged copies of a real file each: never another error, a warning, or a wrong shape."""
    data = good_named(name).data
    chance = random.Random(name)  # noqa: S311 - repeatable, not secret
    for _ in range(40):
        copy = mutated(data, chance)
        read_settings(copy)
        with contextlib.suppress(UserError):
            tensor = load_image(copy, long_side_px=chance.choice((None, 32)))
            assert tensor.shape[:2] == (1, 3)
            assert bool(tensor.isfinite().all())


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBPVP8X"]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
def test_no_bytes_are_anything_but_refused(tail: bytes, head: bytes) -> None:
    """Random bytes, also behind the first bytes of a picture, are a `UserError`."""
    with pytest.raises(UserError):
        decode(head + tail)
    assert read_settings(head + tail) is None
