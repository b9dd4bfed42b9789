"""Pictures as files named by their content: written whole or not at all, checked when read.

Synchronous: callers put these into threads.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from typing import TYPE_CHECKING, Final

from bot.jobs.disk import BlobGone, disk_faults, sync_folder

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


PROBE: Final = bytes(64 * 1024)
"""As large as a small picture: on a full disk a few bytes may still find room."""


class BlobFolder:
    """Content-addressed files: `ab/abcdef…` holds the bytes whose sha256 is abcdef….

    Args:
        folder: made when it is missing. Leftovers of interrupted writes are removed.

    Raises:
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        # A writer that finds its bytes already there refreshes the file's time; the sweeper must not
        # look at that time before and remove the file after.
        self._keep_or_remove = threading.Lock()
        self._incoming.mkdir(parents=True, exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        probe = self._incoming / "probe"
        probe.write_bytes(b"written at start to see that it can be done")
        probe.replace(folder / "probe").unlink()

    def write(self, content: bytes) -> str:
        """Keep the bytes and return their sha256; they are on the disk when this returns.

        Raises:
            DiskFault: nothing was kept.
        """
        name = hashlib.sha256(content).hexdigest()
        with disk_faults("write a picture"):
            if not self._refresh(name):
                self._write_new(name, content)
        return name

    def probe(self) -> None:
        """Write a file and remove it.

        Raises:
            DiskFault: that does not work.
        """
        path = self._incoming / uuid.uuid4().hex
        with disk_faults("write a file to see that it can be done"):
            try:
                path.write_bytes(PROBE)
            finally:
                path.unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        """Return the bytes.

        Raises:
            BlobGone: the file is missing, or holds something else than it did.
            DiskFault: it cannot be read.
        """
        with disk_faults("read a picture"):
            try:
                content = self._path(name).read_bytes()
            except FileNotFoundError:
                raise BlobGone(f"picture {name} is missing") from None
        if hashlib.sha256(content).hexdigest() != name:
            raise BlobGone(f"picture {name} is damaged")
        return content

    def sweep(self, referenced: Collection[str], *, unused_for_s: float) -> int:
        """Remove files that nothing refers to and that were not written for some time.

        Args:
            referenced: names to be kept.
            unused_for_s: leaves time to writers whose reference is not stored yet.

        Returns:
            How many files were removed.
        """
        removed = 0
        with disk_faults("sweep the pictures"):
            older_than = self._file_time() - unused_for_s
            for path in self._folder.glob("??/*"):
                removed += path.name not in referenced and self._remove(path, older_than)
        return removed

    def _file_time(self) -> float:
        """Return the present by the clock that stamps the files, which may be another machine's."""
        stamp = self._incoming / uuid.uuid4().hex
        stamp.touch()
        try:
            return stamp.stat().st_mtime
        finally:
            stamp.unlink()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _refresh(self, name: str) -> bool:
        with self._keep_or_remove:
            try:
                os.utime(self._path(name))
            except FileNotFoundError:
                return False
        return True

    def _write_new(self, name: str, content: bytes) -> None:
        incoming = self._incoming / uuid.uuid4().hex
        try:
            with incoming.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self._path(name).parent.mkdir(exist_ok=True)
            incoming.replace(self._path(name))
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        sync_folder(self._path(name).parent)

    def _remove(self, path: Path, older_than: float) -> bool:
        with self._keep_or_remove:
            if path.stat().st_mtime >= older_than:
                return False
            path.unlink()
        return True
