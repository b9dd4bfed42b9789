"""One worker's process, and the threads that wait on its pipes so that the bot's loop never does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from nst_core.protocol import ProtocolError, decode, encode, read_frame, write_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nst_core.protocol import Message

LINGER_S: Final = 2.0
"""So long may a process live on after it closed its side of the pipe."""
STDERR_LINES: Final = 200
"""So many lines of one process are logged; whatever comes after them is read and dropped."""
STDERR_LINE_BYTES: Final = 500

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """The process is gone and reaped."""

    exit_code: int
    """Negative: the number of the signal that ended it."""
    reason: str = ""
    """What was wrong with its last frame, if that is why it was killed."""


class WorkerProcess:
    """A running worker. Make it on the bot's loop, then call `kill` sooner or later.

    Three threads wait for it: one reads frames and reaps the process, one writes frames, one
    carries its standard error to the log. All of them end with the process.

    Args:
        command: the program and its arguments.
        slot: the slot's name, for the log.
        hear: called on the loop with every message and, last of all, with `Ended`.

    Raises:
        OSError: the program cannot be started.
    """

    def __init__(self, command: Sequence[str], *, slot: str, hear: Callable[[Message | Ended], None]) -> None:
        self._slot = slot
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._ended = asyncio.Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=without_secrets(os.environ),
            start_new_session=True,  # Ctrl-C in the terminal is for the bot alone
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
        self.pid = self._process.pid
        self._threads = [
            threading.Thread(target=run, name=f"{run.__name__}-{slot}", daemon=True)
            for run in (self._write, self._relay, self._listen)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Message) -> None:
        """Queue a message; never blocks. What a dead process does not take is dropped."""
        self._outbox.put(message)

    def kill(self) -> None:
        """End the process and its children at once; nothing happens where it has ended."""
        if sys.platform == "win32":
            self._process.kill()
        elif self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a zombie
                os.killpg(self.pid, signal.SIGKILL)

    async def gone(self, within_s: float) -> bool:
        """Wait until the process is reaped and its threads are done; return whether it came to that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        return self._ended.is_set()

    def _listen(self) -> None:
        reason = ""
        stdout = _pipe(self._process.stdout)
        try:
            while (frame := read_frame(stdout)) is not None:
                self._tell(decode(frame))
        except (ProtocolError, OSError, MemoryError) as error:
            reason = str(error)
            self.kill()
        self._tell(Ended(self._reap(), reason))

    def _reap(self) -> int:
        """Wait for the end of the process and of the other two threads; return the exit code."""
        try:
            self._process.wait(LINGER_S)
        except subprocess.TimeoutExpired:
            self.kill()
        exit_code = self._process.wait()
        self._outbox.put(None)
        for thread in self._threads[:2]:
            thread.join(LINGER_S)  # a grandchild may still hold the pipe of its standard error
        _pipe(self._process.stdout).close()
        return exit_code

    def _write(self) -> None:
        try:
            with _pipe(self._process.stdin) as stdin:
                while (message := self._outbox.get()) is not None:
                    write_frame(stdin, encode(message))
        except OSError:
            log.debug("worker-deaf slot=%s pid=%d", self._slot, self.pid)
        except ProtocolError as error:
            log.warning("worker-frame-refused slot=%s pid=%d reason=%s", self._slot, self.pid, error)
            self.kill()

    def _relay(self) -> None:
        with _pipe(self._process.stderr) as stderr:
            for number in range(STDERR_LINES):
                if not (line := stderr.readline(STDERR_LINE_BYTES)):
                    return
                if text := _printable(line):
                    log.info("worker-stderr slot=%s pid=%d line=%d %s", self._slot, self.pid, number, text)
            log.warning("worker-stderr-dropped slot=%s pid=%d", self._slot, self.pid)
            while stderr.read(1 << 16):
                pass

    def _tell(self, news: Message | Ended) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._take, news)

    def _take(self, news: Message | Ended) -> None:
        if isinstance(news, Ended):
            self._threads[2].join()  # telling this was the last thing it did
            self._ended.set()
            log.info("worker-ended slot=%s pid=%d exit_code=%d", self._slot, self.pid, news.exit_code)
        self._hear(news)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a program that looks at strangers' files: it has no use for secrets."""
    return {name: value for name, value in environ.items() if not name.upper().endswith("_TOKEN")}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise TypeError("the process was started without this pipe")
    return pipe


def _printable(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip()
    return "".join(char if char.isprintable() else " " for char in text)
