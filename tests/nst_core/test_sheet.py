"""The contact sheet, as a function and as the program that a bot starts."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image, ImageChops

from nst_core.protocol import frame_of
from nst_core.sheet import CELL_PX, GAP_PX, PAPER, TAG_PX, draw_sheet

STEP_PX = CELL_PX + GAP_PX
LOADED = "import sys, nst_core.sheet; print('torch' in sys.modules)"


def picture(color: str, size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
    """Return a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def drawn(data: bytes) -> Image.Image:
    """Return the decoded sheet."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def near(one: object, other: tuple[int, ...]) -> bool:
    """Tell whether two colours are the same but for what JPEG does to them."""
    assert isinstance(one, tuple)
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("number", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (5, 3, 2), (10, 4, 3), (20, 5, 4)]
)
def test_grid(number: int, columns: int, rows: int) -> None:
    """As many rows as columns as far as can be, never more than five in a row."""
    sheet = drawn(draw_sheet([picture("red", (50, 50))] * number))
    assert sheet.size == (columns * STEP_PX + GAP_PX, rows * STEP_PX + GAP_PX)


def test_pictures_are_whole_and_in_reading_order() -> None:
    """Wide and tall ones stand in the middle of their cells, with paper around them."""
    wide, tall = picture("red", (400, 100), "JPEG"), picture("blue", (100, 400), "WEBP")
    sheet = drawn(draw_sheet([wide, tall]))
    middle_px = GAP_PX + CELL_PX // 2
    assert near(sheet.getpixel((middle_px, middle_px)), (255, 0, 0))
    assert near(sheet.getpixel((STEP_PX + middle_px, middle_px)), (0, 0, 255))
    assert near(sheet.getpixel((GAP_PX + 4, middle_px)), (255, 0, 0))
    assert near(sheet.getpixel((middle_px, GAP_PX + 4)), PAPER)
    assert near(sheet.getpixel((STEP_PX + GAP_PX + 4, middle_px)), PAPER)


def test_rows_are_as_high_as_their_pictures() -> None:
    """Wide pictures among themselves leave no empty paper above and below."""
    wide, square = picture("red", (60, 40)), picture("red", (50, 50))
    assert drawn(draw_sheet([wide, wide])).height == 320 + 2 * GAP_PX
    assert drawn(draw_sheet([wide, wide, wide, square])).height == 320 + 480 + 3 * GAP_PX


def test_letters_differ() -> None:
    """Each picture has its letter on its upper left corner, and no two are alike."""
    sheet = drawn(draw_sheet([picture("white", (480, 480))] * 4))
    corners = [(GAP_PX + x * STEP_PX, GAP_PX + y * STEP_PX) for y in (0, 1) for x in (0, 1)]
    tags = [sheet.crop((left, top, left + TAG_PX, top + TAG_PX)) for left, top in corners]
    for number, tag in enumerate(tags):
        assert min(tag.convert("L").getextrema()) < 100
        for other in tags[:number]:
            assert max(high for _, high in ImageChops.difference(tag, other).getextrema()) > 100


@pytest.mark.parametrize("number", [0, 27])
def test_number_of_pictures(number: int) -> None:
    """There is no sheet of none, and no letter for the 27th."""
    with pytest.raises(ValueError, match=f"a sheet of {number} pictures"):
        draw_sheet([picture("red")] * number)


def test_as_a_program() -> None:
    """Frames in, a JPEG out; torch is never loaded."""
    frames = b"".join(map(frame_of, [picture("red"), picture("blue")]))
    command = [sys.executable, "-m", "nst_core.sheet"]
    done = subprocess.run(command, input=frames, capture_output=True, check=True, timeout=60)
    assert drawn(done.stdout).size == (2 * STEP_PX + GAP_PX, 320 + 2 * GAP_PX)
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True, timeout=60)
    assert loaded.stdout.strip() == b"False"
