"""The one place that puts a failure into words for the person who met it: only they see the answer."""

from __future__ import annotations

import contextlib
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord
from discord import app_commands

from bot.i18n import language_of, words_in
from bot.jobs.disk import DiskFault
from nst_core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from bot.i18n import Words

log: Final = logging.getLogger(__name__)

UNKNOWN_INTERACTION: Final = 10062
ALREADY_ANSWERED: Final = 40060
ATTEMPTS: Final = 4
"""At a first answer, while connections break: Discord waits three seconds for it."""
_CUT_OFF: Final = (aiohttp.ClientError, OSError)
_STALE_COMMANDS: Final = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch)


def private_words(interaction: discord.Interaction[Any]) -> Words:
    """Return the language of the person's own Discord."""
    return words_in(language_of(interaction.locale))


def public_words(interaction: discord.Interaction[Any]) -> Words:
    """Return the server's language, as it was chosen or else its own; in a direct message the person's."""
    chosen = interaction.client.servers.of(interaction.guild_id).language
    return words_in(chosen or language_of(interaction.guild_locale or interaction.locale))


async def answer_failure(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell the person what went wrong; whatever is not their mistake is logged with an id."""
    cause = getattr(error, "original", error)
    if isinstance(cause, discord.NotFound) and cause.code == UNKNOWN_INTERACTION:
        log.warning("answered_too_late interaction=%s", interaction.id)
        return
    if isinstance(cause, UserError):
        interaction.client.metrics.refused(cause.code)
    try:
        if isinstance(cause, discord.HTTPException) and await _is_answered(interaction, cause):
            log.warning("answered_twice interaction=%s", interaction.id)
            return
        await answer_privately(interaction, _explain(cause, private_words(interaction)))
    except (discord.HTTPException, *_CUT_OFF):
        log.exception("answer_not_sent interaction=%s", interaction.id)


async def answer_with_card(
    interaction: discord.Interaction[Any], view: discord.ui.LayoutView, *, private: bool = False
) -> int | None:
    """Give the first answer to a command, also while connections break; return the message's id.

    Where the connection broke behind the request, the answer stands there and is found.

    Raises:
        discord.HTTPException, aiohttp.ClientError, OSError: Discord did not take it.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return await _answer_once(interaction, view, private=private)
        except _CUT_OFF as error:
            log.info("answer_cut_off interaction=%s error=%r", interaction.id, error)
    return await _answer_once(interaction, view, private=private)


async def _answer_once(
    interaction: discord.Interaction[Any], view: discord.ui.LayoutView, *, private: bool
) -> int | None:
    try:
        return (await interaction.response.send_message(view=view, ephemeral=private)).message_id
    except discord.HTTPException as error:
        if error.code != ALREADY_ANSWERED:
            raise
        return (await interaction.original_response()).id


async def answer_privately(
    interaction: discord.Interaction[Any], text: str, *, files: Sequence[discord.File] = ()
) -> None:
    """Say something that only this person sees, and take back what they were answered publicly.

    Args:
        interaction: what is answered.
        text: in the person's language.
        files: shown below the text.

    Raises:
        discord.HTTPException: Discord did not take it.
    """
    answered_with = interaction.response.type
    if not interaction.response.is_done():
        try:
            await interaction.response.send_message(text, files=files, ephemeral=True)
        except discord.HTTPException as error:
            if error.code != ALREADY_ANSWERED:
                raise
            # The connection broke behind the answer, so discord.py does not know of it.
            answered_with = discord.InteractionResponseType.channel_message
            for file in files:
                file.reset(seek=1)
        else:
            return
    await interaction.followup.send(text, files=files, ephemeral=True)
    # Of a press that was only acknowledged, it would be the message under which the button stands.
    if answered_with is discord.InteractionResponseType.channel_message:
        with contextlib.suppress(discord.NotFound):
            await interaction.delete_original_response()


async def answering(interaction: discord.Interaction[Any], work: Awaitable[None]) -> None:
    """Do what a press asks for, or say why not.

    Left alone, discord.py would only log what goes wrong, and leave the person without an answer.
    """
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits
        await answer_failure(interaction, error)


async def _is_answered(interaction: discord.Interaction[Any], error: discord.HTTPException) -> bool:
    """Tell whether Discord refused an answer because it stands there: taken at an earlier attempt."""
    if error.code != ALREADY_ANSWERED:
        return False
    try:
        answer = await interaction.original_response()
    except discord.NotFound:  # a form, which is no message
        return True
    return not answer.flags.loading


def _explain(cause: BaseException, words: Words) -> str:
    if isinstance(cause, UserError):
        return words.refuse(cause)
    if isinstance(cause, _STALE_COMMANDS):
        return words.say("answer.outdated")
    fault_id = secrets.token_hex(4)
    log.error("interaction_failed fault=%s", fault_id, exc_info=cause)
    if isinstance(cause, DiskFault):
        return words.say("answer.disk", id=fault_id)
    return words.say("answer.fault", id=fault_id)
