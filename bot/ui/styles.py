"""How a page of `/styles` looks: pure, from paintings to a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.jobs.own_presets import OwnPreset
from bot.ui.buttons import MenuButton
from bot.ui.cards import Picture, Post, gallery, layout

if TYPE_CHECKING:
    from bot.i18n import Words
    from nst_core.presets import Preset

PER_PAGE: Final = 6
"""Discord shows six pictures as two rows of three; with texts and buttons a page has 27 of 40 parts."""
_ACCENT: Final = 0x2F5D8A


@dataclass(frozen=True, slots=True)
class Entry:
    """A painting, and its small copy if there is one."""

    painting: Preset | OwnPreset
    thumbnail: bytes | None


def pages(paintings: int) -> int:
    """Return how many pages so many paintings fill, at least one."""
    return max(1, -(-paintings // PER_PAGE))


def page(
    entries: list[Entry], *, number: int, pages: int, words: Words, may_manage: bool, has_own: bool
) -> Post:
    """Return one page.

    Args:
        entries: at most `PER_PAGE`.
        number: counted from 0.
        pages: how many there are.
        words: the language of whoever looks.
        may_manage: show the buttons that add and remove a server's own paintings.
        has_own: whether there is one to be removed.
    """
    container: ui.Container[Any] = ui.Container(accent_colour=_ACCENT)
    container.add_item(ui.TextDisplay(words.say("styles.title", page=number + 1, pages=pages)))
    pictures = tuple(
        Picture(name=f"{place}.jpg", data=entry.thumbnail, alt=_alt(entry.painting, words))
        for place, entry in enumerate(entries, start=1)
        if entry.thumbnail is not None
    )
    if pictures:
        container.add_item(gallery(pictures))
    for entry in entries:
        container.add_item(_section(entry.painting, words))
    container.add_item(_turning(number, pages, words))
    if may_manage:
        container.add_item(_managing(words, has_own=has_own))
    return Post(view=layout(container), pictures=pictures)


def own_title(own: OwnPreset) -> str:
    """Return a title that somebody chose, as it is to be read: nothing in it formats or links."""
    return discord.utils.escape_markdown(own.title)


def _section(painting: Preset | OwnPreset, words: Words) -> ui.Section[Any]:
    if isinstance(painting, OwnPreset):
        ref, title, about = painting.ref, own_title(painting), _about_own(painting, words)
    else:
        ref, title = painting.id, painting.title_in(words.language)
        about = words.say(
            "styles.about", artist=painting.artist_in(words.language), year=painting.year_in(words.language)
        )
        if not painting.bundled:
            about = words.say("styles.downloaded", about=about)
    return ui.Section(
        f"**{title}**\n{about}", accessory=MenuButton("use", ref, label=words.say("styles.use"))
    )


def _about_own(own: OwnPreset, words: Words) -> str:
    artist = discord.utils.escape_markdown(own.artist) or words.say("own.nobody")
    return words.say("styles.own", artist=artist, licence=discord.utils.escape_markdown(own.licence))


def _alt(painting: Preset | OwnPreset, words: Words) -> str:
    if isinstance(painting, OwnPreset):
        return painting.title
    title, artist = painting.title_in(words.language), painting.artist_in(words.language)
    return words.say("style.preset", title=title, artist=artist)


def _turning(number: int, pages: int, words: Words) -> ui.ActionRow[Any]:
    back = MenuButton("page", str(max(number - 1, 0)), label=words.say("styles.back"), disabled=number == 0)
    on = MenuButton("page", str(number + 1), label=words.say("styles.on"), disabled=number + 1 >= pages)
    return ui.ActionRow(back, on)


def _managing(words: Words, *, has_own: bool) -> ui.ActionRow[Any]:
    row: ui.ActionRow[Any] = ui.ActionRow(MenuButton("add", label=words.say("styles.add")))
    if has_own:
        remove = words.say("styles.remove")
        row.add_item(MenuButton("remove", label=remove, style=discord.ButtonStyle.danger))
    return row
