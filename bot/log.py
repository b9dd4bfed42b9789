"""Logging: standard library, one line per event, the event's word first, then `key=value`.

::

    2026-03-01T12:00:00.123+00:00 INFO bot.jobs job_done job=01J9… seconds=41.2 attempt=1

A traceback follows its line. No line ever holds image bytes, message text or a secret.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

QUIET: Final[dict[str, str]] = {
    "discord.http": "WARNING",  # at DEBUG it writes whole payloads
    "discord.client": "ERROR",  # it warns about packages for voice, which is not used
    "discord.state": "ERROR",  # it warns about simcord's own clients, which have no intents
    "discord.gateway": "WARNING",
    "aiohttp.access": "WARNING",  # one line per health check otherwise
    "aiosqlite": "WARNING",
}
OF_NO_USE: Final = "returning true from eof_received() has no effect"
"""asyncio says so of every connection of the NATS client with TLS that ends."""
HIDDEN: Final = "***"


class LineFormatter(logging.Formatter):
    """Time, level, logger and event in one line; secrets blotted out wherever they appear."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Remember what must never be written."""
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secrets = tuple(secret for secret in secrets if secret)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - logging's name
        """Return the record's time as ISO 8601 in UTC, with milliseconds."""
        return dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a line break inside a value cannot fake a second event."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole entry, traceback included."""
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def set_up(level: str, *, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send every event at `level` and above to `stream` (standard error), replacing earlier set-ups.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        secrets: texts that are blotted out of every entry.
        stream: where to write; None for standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(secrets))
    handler.addFilter(lambda record: OF_NO_USE not in record.getMessage())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(capture=True)
