"""From a job that is under way to what people see: one card, edited seldom, and exactly one result.

Each job has one task. While the job runs it edits the card, one edit at a time, never more often than
allowed, always with the newest state. When the job ends it posts the result first and edits the card
last: the end waits for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from bot.i18n import words_in
from bot.jobs.disk import DiskFault
from bot.jobs.model import FINAL_STATES
from bot.jobs.newest import Newest
from bot.jobs.tasks import TaskSet
from bot.ui import cards
from bot.ui.buttons import custom_id
from bot.ui.posting import PATIENCE_S, Card, Letter, NotNow, send_as_follow_up, send_directly, send_to_channel

if TYPE_CHECKING:
    import discord

    from bot.i18n import Words
    from bot.jobs.fetching import FetchingCards
    from bot.jobs.model import JobRecord, JobView
    from bot.jobs.service import JobService
    from bot.ui.cards import Post

log: Final = logging.getLogger(__name__)
DISK_PAUSE_S: Final = 5.0


class Delivery:
    """Owns the task of every job that is under way.

    Args:
        client: through it messages are sent that no interaction carries.
        service: tells how the jobs stand.
        edit_every_s: the least time between two edits of one card.
        patience_s: the pauses between attempts at sending a result.
        disk_pause_s: how long to wait before a store in trouble is asked again.
        put_off_s: the pause after all of those, until everything is tried anew.
    """

    def __init__(
        self,
        client: discord.Client,
        service: JobService,
        *,
        edit_every_s: float,
        patience_s: tuple[float, ...] = PATIENCE_S,
        disk_pause_s: float = DISK_PAUSE_S,
        put_off_s: float = 1800.0,
    ) -> None:
        self._client = client
        self._put_off_s = put_off_s
        self._service = service
        self._edit_every_s = edit_every_s
        self._patience_s = patience_s
        self._disk_pause_s = disk_pause_s
        self._late = TaskSet()
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(
        self,
        job: JobRecord,
        *,
        card_message_id: int | None,
        interaction: discord.Interaction[Any] | None = None,
    ) -> None:
        """Show a job on its card from now on, and post its result.

        Args:
            job: which one.
            card_message_id: the message that is its card, in the job's channel; None if it has none.
            interaction: the command that ordered it, if that was in this life of the process.
        """
        card = Card(self._channel(job), card_message_id, interaction=interaction)
        task = asyncio.create_task(self._follow(job, card), name=f"delivery-{job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def mourn(self, job: JobRecord, message_id: int) -> None:
        """Take the link to a deleted message off a job's card, if it was the job's result."""
        if message_id == job.result_message_id and job.card_message_id is not None:
            card = Card(self._channel(job), job.card_message_id)
            await card.show(cards.deleted(job, words_in(job.public_locale)))

    async def mend(self, fetching: FetchingCards) -> None:
        """Tell on the cards that an earlier life of the bot left while it was fetching that it is over."""
        for left in await fetching.left():
            channel = self._client.get_partial_messageable(left.channel_id, guild_id=left.guild_id)
            note = cards.note(words_in(left.language).say("card.lost"))
            await Card(channel, left.message_id).show_surely(note, patience_s=self._patience_s)
            await fetching.forget(left)
            log.info("card_mended message=%s", left.message_id)

    async def close(self, *, within_s: float = 5.0) -> None:
        """Let what is being posted arrive, then stop following; call this once the service is closed.

        What did not arrive in time is posted after the next start.
        """
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        await self._late.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, job: JobRecord, card: Card) -> None:
        while await self._is_put_off(job, card):  # noqa: ASYNC110 - nothing tells that Discord is back
            await asyncio.sleep(self._put_off_s)

    async def _is_put_off(self, job: JobRecord, card: Card) -> bool:
        """See a job through; tell whether its result could not be posted for now."""
        put_off = False
        try:
            await self._accompany(job, card)
        except* NotNow:
            log.warning("result_waits job=%s", job.id)
            put_off = True
        except* Exception:
            log.exception("delivery_failed job=%s", job.id)
            text = words_in(job.public_locale).say("answer.fault", id=job.id)
            await card.show_surely(cards.note(text), patience_s=self._patience_s)
        return put_off

    async def _accompany(self, job: JobRecord, card: Card) -> None:
        newest: Newest[JobView] = Newest()
        async with asyncio.TaskGroup() as group:
            editing = group.create_task(self._show_progress(card, newest))
            try:
                last = await self._watch(job.id, newest)
            finally:
                newest.end()
            farewell = await self._conclude(last, card)
            await editing
        if farewell is not None:
            await card.show_surely(farewell, patience_s=self._patience_s)

    async def _watch(self, job_id: str, newest: Newest[JobView]) -> JobView:
        """Pass on every view, and return the last one."""
        view: JobView | None = None
        async for view in self._service.watch(job_id):
            newest.put(view)
        if view is None:
            raise LookupError(f"job {job_id} cannot be watched")
        return view

    async def _show_progress(self, card: Card, newest: Newest[JobView]) -> None:
        with_preview = True
        while (view := await newest.next()) is not None:
            words = words_in(view.job.public_locale)
            refusal = await card.show(cards.card(view, words, with_preview=with_preview))
            with_preview = with_preview and refusal != "too_large"
            await newest.pause(self._edit_every_s * slowness(view))

    async def _conclude(self, view: JobView, card: Card) -> Post | None:
        """Tell how the job ended; return what its card shall show from now on, None if it is gone."""
        words = words_in(view.job.public_locale)
        if view.job.state == "delivering":
            return await self._post_result(view, card, words)
        if view.job.state not in FINAL_STATES:  # the service closed; after the next start it goes on
            return cards.interrupted(view, words)
        if view.job.state == "failed" and view.error is not None:
            told = await card.replace_privately(words_in(view.job.locale).refuse(view.error))
            return None if told else cards.card(view, words)
        return cards.card(view, words)

    async def _post_result(self, view: JobView, card: Card, words: Words) -> Post:
        message, is_private = await self._send_result(view, card)
        # Only a message in the job's own channel can be linked to from there.
        message_id = None if message is None or is_private else message.id
        await self._note(view.job.id, message_id)
        log.info(
            "result_posted job=%s message=%s private=%s", view.job.id, message and message.id, is_private
        )
        if message is None:
            return cards.kept(view, words)
        if is_private:
            return cards.sent_privately(view, words)
        return cards.done(view, words, message_id=message.id)

    async def _note(self, job_id: str, message_id: int | None) -> None:
        """Store that a result has arrived; a store in trouble is asked again until it takes it."""
        try:
            await self._service.delivered(job_id, result_message_id=message_id)
        except DiskFault as fault:
            log.error("delivery_not_stored job=%s error=%s", job_id, fault)  # noqa: TRY400 - no bug of ours
            self._late.own(self._note_later(job_id, message_id), name=f"note-{job_id}")

    async def _note_later(self, job_id: str, message_id: int | None) -> None:
        await asyncio.sleep(self._disk_pause_s)
        await self._note(job_id, message_id)

    async def _send_result(self, view: JobView, card: Card) -> tuple[discord.Message | None, bool]:
        """Send the result to the first place that takes it; return the message, and whether it is private."""
        job = view.job
        if job.private:
            return await self._send_to_owner(view, card)
        parent = await self._parent(job)
        letter = _result_letter(view, parent, words_in(job.public_locale), card)
        # As a guest the bot would only collect refusals in the channel, of which Discord allows few.
        if not job.guest and (
            message := await send_to_channel(self._channel(job), letter, patience_s=self._patience_s)
        ):
            return message, False
        if card.interaction is not None:
            message = await send_as_follow_up(card.interaction, letter, patience_s=self._patience_s)
            if message is not None:
                return message, False
        private_letter = _result_letter(view, parent, words_in(job.locale), card)
        return await send_directly(self._client, private_letter, patience_s=self._patience_s), True

    async def _send_to_owner(self, view: JobView, card: Card) -> tuple[discord.Message | None, bool]:
        """Send a result that nobody else may see: beside its card, else as a direct message."""
        letter = _result_letter(view, await self._parent(view.job), words_in(view.job.locale), card)
        if card.interaction is not None:
            message = await send_as_follow_up(
                card.interaction, letter, ephemeral=True, patience_s=self._patience_s
            )
            if message is not None:
                return message, False
        return await send_directly(self._client, letter, patience_s=self._patience_s), True

    async def _parent(self, job: JobRecord) -> JobRecord | None:
        """Return what a job was made from; a result is not kept back because that cannot be read."""
        try:
            return await self._service.get(job.parent_id) if job.parent_id else None
        except DiskFault as fault:
            log.warning("parent_not_read job=%s error=%s", job.id, fault)
            return None

    def _channel(self, job: JobRecord) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)


def slowness(view: JobView) -> float:
    """Return how many times longer than usual a card may stay as it is, 1 to 5.

    In a long queue every place changes with every picture, and Discord allows only so many edits; who is
    last can wait for theirs. A job's start and end are shown on time all the same: before its start it is
    among the first.
    """
    return min(5.0, 1.0 + (view.position or 0) // 10)


def _result_letter(view: JobView, parent: JobRecord | None, words: Words, card: Card) -> Letter:
    job = view.job
    return Letter(
        whole=cards.result(view, words, parent=parent),
        light=cards.result(view, words, parent=parent, pastiche_only=True),
        nonce=job.id,
        addressee_id=job.owner_id,
        mark=custom_id("again", job.id),
        since_s=job.finished_at or job.created_at,
        # No interaction: an earlier life of the bot took the order, and may have ended while it posted.
        may_be_there=card.interaction is None,
    )
