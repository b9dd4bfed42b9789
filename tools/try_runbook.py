"""Execute every `sh` block of docs/runbook.md as it stands, in order, beside a bot and a server of its own.

    python tools/try_runbook.py [--skip "pip install"]

The names that the runbook uses (GAFUU, CONFIG, DATA, NATS, BACKUP) stand for folders that are deleted at the
end. Exit status 0: every command ended with 0. `console` blocks need systemd or Docker and are only counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bot import web
from bot.jobs.store import JobStore
from bot.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^( *)```(sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
USUAL_PORT = "8080"


def main() -> int:
    """Run; return the exit status."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_try(Path(folder), skip=options.skip))


async def _try(folder: Path, *, skip: str) -> int:
    blocks = BLOCK.findall((ROOT / "docs/runbook.md").read_text(encoding="utf-8"))
    lines = [line.strip() for _, kind, text in blocks if kind == "sh" for line in text.splitlines()]
    done = 0
    async with _bot(folder) as port, contextlib.AsyncExitStack() as running:
        for line in filter(None, lines):
            if skip and skip in line:
                print(f"SKIPPED  {line}")
                continue
            if "--signal reload" in line and not (folder / "nats/nats.pid").exists():
                running.enter_context(_server(folder / "nats"))
            words = line.replace(f":{USUAL_PORT}", f":{port}")
            # There may be other servers on this machine.
            words = words.replace("--signal reload", "--signal reload=$NATS/nats.pid")
            ended = await asyncio.to_thread(_run, words, folder)
            print(f"{'ok' if not ended.returncode else 'FAILED':8} {line}")
            if ended.returncode:
                print(ended.stdout + ended.stderr)
                return 1
            done += 1
    left = sum(kind == "console" for _, kind, _ in blocks)
    print(f"{done} commands executed; {left} blocks need systemd or Docker")
    return 0


def _run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    names = {"DATA": "data", "NATS": "nats", "BACKUP": "backup", "CONFIG": "config.toml"}
    environ = {name: str(folder / place) for name, place in names.items()}
    program = Path(sys.executable).parents[1]
    path = f"{program / 'bin'}:{os.environ['PATH']}"
    environ |= {"GAFUU": str(program), "PYTHONPATH": str(ROOT), "PATH": path}
    words = ["bash", "-euo", "pipefail", "-c", line]
    settings = {"cwd": ROOT, "env": {**os.environ, **environ}}
    return subprocess.run(words, **settings, capture_output=True, text=True, check=False)


@contextlib.asynccontextmanager
async def _bot(folder: Path) -> AsyncIterator[int]:
    """Serve what a running bot serves, over a store that is in use."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    (folder / "config.toml").write_text(f'[web]\nport = {port}\n[store]\npath = "{folder / "data"}"\n')
    store = await JobStore.open(folder / "data")
    try:
        async with web.serving({}, host="127.0.0.1", port=port, metrics=Metrics(list)):
            yield port
    finally:
        await store.close()


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[None]:
    """Run the server as the runbook has configured it by now, but for its port and the folder of its data."""
    common = folder / "common.conf"
    common.write_text(common.read_text().replace("/var/lib/nats", str(folder / "data")))
    program = Path(sys.executable).with_name("nats-server")
    pid = folder / "nats.pid"
    words = [str(program), "-c", "nats.conf", "-a", "127.0.0.1", "-p", "-1", "-P", str(pid)]
    server = subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        while not pid.exists() or not pid.read_text():
            if server.poll() is not None:
                raise SystemExit("the server does not start with the runbook's configuration")
        yield
    finally:
        server.terminate()
        server.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--skip", default="", help="leave out commands that hold this text")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
