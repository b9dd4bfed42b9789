"""New jobs from old ones: the same pictures, with something changed. Whoever presses owns the new job."""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING, Final

from bot.houserules import check_order, check_remix, settings_here
from bot.jobs.model import StyleSource
from bot.ordering import order_of, place_order
from nst_core import presets
from nst_core.errors import BadParameter, Unavailable
from nst_core.protocol import RANGES

if TYPE_CHECKING:
    from collections.abc import Callable

    import discord

    from bot.client import GafuuBot
    from bot.jobs.model import JobOrder, JobRecord
    from nst_core.protocol import StyleParams

    Change = Callable[[StyleParams, int], StyleParams]
    """From a job's params and the largest size to those of the new job."""

LARGER: Final = 1.5


async def remix(
    interaction: discord.Interaction[GafuuBot], job_id: str, *, change: Change, swapped: bool = False
) -> None:
    """Order a job like another one.

    Args:
        interaction: the press; the new job's card answers it.
        job_id: the old job's.
        change: what becomes of its params.
        swapped: let content and style change places.

    Raises:
        UserError: what is wrong, and what to do.
    """
    bot = interaction.client
    check_order(interaction)
    parent = await bot.service.get(job_id)
    if parent is None or not parent.content_blob:
        raise Unavailable("job_forgotten")
    check_remix(interaction, parent)
    largest_px = settings_here(interaction).style.largest_px
    params = _within(change(parent.params, largest_px), largest_px)

    async def fetch() -> JobOrder:
        content, styles = await bot.service.content(job_id), await bot.service.styles(job_id)
        if swapped:
            content, styles = _swapped(parent, content, styles)
        return order_of(
            interaction,
            content=content,
            styles=styles,
            params=params,
            parent_id=job_id,
            age_restricted=parent.age_restricted,
        )

    await place_order(interaction, fetch)


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


def _within(params: StyleParams, largest_px: int) -> StyleParams:
    """Keep to the size that is allowed now, whatever was allowed when the old job was ordered."""
    return dataclasses.replace(params, long_side_px=min(params.long_side_px, largest_px))


def _swapped(
    parent: JobRecord, content: bytes, styles: tuple[StyleSource, ...]
) -> tuple[bytes, tuple[StyleSource, ...]]:
    first, *others = styles
    style = StyleSource(image=content, preset=_preset_of(parent.content_blob), weight=first.weight)
    return first.image, (style, *others)


def _preset_of(sha256: str) -> str | None:
    """Return the painting that a picture is, so that one swapped twice has its name again."""
    return next((preset.id for preset in presets.all_presets().values() if preset.sha256 == sha256), None)
