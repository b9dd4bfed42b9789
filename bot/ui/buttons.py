"""Buttons under a job's messages. All they know stands in their custom id, so they outlive a restart."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.ui.answers import answer_failure, answer_privately, private_words

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable

    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.model import JobRecord

    Action = Callable[[discord.Interaction[GafuuBot], str], Awaitable[None]]

STYLES: Final = {"stop": discord.ButtonStyle.primary, "cancel": discord.ButtonStyle.secondary}


class JobButton(
    ui.DynamicItem[ui.Button[Any]], template=r"gafuu:(?P<action>[a-z]{1,16}):(?P<job_id>[0-9A-Za-z_-]{1,25})"
):
    """A button that does one thing to one job."""

    def __init__(self, action: str, job_id: str, *, label: str | None = None) -> None:
        self.action = action
        self.job_id = job_id
        style = STYLES.get(action, discord.ButtonStyle.secondary)
        super().__init__(ui.Button(label=label, style=style, custom_id=f"gafuu:{action}:{job_id}"))

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
        try:
            await _actions()[self.action](interaction, self.job_id)
        except Exception as error:  # noqa: BLE001 - discord.py would only log it, and leave the person without an answer
            await answer_failure(interaction, error)


def _actions() -> dict[str, Action]:
    return {"stop": functools.partial(_end, keep=True), "cancel": functools.partial(_end, keep=False)}


async def _end(interaction: discord.Interaction[GafuuBot], job_id: str, *, keep: bool) -> None:
    """End a job: with `keep` the picture so far is delivered. The card then shows what became of it."""
    service = interaction.client.service
    refusal = _why_not(interaction, await service.get(job_id), keep=keep)
    if refusal is None:
        await interaction.response.defer()
        refusal = None if await service.stop(job_id, keep=keep) else "answer.over"
    if refusal is not None:
        await answer_privately(interaction, private_words(interaction).say(refusal))


def _why_not(interaction: discord.Interaction[Any], job: JobRecord | None, *, keep: bool) -> str | None:
    """Return the key of the reason why this press does nothing, or None."""
    if job is None or job.state not in {"queued", "running"}:
        return "answer.over"
    is_moderator = interaction.guild_id is not None and interaction.permissions.manage_messages
    if interaction.user.id != job.owner_id and not is_moderator:
        return "answer.not_yours"
    return "answer.not_started" if keep and job.state == "queued" else None
