"""Health over HTTP: `/healthz` (the process lives), `/readyz` (it can work), `/metrics` and `/status`.

Off when the port is 0. It answers questions about this process only and takes no input, but it
still listens on the loopback interface unless the configuration says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, cast

from aiohttp import web

from bot.metrics import CONTENT_TYPE
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from bot.metrics import Metrics

_log = logging.getLogger(__name__)

Checks = Mapping[str, Callable[[], Awaitable[bool]]]
"""What must be so for `/readyz`: name → check, for example "gateway", "worker", "store"."""


def application(checks: Checks, metrics: Metrics | None = None) -> web.Application:
    """Return the web application; `/metrics` and `/status` only where there are metrics.

    `/readyz` answers 200 when every check holds and 503 otherwise, in both cases with
    `{"ready": bool, "checks": {name: bool}}`.
    """

    async def alive(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(_request: web.Request) -> web.Response:
        results = {name: await holds(check) for name, check in checks.items()}
        passed = all(results.values())
        return web.json_response({"ready": passed, "checks": results}, status=200 if passed else 503)

    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=cast("Metrics", metrics).page(), headers={"Content-Type": CONTENT_TYPE})

    async def status(_request: web.Request) -> web.Response:
        return web.json_response(cast("Metrics", metrics).status())

    app = web.Application()
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    if metrics is not None:
        app.router.add_get("/metrics", page)
        app.router.add_get("/status", status)
    return app


@contextlib.asynccontextmanager
async def serving(
    checks: Checks, *, host: str, port: int, metrics: Metrics | None = None
) -> AsyncIterator[int]:
    """Serve while the context lasts; yield the port, 0 when switched off.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    if port == 0:
        yield 0
        return
    runner = web.AppRunner(application(checks, metrics), access_log=None)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        async with contextlib.AsyncExitStack() as chores:
            if metrics is not None:
                chores.callback(asyncio.create_task(metrics.watch_loop(), name="loop-lag").cancel)
            yield port
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        # "No such host" has no address in it; every other message names host and port.
        key, reason = (
            ("web.host", error.strerror)
            if isinstance(error, socket.gaierror)
            else ("web.port", os.strerror(error.errno or 0))
        )
        raise ConfigError(f"{key}: this address cannot be listened on ({reason})") from None


async def holds(check: Callable[[], Awaitable[bool]]) -> bool:
    """Return whether a check holds; one that cannot even be made does not."""
    try:
        return await check()
    except Exception:  # noqa: BLE001 - whatever is wrong, the answer is "not ready"
        _log.warning("readiness_check_failed", exc_info=True)
        return False
