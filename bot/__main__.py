"""`python -m bot run|rehearse|check|status`: the only place where the parts of the bot are joined.

Exit status: 0 ended as asked · 1 a fault, or `check` found something to mend · 2 wrong usage ·
78 the configuration cannot be used (one line on standard error names file and key).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from bot import check, client, config, log, signals, status, web
from bot.pool.base import Unreachable
from bot.rehearse import CannotRehearse, rehearse
from bot.status import NoAnswer
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.client import GafuuBot
    from bot.config import Settings

EXIT_FAULT: Final = 1
EXIT_CONFIG: Final = 78
"""EX_CONFIG of sysexits.h: a supervisor need not try again before somebody has mended it."""
USUAL_CONFIG: Final = Path("config.toml")
PAGE_PORT: Final = 8765
MOST_PORT: Final = 65535

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return its exit status."""
    options = parser().parse_args(argv)
    try:
        return asyncio.run(COMMANDS[options.command](options))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except (CannotRehearse, NoAnswer, Unreachable) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAULT
    except KeyboardInterrupt:
        return EXIT_FAULT  # a second Ctrl-C, which did not wait for the orderly end


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    whole = argparse.ArgumentParser(prog="python -m bot", description="Gafuu, a painting Discord bot.")
    commands = whole.add_subparsers(dest="command", required=True, metavar="run|rehearse|check|status")
    helps = {
        "run": "run the bot on Discord (needs DISCORD_TOKEN)",
        "rehearse": "run the same bot on a simulated Discord, in a local page",
        "check": "try every part that the bot needs, and say what to mend",
        "status": "show what a running bot does: its queue, its nodes, its devices",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="settings; by default every default"
            if name == "rehearse"
            else "by default config.toml, if there is one",
        )
        if name == "status":
            command.add_argument("--json", action="store_true", help="print one JSON object")
        if name == "rehearse":
            command.add_argument(
                "--port", type=_port, default=PAGE_PORT, help="of the page (default %(default)s)"
            )
            command.add_argument("--no-browser", action="store_true", help="only print the page's address")
    return whole


async def run(options: argparse.Namespace) -> int:
    """Run the bot on Discord until SIGTERM or Ctrl-C."""
    path = _usual(options.config)
    settings = _settings(path)
    if settings.token is None:
        raise ConfigError("environment: DISCORD_TOKEN: not set; `python -m bot check` tells how to get one")
    with _naming(path):
        return await live(client.create_bot(settings), settings.token.get_secret_value())


async def live(bot: GafuuBot, token: str) -> int:
    """Keep a bot on Discord until SIGTERM or Ctrl-C; return the exit status.

    Raises:
        ConfigError: Discord refuses the token, or the settings cannot be used.
    """
    gc.freeze()  # what is loaded by now stays; to look through it again and again held everybody up for 80 ms
    web_settings = bot.settings.web
    serving = web.serving(readiness(bot), host=web_settings.host, port=web_settings.port, metrics=bot.metrics)
    try:
        with signals.stop_requested() as stop:
            async with serving:
                await _online(bot, token, stop)
    except discord.LoginFailure:
        raise ConfigError("environment: DISCORD_TOKEN: Discord refuses it; copy it again") from None
    except (aiohttp.ClientConnectionError, discord.DiscordServerError) as error:
        _log.error("discord_unreachable error=%s", error)
        return EXIT_FAULT
    return 0


async def rehearse_command(options: argparse.Namespace) -> int:
    """Run the rehearsal until Ctrl-C."""
    settings = _settings(options.config, quiet=options.config is None)
    with _naming(options.config):
        await rehearse(
            client.create_bot,
            settings,
            port=options.port,
            open_browser=not options.no_browser,
            keep_store=options.config is not None,
        )
    return 0


async def check_command(options: argparse.Namespace) -> int:
    """Try every part."""
    path = _usual(options.config)
    return await check.check(_settings(path, quiet=True), path)


async def status_command(options: argparse.Namespace) -> int:
    """Show what a running bot does."""
    said = await status.ask(_settings(_usual(options.config), quiet=True))
    print(json.dumps(said) if options.json else status.table(said))
    return 0


async def _online(bot: GafuuBot, token: str, stop: asyncio.Event) -> None:
    """Keep the bot online until it fails or is asked to stop; then close it, which drains it."""
    online = asyncio.create_task(bot.start(token), name="online")
    stopping = asyncio.create_task(stop.wait(), name="stopping")
    try:
        await asyncio.wait((online, stopping), return_when=asyncio.FIRST_COMPLETED)
        _log.info("bot_closing asked=%s", stop.is_set())
    finally:
        stopping.cancel()
        await bot.close()
    if stop.is_set():
        online.cancel()
        await asyncio.gather(online, return_exceptions=True)
    else:
        await online


def readiness(bot: GafuuBot) -> web.Checks:
    """Return what must be so before the bot can take a job."""

    async def gateway() -> bool:
        return bot.is_ready() and not bot.is_closed()

    async def worker() -> bool:
        return any(slot.state in {"ready", "busy"} for slot in bot.pool.slots())

    async def store() -> bool:
        if not hasattr(bot, "store"):  # it opens while the bot starts
            return False
        await bot.store.probe()
        return True

    return {"gateway": gateway, "worker": worker, "store": store}


@contextlib.contextmanager
def _naming(path: Path | None) -> Iterator[None]:
    """Put the file's name before what only shows when the settings are used."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path or 'default settings'}: {error}") from None


def _usual(path: Path | None) -> Path | None:
    """Return the file to read: the named one, else `config.toml` if there is one here."""
    return path or (USUAL_CONFIG if USUAL_CONFIG.exists() else None)


def _settings(path: Path | None, *, quiet: bool = False) -> Settings:
    """Load the settings and start to log; quietly where a person reads the output."""
    settings = config.load(path)
    log.set_up("WARNING" if quiet else settings.log.level, secrets=config.secrets_of(settings))
    return settings


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port: choose a number from 0 to {MOST_PORT}")
    return int(text)


COMMANDS: Final = {"run": run, "rehearse": rehearse_command, "check": check_command, "status": status_command}

if __name__ == "__main__":
    sys.exit(main())
