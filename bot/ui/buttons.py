"""Buttons under a job's messages. All they know stands in their custom id, so they outlive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.ui.answers import answering

if TYPE_CHECKING:
    import re

    from bot.i18n import Words

STYLES: Final = {
    "stop": discord.ButtonStyle.primary,
    "again": discord.ButtonStyle.primary,
    "delete": discord.ButtonStyle.danger,
}


def custom_id(action: str, job_id: str) -> str:
    """Return what tells a button of a job from every other one."""
    return f"gafuu:{action}:{job_id}"


class JobButton(
    ui.DynamicItem[ui.Button[Any]], template=r"gafuu:(?P<action>[a-z]{1,16}):(?P<job_id>[0-9A-Za-z_-]{1,25})"
):
    """A button that does one thing to one job; `bot.presses` knows what."""

    def __init__(self, action: str, job_id: str, *, label: str | None = None) -> None:
        self.action = action
        self.job_id = job_id
        style = STYLES.get(action, discord.ButtonStyle.secondary)
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id(action, job_id)))

    @classmethod
    def made(cls, action: str, job_id: str, words: Words) -> JobButton:
        """Return the button to be shown in a language."""
        return cls(action, job_id, label=words.say(f"button.{action}"))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the base class calls it so
        item: ui.Item[Any],  # noqa: ARG003
        match: re.Match[str],
        /,
    ) -> JobButton:
        """Return the button that was pressed."""
        return cls(match["action"], match["job_id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it, or say why not."""
        await answering(interaction, interaction.client.press(interaction, self.action, self.job_id))


class MenuButton(
    ui.DynamicItem[ui.Button[Any]], template=r"gafuu\.(?P<action>[a-z]{1,16})(?::(?P<value>.{1,80}))?"
):
    """A button that belongs to no job; `bot.catalogue` and `bot.menus` know what it does."""

    def __init__(
        self,
        action: str,
        value: str = "",
        *,
        label: str | None = None,
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
        disabled: bool = False,
    ) -> None:
        self.action = action
        self.value = value
        custom_id = f"gafuu.{action}:{value}" if value else f"gafuu.{action}"
        super().__init__(ui.Button(label=label, style=style, custom_id=custom_id, disabled=disabled))

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - the base class calls it so
        item: ui.Item[Any],  # noqa: ARG003
        match: re.Match[str],
        /,
    ) -> MenuButton:
        """Return the button that was pressed."""
        return cls(match["action"], match["value"] or "")

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Do it, or say why not."""
        await answering(interaction, interaction.client.use_menu(interaction, self.action, self.value))
