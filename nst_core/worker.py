"""The worker program: one process per device, frames in and out, no Discord and no asyncio.

``python -m nst_core.worker --device cpu`` speaks on its standard input and output, as
`nst_core.protocol` says; ``--list-devices`` prints the devices of this machine as JSON.

Whatever prints lands in standard error. The process ends at once when its input does, so no worker
outlives its bot, however that ended. Torch is imported only after the device has been singled out.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import queue
import re
import signal
import sys
import threading
import traceback
from typing import IO, TYPE_CHECKING, Final, NoReturn, Protocol

from nst_core.errors import Cancelled, Fault, OutOfMemory, UserError
from nst_core.memory import give_back_memory
from nst_core.process import settle
from nst_core.protocol import (
    Failure,
    ProtocolError,
    Quit,
    Stop,
    StyleRequest,
    decode,
    encode,
    failure,
    read_frame,
    write_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping, Sequence

    from nst_core.protocol import Message, Pastiche, Progress, Ready

DONE: Final = 0
BROKEN_PIPE: Final = 74
"""Exit status, from sysexits.h: what came in was no frame."""
REPLACE_ME: Final = 75
"""After a fault or a lack of memory only a fresh process is in a known state; after an error of CUDA
nothing else works at all."""
CANNOT_START: Final = 78
CPU_NICENESS: Final = 5
"""A worker that takes every core must leave the bot, which has seconds to answer Discord, its turn."""
MESSAGE_CHARS: Final = 8000
"""Of a traceback, its end."""
MEMORY_WORDS: Final = ("out of memory", "not enough memory", "can't allocate memory")
"""What torch says in a plain RuntimeError when the CPU or an Apple GPU has no memory left."""


class Painter(Protocol):
    """Paints one job; `nst_core.painting.paint` with its device chosen."""

    def __call__(
        self, request: StyleRequest, *, wish: Callable[[], bool | None]
    ) -> Iterator[Progress | Pastiche]:
        """Yield reports, then the picture; ask `wish` at each step whether to end."""


class Line:
    """The pipe to the bot. Making one takes over this process's standard input and output."""

    def __init__(self) -> None:
        self._source, self._sink = _take_over_stdio()
        self._orders: queue.SimpleQueue[StyleRequest | None] = queue.SimpleQueue()
        self._wishes: dict[str, bool] = {}
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def send(self, message: Message) -> None:
        """Send a message, waiting for the pipe to take it."""
        try:
            write_frame(self._sink, encode(message))
        except OSError:
            os._exit(DONE)  # the bot is gone

    def requests(self) -> Iterator[StyleRequest]:
        """Yield requests as they come, until `Quit`."""
        while (request := self._orders.get()) is not None:
            yield request

    def wish(self, job_id: str) -> bool | None:
        """Return how a job should end: True keeps its picture, False throws it away, None goes on."""
        return self._wishes.get(job_id)

    def _listen(self) -> NoReturn:
        """Take messages as they come, also in the middle of a step."""
        try:
            while (frame := read_frame(self._source)) is not None:
                self._take(decode(frame))
        except (ProtocolError, OSError):
            traceback.print_exc()
            os._exit(BROKEN_PIPE)
        # The bot is gone, perhaps by kill -9. Nothing is worth finishing, and this thread must not
        # wait for the painting one, which may be deep in a kernel.
        os._exit(DONE)

    def _take(self, message: Message) -> None:
        match message:
            case StyleRequest():
                self._wishes.clear()  # they were about earlier jobs
                self._orders.put(message)
            case Stop():
                self._wishes[message.job_id] = message.keep and self._wishes.get(message.job_id, True)
            case Quit():
                self._orders.put(None)
            case _:
                raise ProtocolError(f"the bot said {type(message).__name__}")


def serve(open_studio: Callable[[], tuple[Ready, Painter]]) -> int:
    """Answer requests until told to quit; return the exit status.

    Args:
        open_studio: loads what painting needs; called once the pipe is guarded.
    """
    line = Line()
    # Ctrl-C, and a service manager's SIGTERM to the whole group, are for the bot: it lets the job in
    # hand finish, then says Quit or closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready, paint = open_studio()
    line.send(ready)
    for request in line.requests():
        if not _answer(line, paint, request):
            return REPLACE_ME
        give_back_memory()
    return DONE


def single_out(device: str, environ: MutableMapping[str, str]) -> None:
    """Make one device the only one that torch will see. Before torch is imported.

    Args:
        device: "cuda:1" is the second of those that `CUDA_VISIBLE_DEVICES` names, if it is set.
        environ: where torch and CUDA will look.
    """
    environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as nvidia-smi counts
    kind, _, index = device.partition(":")
    if kind == "cuda":
        visible = environ.get("CUDA_VISIBLE_DEVICES")
        names = [index] if visible is None else visible.split(",")[int(index) :][:1]
        environ["CUDA_VISIBLE_DEVICES"] = "".join(names)
        environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    if kind == "mps":
        environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the worker program; return its exit status."""
    arguments = _parser().parse_args(argv)
    faulthandler.enable()
    try:
        if arguments.list_devices:
            return _print_devices()
        single_out(arguments.device, os.environ)
        settle(os.environ)
        if arguments.device == "cpu" and sys.platform != "win32":
            os.nice(CPU_NICENESS)
        return serve(lambda: _open(arguments))
    except UserError as error:
        sys.stderr.write(f"error: {arguments.device}: {error}\n")
    except ImportError as error:
        sys.stderr.write(f"error: {error}; the painting libraries come with: pip install 'gafuu[worker]'\n")
    return CANNOT_START


def _answer(line: Line, paint: Painter, request: StyleRequest) -> bool:
    """Paint one job and send whatever comes of it; return whether this process may go on."""
    try:
        for message in paint(request, wish=lambda: line.wish(request.job_id)):
            line.send(message)
    except Exception as error:  # noqa: BLE001 - the border: every error becomes a message
        end = _failure(request, error)
        line.send(end)
        return end.kind in ("user", "cancelled")
    return True


def _failure(request: StyleRequest, error: Exception) -> Failure:
    if isinstance(error, UserError):
        return failure(request.job_id, request.attempt, error)
    kind = "cancelled" if isinstance(error, Cancelled) else Fault.kind
    if lacks_memory(error):
        kind = OutOfMemory.kind
    message = "".join(traceback.format_exception(error))[-MESSAGE_CHARS:]
    return Failure(job_id=request.job_id, attempt=request.attempt, kind=kind, message=message)


def lacks_memory(error: Exception) -> bool:
    """Tell whether this is Python's, torch's or a driver's way of saying that memory is full."""
    if isinstance(error, MemoryError | OutOfMemory) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in MEMORY_WORDS)


def _take_over_stdio() -> tuple[IO[bytes], IO[bytes]]:
    """Return input and output under new descriptors, so that prints end up in standard error."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _open(arguments: argparse.Namespace) -> tuple[Ready, Painter]:
    from nst_core.studio import open_studio  # noqa: PLC0415 - torch, now that its device is singled out

    return open_studio(
        device="cuda" if arguments.device.startswith("cuda") else arguments.device,
        extractor=arguments.extractor,
        share=arguments.share,
        upload_mib=arguments.upload_mib,
        megapixels=arguments.megapixels,
    )


def _print_devices() -> int:
    from nst_core.studio import list_devices  # noqa: PLC0415 - torch, which the other paths load later

    print(json.dumps(list_devices()))  # noqa: T201 - this is the answer
    return DONE


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|mps|cuda:\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is none of cpu, mps and cuda:N")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nst_core.worker", description="Paint for the bot.")
    parser.add_argument("--list-devices", action="store_true", help="print this machine's devices and exit")
    parser.add_argument("--device", type=_device, default="cpu", help="cpu, mps or cuda:N (default: cpu)")
    parser.add_argument("--extractor", default="vgg16", help="vgg16 (default) or vgg19")
    parser.add_argument(
        "--share", type=int, default=1, help="workers that share the CPU's cores (default: 1)"
    )
    parser.add_argument("--upload-mib", type=float, default=25.0, help="largest file (default: 25)")
    parser.add_argument("--megapixels", type=float, default=64.0, help="largest picture (default: 64)")
    return parser


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # taking torch down is slow and can crash; nothing here needs it
