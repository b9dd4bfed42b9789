"""`/stylize`: paint one picture in the manner of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from bot.gathering import Gathered
from bot.i18n import language_of, words_in
from bot.i18n.translator import spoken
from bot.ordering import begin_order
from nst_core import presets
from nst_core.protocol import AVAILABLE_MODES

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.own_presets import OwnPreset

OPTIONS: Final = (
    "content",
    "style",
    "preset",
    "strength",
    "mode",
    "keep_colors",
    "brush",
    "size",
    "second_style",
    "private",
)
MOST_CHOICES: Final = 25
MOST_NAME_LETTERS: Final = 100
"""Of a choice."""


def stylize_command() -> app_commands.Command[Any, ..., None]:
    """Return the command.

    Its numbers have no range that Discord itself would enforce: our own refusal says what to do.
    """

    @app_commands.command(name="stylize", description=spoken("command.stylize.description"))
    @app_commands.describe(**{option: spoken(f"option.stylize.{option}") for option in OPTIONS})
    @app_commands.choices(
        mode=[app_commands.Choice(name=spoken(f"mode.{mode}"), value=mode) for mode in AVAILABLE_MODES]
    )
    @app_commands.autocomplete(preset=suggest_presets)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def stylize(
        interaction: discord.Interaction[GafuuBot],
        *,
        content: discord.Attachment | None = None,
        style: discord.Attachment | None = None,
        preset: str | None = None,
        strength: int | None = None,
        mode: str | None = None,
        keep_colors: bool | None = None,
        brush: int | None = None,
        size: int | None = None,
        second_style: discord.Attachment | None = None,
        private: bool = False,
    ) -> None:
        gathered = Gathered(
            content=content,
            style=style,
            other_styles=(second_style,) if second_style else (),
            preset=preset,
            strength=strength,
            mode=mode,
            keep_colors=keep_colors,
            brush=brush,
            size=size,
            private=private,
        )
        await begin_order(interaction, gathered)

    return stylize


async def suggest_presets(
    interaction: discord.Interaction[Any], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the paintings that a half-typed text may mean, the server's own first."""
    words = words_in(language_of(interaction.locale))
    own = [
        app_commands.Choice(name=_own_name(each, words), value=each.ref)
        for each in interaction.client.own_presets.search(interaction.guild_id, typed)
    ]
    others = [
        app_commands.Choice(name=_name(preset, words.language), value=preset.id)
        for preset in presets.search(typed, words.language)
    ]
    return (own + others)[:MOST_CHOICES]


def _name(preset: presets.Preset, language: str) -> str:
    artist, year = preset.artist_in(language), preset.year_in(language)
    return _short(f"{preset.title_in(language)} – {artist}, {year}")


def _own_name(own: OwnPreset, words: Words) -> str:
    return _short(words.say("own.choice", title=own.title, artist=own.artist or words.say("own.nobody")))


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAME_LETTERS else name[: MOST_NAME_LETTERS - 1] + "…"
