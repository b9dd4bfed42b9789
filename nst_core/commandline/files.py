"""Pictures that come in and files that go out: checked before the work, whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from nst_core.commandline.answers import MistakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Format = Literal["png", "jpeg", "webp"]
FORMATS: Final[dict[str, Format]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


def check_output(path: Path, endings: Iterable[str], *, sources: Iterable[Path]) -> None:
    """Make sure that a file can be written there later.

    Args:
        path: where.
        endings: what its name may end with.
        sources: files that must not be overwritten.

    Raises:
        MistakeError: another ending, no such folder, no permission, or it is one of the sources.
    """
    if path.suffix.lower() not in endings:
        raise MistakeError(f"“{path}” must end in {_either(endings)}: the ending chooses the kind of file.")
    if path.is_dir():
        raise MistakeError(f"“{path}” is a folder: name a file to write.")
    if not path.parent.is_dir():
        raise MistakeError(f"There is no folder “{path.parent}” to write into: make it first.")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise MistakeError(f"“{path}” cannot be written: choose another place, or allow it.")
    for source in sources:
        if _same_file(path, source):
            raise MistakeError(f"“{path}” would overwrite a picture that is needed: choose another name.")


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write several files; each is whole or not there, and none is there unless all could be written.

    Raises:
        MistakeError: the disk is full, say.
    """
    partials = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    try:
        for path, data in files.items():
            partials[path].write_bytes(data)
        for path, partial in partials.items():
            partial.replace(path)
    except OSError as error:
        raise MistakeError(f"The painting could not be written: {error.strerror}.") from error
    finally:
        for partial in partials.values():
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Return whether there is a file, and False for a name that cannot be one."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long a name, a NUL in it
        return False


def _same_file(one: Path, other: Path) -> bool:
    with suppress(OSError, ValueError):
        return one.samefile(other)
    return one.absolute() == other.absolute()


def _either(endings: Iterable[str]) -> str:
    *first, last = endings
    return f"{', '.join(first)} or {last}" if first else last
