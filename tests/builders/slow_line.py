"""A line between two machines that is slow, or cut."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self


@dataclass
class SlowLine:
    """Forwards connections to a port of this machine.

    Args:
        to_port: where to.
        delay_s: each way.
        bytes_per_s: each way, of each connection.
    """

    to_port: int
    delay_s: float = 0.0
    bytes_per_s: float = 1e9
    port: int = 0
    _whole: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Begin to forward."""
        self._whole.set()
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every connection."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Let nothing through; nobody is told."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again, what was under way too."""
        self._whole.set()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        here = asyncio.create_task(self._carry(reader, far_writer))
        there = asyncio.create_task(self._carry(far_reader, writer))
        self._tasks |= {here, there}
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.wait((here, there), return_when=asyncio.FIRST_COMPLETED)
        for task in (here, there):
            task.cancel()
        for end in (writer, far_writer):
            end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)

        async def take() -> None:
            while data := await reader.read(16384):
                await queue.put((loop.time() + self.delay_s, data))
            await queue.put((0.0, b""))

        taking = asyncio.create_task(take())
        self._tasks.add(taking)
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()) + len(data) / self.bytes_per_s)
                await self._whole.wait()
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        taking.cancel()
