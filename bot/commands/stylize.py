"""`/stylize`: paint one picture in the manner of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from bot.i18n import language_of
from bot.i18n.translator import spoken
from bot.ordering import take_order
from nst_core import presets
from nst_core.protocol import AVAILABLE_MODES

if TYPE_CHECKING:
    from bot.client import GafuuBot

OPTIONS: Final = ("content", "style", "preset", "strength", "mode", "brush", "size")
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
        content: discord.Attachment,
        style: discord.Attachment | None = None,
        preset: str | None = None,
        strength: int | None = None,
        mode: str | None = None,
        brush: int | None = None,
        size: int | None = None,
    ) -> None:
        await take_order(
            interaction,
            content=content,
            style=style,
            preset=preset,
            strength=strength,
            mode=mode,
            brush=brush,
            size=size,
        )

    return stylize


async def suggest_presets(
    interaction: discord.Interaction[Any], typed: str
) -> list[app_commands.Choice[str]]:
    """Return the paintings that a half-typed text may mean, in the person's language."""
    language = language_of(interaction.locale)
    return [
        app_commands.Choice(name=_name(preset, language), value=preset.id)
        for preset in presets.search(typed, language)
    ]


def _name(preset: presets.Preset, language: str) -> str:
    name = f"{preset.title_in(language)} – {preset.artist_in(language)}, {preset.year}"
    return name if len(name) <= MOST_NAME_LETTERS else name[: MOST_NAME_LETTERS - 1] + "…"
