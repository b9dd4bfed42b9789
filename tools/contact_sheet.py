"""Put paintings side by side: one row per photo, one column per painting, with the style above.

python tools/contact_sheet.py OUT.jpg --photos A.jpg B.jpg --presets scream kiss --painted FOLDER

The folder holds `<photo's stem>-<preset>.png`, as `nst stylize` was told to write them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageOps

from nst_core import presets

GAP_PX = 6


def cell(path: Path, size: tuple[int, int]) -> Image.Image:
    """Return the picture cropped to the cell."""
    with Image.open(path) as image:
        return ImageOps.fit(image.convert("RGB"), size, Image.Resampling.LANCZOS)


def sheet(photos: list[Path], ids: list[str], painted: Path, *, width_px: int) -> Image.Image:
    """Return the sheet: paintings along the top, photos down the left side.

    Args:
        photos: content images.
        ids: presets.
        painted: the folder with the results.
        width_px: of one cell; its height is three quarters of that.
    """
    size = width_px, width_px * 3 // 4
    step = size[0] + GAP_PX, size[1] + GAP_PX
    whole = Image.new(
        "RGB", (step[0] * (len(ids) + 1) - GAP_PX, step[1] * (len(photos) + 1) - GAP_PX), "white"
    )
    for column, name in enumerate(ids, start=1):
        whole.paste(cell(presets.FOLDER / str(presets.find(name).file), size), (column * step[0], 0))
    for row, photo in enumerate(photos, start=1):
        whole.paste(cell(photo, size), (0, row * step[1]))
        for column, name in enumerate(ids, start=1):
            whole.paste(cell(painted / f"{photo.stem}-{name}.png", size), (column * step[0], row * step[1]))
    return whole


def main() -> None:
    """Read the arguments and write the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", nargs="+", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--painted", type=Path, required=True)
    parser.add_argument("--cell", type=int, default=256, help="width of one picture, px")
    chosen = parser.parse_args()
    image = sheet(chosen.photos, chosen.presets, chosen.painted, width_px=chosen.cell)
    image.save(chosen.out, quality=88)
    print(f"{chosen.out}: {image.width}×{image.height} px")


if __name__ == "__main__":
    main()
