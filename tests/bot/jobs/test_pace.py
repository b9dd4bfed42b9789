"""How often a card changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.jobs import schema
from bot.jobs.delivery import slowness
from bot.jobs.model import JobView

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.model import JobOrder


@pytest.mark.parametrize(("position", "expected"), [(None, 1), (1, 1), (9, 1), (10, 2), (35, 4), (500, 5)])
def test_cards_far_back_in_the_queue_change_less_often(
    order: Callable[..., JobOrder], position: int | None, expected: int
) -> None:
    """Whoever is painted or soon will be sees everything; the others see their place a little later."""
    job = schema.new_record("0job", order(), ("content", "style"), 0.0)
    assert slowness(JobView(job=job, position=position)) == expected
