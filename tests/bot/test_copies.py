"""How the bot has a picture copied by a program of its own."""

from __future__ import annotations

import io
import sys

import pytest
from PIL import Image

from bot import copies
from bot.config import LimitsSection
from bot.intake import MIB
from nst_core.errors import BadImage, Fault, UploadTooLarge

LIMITS = LimitsSection()
WITHOUT_LIBRARIES = (
    sys.executable,
    "-c",
    "import sys; sys.stdin.buffer.read(); import there_is_no_such_module",
)


def program(source: str) -> tuple[str, ...]:
    """Return a command that runs Python source."""
    return (sys.executable, "-c", source)


def picture(width_px: int, height_px: int) -> bytes:
    """Return a PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (width_px, height_px), "teal").save(buffer, "PNG")
    return buffer.getvalue()


async def test_copies() -> None:
    """A picture to paint from and a small one to show."""
    made = await copies.make(picture(2000, 1000), limits=LIMITS)
    assert made.thumbnail is not None
    sizes = [Image.open(io.BytesIO(data)).size for data in (made.style, made.thumbnail)]
    assert sizes == [(1600, 800), (320, 160)]


async def test_refusal_crosses_the_border() -> None:
    """What the program finds wrong is the person's to read."""
    with pytest.raises(BadImage) as caught:
        await copies.make(picture(3000, 10), limits=LIMITS)
    assert caught.value.code == "image_too_narrow"


async def test_bot_without_painting_libraries_keeps_the_picture_as_it_came() -> None:
    """Without a thumbnail, and only up to a size."""
    made = await copies.make(picture(50, 50), limits=LIMITS, command=WITHOUT_LIBRARIES)
    assert (made.style, made.thumbnail) == (picture(50, 50), None)
    with pytest.raises(UploadTooLarge) as caught:
        await copies.make(bytes(5 * MIB), limits=LIMITS, command=WITHOUT_LIBRARIES)
    assert "5.0 MiB, and I accept at most 4 MiB" in str(caught.value)


async def test_program_that_fails_is_a_fault() -> None:
    """It is our mistake, and the log learns why."""
    with pytest.raises(Fault, match="oh no"):
        await copies.make(picture(50, 50), limits=LIMITS, command=program("import sys; sys.exit('oh no')"))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("import time; time.sleep(60)", "image_too_costly"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "image_damaged"),
    ],
    ids=["hangs", "crashes"],
)
async def test_picture_that_is_too_much_for_the_program_is_refused(source: str, code: str) -> None:
    """A picture at which a library hangs or crashes is the person's to replace; the program is ended."""
    with pytest.raises(BadImage) as caught:
        await copies.make(
            picture(50, 50),
            limits=LIMITS,
            command=program(source),
            within_s=0.5 if "sleep" in source else 30,
        )
    assert caught.value.code == code


async def test_program_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at strangers' files, and has no use for a token."""
    monkeypatch.setenv("DISCORD_TOKEN", "s3cret")
    with pytest.raises(Fault) as caught:
        await copies.make(
            picture(50, 50), limits=LIMITS, command=program("import os, sys; sys.exit(str(os.environ))")
        )
    assert "PATH" in str(caught.value)
    assert "s3cret" not in str(caught.value)
