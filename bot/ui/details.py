"""What `Details` tells about a picture: pure, from records to one text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.utils import escape_markdown

from bot.ui.cards import preset_label, seconds_text, style_label
from bot.ui.links import place_of, result_link
from nst_core import presets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.i18n import Words
    from bot.jobs.model import JobRecord
    from bot.jobs.own_presets import OwnPreset
    from nst_core.protocol import Pastiche


def details(
    job: JobRecord,
    pastiche: Pastiche | None,
    parent: JobRecord | None,
    words: Words,
    *,
    own_presets: Sequence[OwnPreset] = (),
) -> str:
    """Return everything that made a picture, a line each.

    Args:
        job: the picture's.
        pastiche: its result, if that is still kept.
        parent: the job whose button made it, if that is known.
        words: the language of whoever asks.
        own_presets: which of its styles are the server's own, as far as they are still there.
    """
    params = job.params
    lines = [
        words.say("details.title", style=style_label(job, words)),
        words.say("details.mode", mode=words.name("mode_name", params.mode)),
        words.say("details.strength", strength=params.strength),
        words.say("details.brush", brush=params.brush),
        *([words.say("details.keep_colors")] if params.keep_colors else []),
        *_painted(job, pastiche, words),
        words.say("details.seed", seed=params.seed),
        *(
            _licence(preset, words)
            for preset in dict.fromkeys(job.presets)
            if preset in presets.all_presets()
        ),
    ]
    lines += [
        words.say("details.own", title=preset_label(own.ref, words), licence=escape_markdown(own.licence))
        for own in own_presets
    ]
    if job.parent_id is not None:
        lines.append(_descent(job, parent, words))
    if pastiche is not None and pastiche.timelapse:
        lines.append(words.say("details.timelapse"))
    return "\n".join(lines)


def _painted(job: JobRecord, pastiche: Pastiche | None, words: Words) -> list[str]:
    if pastiche is None:
        return [words.say("details.long_side", px=job.params.long_side_px)]
    return [
        words.say("details.size", width_px=pastiche.width_px, height_px=pastiche.height_px),
        words.say(
            "details.effort" if pastiche.steps > 1 else "details.effort_one_step",
            seconds=seconds_text(pastiche.seconds),
            steps=pastiche.steps,
        ),
    ]


def _licence(preset_id: str | None, words: Words) -> str:
    preset = presets.all_presets()[preset_id or ""]
    licence = words.name("value", preset.licence)
    return words.say(
        "details.licence",
        style=preset_label(preset_id, words),
        year=preset.year_in(words.language),
        licence=licence,
    )


def _descent(job: JobRecord, parent: JobRecord | None, words: Words) -> str:
    """Return the line about the parent, with a link unless it was posted in another place."""
    link = result_link(parent) if parent and place_of(parent) == place_of(job) else None
    return words.say("details.parent", link=link) if link else words.say("details.parent_unseen")
