from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bot import signals


@pytest.mark.parametrize("number", signals.SIGNALS)
async def test_the_first_one_asks(number: signal.Signals) -> None:
    """The first signal sets the event and interrupts nothing."""
    with signals.stop_requested() as stop:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()


async def test_the_second_one_does_not_ask() -> None:
    """Once asked, Ctrl-C acts as it always does: somebody does not want to wait for the orderly end."""
    before = signal.getsignal(signal.SIGINT)
    with signals.stop_requested() as stop:
        assert signal.getsignal(signal.SIGINT) is not before
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        assert signal.getsignal(signal.SIGINT) is before


async def test_handlers_are_given_back() -> None:
    """Afterwards the signals act as before."""
    before = [signal.getsignal(number) for number in signals.SIGNALS]
    with signals.stop_requested():
        pass
    assert [signal.getsignal(number) for number in signals.SIGNALS] == before
