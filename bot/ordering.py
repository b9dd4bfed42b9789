"""From an interaction to a job: check, answer, fetch, submit. Commands, menus and buttons share this path."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Final

import discord

from bot.gathering import Gathered, read_content, read_styles, wishes_of, with_kept
from bot.intake import MIB, Accepted, accept
from bot.jobs.fetching import FetchingCard
from bot.jobs.model import JobOrder, StyleSource
from bot.ui import cards
from bot.ui.answers import private_words, public_words
from bot.ui.modals import OrderForm, Questions
from nst_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import GafuuBot
    from bot.i18n import Words
    from bot.ui.modals import Answers
    from nst_core.protocol import StyleParams

    Interaction = discord.Interaction[GafuuBot]

MOST_RESULT_BYTES: Final = 10 * MIB
"""Discord's own limit for files where nobody pays for more; a larger picture gains nothing there."""
NEEDED: Final = ("view_channel", "attach_files", "embed_links", "read_message_history")


async def begin_order(interaction: Interaction, gathered: Gathered) -> None:
    """Take an order; what it lacks and the person does not keep is asked for in a form first.

    A content picture without any style is refused instead: the command's own options say what to add.

    Raises:
        UserError: what is wrong, and what to do.
    """
    whole = await with_kept(interaction, gathered)
    if whole.content is None or (whole.lacks_style and gathered.content is None):
        await ask_for_rest(interaction, whole)
    else:
        await take_order(interaction, whole)


async def ask_for_rest(interaction: Interaction, gathered: Gathered, *, note: str | None = None) -> None:
    """Open the form that asks for what an order lacks; once it is sent, the order is taken.

    Args:
        interaction: a command or a press that has not been answered.
        gathered: what is there. A wrong choice in it is refused now, before anybody looks for files.
        note: a sentence to be read before the questions.

    Raises:
        UserError: what is wrong, and what to do.
    """
    words = private_words(interaction)
    check_permissions(interaction, words, private=gathered.private)
    settings = interaction.client.settings
    accepted = accept(wishes_of(interaction, gathered), settings, may_lack_style=True)
    questions = Questions(
        title=words.say("form.title"),
        note=note,
        content=gathered.content is None,
        style=gathered.lacks_style,
        own_presets=tuple(interaction.client.own_presets.of(interaction.guild_id)),
        strength=accepted.params.strength,
    )
    submit = functools.partial(_take_answers, gathered=gathered)
    await interaction.response.send_modal(OrderForm(questions, words, submit=submit))


async def take_order(interaction: Interaction, gathered: Gathered) -> None:
    """Accept what somebody wants painted, and show its card.

    Everything that can be refused at once is refused before anything public is said.

    Raises:
        UserError: what is wrong, and what to do.
    """
    # In a direct message everything is private, and a message that vanishes with the app would be a loss.
    private = gathered.private and interaction.guild_id is not None
    check_permissions(interaction, private_words(interaction), private=private)
    accepted = accept(wishes_of(interaction, gathered), interaction.client.settings)
    await place_order(
        interaction, functools.partial(_fetch, interaction, accepted, gathered, private), private=private
    )


async def place_order(
    interaction: Interaction, fetch: Callable[[], Awaitable[JobOrder]], *, private: bool = False
) -> None:
    """Answer with a card, then fetch the order's pictures and submit it.

    The card is the answer to the interaction, so that there is something to see within a second.

    Args:
        interaction: a command or a press that has not been answered.
        fetch: returns the whole order.
        private: only who acts sees the card. Nothing but the interaction's token reaches such a message.

    Raises:
        UserError: from `fetch`, or there is no room for the job.
    """
    bot = interaction.client
    card = cards.received(private_words(interaction) if private else public_words(interaction))
    answer = await interaction.response.send_message(view=card.view, ephemeral=private)
    public_id = None if private else answer.message_id
    async with bot.fetching.noted(_fetching_card(interaction, public_id)):
        order = dataclasses.replace(await fetch(), card_message_id=public_id)
        job = await bot.service.submit(order)
    bot.delivery.follow(job, card_message_id=answer.message_id, interaction=interaction)


def order_of(
    interaction: Interaction,
    *,
    content: bytes,
    styles: tuple[StyleSource, ...],
    params: StyleParams,
    parent_id: str | None = None,
    private: bool = False,
) -> JobOrder:
    """Return an order of whoever acts, for the place where they act."""
    language = private_words(interaction).language
    return JobOrder(
        owner_id=interaction.user.id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        content=content,
        styles=styles,
        params=params,
        locale=language,
        public_locale=language if private else public_words(interaction).language,
        private=private,
        parent_id=parent_id,
        max_bytes=_most_bytes(interaction),
    )


def check_permissions(interaction: Interaction, words: Words, *, private: bool = False) -> None:
    """Refuse where the bot could not post the result, before anything is painted.

    Raises:
        Unavailable: names what is missing.
    """
    if interaction.guild_id is None or private:  # what only one person sees needs no permission
        return
    is_thread = isinstance(interaction.channel, discord.Thread)
    speak = "send_messages_in_threads" if is_thread else "send_messages"
    granted = interaction.app_permissions
    missing = [name for name in (*NEEDED, speak) if not getattr(granted, name)]
    if missing:
        names = words.say("list.comma").join(words.name("permission", name) for name in missing)
        raise Unavailable("permissions_missing", permissions=names)


async def _take_answers(interaction: Interaction, answers: Answers, *, gathered: Gathered) -> None:
    """Take the order that a form completes."""
    await take_order(interaction, await with_kept(interaction, with_answers(gathered, answers)))


def with_answers(gathered: Gathered, answers: Answers) -> Gathered:
    """Add what was answered in a form; a painting and a style picture together are mixed."""
    preset, style = answers.preset or gathered.preset, answers.style or gathered.style
    others = gathered.other_styles
    if preset and answers.style is not None:
        style, others = None, (answers.style, *others)
    return dataclasses.replace(
        gathered,
        content=answers.content or gathered.content,
        style=style,
        other_styles=others,
        preset=preset,
        strength=answers.strength if answers.strength is not None else gathered.strength,
    )


async def _fetch(interaction: Interaction, accepted: Accepted, gathered: Gathered, private: bool) -> JobOrder:  # noqa: FBT001
    """Fetch the pictures and return the whole order."""
    bot = interaction.client
    return order_of(
        interaction,
        content=await read_content(bot, gathered),
        styles=await read_styles(bot, gathered, accepted.preset),
        params=accepted.params,
        private=private,
    )


def _fetching_card(interaction: Interaction, message_id: int | None) -> FetchingCard | None:
    if message_id is None:
        return None
    return FetchingCard(
        message_id=message_id,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
        language=public_words(interaction).language,
    )


def _most_bytes(interaction: Interaction) -> int:
    """Return how large the result may be: what the server takes, not what the person pays for."""
    place = interaction.guild.filesize_limit if interaction.guild else MOST_RESULT_BYTES
    return min(MOST_RESULT_BYTES, interaction.filesize_limit or MOST_RESULT_BYTES, place)
