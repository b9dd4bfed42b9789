"""The whole bot over two nodes on a real nats-server: what people get when machines go."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from cluster import NodeProcess, Server, start_node
from staging.seen import result_in, results, runs
from staging.stage import PATIENCE_S, SMALL_WORKER, opened, settings_for

from bot.client import create_bot
from bot.pool import wire
from bot.pool.nats import NatsPool
from bot.pool.report import Build
from bot.rehearsal.realtime import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.client import GafuuBot

    Upload = tuple[str, bytes]

JOB_S = 20.0
"""What the small worker takes for a picture of more than 64 pixels."""
SOON_S = 10.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that lets two nodes in."""
    server = Server(tmp_path / "server")
    for name in ("attic", "garage"):
        server.let_in(name)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def nodes(server: Server, tmp_path: Path) -> Iterator[dict[str, NodeProcess]]:
    """Two nodes with a small worker each."""
    nodes = {
        name: start_node(
            name,
            tmp_path,
            url=server.url,
            token=server.tokens[name],
            how={"worker of": "the stage"},
            worker=str(SMALL_WORKER),
        )
        for name in ("attic", "garage")
    }
    yield nodes
    for node in nodes.values():
        node.kill()


def bot_on(server: Server, folder: Path) -> GafuuBot:
    """Return a bot that has its pictures painted by nodes."""
    link = wire.Link(url=server.url, user="bot", token=server.tokens["bot"])
    pool = NatsPool(link, build=lambda: Build.of("vgg16"), lost_after_s=5.0)
    return create_bot(settings_for(folder), pool=pool, patience_s=PATIENCE_S)


async def test_node_killed_in_mid_picture(
    server: Server, nodes: dict[str, NodeProcess], tmp_path: Path, photo: Upload
) -> None:
    """A job runs on each node; when one is killed with -9, its person still gets the picture, soon."""
    async with opened(bot_on(server, tmp_path)) as stage:
        await until(lambda: [slot.state for slot in stage.bot.pool.slots()] == ["ready"] * 2, within_s=20)
        rooms = [stage.room() for _ in range(2)]
        cards = [
            await person.slash(channel, "stylize", content=photo, preset="scream", size=128)
            for channel, person in rooms
        ]
        jobs = [await runs(card) for card in cards]
        places = {slot.job_id: slot.node for slot in stage.bot.pool.slots()}
        assert set(places) == set(jobs)
        nodes[places[jobs[0]]].kill()
        began = time.monotonic()
        await asyncio.gather(*(result_in(channel, within_s=60) for channel, _ in rooms))
        # The other node's own picture comes first.
        assert time.monotonic() - began < SOON_S + 2 * JOB_S + 5
        killed = await stage.bot.service.get(jobs[0])
        assert killed is not None
        assert (killed.attempt, killed.deaths) == (2, 1)


async def test_bot_restarted_in_mid_picture(
    server: Server, nodes: dict[str, NodeProcess], tmp_path: Path, photo: Upload
) -> None:
    """A bot that starts again takes up the very attempt that is being painted, on the same card."""
    async with opened(bot_on(server, tmp_path)) as stage:
        channel, alice = stage.room()
        card = await alice.slash(channel, "stylize", content=photo, preset="scream", size=128)
        job_id = await runs(card)
        await stage.restart(bot_on(server, tmp_path))
        await runs(card)
        await alice.click(card.response, label="Stop here")
        await result_in(channel)
        await until(lambda: len(results(channel)) == 1)
        job = await stage.bot.service.get(job_id)
        assert job is not None
        assert job.attempt == 1
        assert sum(node.log.count("attempt-sent") for node in nodes.values()) == 1
