"""A real node in a process of its own, over fake workers.

Its one argument is JSON: {"url", "name", "devices", "how" (for the fake worker), "patience", "drain_s",
"build" (fields that differ from the real one), "worker" (another program)}; its token stands in NATS_TOKEN.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path

from bot import log
from bot.config import NatsSection, Settings, WorkersSection
from bot.pool import node
from bot.pool.local import LocalPool
from bot.pool.report import Build
from bot.pool.slot import Patience
from nst_core.errors import ConfigError

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


def main() -> int:
    """Run as `python -m bot.pool.node` does."""
    told = json.loads(sys.argv[1])
    log.set_up("INFO")
    settings = Settings(
        nats=NatsSection(url=told["url"]),
        workers=WorkersSection(drain_s=told.get("drain_s", 0.0)),
        nats_token=os.environ.get("NATS_TOKEN"),
    )
    command = (sys.executable, told.get("worker", str(FAKE_WORKER)), json.dumps(told["how"]))
    pool = LocalPool(told["devices"], patience=Patience(**told["patience"]), command=lambda _: command)
    build = dataclasses.replace(Build.of("vgg16"), **told.get("build", {}))
    try:
        return asyncio.run(node.run(settings, told["name"], pool, build=build))
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return node.EXIT_CONFIG


if __name__ == "__main__":
    sys.exit(main())
