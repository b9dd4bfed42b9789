"""New jobs from old ones: the same pictures, with something changed. Whoever presses owns the new job."""

from __future__ import annotations

import dataclasses
import functools
import secrets
from typing import TYPE_CHECKING, Final

from bot.gathering import Gathered, read_styles, wishes_of
from bot.houserules import check_order, check_remix, settings_here
from bot.intake import accept
from bot.jobs.model import StyleSource
from bot.ordering import order_of, place_order, with_answers
from bot.ui.answers import private_words
from bot.ui.modals import OrderForm, Questions
from nst_core import presets
from nst_core.errors import BadParameter, Unavailable
from nst_core.protocol import RANGES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord

    from bot.client import GafuuBot
    from bot.jobs.model import JobOrder, JobRecord
    from bot.ui.modals import Answers
    from nst_core.protocol import StyleParams

    Change = Callable[[StyleParams, int], StyleParams]
    """From a job's params and the largest size to those of the new job."""
    Sources = tuple[bytes, tuple[StyleSource, ...]]
    """A content and its styles."""
    Arrange = Callable[[JobRecord, Sources], Awaitable[Sources]]
    """From a job and its pictures to those of the new job."""
    Interaction = discord.Interaction[GafuuBot]

LARGER: Final = 1.5


async def remix(
    interaction: Interaction, job_id: str, *, change: Change, arrange: Arrange | None = None
) -> None:
    """Order a job like another one.

    Args:
        interaction: the press; the new job's card answers it.
        job_id: the old job's.
        change: what becomes of its params.
        arrange: what becomes of its pictures; None leaves them as they are.

    Raises:
        UserError: what is wrong, and what to do.
    """
    bot = interaction.client
    parent = await _parent(interaction, job_id)
    largest_px = settings_here(interaction).style.largest_px
    params = _within(change(parent.params, largest_px), largest_px)
    private = parent.private and interaction.guild_id is not None

    async def fetch() -> JobOrder:
        sources = await bot.service.content(job_id), await bot.service.styles(job_id)
        content, styles = await arrange(parent, sources) if arrange else sources
        return order_of(
            interaction,
            content=content,
            styles=styles,
            params=params,
            parent_id=job_id,
            private=private,
            age_restricted=parent.age_restricted,
        )

    await place_order(interaction, fetch, private=private)


async def ask_for_other_style(interaction: Interaction, job_id: str) -> None:
    """Ask for another style, then paint the job's content picture in it.

    Raises:
        UserError: what is wrong, and what to do.
    """
    parent = await _parent(interaction, job_id)
    words = private_words(interaction)
    questions = Questions(
        title=words.say("form.other_title"),
        style=True,
        own_presets=tuple(interaction.client.own_presets.of(interaction.guild_id)),
        strength=parent.params.strength,
    )
    submit = functools.partial(_take_other_style, job_id=job_id)
    await interaction.response.send_modal(OrderForm(questions, words, submit=submit))


async def swapped(parent: JobRecord, sources: Sources) -> Sources:
    """Let content and style change places."""
    content, (first, *others) = sources
    style = StyleSource(image=content, preset=_preset_of(parent.content_blob), weight=first.weight)
    return first.image, (style, *others)


def unchanged(params: StyleParams, largest_px: int) -> StyleParams:  # noqa: ARG001 - as every `Change`
    """Return the same params."""
    return params


def with_new_seed(params: StyleParams, largest_px: int) -> StyleParams:  # noqa: ARG001 - as every `Change`
    """Return the same params with another seed."""
    seeds = RANGES["seed"][1] + 1
    step = 1 + secrets.randbelow(seeds - 1)
    return dataclasses.replace(params, seed=(params.seed + step) % seeds)


def with_strength(params: StyleParams, largest_px: int, *, by: int) -> StyleParams:  # noqa: ARG001 - as every `Change`
    """Return the same params with more or less strength.

    Raises:
        BadParameter: it is at the end of its range already.
    """
    least, most = RANGES["strength"]
    strength = min(max(params.strength + by, least), most)
    if strength == params.strength:
        raise BadParameter("strongest" if by > 0 else "gentlest")
    return dataclasses.replace(params, strength=strength)


def enlarged(params: StyleParams, largest_px: int) -> StyleParams:
    """Return the same params for a larger picture.

    Raises:
        BadParameter: it is as large as it may be already.
    """
    if params.long_side_px >= largest_px:
        raise BadParameter("largest", most=largest_px)
    return dataclasses.replace(params, long_side_px=min(round(params.long_side_px * LARGER), largest_px))


async def _parent(interaction: Interaction, job_id: str) -> JobRecord:
    """Return the old job.

    Raises:
        Unavailable: its pictures are no longer kept, the server does not want it, or a result could not be
            posted here.
    """
    parent = await interaction.client.service.get(job_id)
    private = parent is not None and parent.private
    check_order(interaction, private=private)
    if parent is None or not parent.content_blob:
        raise Unavailable("job_forgotten")
    check_remix(interaction, parent)
    return parent


async def _take_other_style(interaction: Interaction, answers: Answers, *, job_id: str) -> None:
    bot, gathered = interaction.client, with_answers(Gathered(), answers)
    accepted = accept(wishes_of(interaction, gathered), settings_here(interaction))

    def change(params: StyleParams, largest_px: int) -> StyleParams:  # noqa: ARG001 - as every `Change`
        strength = params.strength if answers.strength is None else answers.strength
        return dataclasses.replace(params, strength=strength)

    async def arrange(parent: JobRecord, sources: Sources) -> Sources:  # noqa: ARG001 - as every `Arrange`
        return sources[0], await read_styles(bot, gathered, accepted.preset)

    await remix(interaction, job_id, change=change, arrange=arrange)


def _within(params: StyleParams, largest_px: int) -> StyleParams:
    """Keep to the size that is allowed now, whatever was allowed when the old job was ordered."""
    return dataclasses.replace(params, long_side_px=min(params.long_side_px, largest_px))


def _preset_of(sha256: str) -> str | None:
    """Return the painting that a picture is, so that one swapped twice has its name again."""
    return next((preset.id for preset in presets.all_presets().values() if preset.sha256 == sha256), None)
