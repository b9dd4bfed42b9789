"""What a job is to the bot: an order, a record of it, and a view of how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from nst_core.errors import UserError
    from nst_core.protocol import Failure, Pastiche, StyleParams

JobState = Literal["queued", "running", "delivering", "done", "failed", "cancelled"]
OWN_PRESET: Final = "own:"
"""Before the title of a painting that a server added itself, where a preset's id would stand."""
FINAL_STATES: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleSource:
    """One style of an order: its bytes, and which preset they are, if any."""

    image: bytes
    preset: str | None = None
    """A preset's id, or `OWN_PRESET` and the title of one of the server's own."""
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """What somebody asked for, checked, with every byte at hand."""

    owner_id: int
    guild_id: int | None
    channel_id: int
    content: bytes
    styles: tuple[StyleSource, ...]
    params: StyleParams
    locale: str = "en"
    """The owner's language, for private text."""
    public_locale: str = "en"
    """The server's language, for cards and results."""
    private: bool = False
    """Card and result are for the owner's eyes alone."""
    parent_id: str | None = None
    """The job whose button made this one."""
    max_bytes: int = 10 * 1024 * 1024
    card_message_id: int | None = None
    """The message that shows how it stands; None where only an interaction's token reaches it."""
    age_restricted: bool = False
    """It, or what it was made from, comes from an age-restricted channel."""
    spoiler: bool = False
    """Cover its pictures until somebody clicks."""
    guest: bool = False
    """The bot is no member of the place where it was ordered: only the command's own token reaches it."""
    per_person: int | None = None
    """How many jobs one person may have under way on this server; None: only the bot's own limit."""
    per_server: int | None = None
    """How many jobs this server may have under way; None: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A row of the store: everything about a job but its bytes."""

    id: str
    """At most 25 characters, so that it serves as Discord's nonce."""
    state: JobState
    attempt: int
    owner_id: int
    guild_id: int | None
    channel_id: int
    params: StyleParams
    presets: tuple[str | None, ...]
    """Of each style: the preset as in `StyleSource`, or None for an upload."""
    weights: tuple[float, ...]
    locale: str
    public_locale: str
    private: bool
    parent_id: str | None
    max_bytes: int
    content_blob: str
    """sha256 of the content image's bytes, its name in the blob folder; "" once its time is over."""
    style_blobs: tuple[str, ...]
    """One per style; () once their time is over."""
    card_message_id: int | None
    result_message_id: int | None
    created_at: float
    """Seconds since 1970, UTC, as every time here."""
    started_at: float | None
    """Of the newest attempt."""
    finished_at: float | None
    """When painting ended, whichever way."""
    deaths: int = 0
    """Workers that died while they painted it."""
    shrinks: int = 0
    """How often it ran out of memory; each time the next attempt is smaller."""
    failure: Failure | None = None
    """In state "failed": why."""
    age_restricted: bool = False
    """As ordered; the next two also."""
    spoiler: bool = False
    guest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """How a job stands now; the newest one replaces all before it."""

    job: JobRecord
    position: int | None = None
    """1 = next, while queued."""
    ready_at: float | None = None
    """When it will probably be done, seconds since 1970; None while nothing has been measured."""
    step: int = 0
    steps: int = 0
    share: float = 0.0
    """Of all the work, what is done: later steps are larger."""
    losses: dict[str, float] = field(default_factory=dict)
    preview: bytes | None = None
    """The newest preview, a JPEG."""
    device_name: str = ""
    retrying: bool = False
    """An earlier attempt was lost and the job started again."""
    pastiche: Pastiche | None = None
    """Present in state "delivering" (and "done", while it is still in memory)."""
    error: UserError | None = None
    """In state "failed": the person's mistake, or None for our own fault."""
