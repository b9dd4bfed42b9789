"""Addresses of a job's messages, and who can open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.jobs.model import JobRecord


def message_link(job: JobRecord, message_id: int) -> str:
    """Return the address of a message in a job's channel; discord.py's own forgets a follow-up's server."""
    return f"https://discord.com/channels/{job.guild_id or '@me'}/{job.channel_id}/{message_id}"


def result_link(job: JobRecord) -> str | None:
    """Return the address of a job's result, or None if there is none that others could open."""
    if job.private or job.result_message_id is None:
        return None
    return message_link(job, job.result_message_id)


def place_of(job: JobRecord) -> tuple[str, int]:
    """Return where a job's messages can be seen: its server, or the one private channel."""
    return ("channel", job.channel_id) if job.guild_id is None else ("guild", job.guild_id)
