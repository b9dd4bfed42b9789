"""`nst presets`: the paintings that can be picked by name."""

from __future__ import annotations

import dataclasses

from nst_core.commandline.answers import Answer
from nst_core.presets import Preset, all_presets


def presets() -> Answer:
    """Return the list, with what the command line promises of each painting."""
    known = list(all_presets().values())
    rows = [_row(preset) for preset in known]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    data = {"presets": [{**dataclasses.asdict(preset), "bundled": preset.bundled} for preset in known]}
    return Answer(text="\n".join(lines), data=data)


def _row(preset: Preset) -> tuple[str, ...]:
    place = "bundled" if preset.bundled else "download"
    return preset.id, preset.title, preset.artist, preset.year, place, preset.licence
