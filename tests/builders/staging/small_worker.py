"""A worker that paints badly but at once: real process, real frames, real pictures, no torch.

A picture of 64 pixels takes no time. Larger ones take as long as a person needs to press a button.
"""

from __future__ import annotations

import io
import os
import time
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from nst_core.errors import Cancelled
from nst_core.protocol import Pastiche, Progress, Ready, StyleRequest
from nst_core.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS_AT_64_PX = 2
STEPS_OF_LARGER = 400
STEP_S = 0.05


def paint(request: StyleRequest, *, wish: Callable[[], bool | None]) -> Iterator[Progress | Pastiche]:
    """Blend the style into the content, a little more with each step."""
    began = time.monotonic()
    size = request.params.long_side_px
    content = _opened(request.content, size)
    styles = [_opened(style.image, size).resize(content.size) for style in request.styles]
    style = styles[0]
    for share, other in enumerate(styles[1:], start=2):
        style = Image.blend(style, other, 1 / share)
    steps = STEPS_AT_64_PX if size <= 64 else STEPS_OF_LARGER
    step = 0
    for step in range(1, steps + 1):
        time.sleep(STEP_S)
        if wish() is False:
            raise Cancelled
        canvas = Image.blend(content, style, step / steps)
        losses = {"content": step / steps, "style": 1 - step / steps, "total": 1.0}
        yield Progress(
            job_id=request.job_id,
            attempt=request.attempt,
            step=step,
            steps=steps,
            losses=losses,
            preview=_saved(canvas, "JPEG"),
        )
        if wish():
            break
    yield Pastiche(
        job_id=request.job_id,
        attempt=request.attempt,
        image=_saved(canvas, "PNG"),
        image_format="png",
        curve=_saved(_curve(step), "PNG"),
        content_view=_saved(content, "JPEG"),
        style_views=tuple(_saved(each, "JPEG") for each in styles),
        width_px=canvas.width,
        height_px=canvas.height,
        losses=losses,
        steps=step,
        stopped_early=step < steps,
        seconds=time.monotonic() - began,
        timelapse=_timelapse(content, canvas) if request.timelapse else None,
    )


def _opened(data: bytes, long_side_px: int) -> Image.Image:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = long_side_px / max(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)))


def _saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _timelapse(first: Image.Image, last: Image.Image) -> bytes:
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=[last.resize(first.size)], duration=300)
    return buffer.getvalue()


def _curve(steps: int) -> Image.Image:
    curve = Image.new("RGB", (320, 200), "white")
    ImageDraw.Draw(curve).line([(0, 10), (10 * steps, 190)], fill="black")
    return curve


if __name__ == "__main__":
    os._exit(serve(lambda: (Ready(device="cpu", device_name="a small one", pid=os.getpid()), paint)))
