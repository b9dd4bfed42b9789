"""Forms: what a person is asked for in a dialog of its own.

A mistake in a form costs the person every file they attached, so that hardly any can be made: numbers are
picked from a list, and a painting together with a style picture is understood as a wish to mix them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import discord
from discord import ui

from bot.jobs.own_presets import MOST_LETTERS
from bot.ui.answers import answer_failure
from nst_core import presets
from nst_core.protocol import RANGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.i18n import Words
    from bot.jobs.own_presets import OwnPreset

    Interaction = discord.Interaction[Any]

T = TypeVar("T")
OPEN_S: Final = 3600.0
"""How long a form may stay open: one that was closed unsent is never heard of again."""
MOST_OPTIONS: Final = 25
MOST_OWN: Final = 15
"""So many of a server's own paintings leave room for the best known ones."""
MOST_OPTION_LETTERS: Final = 100
STRENGTH_STEP: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What an `OrderForm` asks for, besides the strength."""

    title: str
    note: str | None = None
    """To be read before the questions."""
    content: bool = False
    style: bool = False
    own_presets: tuple[OwnPreset, ...] = ()
    """Of the server, to be offered before the others."""
    strength: int = 50
    """Chosen already, unless the person changes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered; None where nothing was asked or chosen."""

    content: discord.Attachment | None = None
    style: discord.Attachment | None = None
    preset: str | None = None
    strength: int | None = None


class _Form(ui.Modal):
    """A form that answers its own mistakes."""

    # The library's own form narrows its base class in the same way.
    async def on_error(self, interaction: Interaction, error: Exception, /) -> None:  # type: ignore[override]
        """Tell the person what went wrong; discord.py would only log it."""
        await answer_failure(interaction, error)


class OrderForm(_Form):
    """Asks for whatever half of an order is missing, and for the strength.

    Args:
        questions: what to ask.
        words: the language of whoever is asked.
        submit: takes the answers; what it raises is told to the person.
    """

    def __init__(
        self, questions: Questions, words: Words, *, submit: Callable[[Interaction, Answers], Awaitable[None]]
    ) -> None:
        super().__init__(title=questions.title, timeout=OPEN_S)
        self._submit = submit
        self._content = _upload("content") if questions.content else None
        self._style = _upload("style", required=False) if questions.style else None
        self._preset = _presets(questions.own_presets, words) if questions.style else None
        self._strength = _strengths(questions.strength, words)
        if questions.note:
            self.add_item(ui.TextDisplay(questions.note))
        fields: dict[str, ui.Item[Any] | None] = {
            "content": self._content,
            "preset": self._preset,
            "style": self._style,
            "strength": self._strength,
        }
        for name, field in fields.items():
            if field is not None:
                self.add_item(_label(name, field, words))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Hand the answers on."""
        answers = Answers(
            content=_only(self._content.values) if self._content else None,
            style=_only(self._style.values) if self._style else None,
            preset=_only(self._preset.values) if self._preset else None,
            strength=int(self._strength.values[0]) if self._strength.values else None,
        )
        await self._submit(interaction, answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Donation:
    """A painting that somebody wants to add to their server's own."""

    picture: discord.Attachment
    title: str
    artist: str
    licence: str


class DonationForm(_Form):
    """Asks for a painting of a server's own."""

    def __init__(self, words: Words, *, submit: Callable[[Interaction, Donation], Awaitable[None]]) -> None:
        super().__init__(title=words.say("own.form_title"), timeout=OPEN_S)
        self._submit = submit
        self._picture = _upload("picture")
        self._title = _line("title")
        self._artist = _line("artist", required=False)
        self._licence = _line("licence")
        for field in (self._picture, self._title, self._artist, self._licence):
            self.add_item(_label(f"own_{field.custom_id}", field, words))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Hand it on."""
        donation = Donation(
            picture=self._picture.values[0],
            title=self._title.value,
            artist=self._artist.value,
            licence=self._licence.value,
        )
        await self._submit(interaction, donation)


class RemovalForm(_Form):
    """Asks which of a server's own paintings is to go."""

    def __init__(
        self,
        own_presets: list[OwnPreset],
        words: Words,
        *,
        submit: Callable[[Interaction, str], Awaitable[None]],
    ) -> None:
        super().__init__(title=words.say("own.removal_title"), timeout=OPEN_S)
        self._submit = submit
        options = [_own_option(own, words) for own in own_presets[:MOST_OPTIONS]]
        self._chosen: ui.Select[Any] = ui.Select(custom_id="own", options=options)
        self.add_item(_label("own_removed", self._chosen, words))

    async def on_submit(self, interaction: Interaction, /) -> None:
        """Hand its reference on."""
        await self._submit(interaction, self._chosen.values[0])


def preset_options(own_presets: tuple[OwnPreset, ...], words: Words) -> list[discord.SelectOption]:
    """Return as many paintings as a list holds: the server's own, then the best known ones."""
    own = [_own_option(each, words) for each in own_presets[:MOST_OWN]]
    bundled = [
        discord.SelectOption(
            label=_short(preset.title_in(words.language)),
            value=preset.id,
            description=_short(f"{preset.artist_in(words.language)}, {preset.year_in(words.language)}"),
        )
        for preset in presets.all_presets().values()
        if preset.bundled
    ]
    return (own + bundled)[:MOST_OPTIONS]


def _own_option(own: OwnPreset, words: Words) -> discord.SelectOption:
    description = own.artist or words.say("own.nobody")
    return discord.SelectOption(label=own.title, value=own.ref, description=_short(description))


def _upload(name: str, *, required: bool = True) -> ui.FileUpload[Any]:
    return ui.FileUpload(custom_id=name, required=required, min_values=int(required), max_values=1)


def _line(name: str, *, required: bool = True) -> ui.TextInput[Any]:
    return ui.TextInput(custom_id=name, required=required, max_length=MOST_LETTERS)


def _presets(own_presets: tuple[OwnPreset, ...], words: Words) -> ui.Select[Any]:
    return ui.Select(
        custom_id="preset",
        placeholder=words.say("form.preset_placeholder"),
        options=preset_options(own_presets, words),
        required=False,
        min_values=0,
    )


def _strengths(chosen: int, words: Words) -> ui.Select[Any]:
    least, most = RANGES["strength"]
    named = {least: "form.strength_least", most // 2: "form.strength_middle", most: "form.strength_most"}
    options = [
        discord.SelectOption(
            label=str(strength),
            value=str(strength),
            description=words.say(named[strength]) if strength in named else None,
            default=strength == chosen,
        )
        for strength in sorted({*range(least, most + 1, STRENGTH_STEP), chosen})
    ]
    return ui.Select(custom_id="strength", options=options, required=False, min_values=0)


def _label(name: str, field: ui.Item[Any], words: Words) -> ui.Label[Any]:
    return ui.Label(
        text=words.say(f"form.{name}"),
        description=words.texts.get(f"form.{name}_hint"),
        component=field,
    )


def _only(values: list[T]) -> T | None:
    return values[0] if values else None


def _short(text: str) -> str:
    return text if len(text) <= MOST_OPTION_LETTERS else text[: MOST_OPTION_LETTERS - 1] + "…"
