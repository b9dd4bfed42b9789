"""What a process that paints wants settled before it imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nst_core.memory import keep_memory
from nst_core.threads import let_threads_wait

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def settle(environ: MutableMapping[str, str]) -> None:
    """Settle how this process holds memory and how its threads wait. Before torch is imported.

    Args:
        environ: where torch and OpenMP will look; what is set there stays.
    """
    keep_memory(environ)
    let_threads_wait(environ)
