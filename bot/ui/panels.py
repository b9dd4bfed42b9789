"""Buttons of what only one person sees: pages, queue, settings, privacy. All they know is in their id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.ui.answers import answering

if TYPE_CHECKING:
    import re

    from bot.i18n import Words


class PanelButton(
    ui.DynamicItem[ui.Button[Any]], template=r"gafuu-panel:(?P<action>[a-z]{1,16}):(?P<number>[0-9]{1,9})"
):
    """A button that shows another page, or does something for who presses it; `bot.panels` knows what."""

    def __init__(
        self,
        action: str,
        number: int = 0,
        *,
        label: str | None = None,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
    ) -> None:
        self.action = action
        self.number = number
        custom_id = f"gafuu-panel:{action}:{number}"
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id, disabled=disabled))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the base class calls it so
        item: ui.Item[Any],  # noqa: ARG003
        match: re.Match[str],
        /,
    ) -> PanelButton:
        """Return the button that was pressed."""
        return cls(match["action"], int(match["number"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it, or say why not."""
        await answering(interaction, interaction.client.turn(interaction, self.action, self.number))


def page_row(kind: str, page: int, pages: int, words: Words) -> ui.ActionRow[Any]:
    """Return the two buttons under a page.

    Args:
        kind: which list.
        page: the one that is shown, from 0.
        pages: how many there are.
        words: the reader's language.
    """
    # A button needs an id of its own also where it can do nothing.
    before = PanelButton(kind, max(page - 1, 0), label=words.say("pages.previous"), disabled=page == 0)
    after = PanelButton(kind, page + 1, label=words.say("pages.next"), disabled=page + 1 >= pages)
    return ui.ActionRow(before, after)
