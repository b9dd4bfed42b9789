"""Has a contact sheet drawn by a process of its own, since the bot itself never loads what draws."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Final

from bot.pool.process import without_secrets
from nst_core.protocol import write_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

log: Final = logging.getLogger(__name__)
COMMAND: Final = (sys.executable, "-m", "nst_core.sheet")
PATIENCE_S: Final = 60.0


async def draw_sheet(
    pictures: Sequence[bytes], *, command: Sequence[str] = COMMAND, patience_s: float = PATIENCE_S
) -> bytes | None:
    """Return a JPEG of pictures, lettered A, B, C…; None if it cannot be drawn here.

    A party goes on without its sheet, so that no trouble of the process is raised.

    Args:
        pictures: encoded.
        command: starts the process.
        patience_s: how long it may take.
    """
    frames = io.BytesIO()
    for picture in pictures:
        write_frame(frames, picture)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=without_secrets(os.environ)
        )
    except OSError as error:
        log.warning("sheet_not_started error=%s", error)
        return None
    try:
        async with asyncio.timeout(patience_s):
            out, err = await process.communicate(frames.getvalue())
    except TimeoutError:
        log.warning("sheet_timed_out pictures=%d", len(pictures))
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode or not out:
        log.warning(
            "sheet_not_drawn status=%s error=%s", process.returncode, err.decode(errors="replace")[-500:]
        )
        return None
    return out
