"""`/queue`: one's own jobs and those of the server, with their places; who may can cancel them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.houserules import is_moderator, server_here
from bot.ui import cards
from bot.ui.answers import answer_privately, private_words
from bot.ui.buttons import JobButton
from bot.ui.links import message_link
from bot.ui.panels import PanelButton

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.model import JobView
    from bot.pool.base import Slot

    Interaction = discord.Interaction[GafuuBot]

MOST_OWN: Final = 6
MOST_OTHERS: Final = 4
"""Both together with their buttons fit into one message, which may have 40 parts."""
BLUE: Final = 0x2F5D8A


async def show_queue(interaction: Interaction, page: int = 0, *, without: str = "") -> None:  # noqa: ARG001 - as every panel
    """Show the queue to whoever asks, alone.

    Args:
        interaction: a command, or a press under an earlier answer.
        page: there is only one.
        without: a job that has just been cancelled, though its worker may need a moment to notice.
    """
    views = [view for view in interaction.client.service.views() if view.job.id != without]
    layout = cards.layout(_box(interaction, sorted(views, key=_turn), private_words(interaction)))
    if interaction.type is discord.InteractionType.component:
        await interaction.response.edit_message(view=layout)
    else:
        await interaction.response.send_message(view=layout, ephemeral=True)


async def drop(interaction: Interaction, job_id: str) -> None:
    """Cancel a job from the list and show the list as it is now."""
    service, words = interaction.client.service, private_words(interaction)
    job = await service.get(job_id)
    if job is not None and interaction.user.id != job.owner_id and not is_moderator(interaction):
        await answer_privately(interaction, words.say("answer.not_yours"))
        return
    if job is None or not await service.stop(job_id, keep=False):
        await answer_privately(interaction, words.say("answer.over"))
        return
    await show_queue(interaction, without=job_id)


def devices_line(slots: Sequence[Slot], words: Words) -> str:
    """Return what the devices are doing, "" where there is only one: the rest of the panel tells that."""
    if len(slots) <= 1:
        return ""
    counts = {
        "devices": len(slots),
        "nodes": len({slot.node for slot in slots}),
        "busy": sum(slot.state == "busy" for slot in slots),
        "ready": sum(slot.state == "ready" for slot in slots),
    }
    return words.say("queue.nodes" if counts["nodes"] > 1 else "queue.devices", **counts)


def _turn(view: JobView) -> tuple[int, int]:
    """Return what to sort by: what is being painted comes first."""
    return ("delivering", "running", "queued").index(view.job.state), view.position or 0


def _box(interaction: Interaction, views: Sequence[JobView], words: Words) -> ui.Container[Any]:
    own = [view for view in views if view.job.owner_id == interaction.user.id]
    here = [view for view in views if _is_here(interaction, view) and view not in own]
    waiting = sum(view.job.state == "queued" for view in views)
    title = words.say("queue.title", waiting=waiting, painting=len(views) - waiting)
    if devices := devices_line(interaction.client.pool.slots(), words):
        title += "\n" + devices
    box: ui.Container[Any] = ui.Container(ui.TextDisplay(title), accent_colour=BLUE)
    most = server_here(interaction).per_person or interaction.client.settings.limits.per_person
    box.add_item(ui.TextDisplay(words.say("queue.own", jobs=len(own), most=most)))
    for view in own[:MOST_OWN]:
        box.add_item(_with_cancel(view, words))
    if here:
        box.add_item(ui.TextDisplay(words.say("queue.here", jobs=len(here))))
    for view in here[:MOST_OTHERS]:
        box.add_item(_with_cancel(view, words) if is_moderator(interaction) else _text(view, words))
    if left := len(own[MOST_OWN:]) + len(here[MOST_OTHERS:]):
        box.add_item(ui.TextDisplay(words.say("queue.more", jobs=left)))
    return box.add_item(ui.ActionRow(PanelButton("queue", label=words.say("queue.refresh"))))


def _is_here(interaction: Interaction, view: JobView) -> bool:
    return interaction.guild_id is not None and view.job.guild_id == interaction.guild_id


def _with_cancel(view: JobView, words: Words) -> ui.Item[Any]:
    if view.job.state == "delivering":
        return _text(view, words)
    button = JobButton("drop", view.job.id, label=words.say("button.cancel"))
    return ui.Section(_text(view, words), accessory=button)


def _text(view: JobView, words: Words) -> ui.TextDisplay[Any]:
    job = view.job
    standing = cards.standing(view, words).rstrip(".。")  # it is a part of a line here
    style = words.say("queue.private") if job.private else cards.style_label(job, words)
    line = words.say("queue.line", mention=cards.mention_of(job), style=style, standing=standing)
    if job.card_message_id is not None and not job.private:
        line += words.say("queue.card", link=message_link(job, job.card_message_id))
    return ui.TextDisplay(line)
