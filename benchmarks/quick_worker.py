"""A worker that paints nothing and takes no time: a real process with real frames, for measuring the bot."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from nst_core.protocol import Pastiche, Progress, Ready, StyleRequest
from nst_core.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG."""
LOSSES: Final = {"content": 0.5, "style": 0.5, "total": 1.0}


def paint(request: StyleRequest, *, wish: Callable[[], bool | None]) -> Iterator[Progress | Pastiche]:  # noqa: ARG001 - as the real one
    """Report one step and a picture of one pixel."""
    ids = {"job_id": request.job_id, "attempt": request.attempt}
    yield Progress(**ids, step=1, steps=1, losses=LOSSES, preview=PIXEL)  # type: ignore[arg-type]
    yield Pastiche(
        **ids,  # type: ignore[arg-type]
        image=PIXEL,
        image_format="png",
        curve=PIXEL,
        content_view=PIXEL,
        style_views=(PIXEL,),
        width_px=1,
        height_px=1,
        losses=LOSSES,
        steps=1,
        stopped_early=False,
        seconds=0.0,
    )


if __name__ == "__main__":
    os._exit(serve(lambda: (Ready(device="cpu", device_name="a quick one", pid=os.getpid()), paint)))
