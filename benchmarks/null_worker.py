"""A worker that paints nothing: it tells when it was given a job, and sleeps. Its argument: seconds."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from nst_core.protocol import Pastiche, Progress, Ready, StyleRequest
from nst_core.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def paint(request: StyleRequest, *, wish: Callable[[], bool | None]) -> Iterator[Progress | Pastiche]:  # noqa: ARG001 - a painter's signature
    """Say when it began, in the place of a loss."""
    began = time.time()
    facts = {"job_id": request.job_id, "attempt": request.attempt, "losses": {"began": began}}
    yield Progress(step=1, steps=1, **facts)  # type: ignore[arg-type] # of these very types
    time.sleep(float(sys.argv[1]))
    yield Pastiche(  # type: ignore[misc] # as above
        image=b"nothing",
        image_format="png",
        curve=None,
        content_view=b"nothing",
        style_views=(b"nothing",),
        width_px=64,
        height_px=64,
        steps=1,
        stopped_early=False,
        seconds=time.time() - began,
        **facts,
    )


if __name__ == "__main__":
    os._exit(serve(lambda: (Ready(device="cpu", device_name="null", pid=os.getpid()), paint)))
