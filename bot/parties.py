"""Sees every party through to its end: painting, contact sheet, vote, winner. Goes on after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

import discord

from bot.i18n import words_in
from bot.jobs.disk import DiskFault
from bot.jobs.tasks import TaskSet
from bot.sheets import draw_sheet
from bot.ui import partycards
from bot.ui.cards import MOST_MESSAGE_BYTES, Picture, Post, pastiche_picture, style_label
from bot.ui.links import result_link
from bot.ui.partycards import MOST_ENTRIES, VOTES
from bot.ui.posting import Letter, send_to_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.client import GafuuBot
    from bot.jobs.model import JobRecord
    from bot.jobs.parties import Party
    from nst_core.protocol import Pastiche

log: Final = logging.getLogger(__name__)
PAINTING_S: Final = 1800.0
"""How long a party that ended waits for what was ordered before."""
MOST_SHOWN: Final = 4
"""Pictures of winners."""


class PartyHost:
    """Owns a task for every party that is not over.

    Args:
        bot: whose store and service are open.
        patience_s: the pauses between attempts at posting.
        clock: seconds since 1970, UTC.
    """

    def __init__(
        self, bot: GafuuBot, *, patience_s: tuple[float, ...], clock: Callable[[], float] = time.time
    ) -> None:
        self._bot = bot
        self._patience_s = patience_s
        self._clock = clock
        self._tasks = TaskSet()
        self._ends: dict[int, asyncio.Event] = {}

    def start(self) -> None:
        """Go on with the parties of the last run."""
        for party in self._bot.parties.all():
            self.accompany(party)

    async def close(self) -> None:
        """Leave the parties as they are; after the next start they go on."""
        await self._tasks.end()

    def accompany(self, party: Party) -> None:
        """See a party through from now on."""
        self._ends[party.thread_id] = asyncio.Event()
        self._tasks.own(self._see_through(party), name=f"party-{party.thread_id}")

    def end_now(self, thread_id: int) -> None:
        """End what goes on in a party, as if its time were over."""
        if event := self._ends.get(thread_id):
            event.set()

    async def _see_through(self, party: Party) -> None:
        parties = self._bot.parties
        try:
            if party.state == "open":
                await self._deadline(party)
                party = await parties.change(party.thread_id, state="closing")
            if party.state == "closing":
                thread_id = party.thread_id
                await self._bot.service.until_over(
                    lambda job: job.channel_id == thread_id, within_s=PAINTING_S
                )
                party = await self._open_vote(party)
            if party.state == "voting":
                await self._deadline(party)
                await self._announce(party)
                party = await parties.change(party.thread_id, state="over")
            log.info("party_over thread=%s entries=%d", party.thread_id, len(party.entries))
        finally:
            self._ends.pop(party.thread_id, None)

    async def _deadline(self, party: Party) -> None:
        """Return when the time is over, or somebody has ended it."""
        event = self._ends[party.thread_id]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, party.deadline - self._clock())):
                await event.wait()
        event.clear()

    async def _open_vote(self, party: Party) -> Party:
        parties, words = self._bot.parties, words_in(party.language)
        entries = entries_of(party, await self._bot.store.in_channel(party.thread_id))
        if not entries:
            await self._post(party, "n", partycards.nobody_came(words))
            return await parties.change(party.thread_id, state="over")
        pastiches = [await self._pastiche(job) for job in entries]
        sheet = None if None in pastiches else await draw_sheet([each.image for each in pastiches if each])
        ends = {"vote_ends_at": self._clock() + party.vote_s, "entries": tuple(job.id for job in entries)}
        party = await parties.change(party.thread_id, **ends)
        whole, light = (partycards.ballot(party, entries, each, words) for each in (sheet, None))
        message = await self._post(party, "v", whole, light)
        message_id = message.id if message else None
        party = await parties.change(party.thread_id, state="voting", vote_message_id=message_id)
        if message is not None:
            await _offer_votes(message, len(entries))
        return party

    async def _announce(self, party: Party) -> None:
        words = words_in(party.language)
        jobs = [await self._bot.service.get(job_id) for job_id in party.entries]
        counts = await self._counts(party)
        ranked = [(counts.get(vote, 0), vote, job) for vote, job in zip(VOTES, jobs, strict=False) if job]
        most = max((votes for votes, _, _ in ranked), default=0)
        winners = [(vote, job) for votes, vote, job in ranked if votes == most and most]
        pictures = await self._pictures([job for _, job in winners][:MOST_SHOWN], party)
        whole, light = (partycards.verdict(winners, most, each, words) for each in (pictures, []))
        await self._post(party, "w", whole, light)

    async def _counts(self, party: Party) -> dict[str, int]:
        """Return how many people voted for what, without the bot's own reactions."""
        if party.vote_message_id is None:
            return {}
        try:
            message = await self._thread(party).fetch_message(party.vote_message_id)
        except (discord.NotFound, discord.Forbidden) as error:
            log.info("votes_not_read thread=%s error=%r", party.thread_id, error)
            return {}
        return {str(reaction.emoji): reaction.count - reaction.me for reaction in message.reactions}

    async def _pictures(self, jobs: Sequence[JobRecord], party: Party) -> list[Picture]:
        words, room, pictures = words_in(party.language), MOST_MESSAGE_BYTES, []
        for number, job in enumerate(jobs):
            pastiche = await self._pastiche(job)
            if pastiche is None or len(pastiche.image) > room:
                continue
            room -= len(pastiche.image)
            picture = pastiche_picture(pastiche, style_label(job, words), words)
            pictures.append(Picture(name=f"{number}-{picture.name}", data=picture.data, alt=picture.alt))
        return pictures

    async def _pastiche(self, job: JobRecord) -> Pastiche | None:
        try:
            return await self._bot.service.result(job.id)
        except DiskFault as fault:
            log.warning("result_not_read job=%s error=%s", job.id, fault)
            return None

    async def _post(
        self, party: Party, nonce: str, whole: Post, light: Post | None = None
    ) -> discord.Message | None:
        letter = Letter(
            whole=whole,
            light=light or whole,
            nonce=f"{nonce}{party.thread_id}",
            addressee_id=party.host_id,
        )
        return await send_to_channel(self._thread(party), letter, patience_s=self._patience_s)

    def _thread(self, party: Party) -> discord.PartialMessageable:
        return self._bot.get_partial_messageable(party.thread_id, guild_id=party.guild_id)


def entries_of(party: Party, jobs: Sequence[JobRecord]) -> list[JobRecord]:
    """Return what is voted upon: of everybody the last finished picture in the party's style, the first 20.

    Args:
        party: whose style counts.
        jobs: those of its thread, the oldest first.
    """
    last = {
        job.owner_id: job
        for job in jobs
        if job.state == "done" and job.presets == (party.preset,) and result_link(job)
    }
    return sorted(last.values(), key=lambda job: job.id)[:MOST_ENTRIES]


async def _offer_votes(message: discord.Message, entries: int) -> None:
    """Put a reaction for each picture under the ballot, so that a vote is one press."""
    for vote in VOTES[:entries]:
        try:
            await message.add_reaction(vote)
        except discord.HTTPException as error:
            log.info("vote_not_offered message=%s error=%r", message.id, error)
            return
