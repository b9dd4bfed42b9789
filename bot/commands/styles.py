"""`/styles`: look through the paintings to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from discord import app_commands

from bot.catalogue import show_styles
from bot.i18n.translator import spoken

if TYPE_CHECKING:
    import discord

    from bot.client import GafuuBot


def styles_command() -> app_commands.Command[Any, ..., None]:
    """Return the command."""

    @app_commands.command(name="styles", description=spoken("command.styles.description"))
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    @app_commands.allowed_installs(guilds=True, users=True)
    async def styles(interaction: discord.Interaction[GafuuBot]) -> None:
        await show_styles(interaction)

    return styles
