"""Which kind of pool the settings ask for, and what `check` says of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import Server, start_node

from bot.check import check_workers
from bot.config import NatsSection, Settings, WorkersSection
from bot.pool.choice import pool_of
from bot.pool.local import LocalPool
from bot.pool.nats import NatsPool

if TYPE_CHECKING:
    from pathlib import Path

NODES = WorkersSection(backend="nats")


def test_kinds() -> None:
    """`local` means processes here, `nats` nodes elsewhere."""
    assert isinstance(pool_of(Settings()), LocalPool)
    assert isinstance(pool_of(Settings(workers=NODES)), NatsPool)


async def test_check_without_a_server() -> None:
    """It says where no server answered."""
    settings = Settings(workers=NODES, nats=NatsSection(url="nats://127.0.0.1:1"))
    (finding,) = await check_workers(settings)
    assert str(finding).startswith("MEND  workers     no NATS server answers at nats.url: ")


async def test_check_of_nodes(tmp_path: Path) -> None:
    """It says that no node is there, or names the slots of those that are."""
    server = Server(tmp_path / "server")
    token = server.let_in("attic")
    server.start()
    settings = Settings(workers=NODES, nats=NatsSection(url=server.url), nats_token=server.tokens["bot"])
    (finding,) = await check_workers(settings)
    assert "no node is there" in finding.text
    how = {"ledger": str(tmp_path / "ledger"), "start": "fine", "times": 0}
    node = start_node("attic", tmp_path, url=server.url, token=token, how=how)
    while "worker-ready" not in node.log:
        assert node.process.poll() is None, node.log
    (finding,) = await check_workers(settings)
    assert str(finding) == "ok    worker      attic/cpu: weights loaded, ready (a fake)"
    node.terminate()
    assert await node.ended() == 0
    server.kill()
