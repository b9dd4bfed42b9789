"""Names of jobs: sortable by time, not to be guessed, short enough to be Discord's nonce."""

from __future__ import annotations

import secrets
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o, u, so that a name read aloud or retyped stays itself."""
TIME_CHARS: Final = 9
RANDOM_CHARS: Final = 15


def new_job_id(time_ms: int) -> str:
    """Return 24 characters: 45 bits of time (until the year 3084), 75 random bits.

    Args:
        time_ms: milliseconds since 1970, UTC.
    """
    return _base32(time_ms, TIME_CHARS) + _base32(secrets.randbits(5 * RANDOM_CHARS), RANDOM_CHARS)


def _base32(number: int, chars: int) -> str:
    return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (chars - 1), -1, -5))
