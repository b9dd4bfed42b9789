"""A progress bar on a terminal: one line on stderr, rewritten in place; nothing anywhere else."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

EVERY_S: Final = 0.1
WIDTH: Final = 24
_START_OF_LINE: Final = "\r\x1b[2K"
_MIB: Final = 2**20


class Bar:
    """Shows how far a painting is.

    Args:
        stream: where to; a stream that is no terminal stays silent.
        clock: seconds, only ever subtracted.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._shows = stream.isatty()
        self._drawn_at = float("-inf")
        self._first: tuple[float, float] | None = None

    def note(self, text: str) -> None:
        """Show what is being waited for."""
        self._draw(text)

    def download(self, done_bytes: int, total_bytes: int) -> None:
        """Show how far a download is."""
        if self._is_time(last=done_bytes == total_bytes):
            total = f" of {total_bytes / _MIB:.0f}" if total_bytes else ""
            self._draw(f"downloading weights: {done_bytes / _MIB:.0f}{total} MiB")

    def step(self, index: int, total: int, losses: Mapping[str, float], *, share: float) -> None:
        """Show a step, its losses and the time that is left.

        Args:
            index: 1 … total.
            total: how many there will be.
            losses: name → value.
            share: of all the work, what is done, 0 … 1.
        """
        now = self._clock()
        self._first = self._first or (share, now)
        if self._is_time(last=index == total):
            words = " ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
            left = _left(self._first, now, share)
            filled = WIDTH * index // total
            self._draw(f"[{'#' * filled}{'.' * (WIDTH - filled)}] {index}/{total}{left}  {words}")

    def clear(self) -> None:
        """Take the line away."""
        if self._shows:
            self._stream.write(_START_OF_LINE)
            self._stream.flush()

    def _is_time(self, *, last: bool) -> bool:
        now = self._clock()
        if not last and now - self._drawn_at < EVERY_S:
            return False
        self._drawn_at = now
        return True

    def _draw(self, text: str) -> None:
        if self._shows:
            columns = shutil.get_terminal_size().columns
            self._stream.write(_START_OF_LINE + text[: columns - 1])  # a wrapped line cannot be rewritten
            self._stream.flush()


def _left(first: tuple[float, float], now: float, share: float) -> str:
    """Return the time left, going by the work since the first step, which alone also warms up."""
    first_share, began = first
    if share <= first_share:
        return ""
    seconds = round((now - began) / (share - first_share) * (1.0 - share))
    return f"  {seconds // 60}:{seconds % 60:02d} left"
