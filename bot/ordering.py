"""From an interaction to a job: check, answer, fetch, submit. Commands, menus and buttons share this path."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Final

from bot.gathering import Gathered, read_content, read_styles, wishes_of, with_kept
from bot.houserules import (
    check_order,
    is_age_restricted,
    is_covered,
    is_guest,
    server_here,
    settings_here,
)
from bot.intake import MIB, Accepted, accept
from bot.jobs.fetching import FetchingCard
from bot.jobs.model import JobOrder, StyleSource
from bot.partying import at_party
from bot.ui import cards
from bot.ui.answers import answer_with_card, private_words, public_words
from bot.ui.modals import OrderForm, Questions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord

    from bot.client import GafuuBot
    from bot.ui.modals import Answers
    from nst_core.protocol import StyleParams

    Interaction = discord.Interaction[GafuuBot]

MOST_RESULT_BYTES: Final = 10 * MIB
"""Discord's own limit for files where nobody pays for more; a larger picture gains nothing there."""


async def begin_order(interaction: Interaction, gathered: Gathered) -> None:
    """Take an order; what it lacks and the person does not keep is asked for in a form first.

    A content picture without any style is refused instead: the command's own options say what to add.

    Raises:
        UserError: what is wrong, and what to do.
    """
    whole = await with_kept(interaction, at_party(interaction, gathered))
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
    words, gathered = private_words(interaction), at_party(interaction, gathered)
    check_order(interaction, private=gathered.private)
    wishes = wishes_of(interaction, gathered)
    accepted = accept(wishes, settings_here(interaction), may_lack_style=True)
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
    gathered = at_party(interaction, gathered)
    # In a direct message everything is private, and a message that vanishes with the app would be a loss.
    private = gathered.private and interaction.guild_id is not None
    check_order(interaction, private=private)
    accepted = accept(wishes_of(interaction, gathered), settings_here(interaction))
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
    card_id = await answer_with_card(interaction, card.view, private=private)
    public_id = None if private else card_id
    async with bot.fetching.noted(_fetching_card(interaction, public_id)):
        order = dataclasses.replace(await fetch(), card_message_id=public_id)
        job = await bot.service.submit(order)
    bot.delivery.follow(job, card_message_id=card_id, interaction=interaction)


def order_of(
    interaction: Interaction,
    *,
    content: bytes,
    styles: tuple[StyleSource, ...],
    params: StyleParams,
    parent_id: str | None = None,
    private: bool = False,
    age_restricted: bool = False,
) -> JobOrder:
    """Return an order of whoever acts, for the place where they act.

    Args:
        interaction: the command or press.
        content: the content image's bytes.
        styles: one or more.
        params: everything else that was chosen.
        parent_id: the job that it is made from.
        private: only who acts sees card and result.
        age_restricted: whether its parent comes from an age-restricted channel; this channel counts anyway.
    """
    language = private_words(interaction).language
    server, here = server_here(interaction), is_age_restricted(interaction.channel)
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
        age_restricted=age_restricted or here,
        spoiler=is_covered(server, age_restricted=age_restricted or here, here=here),
        guest=is_guest(interaction),
        per_person=server.per_person,
        per_server=server.per_server,
    )


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
