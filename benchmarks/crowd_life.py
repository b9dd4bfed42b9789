"""One life of the bot for `bot_load.py`: it notes how late its event loop is, with workers that take no time.

Arguments: addresses of HTTP and gateway, a configuration file, and where to write the notes when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import config, log
from bot.__main__ import live
from bot.client import create_bot
from bot.pool.local import LocalPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORKER: Final = Path(__file__).with_name("quick_worker.py")
EVERY_S: Final = 0.005


class Ear:
    """Measures how long the event loop keeps everybody waiting.

    Attributes:
        heard: when (seconds since 1970), and how late the loop was then, in seconds.
    """

    def __init__(self) -> None:
        self.heard: list[tuple[float, float]] = []

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen within the block."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _listen(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(EVERY_S)
            self.heard.append((time.time(), time.perf_counter() - began - EVERY_S))


async def _live(settings: config.Settings, ear: Ear) -> int:
    pool = LocalPool(settings.workers.devices, command=lambda _device: (sys.executable, str(WORKER)))
    bot = create_bot(settings, pool=pool)
    async with ear.listening():
        return await live(bot, settings.token.get_secret_value() if settings.token else "")


def main() -> int:
    """Live until a signal comes."""
    base, gateway, path, notes = sys.argv[1:]
    Route.BASE = base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
    settings = config.load(Path(path))
    log.set_up(settings.log.level, secrets=config.secrets_of(settings))
    ear = Ear()
    status = asyncio.run(_live(settings, ear))
    Path(notes).write_text(json.dumps(ear.heard), encoding="ascii")
    return status


if __name__ == "__main__":
    sys.exit(main())
