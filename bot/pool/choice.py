"""Which kind of pool the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.pool.local import LocalPool

if TYPE_CHECKING:
    from bot.config import Settings
    from bot.pool.base import Pool


def pool_of(settings: Settings) -> Pool:
    """Return the pool that the settings ask for, not started."""
    if settings.workers.backend == "local":
        return LocalPool.of(settings)
    from bot.pool.nats import NatsPool  # noqa: PLC0415 - most bots never need that client

    return NatsPool.of(settings)
