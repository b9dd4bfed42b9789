"""The menus of a message, under *Apps*: paint its picture, or keep it as a content or a style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.i18n.translator import spoken
from bot.menus import keep_picture, stylize_message

if TYPE_CHECKING:
    from bot.client import GafuuBot


def message_menus() -> list[app_commands.ContextMenu]:
    """Return the menus, in the order in which Discord shows them."""

    async def stylize_this(interaction: discord.Interaction[GafuuBot], message: discord.Message) -> None:
        await stylize_message(interaction, message)

    async def use_as_content(interaction: discord.Interaction[GafuuBot], message: discord.Message) -> None:
        await keep_picture(interaction, message, half="content")

    async def use_as_style(interaction: discord.Interaction[GafuuBot], message: discord.Message) -> None:
        await keep_picture(interaction, message, half="style")

    callbacks: dict[str, Any] = {
        "menu.stylize": stylize_this,
        "menu.content": use_as_content,
        "menu.style": use_as_style,
    }
    return [_menu(key, callback) for key, callback in callbacks.items()]


def _menu(key: str, callback: Any) -> app_commands.ContextMenu:  # noqa: ANN401 - discord.py's own union
    return app_commands.ContextMenu(
        name=spoken(key),
        callback=callback,
        type=discord.AppCommandType.message,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
    )
