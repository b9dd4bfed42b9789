"""What a command returns, and how it says that something is the person's to mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

DONE: Final = 0
FAULT: Final = 1
MISTAKE: Final = 2
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The outcome of a command, in both forms in which it can be printed."""

    text: str
    data: dict[str, Any]
    """One JSON object."""
    status: int = DONE


class MistakeError(Exception):
    """Something that only the person at the command line can mend: one line that says how."""
