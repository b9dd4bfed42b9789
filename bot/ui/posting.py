"""Messages that outlive what they were sent with: interaction tokens, cards, channels, permissions.

Discord may refuse a message for a moment (its own trouble, a rate limit: try again), for good (a
deleted channel, a missing permission: never try again) or for its size (send less).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp
import discord

from bot.ui.answers import answer_privately
from bot.ui.recognition import find_posted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.ui.cards import Post

log: Final = logging.getLogger(__name__)

Refusal = Literal["for_a_moment", "for_good", "too_large"]

PATIENCE_S: Final = (2.0, 10.0, 30.0, 120.0, 600.0, 1800.0)
"""Pauses between attempts at what must arrive, on top of discord.py's own five attempts each time."""
_TROUBLE: Final = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, TimeoutError)
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_RATE_LIMITED: Final = 429
_SERVER_ERROR: Final = 500
_UNKNOWN_MESSAGE: Final = 10008
_TOO_LARGE_CODES: Final = frozenset({40005, 50045})


class NotNow(Exception):
    """Discord refused for a moment, again and again; later it may well take the message."""


def refusal_of(error: BaseException) -> Refusal:
    """Return what kind of refusal an error from `_TROUBLE` is."""
    if not isinstance(error, discord.HTTPException):
        return "for_a_moment"
    if error.status == _TOO_LARGE or error.code in _TOO_LARGE_CODES:
        return "too_large"
    is_passing = error.status == _RATE_LIMITED or error.status >= _SERVER_ERROR
    return "for_a_moment" if is_passing else "for_good"


class Card:
    """The message that shows how one job stands.

    It is edited with the interaction's token while that lives (which works even where the bot may not
    speak), then with the bot's own. Once it is deleted or out of reach, editing it does nothing.

    Args:
        channel: where it is.
        message_id: None if it was never sent.
        interaction: the command that it answered, if that was in this life of the process.
    """

    def __init__(
        self,
        channel: discord.PartialMessageable,
        message_id: int | None,
        *,
        interaction: discord.Interaction[Any] | None = None,
    ) -> None:
        self._message = channel.get_partial_message(message_id) if message_id is not None else None
        self._interaction = interaction

    @property
    def interaction(self) -> discord.Interaction[Any] | None:
        """The command's interaction while its token lives, 15 minutes."""
        if self._interaction is not None and self._interaction.is_expired():
            self._interaction = None
        return self._interaction

    async def show(self, post: Post) -> Refusal | None:
        """Edit the card once; return what kept it from being edited."""
        if self._message is None:
            return None
        try:
            await self._edit(self._message, post)
        except _TROUBLE as error:
            refusal = refusal_of(error)
            if isinstance(error, (discord.NotFound, discord.Forbidden)):
                self._message = None
            log.info("card_not_edited refusal=%s error=%r", refusal, error)
            return refusal
        return None

    async def show_surely(self, post: Post, *, patience_s: tuple[float, ...] = PATIENCE_S) -> None:
        """Edit the card, again and again while Discord refuses for a moment."""
        for pause_s in (*patience_s, 0.0):
            if await self.show(post) != "for_a_moment":
                return
            await asyncio.sleep(pause_s)

    async def replace_privately(self, text: str) -> bool:
        """Tell the text to the owner alone and take the card away; False when that is too late."""
        if self.interaction is None:
            return False
        try:
            await answer_privately(self.interaction, text)
        except _TROUBLE as error:
            log.info("not_told_privately error=%r", error)
            return False
        return True

    async def _edit(self, message: discord.PartialMessage, post: Post) -> None:
        nobody = discord.AllowedMentions.none()
        if self.interaction is not None:
            try:
                await self.interaction.edit_original_response(
                    view=post.view, attachments=post.files(), allowed_mentions=nobody
                )
            except discord.HTTPException as error:
                if not _is_dead_token(error):
                    raise
                self._interaction = None
            else:
                return
        await message.edit(view=post.view, attachments=post.files(), allowed_mentions=nobody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message that must arrive somewhere, exactly once."""

    whole: Post
    light: Post
    """For a place that finds the whole too large."""
    nonce: str
    """Discord posts a message of the same nonce only once within some minutes."""
    addressee_id: int
    """The only person whom it may mention."""
    mark: str = ""
    """The custom id of a button that no other message has: by it the letter is recognised; "" for none."""
    since_s: float = 0.0
    """When it can have been posted at the earliest, in seconds since 1970, UTC."""
    may_be_there: bool = False
    """Whether an earlier life of the bot may have posted it."""


async def send_to_channel(
    channel: discord.abc.Messageable, letter: Letter, *, patience_s: tuple[float, ...] = PATIENCE_S
) -> discord.Message | None:
    """Post a letter with the bot's own voice; None if it is refused there for good.

    After an attempt that may have succeeded all the same, it looks whether the letter is there before it
    tries again: the connection may have been cut behind the request, longer ago than a nonce lasts.

    Raises:
        NotNow: patience is at its end.
    """
    mentions = discord.AllowedMentions(users=[discord.Object(letter.addressee_id)])
    doubtful = letter.may_be_there

    async def send(post: Post) -> discord.Message:
        nonlocal doubtful
        if doubtful and letter.mark:
            if there := await find_posted(channel, letter.mark, since_s=letter.since_s):
                log.info("letter_was_there nonce=%s message=%s", letter.nonce, there.id)
                return there
            doubtful = False
        try:
            return await channel.send(
                view=post.view, files=post.files(), nonce=letter.nonce, allowed_mentions=mentions
            )
        except _TROUBLE as error:
            doubtful = refusal_of(error) == "for_a_moment"
            raise

    return await _send_patiently(send, letter, patience_s=patience_s)


async def send_as_follow_up(
    interaction: discord.Interaction[Any],
    letter: Letter,
    *,
    ephemeral: bool = False,
    patience_s: tuple[float, ...] = PATIENCE_S,
) -> discord.Message | None:
    """Post a letter as a follow-up, which needs no permission in the channel; None if the token is dead.

    Follow-ups know no nonce, and where the bot needs them it cannot look around: should the connection be
    cut just behind the request, the letter comes twice.

    Args:
        interaction: the command or press that it follows.
        letter: what to post.
        ephemeral: only who acted sees it.
        patience_s: the pauses between attempts.

    Raises:
        NotNow: patience is at its end.
    """
    mentions = discord.AllowedMentions(users=[discord.Object(letter.addressee_id)])

    async def send(post: Post) -> discord.Message:
        return await interaction.followup.send(
            view=post.view,
            files=post.files(),
            allowed_mentions=mentions,
            ephemeral=ephemeral,
            wait=True,
        )

    return await _send_patiently(send, letter, patience_s=patience_s)


async def send_directly(
    client: discord.Client, letter: Letter, *, patience_s: tuple[float, ...] = PATIENCE_S
) -> discord.Message | None:
    """Send a letter to its addressee alone; None if they do not take messages from the bot.

    Raises:
        NotNow: patience is at its end.
    """
    try:
        direct = await client.create_dm(discord.Object(letter.addressee_id))
    except _TROUBLE as error:
        if refusal_of(error) == "for_a_moment":
            raise NotNow from error
        return None
    return await send_to_channel(direct, letter, patience_s=patience_s)


async def _send_patiently(
    send: Callable[[Post], Awaitable[discord.Message]], letter: Letter, *, patience_s: tuple[float, ...]
) -> discord.Message | None:
    post = letter.whole
    for pause_s in (*patience_s, 0.0):
        try:
            return await send(post)
        except _TROUBLE as error:
            refusal = refusal_of(error)
            log.warning("letter_refused nonce=%s refusal=%s error=%r", letter.nonce, refusal, error)
        if refusal == "for_good" or (refusal == "too_large" and post is letter.light):
            return None
        if refusal == "too_large":
            post = letter.light
        else:
            await asyncio.sleep(pause_s)
    raise NotNow


def _is_dead_token(error: discord.HTTPException) -> bool:
    """A token that lived too long: 401 from Discord; 404 for its webhook, but not for the message."""
    is_lost = error.status == _NOT_FOUND and error.code != _UNKNOWN_MESSAGE
    return is_lost or error.status in {_UNAUTHORIZED, _FORBIDDEN}
