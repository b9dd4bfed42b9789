"""What the message menus do: a picture that somebody posted becomes one half of a new picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord
from discord import ui

from bot.gathering import Gathered, facts, read_upload
from bot.intake import check_upload, may_be_picture
from bot.ordering import ask_for_rest, begin_order
from bot.ui.answers import private_words
from bot.ui.buttons import MenuButton
from nst_core.errors import BadImage

if TYPE_CHECKING:
    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.jobs.kept import Half, KeptPicture

    Interaction = discord.Interaction[GafuuBot]


@dataclass(frozen=True, slots=True)
class Found:
    """The picture of a message that a menu speaks of."""

    attachment: discord.Attachment
    others: int
    """Further pictures of the same message, which are left alone."""


async def stylize_message(interaction: Interaction, message: discord.Message) -> None:
    """Ask how to paint a message's picture, then paint it.

    Raises:
        UserError: what is wrong, and what to do.
    """
    found = find_picture(message)
    check_upload(facts(found.attachment), role="content", limits=interaction.client.settings.limits)
    note = _first_of_several(found, private_words(interaction))
    await ask_for_rest(interaction, Gathered(content=found.attachment), note=note)


async def keep_picture(interaction: Interaction, message: discord.Message, *, half: Half) -> None:
    """Keep a message's picture for whoever asks.

    Raises:
        UserError: what is wrong, and what to do.
    """
    bot, found = interaction.client, find_picture(message)
    check_upload(facts(found.attachment), role=half, limits=bot.settings.limits)
    await interaction.response.defer(ephemeral=True, thinking=True)
    image = await read_upload(found.attachment, half, bot.settings.limits)
    kept = await bot.kept.keep(interaction.user.id, half, image)
    is_whole = len(await bot.kept.of(interaction.user.id)) > 1
    words = private_words(interaction)
    view = ui.View(timeout=None)
    button = words.say("kept.paint" if is_whole else "kept.choose")
    view.add_item(MenuButton("go", label=button, style=discord.ButtonStyle.primary))
    await interaction.followup.send(_told(kept, found, words, is_whole=is_whole), view=view, ephemeral=True)


async def go(interaction: Interaction, value: str) -> None:  # noqa: ARG001 - as every menu button
    """Go on with what the person keeps: paint it, or ask for the rest."""
    await begin_order(interaction, Gathered())


def find_picture(message: discord.Message) -> Found:
    """Return the picture of a message: of our own results the painted one, else the first.

    Only files count, those of a forwarded message too: what stands behind a link is not fetched.

    Raises:
        BadImage: there is none.
    """
    files = [*message.attachments]
    for snapshot in message.message_snapshots:
        files += snapshot.attachments
    pictures = [file for file in files if may_be_picture(facts(file))]
    if not pictures:
        raise BadImage("message_without_picture")
    if painted := [picture for picture in pictures if _is_result(picture, message)]:
        return Found(painted[0], others=0)
    return Found(pictures[0], others=len(pictures) - 1)


def menu_buttons() -> dict[str, Any]:
    """Return what the buttons of this module do, by the action in their custom ids."""
    return {"go": go}


def _is_result(picture: discord.Attachment, message: discord.Message) -> bool:
    return message.author.bot and picture.filename.startswith("pastiche.")


def _first_of_several(found: Found, words: Words) -> str | None:
    return words.say("kept.first_of", pictures=found.others + 1) if found.others else None


def _told(kept: KeptPicture, found: Found, words: Words, *, is_whole: bool) -> str:
    until = f"<t:{round(kept.until)}:t>"
    told = words.say(f"kept.{kept.half}", until=until)
    then = words.say("kept.whole" if is_whole else f"kept.after_{kept.half}")
    parts = [told, _first_of_several(found, words), then]
    return words.say("list.sentences").join(part for part in parts if part)
