"""A Docker engine of its own, which leaves this machine's network, mounts and images alone.

A Debian with Docker in it, made by debootstrap in a folder, runs in namespaces that end with it. Its
containers reach the network through slirp4netns, and find this machine's own 127.0.0.1 at `HERE`.
Needs root, debootstrap and slirp4netns; it was tried on cgroups of version 1 only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from try_dockerfile import mirror

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE: Final = "10.0.2.2"
"""What 127.0.0.1 of this machine is called inside."""
NAMES_SERVER: Final = "10.0.2.3"
USER: Final = "keeper"
"""Who runs Docker's commands inside: somebody who is not root, as most people are."""
RELEASE: Final = "trixie"
PACKAGES: Final = (
    "ca-certificates",
    "docker.io",
    "docker-cli",
    "docker-compose",
    "docker-buildx",
    "iptables",
    "iproute2",
    "busybox-static",
)
GROUP: Final = "gafuu-docker"
"""The control group below which all containers are."""
BOOT: Final = f"""
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
read -r _
pivot_root . mnt
umount --lazy /mnt
cd /
ip link set lo up
exec docker-init -- dockerd --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent=/{GROUP}
"""
UP_WITHIN_S: Final = 60.0
DOWN_WITHIN_S: Final = 30.0


class Engine:
    """A running engine.

    Args:
        root: its files, seen from outside.
        pid: its first process, seen from outside.
    """

    def __init__(self, root: Path, pid: int) -> None:
        self.root = root
        self._inside = ("nsenter", "--all", "--target", str(pid))

    def run(self, line: str, *, folder: str = "/") -> subprocess.CompletedProcess[str]:
        """Run a line of shell as `USER`, with what it prints kept."""
        environ = ("env", "-i", f"HOME=/home/{USER}", f"PATH={os.defpath}:/usr/sbin", "LANG=C.UTF-8")
        words = ("runuser", "-u", USER, "--", *environ, "bash", "-euo", "pipefail", "-c", line)
        inside = (*self._inside, "sh", "-c", 'cd "$0" && exec "$@"', folder, *words)
        return subprocess.run(
            inside, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )

    def own(self, path: str) -> None:
        """Make files belong to `USER`."""
        subprocess.run([*self._inside, "chown", "--recursive", f"{USER}:", path], check=True)

    def load(self, files: Path, name: str, changes: Sequence[str]) -> None:
        """Make an image of a folder's files."""
        kept = ("--exclude=./proc/*", "--exclude=./dev/*", "--exclude=./var/cache/apt")
        words = [word for change in changes for word in ("--change", change)]
        with subprocess.Popen(["tar", "-C", files, *kept, "-c", "."], stdout=subprocess.PIPE) as tar:
            loaded = [*self._inside, "docker", "import", *words, "-", name]
            subprocess.run(loaded, stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)
        if tar.returncode:
            raise SystemExit(f"error: {files} cannot be read")


@contextlib.contextmanager
def running(folder: Path, *, keep: bool) -> Iterator[Engine]:
    """Run an engine.

    Args:
        folder: where its files are, or will be.
        keep: whether to begin with the images and volumes that an earlier one has left.
    """
    root = _system(folder)
    if not keep:
        shutil.rmtree(root / "var/lib/docker", ignore_errors=True)
    spaces = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
    words = ["unshare", *spaces, "sh", "-euc", BOOT, str(root)]
    with contextlib.ExitStack() as ends, (folder / "dockerd.log").open("wb") as log:
        outer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        ends.callback(_tidy)
        ends.callback(_end, outer)
        pid = _first_process(outer)
        ends.enter_context(_network(pid, folder / "network.log"))
        if outer.stdin is not None:
            outer.stdin.write(b"\n")
            outer.stdin.flush()
        engine = Engine(root, pid)
        _until_up(engine, outer)
        yield engine


def _system(folder: Path) -> Path:
    """Return a Debian with Docker, made once."""
    root = folder / "system"
    if not (root / "home" / USER).is_dir():
        include = f"--include={','.join(PACKAGES)}"
        words = ["debootstrap", "--variant=minbase", include, RELEASE, str(root), *mirror()]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        words = ["chroot", str(root), "useradd", "--create-home", "--groups", "docker", USER]
        subprocess.run(words, check=True)
    (root / "etc/resolv.conf").write_text(f"nameserver {NAMES_SERVER}\n")
    return root


@contextlib.contextmanager
def _network(pid: int, log: Path) -> Iterator[None]:
    """Connect a process's network with this machine's."""
    ready, says_ready = os.pipe()
    words = ["slirp4netns", "--configure", f"--ready-fd={says_ready}", str(pid), "tap0"]
    with log.open("wb") as to:
        slirp = subprocess.Popen(words, pass_fds=[says_ready], stdout=to, stderr=to, start_new_session=True)
    os.close(says_ready)
    try:
        if not os.read(ready, 1):
            raise SystemExit(f"error: no network: {log.read_text()}")
        yield
    finally:
        os.close(ready)
        slirp.terminate()
        slirp.wait()


def _first_process(outer: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + UP_WITHIN_S
    while outer.poll() is None and time.monotonic() < deadline:
        for child in Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split():
            return int(child)
        time.sleep(0.1)
    raise SystemExit("error: no namespaces can be made here")


def _until_up(engine: Engine, outer: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + UP_WITHIN_S
    while engine.run("docker info").returncode:
        if outer.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("error: Docker does not start; dockerd.log in the folder tells why")
        time.sleep(0.5)


def _end(outer: subprocess.Popen[bytes]) -> None:
    """End everything inside, in order if it can be."""
    if outer.poll() is None:
        with contextlib.suppress(SystemExit, ProcessLookupError):
            os.kill(_first_process(outer), signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            outer.wait(DOWN_WITHIN_S)
    outer.kill()  # and with it, by --kill-child, whatever is left
    outer.wait()


def _tidy() -> None:
    """Remove the control groups, which are empty by now."""
    for place in (*Path("/sys/fs/cgroup").glob(GROUP), *Path("/sys/fs/cgroup").glob(f"*/{GROUP}")):
        for folder, _, _ in os.walk(place, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
