"""★ hangs a picture in its server's gallery channel, once; `/gallery` goes through what hangs there."""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.houserules import is_age_restricted, is_covered, is_guest, refuse_missing, server_here
from bot.jobs.disk import DiskFault
from bot.ui import cards
from bot.ui.answers import answer_privately, private_words, public_words
from bot.ui.links import result_link
from bot.ui.panels import page_row
from bot.ui.posting import refusal_of
from nst_core.errors import Unavailable

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.model import JobRecord
    from bot.jobs.stars import Hanging
    from nst_core.protocol import Pastiche

    Interaction = discord.Interaction[GafuuBot]
    Channel = discord.abc.GuildChannel | discord.Thread

log: Final = logging.getLogger(__name__)
NEEDED: Final = ("view_channel", "send_messages", "attach_files", "embed_links")
NONCE: Final = "s{}"
"""Of a job: another one than its result's, and with it at most the 25 letters that Discord takes."""
GOLD: Final = 0xC9A227
BUTTONS: Final = ("star", "details")


class Gallery:
    """Lets only one press at a time hang a picture, so that none hangs twice."""

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    def one_at_a_time(self, job_id: str) -> asyncio.Lock:
        """Return the lock of a picture."""
        return self._locks.setdefault(job_id, asyncio.Lock())


async def star(interaction: Interaction, job_id: str) -> None:
    """Hang a picture in the gallery, or add a star to the one that hangs there; say where it is.

    Raises:
        UserError: why that cannot be done, and what to do.
    """
    bot = interaction.client
    if interaction.guild_id is None or is_guest(interaction):
        raise Unavailable("gallery_private")
    job = await bot.service.get(job_id)
    if job is None or job.guild_id != interaction.guild_id:
        raise Unavailable("job_forgotten")
    hanging = await bot.stars.hanging(job_id)
    channel = None if hanging else gallery_channel(interaction)
    await interaction.response.defer(ephemeral=True, thinking=True)
    async with bot.gallery.one_at_a_time(job_id):
        hanging = await bot.stars.hanging(job_id)
        if hanging is None:
            text = await _hang(interaction, job, channel or gallery_channel(interaction))
        else:
            text = await _add(interaction, job, hanging)
    await answer_privately(interaction, text)


def gallery_channel(interaction: Interaction) -> Channel:
    """Return the server's gallery channel, in which the bot may post.

    Raises:
        Unavailable: there is none, or the bot lacks permissions there.
    """
    channel_id = server_here(interaction).gallery_channel
    guild = interaction.guild
    if channel_id is None or guild is None:
        raise Unavailable("gallery_missing")
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None:
        raise Unavailable("gallery_gone")
    check_gallery(interaction, channel)
    return channel


def check_gallery(interaction: Interaction, channel: Channel) -> None:
    """Refuse a channel in which the bot could not hang pictures.

    Raises:
        Unavailable: names what is missing there.
    """
    granted = channel.permissions_for(channel.guild.me)
    refuse_missing(interaction, granted, NEEDED, where=channel.mention)


async def show_gallery(interaction: Interaction, page: int) -> None:
    """Show one picture of the server's gallery to whoever asks, alone.

    Raises:
        Unavailable: nothing hangs there, there is no gallery yet, or this is no server.
    """
    bot, words = interaction.client, private_words(interaction)
    if interaction.guild_id is None:
        raise Unavailable("gallery_private")
    pictures = await bot.stars.count(interaction.guild_id)
    hanging = await bot.stars.nth(interaction.guild_id, min(page, max(pictures - 1, 0)))
    if hanging is None:
        chosen = server_here(interaction).gallery_channel is not None
        raise Unavailable("gallery_empty" if chosen else "gallery_missing")
    if interaction.type is discord.InteractionType.component:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True)
    job = await bot.service.get(hanging.job_id)
    post = _page(interaction, hanging, job, await picture_of(bot, job), words)
    post.view.add_item(page_row("gallery", min(page, pictures - 1), pictures, words))
    await interaction.edit_original_response(view=post.view, attachments=post.files())


async def picture_of(bot: GafuuBot, job: JobRecord | None) -> Pastiche | None:
    """Return a job's result if it is still kept."""
    if job is None:
        return None
    try:
        return await bot.service.result(job.id)
    except DiskFault as fault:
        log.warning("result_not_read job=%s error=%s", job.id, fault)
        return None


async def take_down(bot: GafuuBot, job_id: str) -> None:
    """Take a picture off the wall, if it hangs there and the bot still can."""
    hanging = await bot.stars.hanging(job_id)
    if hanging is None or hanging.down:
        return
    await bot.stars.take_down(job_id)
    channel = bot.get_partial_messageable(hanging.channel_id, guild_id=hanging.guild_id)
    try:
        await channel.get_partial_message(hanging.message_id).delete()
    except discord.HTTPException as error:
        log.info("not_taken_down job=%s error=%r", job_id, error)


async def _hang(interaction: Interaction, job: JobRecord, channel: Channel) -> str:
    bot = interaction.client
    pastiche = await picture_of(bot, job)
    if pastiche is None:
        raise Unavailable("job_forgotten")
    words = public_words(interaction)
    post = _frame(job, pastiche, words, stars=1, covered=_covered(interaction, job, channel))
    place = bot.get_partial_messageable(channel.id, guild_id=job.guild_id)
    try:
        message = await place.send(view=post.view, files=post.files(), nonce=NONCE.format(job.id))
    except discord.HTTPException as error:
        if refusal_of(error) == "for_a_moment":
            raise
        log.info("gallery_refused job=%s error=%r", job.id, error)
        raise Unavailable("gallery_refused", channel=channel.mention) from error
    await bot.stars.hang(job.id, guild_id=channel.guild.id, channel_id=channel.id, message_id=message.id)
    await bot.stars.add(job.id, interaction.user.id)
    link = f"https://discord.com/channels/{channel.guild.id}/{channel.id}/{message.id}"
    return private_words(interaction).say("star.hung", link=link)


async def _add(interaction: Interaction, job: JobRecord, hanging: Hanging) -> str:
    """Count a star for a picture that hangs already; return what to answer."""
    bot, words = interaction.client, private_words(interaction)
    if hanging.down:
        return words.say("star.down")
    count = hanging.stars
    if await bot.stars.add(job.id, interaction.user.id):
        count += 1
        if not await _show_count(interaction, job, hanging, count):
            await bot.stars.take_down(job.id)
            return words.say("star.down")
    return words.say("star.there", link=hanging.link, stars=count)


async def _show_count(interaction: Interaction, job: JobRecord, hanging: Hanging, stars: int) -> bool:
    """Write the new count under the picture; False if it no longer hangs there."""
    bot = interaction.client
    pastiche = await picture_of(bot, job)
    channel = interaction.guild.get_channel_or_thread(hanging.channel_id) if interaction.guild else None
    if channel is None:
        return False
    if pastiche is None:
        return True
    covered = _covered(interaction, job, channel)
    post = _frame(job, pastiche, public_words(interaction), stars=stars, covered=covered)
    place = bot.get_partial_messageable(hanging.channel_id, guild_id=hanging.guild_id)
    try:
        # With the file once more: nothing promises that a new layout finds one of an earlier request.
        await place.get_partial_message(hanging.message_id).edit(view=post.view, attachments=post.files())
    except discord.NotFound:
        return False
    except discord.HTTPException as error:
        log.info("star_count_not_shown job=%s error=%r", job.id, error)
    return True


def _frame(job: JobRecord, pastiche: Pastiche, words: Words, *, stars: int, covered: bool) -> cards.Post:
    """Return a picture as it hangs in the gallery: with credit, stars and a link."""
    picture = cards.pastiche_picture(pastiche, cards.style_label(job, words), words)
    container = _credited(job, words, stars=stars, pictures=[picture], covered=covered)
    container.add_item(cards.row(BUTTONS, job, words))
    return cards.Post(view=cards.layout(container), pictures=(picture,))


def _page(
    interaction: Interaction,
    hanging: Hanging,
    job: JobRecord | None,
    pastiche: Pastiche | None,
    words: Words,
) -> cards.Post:
    if job is None:
        raise Unavailable("gallery_empty")
    label = cards.style_label(job, words)
    pictures = [] if pastiche is None else [cards.pastiche_picture(pastiche, label, words)]
    covered = _covered(interaction, job, interaction.channel)
    container = _credited(job, words, stars=hanging.stars, pictures=pictures, covered=covered)
    container.add_item(ui.TextDisplay(words.say("gallery.where", link=hanging.link)))
    return cards.Post(view=cards.layout(container), pictures=tuple(pictures))


def _credited(
    job: JobRecord, words: Words, *, stars: int, pictures: list[cards.Picture], covered: bool
) -> ui.Container[Any]:
    label, mention = cards.style_label(job, words), cards.mention_of(job)
    container: ui.Container[Any] = ui.Container(accent_colour=GOLD)
    container.add_item(ui.TextDisplay(words.say("gallery.credit", style=label, mention=mention, stars=stars)))
    if pictures:
        container.add_item(cards.gallery(pictures, spoiler=covered))
    if link := result_link(job):
        container.add_item(ui.TextDisplay(words.say("gallery.origin", link=link)))
    return container


def _covered(interaction: Interaction, job: JobRecord, channel: object) -> bool:
    here = is_age_restricted(channel)
    return is_covered(server_here(interaction), age_restricted=job.age_restricted, here=here)
