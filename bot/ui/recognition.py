"""Whether a message stands in a channel already: what the bot cannot know after a cut connection or a crash.

Discord posts a message of the same nonce only once, but forgets the nonce after some minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import discord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_MESSAGES: Final = 500
"""So many are looked through: five pages of them."""
CLOCKS_APART: Final = timedelta(minutes=1)


async def find_posted(
    channel: discord.abc.Messageable, mark: str, *, since_s: float
) -> discord.Message | None:
    """Return the first message of a channel that has a certain button; None also where nobody lets us look.

    Args:
        channel: where to look.
        mark: the button's custom id.
        since_s: when the message can have been posted at the earliest, in seconds since 1970, UTC.

    Raises:
        discord.HTTPException, aiohttp.ClientError: Discord does not tell just now.
    """
    after = datetime.fromtimestamp(since_s, UTC) - CLOCKS_APART
    try:
        async for message in channel.history(limit=MOST_MESSAGES, after=after, oldest_first=True):
            if mark in _custom_ids(message.components):
                return message
    except (discord.Forbidden, discord.NotFound):
        return None
    return None


def _custom_ids(components: Iterable[Any]) -> Iterator[str]:
    for component in components:
        if custom_id := getattr(component, "custom_id", None):
            yield custom_id
        yield from _custom_ids(getattr(component, "children", ()))
