"""What each server has chosen with `/settings`: few, small, and asked at every command, hence in memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.jobs.store import JobStore

log: Final = logging.getLogger(__name__)
Remix = Literal["everybody", "owner"]
Spoiler = Literal["never", "elsewhere", "always"]


class ServerSettings(BaseModel):
    """One server's choices; None: as the bot is set up."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mode: str | None = None
    strength: Annotated[int, Field(ge=0, le=100)] | None = None
    size_px: int | None = None
    """Long side of a result where a person names none."""
    largest_px: int | None = None
    per_person: int | None = None
    """Jobs that one person may have under way on this server."""
    per_server: int | None = None
    """Jobs that may be under way on this server."""
    channels: tuple[int, ...] = ()
    """Where pictures are painted; empty: everywhere."""
    roles: tuple[int, ...] = ()
    """Who may order pictures; empty: everybody."""
    gallery_channel: int | None = None
    language: str | None = None
    """Of cards and results; None: the server's own in Discord."""
    remix: Remix = "everybody"
    """Who may press Again, Stronger and the like under a result."""
    spoiler: Spoiler = "elsewhere"
    """When results from age-restricted channels are covered: never, outside such channels, or always."""

    def applied_to(self, settings: Settings) -> Settings:
        """Return the bot's settings as they are on this server. No server gets beyond the bot's limits."""
        style = settings.style
        largest_px = min(self.largest_px or style.largest_px, style.largest_px)
        chosen = {
            "mode": self.mode or style.mode,
            "strength": style.strength if self.strength is None else self.strength,
            "long_side_px": min(self.size_px or style.long_side_px, largest_px),
            "largest_px": largest_px,
        }
        return settings.model_copy(update={"style": style.model_copy(update=chosen)})


DEFAULTS: Final = ServerSettings()


class Servers:
    """The settings of every server that has chosen any.

    Args:
        store: open; where they are kept.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._known: dict[int, ServerSettings] = {}

    async def load(self) -> None:
        """Read what is stored; a row that makes no sense counts as nothing chosen."""
        for row in await self._store.read("SELECT guild_id, settings FROM servers"):
            try:
                self._known[row["guild_id"]] = ServerSettings.model_validate_json(row["settings"])
            except ValidationError as error:
                log.warning("server_settings_unreadable guild=%s error=%s", row["guild_id"], error)

    def of(self, guild_id: int | None) -> ServerSettings:
        """Return a server's settings; None stands for a private conversation."""
        return DEFAULTS if guild_id is None else self._known.get(guild_id, DEFAULTS)

    async def change(self, guild_id: int, **changes: object) -> ServerSettings:
        """Change settings of a server and return all of them.

        Raises:
            ValidationError: a value that a setting cannot have.
            DiskFault: it could not be stored, and so nothing was changed.
        """
        before = self.of(guild_id)
        after = ServerSettings.model_validate(before.model_dump() | changes)
        async with self._store.writing("keep a server's settings") as db:
            await db.execute(
                "INSERT OR REPLACE INTO servers VALUES (?, ?)", (guild_id, after.model_dump_json())
            )
        self._known[guild_id] = after
        return after
