"""The command tree: what the bot can do, told to Discord only when it changed."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from bot.commands.menus import message_menus
from bot.commands.sharing import sharing_commands
from bot.commands.styles import styles_command
from bot.commands.stylize import stylize_command
from bot.i18n.translator import CommandTranslator
from bot.ui.answers import answer_failure

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.jobs.store import JobStore

log: Final = logging.getLogger(__name__)


class GafuuTree(app_commands.CommandTree["GafuuBot"]):
    """Every command of the bot."""

    def __init__(self, client: GafuuBot) -> None:
        super().__init__(client)
        for command in (stylize_command(), styles_command(), *sharing_commands()):
            self.add_command(command)
        for menu in message_menus():
            self.add_command(menu)

    async def on_error(
        self, interaction: discord.Interaction[GafuuBot], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer whatever went wrong in a command."""
        await answer_failure(interaction, error)

    async def tell_discord(self, store: JobStore, *, dev_guild: int) -> bool:
        """Register the commands unless Discord already has exactly these; return whether it was told.

        Args:
            store: remembers what was told last.
            dev_guild: a server that gets the commands alone and at once, while one tries them; 0 for none.
        """
        await self.set_translator(CommandTranslator())
        place = discord.Object(dev_guild) if dev_guild else None
        if place is not None:
            self.copy_global_to(guild=place)
        key, now = f"commands:{self.client.application_id}:{dev_guild}", await self._fingerprint()
        if await store.get_value(key) == now:
            return False
        await self.sync(guild=place)
        await store.set_value(key, now)
        log.info("commands_told count=%s guild=%s", len(self.get_commands(guild=place)), dev_guild)
        return True

    async def _fingerprint(self) -> str:
        translator: Any = self.translator
        payload = [await command.get_translated_payload(self, translator) for command in self.get_commands()]
        return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
