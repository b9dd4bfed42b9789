"""Strips show every picture in its place."""

from pathlib import Path

from judging.strips import CAPTION_PX, CELL_PX, GAP_PX, draw_strips
from PIL import Image


def test_each_picture_stands_in_its_row_and_column(tmp_path: Path) -> None:
    """Whatever its shape: cropped to a cell, under its column's name."""
    colors = [["red", "blue"], ["green", "gold"], ["black", "cyan"]]
    for row in colors:
        for color in row:
            Image.new("RGB", (90, 90), color).save(tmp_path / f"{color}.png")
    rows = [[tmp_path / f"{color}.png" for color in row] for row in colors]
    draw_strips(["one", "two"], rows, tmp_path / "out" / "strips.jpg")
    sheet = Image.open(tmp_path / "out" / "strips.jpg").convert("RGB")
    width, height = CELL_PX
    assert sheet.size == (2 * width + GAP_PX, CAPTION_PX + 3 * height + 2 * GAP_PX)
    for y, row in enumerate(colors):
        for x, color in enumerate(row):
            middle = (
                x * (width + GAP_PX) + width // 2,
                CAPTION_PX + y * (height + GAP_PX) + height // 2,
            )
            seen, meant = sheet.getpixel(middle), Image.new("RGB", (1, 1), color).getpixel((0, 0))
            assert isinstance(seen, tuple)
            assert isinstance(meant, tuple)
            assert all(abs(a - b) < 8 for a, b in zip(seen, meant, strict=True))
    captions = sheet.crop((0, 0, width, CAPTION_PX)).convert("L")
    assert captions.getextrema()[0] < 128
