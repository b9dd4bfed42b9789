"""Make the small pictures that stand in lists of paintings: nst_core/presets/thumbnails/.

python tools/make_thumbnails.py

One for each painting that comes with the project; run it again when a painting is added or changed.
"""

from __future__ import annotations

from nst_core import presets
from nst_core.copies import thumbnail


def main() -> None:
    """Write every thumbnail anew."""
    presets.THUMBNAILS.mkdir(exist_ok=True)
    for preset in presets.all_presets().values():
        if preset.bundled:
            path = presets.THUMBNAILS / f"{preset.id}.jpg"
            path.write_bytes(thumbnail(presets.read(preset)))
            print(f"{path.name}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
