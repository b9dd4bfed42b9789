"""One life of the bot, on the Discord of `wire`: `python -m bot run`, but for the worker and shorter pauses.

Arguments: addresses of HTTP and gateway, a configuration file, then the worker's program and its arguments.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import config, log
from bot.__main__ import live
from bot.client import create_bot
from bot.pool.local import LocalPool
from bot.pool.slot import Patience

PATIENCE_S: Final = (0.3, 0.6, 1.0, 2.0, 3.0, 5.0, 5.0, 10.0, 10.0, 20.0)
"""Between attempts at posting: as many as usual and more, but for a storm of seconds instead of an hour."""
KILLED_WORKERS: Final = Patience(back_off_s=0.1, back_off_most_s=0.5, failures=1000)
"""A worker that somebody kills is no sick device, which would be set aside for ten minutes."""


def main() -> int:
    """Live until a signal comes."""
    base, gateway, path, *worker = sys.argv[1:]
    Route.BASE = base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
    settings = config.load(Path(path))
    log.set_up(settings.log.level, secrets=config.secrets_of(settings))
    if settings.token is None:
        return 1
    command = (sys.executable, *worker)
    pool = LocalPool(settings.workers.devices, patience=KILLED_WORKERS, command=lambda _device: command)
    bot = create_bot(settings, pool=pool, patience_s=PATIENCE_S)
    return asyncio.run(live(bot, settings.token.get_secret_value()))


if __name__ == "__main__":
    sys.exit(main())
