"""What goes wrong at Discord's door: drawn from a seed, and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import random

Fault = Literal["429", "429_global", "5xx", "cut_before", "cut_after"]

SERVER_ERRORS: Final = (500, 502, 503, 504)
RETRY_AFTER_S: Final = (0.1, 0.4)
LOGIN: Final = ("/users/@me", "/oauth2/applications/@me")


@dataclass(slots=True)
class Weather:
    """How likely each fault is for a request, and how often each has happened.

    Attributes:
        chances: fault → probability, 0 to 1; together at most 1.
        spares_answers: first answers to interactions are left alone. Where one is lost, the person types
            the command again: there is no job yet that could be lost.
        spares_logins: a bot that cannot log in ends, and a supervisor starts it again.
        counts: what happened, faults of the gateway and of people's making included.
    """

    rng: random.Random
    chances: dict[Fault, float] = field(default_factory=dict)
    spares_answers: bool = True
    spares_logins: bool = True
    counts: Counter[str] = field(default_factory=Counter)

    def draw(self, path: str) -> Fault | None:
        """Return what goes wrong with a request."""
        if not self.chances or self._is_spared(path):
            return None
        point = self.rng.random()
        for fault, chance in self.chances.items():
            point -= chance
            if point < 0:
                self.counts[fault] += 1
                return fault
        return None

    def status(self) -> int:
        """Return a server error."""
        return self.rng.choice(SERVER_ERRORS)

    def retry_after_s(self) -> float:
        """Return how long a limit lasts."""
        return round(self.rng.uniform(*RETRY_AFTER_S), 3)

    def _is_spared(self, path: str) -> bool:
        if self.spares_answers and path.startswith("/interactions/"):
            return True
        return self.spares_logins and path in LOGIN
