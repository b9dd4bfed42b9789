"""The simulated Discord of the bot's tests: the rehearsal's own, on the wall clock."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from PIL import Image
from staging.stage import new_bot, opened

from bot.rehearsal import realtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from staging.stage import Stage

    from bot.rehearsal.realtime import LiveEnv


@pytest.fixture
def live() -> Callable[..., AbstractAsyncContextManager[LiveEnv]]:
    """Return a context manager that runs a bot in real time on a simulated Discord, then closes it."""
    return realtime.live


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Return a coroutine function that waits until a condition holds, at most `within_s` seconds."""
    return realtime.until


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A server and a bot with the small worker, the same for all tests of a file."""
    async with opened(new_bot(tmp_path_factory.mktemp("store"), small=True)) as stage:
        yield stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A server and a bot with the real worker, the same for all tests of a file."""
    async with opened(new_bot(tmp_path_factory.mktemp("store"), small=False)) as stage:
        yield stage


@pytest.fixture
def photo() -> tuple[str, bytes]:
    """A picture of soft shapes, 96×64, under the name that a phone gave it."""
    return "IMG_0001.png", _png(Image.radial_gradient("L").resize((96, 64)).convert("RGB"))


@pytest.fixture
def texture() -> tuple[str, bytes]:
    """A picture of stripes."""
    stripes = Image.linear_gradient("L").resize((80, 80)).point(lambda value: value * 8 % 256)
    return "stripes.png", _png(Image.merge("RGB", (stripes, stripes.rotate(90), stripes)))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
