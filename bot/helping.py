"""`/help`: what the bot can do, in one message for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.ui.answers import private_words
from bot.ui.cards import layout

if TYPE_CHECKING:
    from bot.client import GafuuBot

    Interaction = discord.Interaction[GafuuBot]

TOPICS: Final = ("start", "result", "group", "own", "trouble")
BLUE: Final = 0x2F5D8A


async def show_help(interaction: Interaction) -> None:
    """Tell how to use the bot."""
    words = private_words(interaction)
    box: ui.Container[Any] = ui.Container(ui.TextDisplay(words.say("help.title")), accent_colour=BLUE)
    for topic in TOPICS:
        box.add_item(ui.TextDisplay(words.say(f"help.{topic}")))
    await interaction.response.send_message(view=layout(box), ephemeral=True)
