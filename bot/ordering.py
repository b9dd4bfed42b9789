"""From an interaction to a job: check, answer, fetch, submit. Commands, menus and buttons share this path."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Final

import discord

from bot.houserules import (
    check_order,
    is_age_restricted,
    is_covered,
    is_guest,
    server_here,
    settings_here,
)
from bot.intake import MIB, Accepted, Upload, Wishes, accept, check_bytes
from bot.jobs.model import JobOrder, StyleSource
from bot.partying import style_here
from bot.ui import cards
from bot.ui.answers import private_words, public_words
from nst_core import presets
from nst_core.errors import BadParameter, Fault, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import GafuuBot
    from bot.config import LimitsSection
    from nst_core.presets import Preset
    from nst_core.protocol import StyleParams

    Interaction = discord.Interaction[GafuuBot]

log: Final = logging.getLogger(__name__)

MOST_RESULT_BYTES: Final = 10 * MIB
"""Discord's own limit for files where nobody pays for more; a larger picture gains nothing there."""


async def take_order(
    interaction: Interaction,
    *,
    content: discord.Attachment,
    style: discord.Attachment | None,
    preset: str | None,
    strength: int | None = None,
    mode: str | None = None,
    brush: int | None = None,
    size: int | None = None,
) -> None:
    """Accept what somebody wants painted, and show its card.

    Everything that can be refused at once is refused before anything public is said.

    Raises:
        UserError: what is wrong, and what to do.
    """
    check_order(interaction)
    preset = style_here(interaction, preset, has_upload=style is not None)
    wishes = Wishes(
        content=facts(content),
        style=facts(style) if style else None,
        preset=preset,
        strength=strength,
        mode=mode,
        brush=brush,
        size=size,
    )
    accepted = accept(wishes, settings_here(interaction))
    await place_order(interaction, functools.partial(_fetch, interaction, accepted, content, style))


async def place_order(interaction: Interaction, fetch: Callable[[], Awaitable[JobOrder]]) -> None:
    """Answer with a card, then fetch the order's pictures and submit it.

    The card is the answer to the interaction, so that there is something to see within a second.

    Args:
        interaction: a command or a press that has not been answered.
        fetch: returns the whole order.

    Raises:
        UserError: from `fetch`, or there is no room for the job.
    """
    bot = interaction.client
    card = cards.received(public_words(interaction))
    answer = await interaction.response.send_message(view=card.view)
    order = await fetch()
    job = await bot.service.submit(order)
    bot.delivery.follow(job, card_message_id=answer.message_id, interaction=interaction)
    if answer.message_id is not None:
        await _remember_card(bot, job.id, answer.message_id)


def order_of(
    interaction: Interaction,
    *,
    content: bytes,
    styles: tuple[StyleSource, ...],
    params: StyleParams,
    parent_id: str | None = None,
    age_restricted: bool = False,
) -> JobOrder:
    """Return an order of whoever acts, for the place where they act.

    Args:
        interaction: the command or press.
        content: the content image's bytes.
        styles: one or more.
        params: everything else that was chosen.
        parent_id: the job that it is made from.
        age_restricted: whether that one comes from an age-restricted channel; this channel counts anyway.
    """
    server = server_here(interaction)
    here = is_age_restricted(interaction.channel)
    return JobOrder(
        owner_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        content=content,
        styles=styles,
        params=params,
        locale=private_words(interaction).language,
        public_locale=public_words(interaction).language,
        parent_id=parent_id,
        max_bytes=_most_bytes(interaction),
        age_restricted=age_restricted or here,
        spoiler=is_covered(server, age_restricted=age_restricted or here, here=here),
        guest=is_guest(interaction),
        per_person=server.per_person,
        per_server=server.per_server,
    )


async def _remember_card(bot: GafuuBot, job_id: str, message_id: int) -> None:
    """Store which message is a job's card; only a restart needs it, so that the job goes on without."""
    try:
        await bot.service.set_card(job_id, message_id)
    except Fault:
        log.exception("card_not_stored job=%s", job_id)


def facts(attachment: discord.Attachment) -> Upload:
    """Return what Discord tells of an attachment."""
    return Upload(
        filename=attachment.filename,
        size_bytes=attachment.size,
        content_type=attachment.content_type,
        width_px=attachment.width,
        height_px=attachment.height,
    )


async def _fetch(
    interaction: Interaction,
    accepted: Accepted,
    content: discord.Attachment,
    style: discord.Attachment | None,
) -> JobOrder:
    """Fetch the pictures and return the whole order."""
    limits = interaction.client.settings.limits
    content_bytes = await _read_upload(content, "content", limits)
    if style is not None:
        style_source = StyleSource(image=await _read_upload(style, "style", limits))
    else:
        style_source = await _read_preset(accepted.preset)
    return order_of(interaction, content=content_bytes, styles=(style_source,), params=accepted.params)


async def _read_preset(preset: Preset | None) -> StyleSource:
    """Read a painting's file; the first use of some is a download, hence the thread."""
    if preset is None:
        raise BadParameter("style_missing")
    return StyleSource(image=await asyncio.to_thread(presets.read, preset), preset=preset.id)


async def _read_upload(attachment: discord.Attachment, role: str, limits: LimitsSection) -> bytes:
    """Fetch an attachment.

    Raises:
        Unavailable: Discord no longer has it, or does not answer.
        BadImage: it is no picture.
    """
    try:
        data = await attachment.read()
    except discord.HTTPException as error:
        raise Unavailable("upload_lost", role=role) from error
    check_bytes(data, role=role, limits=limits)
    return data


def _most_bytes(interaction: Interaction) -> int:
    """Return how large the result may be: what the server takes, not what the person pays for."""
    place = interaction.guild.filesize_limit if interaction.guild else MOST_RESULT_BYTES
    return min(MOST_RESULT_BYTES, interaction.filesize_limit or MOST_RESULT_BYTES, place)
