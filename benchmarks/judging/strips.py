"""Every painter's picture of every pair side by side, with names: what a table of scores cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CELL_PX: Final = (240, 160)
GAP_PX: Final = 6
CAPTION_PX: Final = 26
HEADS: Final = (0.5, 0.3)
"""What is too tall for a cell is cut rather below than above."""
QUALITY: Final = 82


def draw_strips(names: Sequence[str], rows: Sequence[Sequence[Path]], path: Path) -> None:
    """Draw a row for each pair, a column for each name.

    Args:
        names: what stands above the columns.
        rows: for each pair a picture for each name; cropped to one shape.
        path: where the JPEG goes.
    """
    width, height = CELL_PX
    size = (len(names) * (width + GAP_PX) - GAP_PX, CAPTION_PX + len(rows) * (height + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=CAPTION_PX - 10)
    for column, name in enumerate(names):
        left = column * (width + GAP_PX)
        pen.text((left + width // 2, CAPTION_PX // 2), name, fill="black", font=font, anchor="mm")
        for number, row in enumerate(rows):
            with Image.open(row[column]) as picture:
                cell = ImageOps.fit(picture.convert("RGB"), CELL_PX, centering=HEADS)
            sheet.paste(cell, (left, CAPTION_PX + number * (height + GAP_PX)))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, quality=QUALITY, optimize=True)
