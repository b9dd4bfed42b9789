"""The process that draws a contact sheet: what it gives back, and how it can fail."""

from __future__ import annotations

import io
import sys
import time

import pytest
from PIL import Image

from bot.sheets import draw_sheet

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")
SAYS_NOTHING = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")


def picture() -> bytes:
    """Return a small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), "green").save(buffer, "PNG")
    return buffer.getvalue()


async def test_a_sheet() -> None:
    """The real program draws it."""
    sheet = await draw_sheet([picture(), picture()])
    assert sheet is not None
    assert Image.open(io.BytesIO(sheet)).format == "JPEG"


async def test_what_is_no_picture(caplog: pytest.LogCaptureFixture) -> None:
    """The party goes on without a sheet, and the log tells why."""
    assert await draw_sheet([b"no picture"]) is None
    assert "UnidentifiedImageError" in caplog.text


async def test_a_program_that_hangs() -> None:
    """It is ended after its time."""
    began = time.monotonic()
    assert await draw_sheet([picture()], command=SLEEPS, patience_s=0.3) is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("command", [("/no/such/program",), SAYS_NOTHING], ids=["missing", "silent"])
async def test_a_program_that_does_not_work(command: tuple[str, ...]) -> None:
    """As on a machine without Pillow."""
    assert await draw_sheet([picture()], command=command) is None
