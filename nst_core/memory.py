"""How this process asks the system for memory, and gives it back.

A step makes and drops some gigabytes of feature maps. By default glibc asks the system for each large one
and returns it at once, and the system clears every page anew: at 512 px that took a fifth of the time.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
"""Numbers of glibc's malloc.h."""
NEVER_TRIM_BYTES: Final = 2**31 - 1
LARGEST_KEPT_BYTES: Final = 2**25
"""With pieces of up to 1 GiB kept, and nothing given back between scales, a square of 1024 px took 4.7 GiB
instead of 2.7: what one size left did not fit the next."""


def keep_memory(environ: MutableMapping[str, str]) -> bool:
    """Let this process keep the memory it once had, in large pages. Before torch is imported.

    What it holds on to is no more than its peak; `give_back_memory` returns it.

    Args:
        environ: where torch will look.

    Returns:
        Whether the C library knows how; elsewhere than with glibc nothing changes.
    """
    environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    libc = _glibc()
    if libc is None:
        return False
    kept = libc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
    return bool(libc.mallopt(M_TRIM_THRESHOLD, NEVER_TRIM_BYTES) and kept)


def give_back_memory() -> None:
    """Return what is free to the system; between jobs, as taking it again costs time."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
