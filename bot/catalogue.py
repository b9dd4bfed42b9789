"""`/styles`: the paintings to choose from, page by page, and a server's own among them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from bot import copies
from bot.gathering import Gathered, facts, read_upload
from bot.intake import check_upload
from bot.jobs.disk import DiskFault
from bot.jobs.own_presets import OwnPreset
from bot.ordering import begin_order
from bot.ui import styles
from bot.ui.answers import answer_privately, private_words
from bot.ui.modals import DonationForm, RemovalForm
from nst_core import presets
from nst_core.errors import BadParameter, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord

    from bot.client import GafuuBot
    from bot.ui.cards import Post
    from bot.ui.modals import Donation

    Interaction = discord.Interaction[GafuuBot]
    MenuAction = Callable[[Interaction, str], Awaitable[None]]

log: Final = logging.getLogger(__name__)


def menu_buttons() -> dict[str, MenuAction]:
    """Return what the buttons of this module do, by the action in their custom ids."""
    return {"page": turn_page, "use": use, "add": ask_for_donation, "remove": ask_which_to_remove}


async def show_styles(interaction: Interaction) -> None:
    """Answer with the first page; only who asks sees it, in their language."""
    post = await _page(interaction, 0)
    await interaction.response.send_message(view=post.view, files=post.files(), ephemeral=True)


async def turn_page(interaction: Interaction, value: str) -> None:
    """Show another page in place of the one under which the button stands."""
    post = await _page(interaction, int(value) if value.isdecimal() else 0)
    await interaction.response.edit_message(view=post.view, attachments=post.files())


async def use(interaction: Interaction, value: str) -> None:
    """Paint in the manner of a painting: what the person keeps, or what they attach now.

    Raises:
        UserError: what is wrong, and what to do.
    """
    await begin_order(interaction, Gathered(preset=value))


async def ask_for_donation(interaction: Interaction, value: str) -> None:  # noqa: ARG001 - as every menu button
    """Open the form that adds a painting to the server's own.

    Raises:
        UserError: the person may not, or there is no room.
    """
    guild_id = _managed_guild(interaction)
    own_presets = interaction.client.own_presets
    own_presets.check_room(guild_id)
    await interaction.response.send_modal(DonationForm(private_words(interaction), submit=_add))


async def ask_which_to_remove(interaction: Interaction, value: str) -> None:  # noqa: ARG001 - as above
    """Open the form that removes one of the server's own paintings.

    Raises:
        UserError: the person may not, or there is none.
    """
    own = interaction.client.own_presets.of(_managed_guild(interaction))
    if not own:
        raise BadParameter("own_none")
    await interaction.response.send_modal(RemovalForm(own, private_words(interaction), submit=_remove))


async def _add(interaction: Interaction, donation: Donation) -> None:
    bot, guild_id = interaction.client, _managed_guild(interaction)
    title = bot.own_presets.check_title(guild_id, donation.title)
    check_upload(facts(donation.picture), role="style", limits=bot.settings.limits)
    await interaction.response.defer(ephemeral=True, thinking=True)
    image = await read_upload(donation.picture, "style", bot.settings.limits)
    made = await copies.make(image, limits=bot.settings.limits)
    own = await bot.own_presets.add(
        guild_id,
        title=title,
        artist=donation.artist,
        licence=donation.licence,
        image=made.style,
        thumbnail=made.thumbnail,
        added_by=interaction.user.id,
    )
    log.info("own_preset_added guild=%s person=%s", guild_id, interaction.user.id)
    text = private_words(interaction).say("own.added", title=styles.own_title(own))
    await answer_privately(interaction, text)


async def _remove(interaction: Interaction, ref: str) -> None:
    bot, guild_id = interaction.client, _managed_guild(interaction)
    own = bot.own_presets.find(guild_id, ref)
    if own is None:
        raise BadParameter("own_none")
    await bot.own_presets.remove(own)
    log.info("own_preset_removed guild=%s person=%s", guild_id, interaction.user.id)
    text = private_words(interaction).say("own.removed", title=styles.own_title(own))
    await answer_privately(interaction, text)


async def _page(interaction: Interaction, number: int) -> Post:
    own = interaction.client.own_presets.of(interaction.guild_id)
    paintings: list[presets.Preset | OwnPreset] = [*own, *presets.all_presets().values()]
    pages = styles.pages(len(paintings))
    number = min(number, pages - 1)  # since the button was shown, paintings may have been removed
    shown = paintings[number * styles.PER_PAGE : (number + 1) * styles.PER_PAGE]
    entries = [styles.Entry(each, await _thumbnail(interaction.client, each)) for each in shown]
    return styles.page(
        entries,
        number=number,
        pages=pages,
        words=private_words(interaction),
        may_manage=_may_manage(interaction),
        has_own=bool(own),
    )


async def _thumbnail(bot: GafuuBot, painting: presets.Preset | OwnPreset) -> bytes | None:
    if not isinstance(painting, OwnPreset):
        return await asyncio.to_thread(presets.thumbnail, painting)
    if painting.thumbnail is None:
        return None
    try:
        return await bot.store.read_blob(painting.thumbnail)
    except DiskFault as fault:
        log.warning("thumbnail_not_read error=%s", fault)
        return None


def _managed_guild(interaction: Interaction) -> int:
    """Return the server that the person may change.

    Raises:
        Unavailable: there is none here, or they may not.
    """
    if interaction.guild_id is None or not _may_manage(interaction):
        raise Unavailable("own_forbidden")
    return interaction.guild_id


def _may_manage(interaction: Interaction) -> bool:
    return interaction.guild_id is not None and interaction.permissions.manage_guild
