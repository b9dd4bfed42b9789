"""A worker without torch that writes down what it paints: `LEDGER/<pid>` holds the job's id while it does.

Arguments: the ledger's folder, steps, seconds per step. Every picture is a pixel, and no two the same bytes.
"""

from __future__ import annotations

import base64
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nst_core.errors import Cancelled
from nst_core.protocol import Pastiche, Progress, Ready, StyleRequest
from nst_core.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NOISE_BYTES: Final = 4096
LOSSES: Final = {"content": 0.5, "style": 0.5, "total": 1.0}


def paint(request: StyleRequest, *, wish: Callable[[], bool | None]) -> Iterator[Progress | Pastiche]:
    """Take so many steps, then return a picture of one pixel."""
    note, steps, step_s = Path(sys.argv[1]) / str(os.getpid()), int(sys.argv[2]), float(sys.argv[3])
    note.write_text(request.job_id, encoding="ascii")
    began, step = time.monotonic(), 0
    ids = {"job_id": request.job_id, "attempt": request.attempt}
    for step in range(1, steps + 1):
        time.sleep(step_s)
        if wish() is False:
            raise Cancelled
        yield Progress(**ids, step=step, steps=steps, losses=LOSSES, preview=PIXEL)  # type: ignore[arg-type]
        if wish():
            break
    yield Pastiche(
        **ids,  # type: ignore[arg-type]
        image=PIXEL + os.urandom(NOISE_BYTES),
        image_format="png",
        curve=PIXEL,
        content_view=PIXEL,
        style_views=(PIXEL,),
        width_px=1,
        height_px=1,
        losses=LOSSES,
        steps=step,
        stopped_early=step < steps,
        seconds=time.monotonic() - began,
    )
    note.write_text("", encoding="ascii")


if __name__ == "__main__":
    os._exit(serve(lambda: (Ready(device="cpu", device_name="a tiny one", pid=os.getpid()), paint)))
