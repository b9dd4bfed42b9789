"""The store's folder as a thing that can fail, and that only one process may use."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from typing import IO, TYPE_CHECKING

from nst_core.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class DiskFault(Fault):
    """Something could not be read from or written to the store; what was there before still is."""


class StoreDamaged(DiskFault):
    """The database's file is no longer what was written to it."""


class BlobGone(DiskFault):
    """A picture's file is missing, or is no longer what was written."""


@contextlib.contextmanager
def disk_faults(what: str) -> Iterator[None]:
    """Turn errors of the file system and of SQLite into `DiskFault` and `StoreDamaged`."""
    try:
        yield
    except sqlite3.Error as error:
        # A full or read-only disk, an I/O error and a busy file are operational errors; rot is not.
        kind = DiskFault if isinstance(error, sqlite3.OperationalError) else StoreDamaged
        raise kind(f"{what}: {error}") from error
    except OSError as error:
        raise DiskFault(f"{what}: {error}") from error


@contextlib.contextmanager
def start_errors() -> Iterator[None]:
    """Turn errors of the file system and of SQLite into a `ConfigError` that names the key."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigError(f"store.path: gafuu.sqlite3 cannot be used ({error})") from error
    except sqlite3.DatabaseError as error:
        hint = "damaged; restore a copy, or move it away to begin anew"
        raise ConfigError(f"store.path: gafuu.sqlite3 is {hint} ({_one_line(error)})") from error
    except OSError as error:
        raise ConfigError(f"store.path: {error.strerror or type(error).__name__}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class FolderLock:
    """Holds a folder for this process; the system lets go of it when the process ends, however it does.

    Raises:
        ConfigError: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "gafuu.lock").open("a+b")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise ConfigError(
                "store.path: another Gafuu is using this folder; stop it, or choose another path"
            ) from None

    def release(self) -> None:
        """Let another process have the folder."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a power cut (where folders can be opened: not on Windows)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
