"""The commands of a group and of one person: gallery, history, party, queue, settings, privacy, help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from bot.commands.stylize import suggest_presets
from bot.gallery import show_gallery
from bot.helping import show_help
from bot.history import show_history
from bot.i18n.translator import spoken
from bot.partying import open_party
from bot.privacy import show_privacy
from bot.queueing import show_queue
from bot.settingspanel import show_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import GafuuBot

    Interaction = discord.Interaction[GafuuBot]
    Show = Callable[[Interaction], Awaitable[None]]
    AnyCommand = app_commands.Command[Any, ..., None]


def sharing_commands() -> list[AnyCommand]:
    """Return the commands."""
    return [
        *(_everywhere(name, show) for name, show in _panels().items()),
        _everywhere("help", show_help),
        _in_servers("gallery", lambda interaction: show_gallery(interaction, 0)),
        _managers(_in_servers("settings", show_settings)),
        _party(),
    ]


def _panels() -> dict[str, Show]:
    return {
        "history": lambda interaction: show_history(interaction, 0),
        "queue": show_queue,
        "privacy": show_privacy,
    }


def _plain(name: str, show: Show) -> AnyCommand:
    @app_commands.command(name=name, description=spoken(f"command.{name}.description"))
    async def command(interaction: discord.Interaction[GafuuBot]) -> None:
        await show(interaction)

    return command


def _everywhere(name: str, show: Show) -> AnyCommand:
    """Return a command that works in servers and in private, also where only a person has the bot."""
    return everywhere(_plain(name, show))


def everywhere(command: AnyCommand) -> AnyCommand:
    """Let a command be used wherever Discord has commands."""
    command = app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(command)
    return app_commands.allowed_installs(guilds=True, users=True)(command)


def _in_servers(name: str, show: Show) -> AnyCommand:
    """Return a command for servers that have the bot."""
    return _in_guilds(_plain(name, show))


def _in_guilds(command: AnyCommand) -> AnyCommand:
    command = app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)(command)
    return app_commands.allowed_installs(guilds=True, users=False)(command)


def _managers(command: AnyCommand) -> AnyCommand:
    return app_commands.default_permissions(manage_guild=True)(command)


def _party() -> AnyCommand:
    @app_commands.command(name="party", description=spoken("command.party.description"))
    @app_commands.describe(style=spoken("option.party.style"), minutes=spoken("option.party.minutes"))
    @app_commands.autocomplete(style=suggest_presets)
    async def party(
        interaction: discord.Interaction[GafuuBot], *, style: str, minutes: int | None = None
    ) -> None:
        await open_party(interaction, style, minutes)

    return _in_guilds(party)
