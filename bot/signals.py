"""Ctrl-C and SIGTERM as an event: the first asks for an orderly end, the second one does not ask."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stop_requested() -> Iterator[asyncio.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets; later ones act as they always do."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def first(*_: object) -> None:
        restore()
        # From a plain signal handler, because asyncio's own do not exist on Windows.
        loop.call_soon_threadsafe(stop.set)

    for number in SIGNALS:
        signal.signal(number, first)
    try:
        yield stop
    finally:
        restore()
