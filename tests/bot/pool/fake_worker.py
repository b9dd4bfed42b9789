"""A worker without torch, for tests of pools: a real process that does what a request tells it to do.

Its one argument is JSON: {"ledger": path, "start": one of STARTS, "times": how often to start so}.
Every start adds a line with the pid to the ledger. A request's content is JSON, too: {"do": one of the
methods of `Behaviour`, and what that method takes}.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core.errors import BadImage, Cancelled
from nst_core.protocol import PROTOCOL_VERSION, Pastiche, Progress, Ready, StyleRequest
from nst_core.worker import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIPE = os.dup(1)
"""The pipe to the bot, kept from `serve` so that a worker can babble into it."""


class Behaviour:
    """What a painter may do."""

    def __init__(self, request: StyleRequest, wish: Callable[[], bool | None]) -> None:
        self.request = request
        self.wish = wish

    def paint(
        self, *, steps: int = 3, step_s: float = 0.01, preview_every: int = 0, stubborn: bool = False
    ) -> Iterator[Progress | Pastiche]:
        """Paint well; `stubborn` pays no heed to wishes."""
        step = 0
        for step in range(1, steps + 1):
            time.sleep(step_s)
            if not stubborn and self.wish() is False:
                raise Cancelled
            shown = preview_every and step % preview_every == 0
            yield self.progress(step, steps, preview=b"preview %d" % step if shown else None)
            if not stubborn and self.wish():
                break
        yield self.pastiche(step, steps)

    def die(self, *, after: int = 2) -> Iterator[Progress | Pastiche]:
        """Die as if by the kernel's hand."""
        yield from itertools.islice(self.paint(stubborn=True), after)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def hang(self, *, after: int = 1) -> Iterator[Progress | Pastiche]:
        """Make no further step, and listen to nobody."""
        yield from itertools.islice(self.paint(stubborn=True), after)
        time.sleep(3600)

    def spin(self) -> Iterator[Progress | Pastiche]:
        """Compute for ever."""
        yield self.progress(1, 2)
        while True:
            sum(range(10**6))

    def complain(self) -> Iterator[Progress | Pastiche]:
        """Find the picture too small."""
        yield self.progress(1, 2)
        raise BadImage("image_too_small", role="style", width_px=1, height_px=2, least_px=16)

    def run_out_of_memory(self) -> Iterator[Progress | Pastiche]:
        """Ask for more than there is."""
        yield self.progress(1, 2)
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")

    def fail(self) -> Iterator[Progress | Pastiche]:
        """Have a bug."""
        yield self.progress(1, 2)
        raise ZeroDivisionError("a bug of ours")

    def babble(self, *, hexadecimal: str) -> Iterator[Progress | Pastiche]:
        """Put bytes into the pipe that are no frame."""
        yield self.progress(1, 2)
        os.write(PIPE, bytes.fromhex(hexadecimal))
        time.sleep(3600)

    def lie(self) -> Iterator[Any]:
        """Say what only a bot says."""
        yield self.progress(1, 2)
        yield self.request
        time.sleep(3600)

    def mutter(self) -> Iterator[Progress | Pastiche]:
        """Speak of other jobs and other attempts, then paint."""
        yield Progress(job_id="another", attempt=1, step=1, steps=1, losses={})
        yield Progress(job_id=self.request.job_id, attempt=99, step=99, steps=99, losses={})
        yield self.pastiche(1, 1, attempt=99)
        yield from self.paint()
        yield self.progress(77, 77)

    def chatter(self, *, lines: int = 10) -> Iterator[Progress | Pastiche]:
        """Print while painting, on both streams, from Python and below it."""
        print("printed by a library")  # noqa: T201 - that is the point
        for _ in range(lines):
            os.write(1, b"written by a library\n")
        os.write(2, b"\x1b[31mwarned\xff by a library\n")
        yield from self.paint()

    def echo(self) -> Iterator[Progress | Pastiche]:
        """Send the style image back."""
        yield self.pastiche(1, 1, image=self.request.styles[0].image)

    def environment(self) -> Iterator[Progress | Pastiche]:
        """Send the environment back."""
        yield self.pastiche(1, 1, image=json.dumps(dict(os.environ)).encode())

    def progress(self, step: int, steps: int, *, preview: bytes | None = None) -> Progress:
        """Return a report that tells the pid in the place of a loss."""
        return Progress(
            job_id=self.request.job_id,
            attempt=self.request.attempt,
            step=step,
            steps=steps,
            losses={"pid": float(os.getpid())},
            preview=preview,
        )

    def pastiche(
        self, step: int, steps: int, *, attempt: int | None = None, image: bytes = b"pastiche"
    ) -> Pastiche:
        """Return a picture that tells the pid in the place of a loss."""
        return Pastiche(
            job_id=self.request.job_id,
            attempt=attempt or self.request.attempt,
            image=image,
            image_format="png",
            curve=b"curve",
            content_view=b"content",
            style_views=(b"style",),
            width_px=4,
            height_px=3,
            losses={"pid": float(os.getpid())},
            steps=step,
            stopped_early=step < steps,
            seconds=0.1,
        )


def paint(request: StyleRequest, *, wish: Callable[[], bool | None]) -> Iterator[Progress | Pastiche]:
    """Do what the request says."""
    how = json.loads(request.content)
    behaviour: Iterator[Progress | Pastiche] = getattr(Behaviour(request, wish), how.pop("do"))(**how)
    yield from behaviour


def open_studio(start: str) -> tuple[Ready, Callable[..., Iterator[Progress | Pastiche]]]:
    """Start well, or not at all."""
    if start == "die":
        sys.stderr.write("no weights here\n")
        os._exit(3)
    if start == "never":
        time.sleep(3600)
    if start == "babble":
        os.write(PIPE, b"Hello, world!\n")
    protocol = PROTOCOL_VERSION + 1 if start == "newer" else PROTOCOL_VERSION
    return Ready(device="cpu", device_name="a fake", protocol=protocol, pid=os.getpid()), paint


def main() -> int:
    """Run as a worker."""
    how = json.loads(sys.argv[1])
    with Path(how["ledger"]).open("a+", encoding="utf-8") as ledger:
        ledger.write(f"{os.getpid()}\n")
        ledger.seek(0)
        starts = len(ledger.readlines())
    start = how["start"] if starts <= how["times"] else "fine"
    if start == "closed":  # alive, but its pipe is not
        os.close(PIPE)
        os.close(1)
        time.sleep(3600)
    status = serve(lambda: open_studio(start))
    if start == "deaf":
        time.sleep(3600)
    return status


if __name__ == "__main__":
    os._exit(main())
