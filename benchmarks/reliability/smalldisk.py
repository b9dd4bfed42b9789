"""A disk that can really be full and really be read-only, for whoever runs this, root or not."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_MIB: Final = 16
INSIDE: Final = "GAFUU_INSIDE_SMALL_DISK"
UNSHARE: Final = ("unshare", "--user", "--map-root-user", "--mount")
"""A mount namespace of one's own, in which anybody may mount."""
BLOCK: Final = bytes(64 * 1024)


class SmallDisk(Protocol):
    """A folder with troubles that can be switched on and off."""

    kind: str
    """What it is, for the report."""
    folder: Path

    def fill(self) -> None:
        """Let no file grow any more."""

    def free(self) -> None:
        """Make room again."""

    def lock(self, folder: Path) -> None:
        """Make a folder read-only."""

    def unlock(self, folder: Path) -> None:
        """Make it writable again."""


class Tmpfs:
    """A file system of 16 MiB.

    Args:
        folder: where it is mounted.
    """

    kind = f"a file system of its own (tmpfs, {SIZE_MIB} MiB)"

    def __init__(self, folder: Path) -> None:
        mount("-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "gafuu-proof", str(folder))
        self.folder = folder / "data"
        self.folder.mkdir()
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Write until the system says that there is no space left."""
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(BLOCK)

    def free(self) -> None:
        """Throw the ballast away."""
        self._ballast.unlink()

    def lock(self, folder: Path) -> None:
        """Mount a folder over itself, to be read only."""
        mount("--bind", str(folder), str(folder))
        mount("-o", "remount,bind,ro", str(folder))

    def unlock(self, folder: Path) -> None:
        """Take that mount away."""
        run("umount", str(folder))


class Quota:
    """An ordinary folder in which no file of this process may grow beyond a byte (`RLIMIT_FSIZE`).

    Args:
        folder: any.
    """

    kind = "a limit on the size of files (RLIMIT_FSIZE), and folders without the right to write"

    def __init__(self, folder: Path) -> None:
        import resource  # noqa: PLC0415 - not on Windows

        self._resource = resource
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.folder = folder

    def fill(self) -> None:
        """Set the limit."""
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, (1, self._before[1]))

    def free(self) -> None:
        """Set it as it was."""
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, self._before)

    def lock(self, folder: Path) -> None:
        """Take the right to write from it and its folders; root, whom that does not stop, is limited."""
        for path in [*folder.rglob("*/"), folder]:
            path.chmod(0o555)
        if os.geteuid() == 0:
            self.fill()

    def unlock(self, folder: Path) -> None:
        """Give it back."""
        self.free()
        for path in [folder, *folder.rglob("*/")]:
            path.chmod(0o755)


def mount(*arguments: str) -> None:
    """Mount something."""
    run("mount", *arguments)


def run(*command: str) -> None:
    """Run a program of the system."""
    subprocess.run(command, check=True, capture_output=True, text=True)


def move_inside() -> None:
    """Begin this program again in a mount namespace of its own, where the system lets us."""
    if os.environ.get(INSIDE) or shutil.which(UNSHARE[0]) is None:
        return
    tried = subprocess.run(
        [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
    )
    if tried.returncode == 0:
        os.environ[INSIDE] = "1"
        os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, *sys.argv])  # noqa: S606 - ourselves


@contextlib.contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """Yield the most real small disk that can be had here; call `move_inside` first."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        if not os.environ.get(INSIDE):
            quota = Quota(Path(name))
            try:
                yield quota
            finally:
                quota.free()
            return
        disk = Tmpfs(Path(name))
        try:
            yield disk
        finally:
            run("umount", "--recursive", "--lazy", name)
