"""Strangers' pictures decoded in a process of their own, which may take only so much time and memory.

A decoder is the largest body of C that hostile bytes ever meet. In a process of its own it can run out of
memory, hang or crash without harm: the picture is refused in one sentence, the painting process and every
other job go on, and the next picture gets a fresh decoder.

``python -m nst_core.decoder`` is that process. For each line of JSON (`decode`'s arguments, and the file's
length) and the file behind it, it answers with a line of JSON: either the "size" of the picture, whose RGB
bytes follow, or the "error", "code" and "values" of a `UserError`. It ends when its input does.

The limit on memory is one of address space (`RLIMIT_AS`): Linux keeps it, macOS and Windows do not have it.
The limit on time is kept everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any, Final

from PIL import AvifImagePlugin, Image

from nst_core import formats
from nst_core.decoding import decode
from nst_core.errors import USER_ERRORS, BadImage, UserError
from nst_core.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

WITHIN_S: Final = 20.0
"""The slowest honest picture we know, 64 megapixels of AVIF, takes 6 on one slow core. Three pictures of
one job that all take this long stay below the time after which a worker counts as stuck."""
PROGRAM_BYTES: Final = 2**30
"""Address space of the interpreter, its libraries and their threads; little of it is ever touched."""
BYTES_PER_PIXEL: Final = 32
"""The hungriest honest pictures we know, WebP with transparency, take 26 at their peak."""
DECODER_THREADS: Final = 2
"""Each thread of a decoder reserves address space; left alone AVIF starts one for every core there is."""
STRIP_PX: Final = 256
_BACKSTOP_S: Final = 5.0
_BROKEN: Final = (OSError, EOFError, ValueError, LookupError, TypeError)
"""What a process that ended, or says what no decoder would say, looks like from outside."""


class Decoder:
    """Decodes pictures elsewhere; called like `nst_core.decoding.decode`. Not for several threads at once.

    Args:
        limits: the largest that any picture may be; what its process may allocate follows from it.
        within_s: how long one picture may take.
        command: starts the process; tests start other ones.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        *,
        within_s: float = WITHIN_S,
        command: Sequence[str] | None = None,
    ) -> None:
        self._within_s = within_s
        self._command = command or (
            *(sys.executable, "-m", "nst_core.decoder"),
            *(f"--memory-bytes={memory_for(limits)}", f"--within-s={within_s}"),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(
        self,
        data: bytes,
        *,
        role: str = "picture",
        limits: Limits = DEFAULT_LIMITS,
        long_side_px: int | None = None,
        backdrop: str = "white",
    ) -> Image.Image:
        """Return what `nst_core.decoding.decode` returns.

        Raises:
            UserError: what `decode` raises; also a picture that took too much time or memory, or that
                made the decoder crash.
            OSError: the process cannot be started.
        """
        options = {"role": role, "long_side_px": long_side_px, "backdrop": backdrop}
        order = options | {"limits": dataclasses.asdict(limits), "bytes": len(data)}
        late = threading.Event()
        process = self._started()
        timer = threading.Timer(self._within_s, _end_late, (process, late))
        timer.start()
        try:
            return _exchange(process, order, data)
        except _BROKEN:
            self.close()
            raise self._refusal(process, data, role, late=late.is_set()) from None
        finally:
            timer.cancel()
            if late.is_set():  # perhaps just after the answer: the next picture must not meet a dying process
                self.close()

    def close(self) -> None:
        """End the process; the next picture starts another."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a pipe that nobody reads any more
                    pipe.close()
        self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
            )
        return self._process

    @staticmethod
    def _refusal(process: subprocess.Popen[bytes], data: bytes, role: str, *, late: bool) -> BadImage:
        sys.stderr.write(f"decoder-ended exit_code={process.returncode} late={late} bytes={len(data)}\n")
        if late:
            return BadImage("image_too_costly", role=role)
        return BadImage("image_damaged", role=role, kind=formats.picture_format(data))


def memory_for(limits: Limits) -> int:
    """Return how many bytes of address space a decoder may have."""
    return PROGRAM_BYTES + BYTES_PER_PIXEL * limits.max_megapixels * 10**6


def limit_memory(most_bytes: int) -> None:
    """Let this process have no more address space than this, where the system can keep such a limit."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    with contextlib.suppress(ValueError, OSError):  # macOS refuses; a lower limit that is there stays
        resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))


def answer(order: dict[str, Any], data: bytes, sink: IO[bytes]) -> None:
    """Decode one picture and write the answer.

    Args:
        order: the arguments of `decode`.
        data: the encoded picture.
        sink: takes the answer.
    """
    try:
        image = decode(data, **order | {"limits": Limits(**order["limits"])})
    except UserError as error:
        _say(sink, {"error": type(error).__name__, "code": error.code, "values": error.values})
        return
    _say(sink, {"size": image.size})
    for top in range(0, image.height, STRIP_PX):  # a second whole copy would need its memory
        sink.write(image.crop((0, top, image.width, min(image.height, top + STRIP_PX))).tobytes())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the decoding process."""
    arguments = _parser().parse_args(argv)
    AvifImagePlugin.DEFAULT_MAX_THREADS = DECODER_THREADS
    orders: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
    limit_memory(arguments.memory_bytes)
    threading.Thread(target=_listen, args=(sys.stdin.buffer, orders), daemon=True).start()
    while True:
        order, data = orders.get()
        _set_alarm(arguments.within_s + _BACKSTOP_S)
        answer(order, data, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        _set_alarm(0)


def _exchange(process: subprocess.Popen[bytes], order: dict[str, Any], data: bytes) -> Image.Image:
    if process.stdin is None or process.stdout is None:
        raise TypeError("the process was started without its pipes")
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.write(data)
    process.stdin.flush()
    said = _said(process.stdout)
    if "error" in said:
        raise USER_ERRORS[said["error"]](said["code"], **said["values"])
    width_px, height_px = said["size"]
    if not 0 < width_px * height_px <= order["limits"]["max_megapixels"] * 10**6:
        raise ValueError("a decoder that says more than it was allowed")
    return Image.frombytes("RGB", (width_px, height_px), _exactly(process.stdout, 3 * width_px * height_px))


def _said(source: IO[bytes]) -> dict[str, Any]:
    line = source.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    said: dict[str, Any] = json.loads(line)
    return said


def _say(sink: IO[bytes], words: dict[str, Any]) -> None:
    sink.write(json.dumps(words).encode() + b"\n")


def _exactly(source: IO[bytes], size_bytes: int) -> bytes:
    data = source.read(size_bytes)
    if len(data) < size_bytes:
        raise EOFError
    return data


def _end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _listen(source: IO[bytes], orders: queue.SimpleQueue[tuple[dict[str, Any], bytes]]) -> None:
    """Take orders, also while one is worked on: so that this process ends at once when its worker has."""
    try:
        while True:
            order = _said(source)
            orders.put((order, _exactly(source, order.pop("bytes"))))
    finally:
        os._exit(0)


def _set_alarm(seconds: float) -> None:
    """Have the system end this process after some seconds; 0 for never.

    Whoever waits for the answer ends it sooner; but they may be gone, while a library that holds Python's
    lock keeps the listening thread from noticing.
    """
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _environment() -> dict[str, str]:
    """Return what keeps libraries from reserving address space for threads that are never used."""
    few = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | few


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nst_core.decoder", description="Decode for a worker.")
    parser.add_argument("--memory-bytes", type=int, default=memory_for(DEFAULT_LIMITS))
    parser.add_argument("--within-s", type=float, default=WITHIN_S)
    return parser


if __name__ == "__main__":
    main()
