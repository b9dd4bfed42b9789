"""How a job looks on Discord: pure functions from a `JobView` to a message.

The card shows how a job stands and is edited as it goes on; the result is a message of its own.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.jobs.model import OWN_PRESET
from bot.ui.buttons import JobButton
from bot.ui.links import message_link, place_of, result_link
from nst_core import presets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.i18n import Words
    from bot.jobs.model import JobRecord, JobState, JobView
    from nst_core.protocol import Pastiche

BAR_CELLS: Final = 12
MOST_MESSAGE_BYTES: Final = 24 * 2**20
"""Discord refuses a request of 25 MiB, whatever its files are allowed."""
CARD_BUTTONS: Final[dict[JobState, tuple[str, ...]]] = {"queued": ("cancel",), "running": ("stop", "cancel")}
RESULT_BUTTONS: Final = (
    ("again", "stronger", "gentler", "other", "swap"),
    ("larger", "details", "star", "delete"),
)
"""In rows: Discord has room for five in each."""
_UNDER_WAY: Final = 0x2F5D8A
_DONE: Final = 0x3A7D44
_ENDED: Final = 0x8A8F98
_PREVIEW_FILE: Final = "preview.jpg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A file of a message."""

    name: str
    data: bytes
    alt: str

    def file(self) -> discord.File:
        """Return it for one upload: discord.py reads a file to its end, so each attempt needs a new one."""
        return discord.File(io.BytesIO(self.data), self.name, description=self.alt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a message shows."""

    view: ui.LayoutView
    pictures: tuple[Picture, ...] = ()

    def files(self) -> list[discord.File]:
        """Return the files for one attempt at sending."""
        return [picture.file() for picture in self.pictures]


def received(words: Words) -> Post:
    """Return the first answer to a command, before the pictures are fetched."""
    return _plain(words.say("card.received"), color=_UNDER_WAY)


def card(view: JobView, words: Words, *, with_preview: bool = True) -> Post:
    """Return the card of a job in any state.

    Args:
        view: how the job stands.
        words: the language of the server.
        with_preview: whether to show the picture so far, if there is one.
    """
    if view.job.state == "failed":
        return _plain(_failure(view, words), color=_ENDED)
    if view.job.state == "cancelled":
        return _plain(_about(view.job, words, "card.cancelled"), color=_ENDED)
    return _under_way(view, words, with_preview=with_preview)


def done(view: JobView, words: Words, *, message_id: int) -> Post:
    """Return what becomes of the card once the result is posted in the job's channel."""
    seconds = seconds_text(view.pastiche.seconds) if view.pastiche else "?"
    if view.job.private:  # such a message has no address
        return _plain(_about(view.job, words, "card.done_privately", seconds=seconds), color=_DONE)
    link = message_link(view.job, message_id)
    return _plain(_about(view.job, words, "card.done", seconds=seconds, link=link), color=_DONE)


def interrupted(view: JobView, words: Words) -> Post:
    """Return the card of a job that waits for the bot to come back."""
    return _plain(_about(view.job, words, "card.interrupted"), color=_UNDER_WAY)


def note(text: str) -> Post:
    """Return a card that has only this to say."""
    return _plain(text, color=_ENDED)


def deleted(job: JobRecord, words: Words) -> Post:
    """Return what becomes of the card once its result was deleted."""
    return _plain(_about(job, words, "card.deleted"), color=_ENDED)


def sent_privately(view: JobView, words: Words) -> Post:
    """Return the card of a job whose result could only be sent to its owner."""
    return _plain(_about(view.job, words, "card.sent_privately"), color=_DONE)


def kept(view: JobView, words: Words) -> Post:
    """Return the card of a job whose result could not be sent to anybody."""
    return _plain(_about(view.job, words, "card.kept"), color=_ENDED)


def result(
    view: JobView, words: Words, *, parent: JobRecord | None = None, pastiche_only: bool = False
) -> Post:
    """Return the message with the finished picture.

    Args:
        view: a job with its pastiche.
        words: the language of the server.
        parent: the job whose button made this one, if it is known.
        pastiche_only: leave out everything else, for a place that refused the whole.

    Returns:
        Content, styles, pastiche and curve in this order, without those that have no room.
    """
    pastiche = _need(view.pastiche)
    label = style_label(view.job, words)
    pictures = [pastiche_picture(pastiche, label, words)]
    if not pastiche_only:
        pictures = _with_room(_all_pictures(view.job, pastiche, label, words), most_bytes=MOST_MESSAGE_BYTES)
    container: ui.Container[Any] = ui.Container(accent_colour=_DONE)
    container.add_item(ui.TextDisplay(words.say("result.title", mention=mention_of(view.job), style=label)))
    container.add_item(gallery(pictures, spoiler=view.job.spoiler))
    container.add_item(ui.TextDisplay(_parameters(view.job, pastiche, words, parent)))
    for actions in RESULT_BUTTONS:
        container.add_item(row(actions, view.job, words))
    return Post(view=layout(container), pictures=tuple(pictures))


def style_label(job: JobRecord, words: Words) -> str:
    """Return what the manner of painting is called: a painting with its artist, or "your style picture"."""
    return " + ".join(dict.fromkeys(preset_label(preset, words) for preset in job.presets))


def seconds_text(seconds: float) -> str:
    """Return "48" or "7.3"."""
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"  # noqa: PLR2004 - two digits are enough


def progress_bar(step: int, steps: int) -> str:
    """Return twelve cells, as many of them filled as the share of the steps that is done."""
    filled = BAR_CELLS * min(step, steps) // steps if steps else 0
    return "▰" * filled + "▱" * (BAR_CELLS - filled)


def compact_losses(losses: Mapping[str, float], words: Words) -> str:
    """Return "content 0.0123 · style 4.56 · total 4.57" in the order in which they come."""
    return " · ".join(
        words.say("card.loss", name=words.name("loss", name), value=_compact(value))
        for name, value in losses.items()
    )


def _under_way(view: JobView, words: Words, *, with_preview: bool) -> Post:
    heading = words.say("card.heading", style=style_label(view.job, words))
    owner = words.say("card.owner", mention=mention_of(view.job))
    lines = [heading, owner, standing(view, words), *_progress_lines(view, words)]
    container: ui.Container[Any] = ui.Container(ui.TextDisplay("\n".join(lines)), accent_colour=_UNDER_WAY)
    pictures = _preview(view, words) if with_preview else ()
    if pictures:
        container.add_item(gallery(pictures, spoiler=view.job.spoiler))
    if actions := CARD_BUTTONS.get(view.job.state):
        container.add_item(row(actions, view.job, words))
    return Post(view=layout(container), pictures=pictures)


def standing(view: JobView, words: Words) -> str:
    """Return where the job is, and when it will probably be done."""
    parts = [words.say("card.restarted")] if view.retrying else []
    parts.append(_stage(view, words))
    if view.ready_at is not None and view.job.state in {"queued", "running"}:
        parts.append(words.say("card.ready_at", when=f"<t:{round(view.ready_at)}:R>"))
    return words.say("list.sentences").join(parts)


def _stage(view: JobView, words: Words) -> str:
    if view.job.state == "queued":
        if view.position is None:
            return words.say("card.waiting")
        key = "card.queued_next" if view.position == 1 else "card.queued"
        return words.say(key, position=view.position)
    if view.job.state == "running":
        if view.step:
            return words.say("card.painting")
        return words.say("card.impression" if view.preview else "card.starting")
    return words.say("card.delivering")


def _progress_lines(view: JobView, words: Words) -> list[str]:
    if not view.step:
        return []
    bar = progress_bar(view.step, view.steps)
    lines = [words.say("card.progress", bar=bar, step=view.step, steps=view.steps)]
    if view.losses:
        lines.append(words.say("card.losses", losses=compact_losses(view.losses, words)))
    return lines


def _preview(view: JobView, words: Words) -> tuple[Picture, ...]:
    if view.preview is None:
        return ()
    key = "card.preview_alt" if view.step else "card.impression_alt"
    alt = words.say(key, step=view.step, steps=view.steps)
    return (Picture(name=_PREVIEW_FILE, data=view.preview, alt=alt),)


def row(actions: Iterable[str], job: JobRecord, words: Words) -> ui.ActionRow[Any]:
    """Return buttons that act on a job, side by side."""
    return ui.ActionRow(*(JobButton.made(action, job.id, words) for action in actions))


def _failure(view: JobView, words: Words) -> str:
    if view.error is None:
        return words.say("answer.fault", id=view.job.id)
    return words.say("card.refused", mention=mention_of(view.job), sentence=words.refuse(view.error))


def _all_pictures(job: JobRecord, pastiche: Pastiche, label: str, words: Words) -> list[Picture]:
    pictures = []
    if pastiche.content_view:  # it is kept for a shorter time than what was painted
        alt = words.say("result.content_alt")
        pictures.append(Picture(name="content.jpg", data=pastiche.content_view, alt=alt))
    for number, (preset, style_view) in enumerate(zip(job.presets, pastiche.style_views, strict=False), 1):
        alt = words.say("result.style_alt", style=preset_label(preset, words))
        pictures.append(Picture(name=f"style_{number}.jpg", data=style_view, alt=alt))
    pictures.append(pastiche_picture(pastiche, label, words))
    if pastiche.curve is not None:
        losses = compact_losses(pastiche.losses, words)
        alt = words.say("result.curve_alt", steps=pastiche.steps, losses=losses)
        pictures.append(Picture(name="curve.png", data=pastiche.curve, alt=alt))
    return pictures


def pastiche_picture(pastiche: Pastiche, label: str, words: Words) -> Picture:
    """Return the finished picture, described."""
    ending = {"jpeg": "jpg"}.get(pastiche.image_format, pastiche.image_format)
    alt = words.say("result.pastiche_alt", style=label)
    return Picture(name=f"pastiche.{ending}", data=pastiche.image, alt=alt)


def _with_room(pictures: list[Picture], *, most_bytes: int) -> list[Picture]:
    """Leave out, of what came with it, the pictures that no longer fit beside the pastiche."""
    room = most_bytes
    chosen: set[str] = set()
    for picture in sorted(pictures, key=lambda picture: not picture.name.startswith("pastiche.")):
        if len(picture.data) <= room:
            chosen.add(picture.name)
            room -= len(picture.data)
    return [picture for picture in pictures if picture.name in chosen]


def _parameters(job: JobRecord, pastiche: Pastiche, words: Words, parent: JobRecord | None) -> str:
    lines = [] if job.parent_id is None else [_descent(job, parent, words)]
    line = words.say(
        "result.parameters" if pastiche.steps > 1 else "result.parameters_one_step",
        mode=words.name("mode_name", job.params.mode),
        strength=job.params.strength,
        width_px=pastiche.width_px,
        height_px=pastiche.height_px,
        seconds=seconds_text(pastiche.seconds),
        steps=pastiche.steps,
    )
    lines.append(line)
    if pastiche.stopped_early:
        lines.append(words.say("result.stopped_early"))
    return "\n".join(lines)


def _descent(job: JobRecord, parent: JobRecord | None, words: Words) -> str:
    """Return the line about the parent, with a link unless it was shown to other people."""
    link = result_link(parent) if parent and place_of(parent) == place_of(job) else None
    if parent is None or link is None:
        return words.say("result.parent_unseen")
    return words.say("result.parent", link=link, mention=mention_of(parent))


def preset_label(preset_id: str | None, words: Words) -> str:
    """Return what one style is called: a preset's title with its artist, or that of an upload (None)."""
    if preset_id is None:
        return words.say("style.upload")
    if preset_id.startswith(OWN_PRESET):
        return discord.utils.escape_markdown(preset_id.removeprefix(OWN_PRESET))
    preset = presets.all_presets().get(preset_id)
    if preset is None:  # it was removed since the job was ordered
        return preset_id
    title, artist = preset.title_in(words.language), preset.artist_in(words.language)
    return words.say("style.preset", title=title, artist=artist)


def _about(job: JobRecord, words: Words, key: str, **values: object) -> str:
    return words.say(key, mention=mention_of(job), style=style_label(job, words), **values)


def mention_of(job: JobRecord) -> str:
    """Return what Discord shows as the name of a job's owner."""
    return f"<@{job.owner_id}>"


def _compact(value: float) -> str:
    """Return three digits, as 0.0123, 456 or 7.89e-5."""
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def gallery(pictures: Iterable[Picture], *, spoiler: bool = False) -> ui.MediaGallery[Any]:
    """Return files of the same message side by side; with `spoiler` covered until somebody clicks."""
    return ui.MediaGallery(
        *(
            discord.MediaGalleryItem(f"attachment://{picture.name}", description=picture.alt, spoiler=spoiler)
            for picture in pictures
        )
    )


def _plain(text: str, *, color: int) -> Post:
    return Post(view=layout(ui.Container(ui.TextDisplay(text), accent_colour=color)))


def layout(container: ui.Container[Any]) -> ui.LayoutView:
    """Return a message of one box, whose buttons outlive this process."""
    view = ui.LayoutView(timeout=None)
    view.add_item(container)
    return view


def _need(pastiche: Pastiche | None) -> Pastiche:
    if pastiche is None:
        raise ValueError("a result needs its pastiche")
    return pastiche
