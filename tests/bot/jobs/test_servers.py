"""What servers choose, and what follows from it for orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.config import Settings, StyleSection
from bot.houserules import is_covered
from bot.jobs.servers import Servers, ServerSettings
from bot.jobs.store import JobStore

if TYPE_CHECKING:
    from pathlib import Path

BOT = Settings(style=StyleSection(long_side_px=512, largest_px=1024, strength=50))


async def test_kept_in_the_store(tmp_path: Path) -> None:
    """Every kind of choice comes back; other servers and private conversations have chosen nothing."""
    store = await JobStore.open(tmp_path)
    servers = Servers(store)
    chosen = await servers.change(
        7, mode="classic", strength=0, channels=(1, 2**63 - 1), roles=(5,), spoiler="always", language="ja"
    )
    await servers.change(7, strength=10)
    again = Servers(store)
    await again.load()
    assert again.of(7) == chosen.model_copy(update={"strength": 10})
    assert again.of(8) == again.of(None) == ServerSettings()
    await store.close()


async def test_impossible_choices(tmp_path: Path) -> None:
    """Nothing is changed by a value that a setting cannot have."""
    store = await JobStore.open(tmp_path)
    servers = Servers(store)
    with pytest.raises(ValueError, match="strength"):
        await servers.change(7, strength=101)
    assert servers.of(7) == ServerSettings()
    await store.close()


@pytest.mark.parametrize(
    ("chosen", "usual_px", "largest_px"),
    [
        (ServerSettings(), 512, 1024),
        (ServerSettings(size_px=768), 768, 1024),
        (ServerSettings(largest_px=256), 256, 256),
        (ServerSettings(size_px=768, largest_px=256), 256, 256),
        (ServerSettings(largest_px=4096, size_px=2048), 1024, 1024),
    ],
)
def test_sizes(chosen: ServerSettings, usual_px: int, largest_px: int) -> None:
    """No server gets beyond what the bot allows, and the usual size never beyond the largest."""
    style = chosen.applied_to(BOT).style
    assert (style.long_side_px, style.largest_px) == (usual_px, largest_px)


def test_strength_may_be_nought() -> None:
    """0 is a choice, not the absence of one."""
    assert ServerSettings(strength=0).applied_to(BOT).style.strength == 0
    assert ServerSettings().applied_to(BOT) == BOT


@pytest.mark.parametrize(
    ("rule", "age_restricted", "here", "covered"),
    [
        ("never", True, False, False),
        ("elsewhere", True, False, True),
        ("elsewhere", True, True, False),
        ("always", True, True, True),
        ("always", False, False, False),
    ],
)
def test_spoilers(*, rule: str, age_restricted: bool, here: bool, covered: bool) -> None:
    """Only what comes from an age-restricted channel is ever covered."""
    server = ServerSettings(spoiler=rule)
    assert is_covered(server, age_restricted=age_restricted, here=here) is covered
