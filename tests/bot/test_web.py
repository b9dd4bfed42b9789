from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final

import aiohttp
import pytest

from bot import web
from bot.config import Settings
from nst_core.errors import ConfigError

OTHER_LOOPBACK: Final = "127.0.0.2"
"""Reaches whatever listens on every address, and not what listens on 127.0.0.1."""


async def yes() -> bool:
    """A check that holds."""
    return True


async def no() -> bool:
    """A check that does not."""
    return False


async def broken() -> bool:
    """A check that cannot be made."""
    raise OSError("disk gone")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def ask(port: int, path: str) -> tuple[int, Any]:
    """Return status and JSON of an answer."""
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def test_alive_and_ready() -> None:
    """Both answer 200 while every check holds."""
    async with web.serving({"worker": yes}, host="127.0.0.1", port=free_port()) as port:
        assert await ask(port, "/healthz") == (200, {"alive": True})
        assert await ask(port, "/readyz") == (200, {"ready": True, "checks": {"worker": True}})


async def test_not_ready() -> None:
    """One check that does not hold is enough for 503; one that cannot be made counts as that."""
    async with web.serving(
        {"gateway": yes, "worker": no, "store": broken}, host="127.0.0.1", port=free_port()
    ) as port:
        status, body = await ask(port, "/readyz")
        assert (await ask(port, "/healthz"))[0] == 200
    assert status == 503
    assert body == {"ready": False, "checks": {"gateway": True, "worker": False, "store": False}}


async def test_off() -> None:
    """Port 0 switches it off."""
    async with web.serving({}, host="127.0.0.1", port=0) as port:
        assert port == 0


async def test_nothing_listens_afterwards() -> None:
    """The port is free again once the context has ended."""
    async with web.serving({}, host="127.0.0.1", port=free_port()) as port:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(port, "/healthz")


async def test_only_this_machine_is_answered_unless_configured() -> None:
    """By default it listens on the loopback address alone, and no other address reaches it."""
    host = Settings().web.host
    assert ipaddress.ip_address(host).is_loopback
    async with web.serving({}, host=host, port=free_port()) as port:
        assert (await ask(port, "/healthz"))[0] == 200
        with pytest.raises(OSError, match=r"refused|unreachable|assign"):
            socket.create_connection((OTHER_LOOPBACK, port), timeout=5)


async def test_a_taken_port_is_a_configuration_error() -> None:
    """The line names the key and what is wrong, and repeats no value."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=r"^web\.port: .*Address already in use"):
            await web.serving({}, host="127.0.0.1", port=port).__aenter__()
