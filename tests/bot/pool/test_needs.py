"""Which slot gets a job."""

from __future__ import annotations

import pytest

from bot.pool import needs
from bot.pool.base import Slot
from bot.pool.needs import choose, longest_s, needed_bytes
from nst_core.protocol import StyleParams
from nst_core.transfer import bands

GIB = 2**30
SMALL, LARGE = StyleParams(long_side_px=512), StyleParams(long_side_px=2048)


def slot(name: str, device: str = "cpu", gib: float = 16) -> Slot:
    """Return a ready slot."""
    return Slot(name=name, device_name="", state="ready", device=device, memory_bytes=int(gib * GIB))


@pytest.mark.parametrize(("long_side_px", "gib"), [(512, 1.1), (1024, 2.4), (2048, 2.7)])
def test_what_was_measured(long_side_px: int, gib: float) -> None:
    """The estimate is near what was measured."""
    assert needed_bytes(StyleParams(long_side_px=long_side_px)) / GIB == pytest.approx(gib, rel=0.1)


@pytest.mark.parametrize(("long_side_px", "seconds"), [(64, 900), (1024, 900), (2048, 3600), (4096, 14400)])
def test_longest(long_side_px: int, seconds: float) -> None:
    """Up to 1024 pixels a picture may take what is configured, a larger one longer by its pixels."""
    assert longest_s(StyleParams(long_side_px=long_side_px), 900.0) == seconds


def test_bands_begin_where_the_painter_begins_them() -> None:
    """The bot, which knows no torch, says the same as the painter."""
    assert needs.WHOLE_PIXELS == bands.WHOLE_PIXELS


def test_fastest_first() -> None:
    """A GPU comes before Apple's, that before a CPU; among equals the roomiest."""
    slots = [slot("a"), slot("b", "mps"), slot("c", "cuda", 8), slot("d", "cuda", 24)]
    order = []
    while slots:
        order.append(choose(slots, slots, SMALL, None))
        slots.remove(order[-1])  # type: ignore[arg-type]
    assert [each.name for each in order if each] == ["d", "c", "b", "a"]


def test_avoided_only_while_there_is_another() -> None:
    """The slot to avoid comes last, however fast it is."""
    fast, slow = slot("fast", "cuda"), slot("slow")
    assert choose([fast, slow], [fast, slow], SMALL, "fast") is slow
    assert choose([fast], [fast, slow], SMALL, "fast") is fast


def test_room() -> None:
    """A large picture waits for a device that has room for it; where none has, the smaller one tries."""
    small, large = slot("small", "cuda", 2), slot("large", "cpu", 16)
    assert choose([small, large], [small, large], LARGE, None) is large
    assert choose([small], [small, large], LARGE, None) is None
    assert choose([small], [small], LARGE, None) is small
    assert choose([small], [small, large], SMALL, None) is small


def test_unknown_room_is_room() -> None:
    """A device whose memory nobody knows is not shut out."""
    unknown = slot("unknown", "mps", 0)
    assert choose([unknown], [unknown, slot("large")], LARGE, None) is unknown


def test_nobody() -> None:
    """Without a ready slot there is none to choose."""
    assert choose([], [slot("busy")], SMALL, None) is None
