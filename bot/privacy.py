"""`/privacy`: what is kept and for how long; everything of one's own as files, or erased."""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.gallery import take_down
from bot.ui.answers import answer_failure, private_words
from bot.ui.cards import layout
from bot.ui.panels import PanelButton

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.jobs.model import JobRecord

    Interaction = discord.Interaction[GafuuBot]

log: Final = logging.getLogger(__name__)
GREY: Final = 0x8A8F98
STOP_WITHIN_S: Final = 60.0


async def show_privacy(interaction: Interaction, page: int = 0) -> None:  # noqa: ARG001 - as every panel
    """Tell what is kept, with the buttons to get or to erase it."""
    words, store = private_words(interaction), interaction.client.settings.store
    text = words.say("privacy.text", inputs=f"{store.inputs_days:g}", results=f"{store.results_days:g}")
    view = _panel(
        text,
        PanelButton("export", label=words.say("privacy.export"), style=discord.ButtonStyle.primary),
        PanelButton("erase", label=words.say("privacy.erase"), style=discord.ButtonStyle.danger),
    )
    if interaction.type is discord.InteractionType.component:
        await interaction.response.edit_message(view=view)
    else:
        await interaction.response.send_message(view=view, ephemeral=True)


async def export(interaction: Interaction, page: int = 0) -> None:  # noqa: ARG001 - as every panel
    """Send everything that is kept about whoever asks, to them alone."""
    words = private_words(interaction)
    await interaction.response.defer(ephemeral=True, thinking=True)
    made = await interaction.client.personal.export(interaction.user.id)
    for number, archive in enumerate(made.archives, start=1):
        text = words.say("privacy.exported", number=number, archives=len(made.archives))
        if number == 1 and made.left_out:
            text += "\n" + words.say("privacy.left_out", files=made.left_out)
        file = discord.File(io.BytesIO(archive), f"gafuu-{number}.zip")
        await interaction.followup.send(text, file=file, ephemeral=True)


async def ask_to_erase(interaction: Interaction, page: int = 0) -> None:  # noqa: ARG001 - as every panel
    """Ask once more before anything is erased."""
    words = private_words(interaction)
    view = _panel(
        words.say("privacy.sure"),
        PanelButton("eraseall", label=words.say("privacy.yes"), style=discord.ButtonStyle.danger),
        PanelButton("privacy", label=words.say("privacy.no")),
    )
    await interaction.response.edit_message(view=view)


async def erase(interaction: Interaction, page: int = 0) -> None:  # noqa: ARG001 - as every panel
    """Erase everything of whoever confirmed it; that may take minutes, so that a task of its own does it."""
    await interaction.response.edit_message(view=_panel(private_words(interaction).say("privacy.erasing")))
    interaction.client.chores.own(_erase(interaction), name=f"erase-{interaction.id}")


async def _erase(interaction: Interaction) -> None:
    bot, person_id, words = interaction.client, interaction.user.id, private_words(interaction)
    try:
        await _stop_all(bot, person_id)
        for job in await bot.personal.jobs(person_id):
            await take_down(bot, job.id)
            await _delete_messages(bot, job)
        await bot.parties.forget_host(person_id)
        left = await bot.personal.erase(person_id)
    except Exception as error:  # noqa: BLE001 - nobody else is there to answer
        await answer_failure(interaction, error)
        return
    log.info("person_erased left=%d", left)
    text = words.say("privacy.left", jobs=left) if left else words.say("privacy.erased")
    with contextlib.suppress(discord.HTTPException):  # after 15 minutes nobody can be answered any more
        await interaction.edit_original_response(view=_panel(text))


async def _stop_all(bot: GafuuBot, person_id: int) -> None:
    """Cancel a person's jobs and wait until they are over, and what was painted already is posted."""
    for job in await bot.service.recover():
        if job.owner_id == person_id:
            await bot.service.stop(job.id, keep=False)
    await bot.service.until_over(lambda job: job.owner_id == person_id, within_s=STOP_WITHIN_S)


async def _delete_messages(bot: GafuuBot, job: JobRecord) -> None:
    """Delete a job's card and its result where the bot can; what it cannot reach is not its own any more."""
    if job.guest:
        return
    channel = bot.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
    for message_id in filter(None, (job.card_message_id, job.result_message_id)):
        try:
            await channel.get_partial_message(message_id).delete()
        except discord.HTTPException as error:
            log.info("message_not_deleted job=%s error=%r", job.id, error)


def _panel(text: str, *buttons: PanelButton) -> ui.LayoutView:
    box: ui.Container[Any] = ui.Container(ui.TextDisplay(text), accent_colour=GREY)
    if buttons:
        box.add_item(ui.ActionRow(*buttons))
    return layout(box)
