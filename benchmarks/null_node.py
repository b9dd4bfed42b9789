"""A real node over null workers. Arguments: server, name, number of devices, seconds per job."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot import log
from bot.config import NatsSection, Settings, WorkersSection
from bot.pool import node
from bot.pool.local import LocalPool
from bot.pool.report import Build
from bot.pool.slot import Patience

NULL_WORKER = Path(__file__).with_name("null_worker.py")


def main() -> int:
    """Run as `python -m bot.pool.node` does."""
    url, name, devices, seconds = sys.argv[1:]
    log.set_up("WARNING")
    settings = Settings(
        nats=NatsSection(url=url),
        workers=WorkersSection(drain_s=0),
        nats_token=os.environ["NATS_TOKEN"],  # type: ignore[arg-type] # pydantic makes a secret of it
    )
    command = (sys.executable, str(NULL_WORKER), seconds)
    pool = LocalPool(f"cpu*{devices}", patience=Patience(recycle_after=10**6), command=lambda _: command)
    return asyncio.run(node.run(settings, name, pool, build=Build.of("vgg16")))


if __name__ == "__main__":
    sys.exit(main())
