"""`python -m bot.pool.node`: a machine that paints for a bot elsewhere.

It dials out to the NATS server and needs no open port. Torch lives only in its worker processes, which are
the same as those of a bot that paints on its own machine. It takes as many jobs as it has slots.

Exit status: 0 ended as asked · 1 the connection was closed for good · 2 wrong usage · 78 the settings cannot
be used, the server refuses the token, or the bot refuses this installation (one line says why).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from bot import config, log, signals
from bot.pool import subjects
from bot.pool.agent import Agent
from bot.pool.base import Unreachable
from bot.pool.local import LocalPool
from bot.pool.nats import link_of
from bot.pool.report import Build
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.config import Settings

EXIT_CLOSED: Final = 1
EXIT_CONFIG: Final = 78
"""EX_CONFIG of sysexits.h: a supervisor need not try again before somebody has mended it."""
SERVER_WAIT_S: Final = 3.0

SectionT = TypeVar("SectionT", bound=config.Section)

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a node until it is told to end; return the exit status."""
    options = parser().parse_args(argv)
    try:
        settings = _settings(options)
        name, pool, build = _name(options.name), LocalPool.of(settings), Build.of(settings.style.extractor)
        return asyncio.run(run(settings, name, pool, build=build))
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return EXIT_CLOSED  # a second Ctrl-C, which did not wait for the orderly end


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    whole = argparse.ArgumentParser(
        prog="python -m bot.pool.node",
        description="Paint for a bot on another machine. The node's own token stands in NATS_TOKEN.",
    )
    whole.add_argument("--config", type=Path, metavar="FILE", help="settings: [workers], [nats], [limits], …")
    whole.add_argument("--nats", metavar="URL", help="the server, such as tls://nats.example.org:4222")
    whole.add_argument("--devices", help="auto, cpu, cpu*2, mps, or cuda:0,cuda:1")
    whole.add_argument("--name", help="as it was added on the server; by default this machine's name")
    whole.add_argument("--drain-s", type=float, metavar="S", help="how long jobs may go on after SIGTERM")
    return whole


async def run(settings: Settings, name: str, pool: LocalPool, *, build: Build) -> int:
    """Paint until SIGTERM or Ctrl-C.

    Args:
        settings: the server, and how long jobs may go on after that.
        name: the node's.
        pool: not started.
        build: what the node says it is.

    Raises:
        ConfigError: it cannot begin, or the bot does not want it.
    """
    link = link_of(settings, user=name)
    with signals.stop_requested() as stop:
        agent = Agent(name, pool, build)
        while not stop.is_set():
            try:
                await agent.open(link)
                break
            except Unreachable as error:
                _log.warning("node-waits reason=%s", error)
                await _pause(stop)
        if stop.is_set():
            return 0
        return await _work(agent, stop, drain_s=settings.workers.drain_s)


async def _work(agent: Agent, stop: asyncio.Event, *, drain_s: float) -> int:
    asked = asyncio.create_task(stop.wait(), name="stopping")
    ended = asyncio.create_task(agent.ended(), name="ended")
    try:
        await asyncio.wait((asked, ended), return_when=asyncio.FIRST_COMPLETED)
        await agent.close(drain_s=drain_s if stop.is_set() else 0.0)
    finally:
        asked.cancel()
        ended.cancel()
    if agent.refusal:
        raise ConfigError(agent.refusal)
    return 0 if stop.is_set() else EXIT_CLOSED


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(SERVER_WAIT_S):
            await stop.wait()
    except TimeoutError:
        return


def _settings(options: argparse.Namespace) -> Settings:
    """Load the settings, let the command line overrule them, and start to log."""
    settings = config.load(options.config)
    chosen = settings.model_copy(
        update={
            "workers": _overruled(settings.workers, devices=options.devices, drain_s=options.drain_s),
            "nats": _overruled(settings.nats, url=options.nats),
        }
    )
    log.set_up(settings.log.level, secrets=config.secrets_of(settings))
    return chosen


def _overruled(section: SectionT, **wanted: object) -> SectionT:
    chosen = {key: value for key, value in wanted.items() if value is not None}
    try:
        return section.model_validate(section.model_dump() | chosen)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(f"command line: {first['loc'][0]}: {first['msg']}") from None


def _name(wanted: str | None, host: Callable[[], str] = socket.gethostname) -> str:
    from_environment = os.environ.get("GAFUU_NODE", "")
    key = "environment: GAFUU_NODE" if from_environment and not wanted else "command line: --name"
    try:
        return subjects.node_name(wanted or from_environment or host())
    except ValueError as error:
        raise ConfigError(f"{key}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
