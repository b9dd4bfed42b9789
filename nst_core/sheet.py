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
    from collections.abc import Iterator, Sequence

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
        A JPEG; at most 5 columns of 480 pixels and so at most 2496 pixels wide. A row is as high as its
        highest picture.

    Raises:
        ValueError: none, or more than there are letters.
        OSError: one of them is no picture.
    """
    if not 1 <= len(pictures) <= len(string.ascii_uppercase):
        raise ValueError(f"a sheet of {len(pictures)} pictures")
    images = [_fitted(picture) for picture in pictures]
    columns = min(MOST_COLUMNS, math.ceil(math.sqrt(len(images))))
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    height_px = sum(_height_px(row) + GAP_PX for row in rows) + GAP_PX
    sheet = Image.new("RGB", (columns * (CELL_PX + GAP_PX) + GAP_PX, height_px), PAPER)
    letters, top_px = iter(string.ascii_uppercase), GAP_PX
    for row in rows:
        _hang(sheet, row, letters, top_px)
        top_px += _height_px(row) + GAP_PX
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _fitted(picture: bytes) -> Image.Image:
    """Return a picture as large as its cell lets it be."""
    with Image.open(io.BytesIO(picture)) as opened:
        return ImageOps.contain(opened.convert("RGB"), (CELL_PX, CELL_PX), Image.Resampling.LANCZOS)


def _height_px(row: Sequence[Image.Image]) -> int:
    return max(image.height for image in row)


def _hang(sheet: Image.Image, row: Sequence[Image.Image], letters: Iterator[str], top_px: int) -> None:
    """Put the pictures of a row into the middles of their cells, each with its letter on its corner."""
    draw, height_px = ImageDraw.Draw(sheet), _height_px(row)
    font = ImageFont.load_default(TAG_PX * 0.7)
    for column, image in enumerate(row):
        left = GAP_PX + column * (CELL_PX + GAP_PX) + (CELL_PX - image.width) // 2
        top = top_px + (height_px - image.height) // 2
        sheet.paste(image, (left, top))
        draw.rectangle((left, top, left + TAG_PX, top + TAG_PX), fill=PAPER)
        draw.text((left + TAG_PX / 2, top + TAG_PX / 2), next(letters), fill=INK, font=font, anchor="mm")


def main() -> int:
    """Draw what comes in; return the exit status."""
    pictures = []
    while (picture := read_frame(sys.stdin.buffer)) is not None:
        pictures.append(picture)
    sys.stdout.buffer.write(draw_sheet(pictures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
