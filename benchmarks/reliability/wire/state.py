"""What this Discord knows: channels, people, messages and what was posted with which nonce."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BOT_ID: Final = 123456789012345678
GUILD_ID: Final = 200
EPOCH_MS: Final = 1420070400000
"""2015, from which snowflakes count."""
NONCE_LASTS_S: Final = 180.0
"""Discord says "the past few minutes"."""
EPHEMERAL: Final = 1 << 6
JOB_ID: Final = re.compile(r"gafuu:[a-z]+:([0-9a-z]{24})")
NO_CHANNEL, NO_MESSAGE, NO_DIRECT_MESSAGES = 10003, 10008, 50007

BOT: Final = {"id": str(BOT_ID), "username": "Gafuu", "discriminator": "0", "avatar": None, "bot": True}
EVERYTHING: Final = str((1 << 50) - 1)


class Refused(Exception):
    """Discord says no.

    Args:
        status: of HTTP.
        code: Discord's own.
    """

    def __init__(self, status: int, code: int) -> None:
        self.status = status
        self.code = code
        super().__init__(status, code)


@dataclass(slots=True)
class Message:
    """A message of the bot's."""

    id: int
    channel_id: int
    nonce: str | None
    flags: int
    components: list[dict[str, Any]]
    files: list[str]
    posted_at: float
    edits: int = 0

    @property
    def job_id(self) -> str | None:
        """The job that its buttons belong to."""
        found = JOB_ID.search(repr(self.components))
        return found[1] if found else None

    @property
    def is_result(self) -> bool:
        """Whether it shows a finished picture."""
        return any("pastiche" in name for name in self.files)

    def payload(self) -> dict[str, Any]:
        """Return it as Discord does."""
        return {
            "id": str(self.id),
            "channel_id": str(self.channel_id),
            "type": 0,
            "author": BOT,
            "content": "",
            "timestamp": datetime.fromtimestamp(self.posted_at, UTC).isoformat(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [_attachment(number, name) for number, name in enumerate(self.files, start=1)],
            "embeds": [],
            "components": self.components,
            "pinned": False,
            "flags": self.flags,
        }


@dataclass(slots=True)
class Asked:
    """An interaction: a command that a person typed, or a button that they pressed.

    Attributes:
        card_id: the message that answers it.
        asked_at: when, on `time.perf_counter`.
        answered_at: when the first answer came; 0 for not yet.
    """

    id: int
    token: str
    person_id: int
    channel_id: int
    card_id: int | None = None
    asked_at: float = field(default_factory=time.perf_counter)
    answered_at: float = 0.0


@dataclass(slots=True)
class WireState:
    """Everything, changed by requests and by people.

    Attributes:
        channels: the server's text channels and the direct messages that were opened, with their messages.
        posts: results in the order in which they were posted, those in deleted channels included.
        nonce_lasts_s: how long a nonce is remembered.
        repeats: how often a nonce kept a message from being posted again.
        closed: people who take no direct messages.
        took: called, once, when the next result has been taken and nobody has been told so yet.
    """

    channels: dict[int, dict[int, Message]] = field(default_factory=dict)
    posts: list[Message] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)
    nonce_lasts_s: float = NONCE_LASTS_S
    repeats: int = 0
    closed: set[int] = field(default_factory=set)
    took: Callable[[], None] | None = None
    _directs: dict[int, int] = field(default_factory=dict)
    _nonces: dict[tuple[int, str], Message] = field(default_factory=dict)
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def snowflake(self) -> int:
        """Return an id that no other has, in the order of time."""
        return (int(time.time() * 1000) - EPOCH_MS) << 22 | (next(self._serial) & 0x3FFFFF)

    def open_channel(self) -> int:
        """Return a new text channel of the server."""
        channel_id = self.snowflake()
        self.channels[channel_id] = {}
        return channel_id

    def direct(self, person_id: int) -> int:
        """Return the channel between the bot and a person."""
        if person_id not in self._directs:
            self._directs[person_id] = self.open_channel()
        return self._directs[person_id]

    def is_direct(self, channel_id: int) -> bool:
        """Tell whether a channel is a conversation with one person."""
        return channel_id in self._directs.values()

    def ask(self, person_id: int, channel_id: int) -> Asked:
        """Note that a person typed a command or pressed a button."""
        number = self.snowflake()
        asked = Asked(number, f"token-{number}", person_id, channel_id)
        self.asked[asked.token] = asked
        return asked

    def answer(self, token: str, body: dict[str, Any], files: list[str]) -> Message:
        """Take the first answer to a command: its card."""
        asked = self._asked(token)
        if asked.card_id is not None:
            raise Refused(400, 40060)
        asked.answered_at = time.perf_counter()
        card = self._add(asked.channel_id, body, files)
        asked.card_id = card.id
        return card

    def follow_up(self, token: str, body: dict[str, Any], files: list[str]) -> Message:
        """Post another answer; such messages know no nonce."""
        return self._add(self._asked(token).channel_id, {**body, "nonce": None}, files)

    def post(self, channel_id: int, body: dict[str, Any], files: list[str]) -> Message:
        """Post a message, unless one with its nonce was posted there a few minutes ago."""
        self._refuse_closed(channel_id)
        key = (channel_id, str(body.get("nonce")))
        before = self._nonces.get(key)
        if before and body.get("enforce_nonce") and time.time() - before.posted_at < self.nonce_lasts_s:
            self.repeats += 1
            return before
        message = self._add(channel_id, body, files)
        if message.nonce is not None:
            self._nonces[key] = message
        return message

    def edit(self, channel_id: int, message_id: int, body: dict[str, Any], files: list[str]) -> Message:
        """Change a message."""
        message = self.message(channel_id, message_id)
        message.components = body.get("components", message.components)
        message.files = files
        message.edits += 1
        return message

    def edit_card(self, token: str, body: dict[str, Any], files: list[str]) -> Message:
        """Change the card of a command."""
        asked = self._asked(token)
        if asked.card_id is None:
            raise Refused(404, 10015)
        return self.edit(asked.channel_id, asked.card_id, body, files)

    def message(self, channel_id: int, message_id: int) -> Message:
        """Return a message."""
        found = self.channel(channel_id).get(message_id)
        if found is None:
            raise Refused(404, NO_MESSAGE)
        return found

    def channel(self, channel_id: int) -> dict[int, Message]:
        """Return the messages of a channel."""
        if channel_id not in self.channels:
            raise Refused(404, NO_CHANNEL)
        return self.channels[channel_id]

    def history(self, channel_id: int, *, after: int, before: int | None, limit: int) -> list[Message]:
        """Return messages of a channel, the newest first; those for one person alone are never told."""
        seen = [
            message
            for message in self.channel(channel_id).values()
            if after < message.id < (before or message.id + 1) and not message.flags & EPHEMERAL
        ]
        chosen = seen[:limit] if after else seen[-limit:]
        return chosen[::-1]

    def _asked(self, token: str) -> Asked:
        asked = self.asked.get(token)
        if asked is None:
            raise Refused(404, 10062)
        if asked.channel_id not in self.channels:
            raise Refused(404, NO_CHANNEL)
        return asked

    def _refuse_closed(self, channel_id: int) -> None:
        person = next((who for who, where in self._directs.items() if where == channel_id), None)
        if person in self.closed:
            raise Refused(403, NO_DIRECT_MESSAGES)

    def _add(self, channel_id: int, body: dict[str, Any], files: list[str]) -> Message:
        messages = self.channel(channel_id)
        message = Message(
            id=self.snowflake(),
            channel_id=channel_id,
            nonce=body.get("nonce"),
            flags=int(body.get("flags") or 0),
            components=body.get("components") or [],
            files=files,
            posted_at=time.time(),
        )
        messages[message.id] = message
        if message.is_result:
            self.posts.append(message)
            took, self.took = self.took, None
            if took is not None:
                took()
        return message


def _attachment(number: int, name: str) -> dict[str, Any]:
    url = f"https://cdn.invalid/{number}/{name}"
    return {"id": str(number), "filename": name, "size": 1, "url": url, "proxy_url": url}
