"""A contact sheet of finished pictures, each with its letter. No torch: a bot's machine can draw it.

As a program (``python -m nst_core.sheet``) it reads pictures from standard input, each as a frame of
`nst_core.protocol`, until the input ends, and writes the sheet, a JPEG, to standard output.
"""

from __future__ import annotations

import io
import math
import string
import sys
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from nst_core.protocol import read_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

CELL_PX: Final = 480
GAP_PX: Final = 16
TAG_PX: Final = 56
MOST_COLUMNS: Final = 5
PAPER: Final = (250, 248, 243)
INK: Final = (38, 36, 32)
QUALITY: Final = 88


def draw_sheet(pictures: Sequence[bytes]) -> bytes:
    """Return pictures side by side, whole, on paper, lettered A, B, C… in reading order.

    Args:
        pictures: encoded; 1 to 26.

    Returns:
        A JPEG; at most 5 columns of 480 pixels and so at most 2496 pixels wide.

    Raises:
        ValueError: none, or more than there are letters.
        OSError: one of them is no picture.
    """
    if not 1 <= len(pictures) <= len(string.ascii_uppercase):
        raise ValueError(f"a sheet of {len(pictures)} pictures")
    columns = min(MOST_COLUMNS, math.ceil(math.sqrt(len(pictures))))
    rows = math.ceil(len(pictures) / columns)
    step = CELL_PX + GAP_PX
    sheet = Image.new("RGB", (columns * step + GAP_PX, rows * step + GAP_PX), PAPER)
    for number, (letter, picture) in enumerate(zip(string.ascii_uppercase, pictures, strict=False)):
        row, column = divmod(number, columns)
        _paste(sheet, picture, letter, (GAP_PX + column * step, GAP_PX + row * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _paste(sheet: Image.Image, picture: bytes, letter: str, corner: tuple[int, int]) -> None:
    """Put one picture into the middle of its cell, and its letter onto its corner."""
    with Image.open(io.BytesIO(picture)) as opened:
        image = ImageOps.contain(opened.convert("RGB"), (CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    left = corner[0] + (CELL_PX - image.width) // 2
    top = corner[1] + (CELL_PX - image.height) // 2
    sheet.paste(image, (left, top))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + TAG_PX, top + TAG_PX), fill=PAPER)
    middle = (left + TAG_PX / 2, top + TAG_PX / 2)
    draw.text(middle, letter, fill=INK, font=ImageFont.load_default(TAG_PX * 0.7), anchor="mm")


def main() -> int:
    """Draw what comes in; return the exit status."""
    pictures = []
    while (picture := read_frame(sys.stdin.buffer)) is not None:
        pictures.append(picture)
    sys.stdout.buffer.write(draw_sheet(pictures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
