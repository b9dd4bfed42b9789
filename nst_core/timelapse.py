"""How a picture came to be, as a short animation."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from PIL import Image

from nst_core.images import scaled_size, to_pil

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_core.transfer import Step

MOST_BYTES: Final = 400_000
MOST_FRAMES: Final = 48
"""With the photo and the finished picture; some 15 MB while the picture is painted."""
LONG_SIDE_PX: Final = 320
FRAME_MS: Final = 90
PHOTO_MS: Final = 700
LAST_MS: Final = 2600
LADDER: Final = (
    (1.0, 75, 1.0),
    (1.0, 60, 0.6),
    (1.0, 45, 0.4),
    (0.75, 50, 0.3),
    (0.5, 50, 0.17),
    (0.35, 45, 0.09),
    (0.25, 40, 0.05),
)
"""(share of the size, WebP quality, about how many bytes of the first rung's), the best first."""


class Timelapse:
    """Keeps some of a painting's pictures, spread evenly over its steps, all of one size.

    Args:
        content: the photo, which the animation begins with.
        long_side_px: of the finished picture; frames are smaller, and no larger than that.
    """

    def __init__(self, content: Image.Image, *, long_side_px: int) -> None:
        self._size = scaled_size(*content.size, min(LONG_SIDE_PX, long_side_px))
        self._frames = [self._frame(content)]
        self._newest: Step | None = None
        self._newest_kept = False

    def add(self, step: Step) -> None:
        """Take one more step, and keep its picture if it is the turn of one."""
        self._newest, self._newest_kept = step, is_kept(step.index, step.total)
        if self._newest_kept:
            self._frames.append(self._frame(to_pil(step.pastiche)))

    def encode(self, *, max_bytes: int = MOST_BYTES) -> bytes:
        """Return the animation so far, a WebP that goes round and rests on the last picture.

        Args:
            max_bytes: it loses quality, then size, until it is not larger, or as small as can be.

        Raises:
            ValueError: no step at all.
        """
        if self._newest is None:
            raise ValueError("a timelapse needs at least one step")
        last = [] if self._newest_kept else [self._frame(to_pil(self._newest.pastiche))]
        frames = [*self._frames, *last]
        share, quality, _ = LADDER[0]
        data = whole = _webp(frames, share, quality)
        for share, quality, expected in LADDER[1:]:
            if len(data) <= max_bytes:
                break
            # A rung that would not do is not worth the second that it takes; the last is tried anyway.
            if expected * len(whole) <= max_bytes or quality == LADDER[-1][1]:
                data = _webp(frames, share, quality)
        return data

    def _frame(self, picture: Image.Image) -> Image.Image:
        return picture.resize(self._size, Image.Resampling.LANCZOS)


def is_kept(index: int, total: int) -> bool:
    """Tell whether the picture of step `index` of 1 … `total` becomes a frame: the last one always does."""
    room = MOST_FRAMES - 2  # the photo, and whichever picture it was stopped at
    if total <= room:
        return True
    return index == total or (index - 1) * (room - 1) // (total - 1) > (index - 2) * (room - 1) // (total - 1)


def _webp(frames: Sequence[Image.Image], share: float, quality: int) -> bytes:
    size = (max(1, round(frames[0].width * share)), max(1, round(frames[0].height * share)))
    sized = frames if share == 1.0 else [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    first, *others = sized
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=[PHOTO_MS, *(FRAME_MS for _ in others[1:]), LAST_MS],
        loop=0,
        quality=quality,
    )
    return buffer.getvalue()
