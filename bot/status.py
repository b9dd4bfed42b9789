"""`python -m bot status`: what a running bot has in its queue, and what its nodes and devices do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from nst_core.errors import ConfigError, GafuuError

if TYPE_CHECKING:
    from bot.config import Settings

WAIT_S: Final = 5.0
GIB: Final = 2**30
HEAD: Final = ("slot", "state", "job", "step", "memory", "load", "lost", "device")
EVERYWHERE: Final = ("0.0.0.0", "::", "")  # noqa: S104 - not bound here, but understood


class NoAnswer(GafuuError):
    """One line: no bot can be asked, and what to do."""


async def ask(settings: Settings) -> dict[str, Any]:
    """Return what the running bot says.

    Raises:
        ConfigError: it cannot be asked, because [web] is off.
        NoAnswer: nobody answers, or somebody else.
    """
    if not settings.web.port:
        raise ConfigError("web.port: 0, so the bot cannot be asked; set a port and start the bot again")
    host = "127.0.0.1" if settings.web.host in EVERYWHERE else settings.web.host
    url = f"http://{host}:{settings.web.port}/status"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_S)) as session,
            session.get(url, raise_for_status=True) as answer,
        ):
            said: dict[str, Any] = await answer.json()
    except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
        raise NoAnswer(f"no bot answers at {url} ({type(error).__name__}): is it running?") from None
    return said


def table(said: dict[str, Any]) -> str:
    """Return it as text."""
    queue = ", ".join(f"{count} {lane}" for lane, count in said["queue"].items())
    rows = [HEAD, *(_row(slot) for slot in said["slots"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([f"waiting: {queue}; being painted: {said['running']}", "", *lines])


def _row(slot: dict[str, Any]) -> tuple[str, ...]:
    used, whole = slot["memory_used_bytes"], slot["memory_bytes"]
    memory = f"{used / GIB:.1f}/{whole / GIB:.0f} GiB" if used and whole else f"{whole / GIB:.0f} GiB"
    return (
        slot["slot"],
        slot["state"].replace("_", " "),
        slot["job"] or "-",
        f"{slot['step']}/{slot['steps']}" if slot["steps"] else "-",
        memory if whole else "-",
        f"{slot['utilisation']:.0%}" if slot["utilisation"] is not None else "-",
        str(slot["deaths"]),
        slot["device"] or "-",
    )
