"""What the buttons under a job's messages do. A press that does nothing is answered all the same."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
from typing import TYPE_CHECKING, Final

import discord

from bot import gallery, partying, queueing, remixes
from bot.houserules import is_moderator
from bot.jobs.disk import DiskFault
from bot.jobs.model import OWN_PRESET
from bot.remixes import remix
from bot.ui.answers import answer_privately, private_words
from bot.ui.details import details
from nst_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.client import GafuuBot
    from bot.jobs.model import JobRecord
    from bot.jobs.service import JobService
    from nst_core.protocol import Pastiche

    Interaction = discord.Interaction[GafuuBot]
    Action = Callable[[Interaction, str], Awaitable[None]]

log: Final = logging.getLogger(__name__)
STRENGTH_STEP: Final = 20


def actions() -> dict[str, Action]:
    """Return what each button does, by the action in its custom id."""
    return {
        "stop": functools.partial(_end, keep=True),
        "cancel": functools.partial(_end, keep=False),
        "again": functools.partial(remix, change=remixes.with_new_seed),
        "stronger": _with_strength(STRENGTH_STEP),
        "gentler": _with_strength(-STRENGTH_STEP),
        "larger": functools.partial(remix, change=remixes.enlarged),
        "other": remixes.ask_for_other_style,
        "swap": functools.partial(remix, change=remixes.unchanged, arrange=remixes.swapped),
        "details": _tell_details,
        "star": gallery.star,
        "drop": queueing.drop,
        "partyend": partying.end_party,
        "delete": _delete,
    }


def _with_strength(by: int) -> Action:
    return functools.partial(remix, change=functools.partial(remixes.with_strength, by=by))


async def _end(interaction: Interaction, job_id: str, *, keep: bool) -> None:
    """End a job: with `keep` the picture so far is delivered. The card then shows what became of it."""
    service = interaction.client.service
    refusal = _why_not(interaction, await service.get(job_id), keep=keep)
    if refusal is None:
        await interaction.response.defer()
        refusal = None if await service.stop(job_id, keep=keep) else "answer.over"
    if refusal is not None:
        await answer_privately(interaction, private_words(interaction).say(refusal))


def _why_not(interaction: Interaction, job: JobRecord | None, *, keep: bool) -> str | None:
    """Return the key of the reason why this press does nothing, or None."""
    if job is None or job.state not in {"queued", "running"}:
        return "answer.over"
    if interaction.user.id != job.owner_id and not is_moderator(interaction):
        return "answer.not_yours"
    return "answer.not_started" if keep and job.state == "queued" else None


async def _tell_details(interaction: Interaction, job_id: str) -> None:
    """Tell whoever asks, alone, how a picture was made."""
    service = interaction.client.service
    job = await service.get(job_id)
    if job is None:
        raise Unavailable("job_forgotten")
    parent = await service.get(job.parent_id) if job.parent_id else None
    known = interaction.client.own_presets.known
    own = [known(job.guild_id, preset) for preset in job.presets if preset and preset.startswith(OWN_PRESET)]
    pastiche = await _pastiche(service, job_id)
    text = details(
        job,
        pastiche,
        parent,
        private_words(interaction),
        own_presets=[each for each in own if each is not None],
    )
    await answer_privately(interaction, text, files=_timelapse(job, pastiche))


def _timelapse(job: JobRecord, pastiche: Pastiche | None) -> list[discord.File]:
    """Return how the picture came to be, if that is still kept."""
    if pastiche is None or pastiche.timelapse is None:
        return []
    return [discord.File(io.BytesIO(pastiche.timelapse), "timelapse.webp", spoiler=job.spoiler)]


async def _pastiche(service: JobService, job_id: str) -> Pastiche | None:
    try:
        return await service.result(job_id)
    except DiskFault as fault:
        log.warning("result_not_read job=%s error=%s", job_id, fault)
        return None


async def _delete(interaction: Interaction, job_id: str) -> None:
    """Delete the message under which the button stands."""
    job = await interaction.client.service.get(job_id)
    words = private_words(interaction)
    if not is_moderator(interaction):
        if job is None:
            raise Unavailable("job_forgotten")
        if interaction.user.id != job.owner_id:
            await answer_privately(interaction, words.say("answer.not_yours"))
            return
    await interaction.response.defer()
    await gallery.take_down(interaction.client, job_id)
    with contextlib.suppress(discord.NotFound):  # somebody was quicker
        await interaction.delete_original_response()
    await answer_privately(interaction, words.say("answer.deleted"))
    if job is not None and interaction.message is not None:
        await interaction.client.delivery.mourn(job, interaction.message.id)
