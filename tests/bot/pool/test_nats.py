"""What only a cluster can suffer: nodes that die, servers that go and come, bots that are restarted."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import pytest
from cluster import Server
from slow_line import SlowLine

from bot.pool import errands, subjects, wire
from bot.pool.base import Unreachable
from bot.pool.nats import NatsPool
from bot.pool.report import Build
from nst_core.errors import ConfigError
from nst_core.protocol import PROTOCOL_VERSION, StyleParams, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nst_core.protocol import Progress, StyleRequest

    Cluster = Any
    Order = Callable[..., StyleRequest]
    Run = Callable[[NatsPool, StyleRequest], Awaitable[Any]]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def own_server(cluster: Cluster, tmp_path: Path) -> Server:
    """Let the cluster live on a server of the test's own, which it may kill."""
    server = Server(tmp_path / "server")
    server.start()
    cluster.server = server
    cluster.servers.append(server)
    return server


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Return once a condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a pool tells no other way
            await asyncio.sleep(0.02)


async def first_step(pool: NatsPool, request: StyleRequest) -> Progress:
    """Return the attempt's first report."""
    async for news in pool.events(request.job_id, request.attempt):
        return news  # type: ignore[return-value]
    raise AssertionError


async def begun(pool: NatsPool, request: StyleRequest) -> Progress:
    """Dispatch, and wait for the first step."""
    await pool.wait_for_slot()
    await pool.dispatch(request)
    return await first_step(pool, request)


def states(pool: NatsPool) -> dict[str, str]:
    """Return the slots' states by name."""
    return {slot.name: slot.state for slot in pool.slots()}


async def count_in(server: Server, stream: str) -> int:
    """Return how many messages a stream holds."""
    async with await nats.connect(
        server.url, user="bot", password=server.tokens["bot"], inbox_prefix="_INBOX_bot"
    ) as nc:
        return (await nc.jetstream().stream_info(stream)).state.messages


async def test_slots_of_two_nodes(cluster: Cluster, order: Order, follow: Run) -> None:
    """Slots of every node are there under the node's name, and paint side by side."""
    for name in ("attic", "garage"):
        cluster.node(name, devices="cpu*2")
    pool = await cluster.pool(slots=4)
    await until(lambda: set(states(pool).values()) == {"ready"})
    assert list(states(pool)) == ["attic/cpu#1", "attic/cpu#2", "garage/cpu#1", "garage/cpu#2"]
    requests = [order("paint", step_s=0.1) for _ in range(4)]
    used = {(await pool.dispatch(request)).name for request in requests}
    assert used == set(states(pool))
    outcomes = await asyncio.gather(*(follow(pool, request) for request in requests))
    assert len({outcome.pid for outcome in outcomes}) == 4


async def test_node_killed_in_mid_job(cluster: Cluster, order: Order, run: Run, follow: Run) -> None:
    """A node killed with -9 ends its attempt within the patience, and the next one runs elsewhere."""
    nodes = {name: cluster.node(name) for name in ("n1", "n2")}
    pool = await cluster.pool(slots=2, lost_after_s=3.0)
    await until(lambda: set(states(pool).values()) == {"ready"})
    request = order("paint", steps=10**6)
    slot = await pool.dispatch(request)
    await first_step(pool, request)
    nodes.pop(slot.node).kill()
    began = time.monotonic()
    assert (await follow(pool, request)).failure.kind == "worker_died"
    assert time.monotonic() - began < 5
    assert states(pool)[slot.name] == "set_aside"
    (left,) = nodes
    again = await run(pool, order("paint", job_id=request.job_id, attempt=2))
    assert again.pastiche.steps == 3
    assert left in nodes[left].log


async def test_node_restarted_in_mid_job(cluster: Cluster, order: Order, run: Run, follow: Run) -> None:
    """A node that was killed and started again has lost its attempt, and takes new ones."""
    node = cluster.node("phoenix")
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=10**6)
    await begun(pool, request)
    node.kill()
    cluster.node("phoenix")
    assert (await follow(pool, request)).failure.kind == "worker_died"
    assert (await run(pool, order("paint"))).pastiche.steps == 3


@pytest.mark.parametrize("wiped", [False, True])
async def test_server_killed_in_mid_job(
    cluster: Cluster, own_server: Server, order: Order, run: Run, follow: Run, *, wiped: bool
) -> None:
    """A server killed with -9 disturbs no painting, even if it has lost its disk; then all goes on."""
    cluster.node("steady")
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=60, step_s=0.05)
    step = await begun(pool, request)
    own_server.kill()
    if wiped:
        shutil.rmtree(own_server.folder / "data")
    await until(lambda: not pool._errands.line.connected)
    assert states(pool) == {"steady/cpu": "busy"}
    await asyncio.sleep(1)
    own_server.start()
    outcome = await follow(pool, request)
    assert outcome.pastiche.steps == 60
    assert outcome.pastiche.losses["pid"] == step.losses["pid"]
    assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_server_away_at_the_end(
    cluster: Cluster, own_server: Server, order: Order, follow: Run
) -> None:
    """A picture that was finished while the server was away arrives when it is back."""
    node = cluster.node("patient")
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=30, step_s=0.05)
    await begun(pool, request)
    own_server.kill()
    await until(lambda: "attempt-ended" in node.log)
    own_server.start()
    assert (await follow(pool, request)).pastiche.steps == 30


async def test_dispatch_while_the_server_goes(
    cluster: Cluster, own_server: Server, order: Order, follow: Run
) -> None:
    """A job whose pictures were on their way when the server died is sent again when it is back."""
    cluster.node("late")
    pool = await cluster.pool(slots=1)
    await pool.wait_for_slot()
    own_server.kill()
    request = order("echo", style=bytes(3_000_000))
    await pool.dispatch(request)
    await asyncio.sleep(0.5)
    own_server.start()
    assert (await follow(pool, request)).pastiche.image == bytes(3_000_000)


async def test_bot_restarted_in_mid_job(cluster: Cluster, order: Order, run: Run, follow: Run) -> None:
    """Another bot takes up an attempt where it is: the same process, no step done twice, then the end."""
    cluster.node("loyal")
    first = await cluster.pool(slots=1)
    request = order("paint", steps=80, step_s=0.03, job_id="resumed")
    step = await begun(first, request)
    await first.close()
    second = await cluster.pool(slots=1)
    slot = await second.resume("resumed", 1)
    assert (slot.name, slot.state, slot.job_id) == ("loyal/cpu", "busy", "resumed")
    errand = second._errands.get(("resumed", 1))
    for _ in range(2):  # live, and again out of the stream
        second._errands._hear_progress(errand, encode(step))
    outcome = await follow(second, request)
    assert outcome.pastiche.steps == 80
    steps = [news.step for news in outcome.progress]
    assert step.step <= steps[0]
    assert steps == sorted(set(steps))
    assert {news.losses["pid"] for news in outcome.progress} == {step.losses["pid"]}
    assert (await run(second, order("paint"))).pastiche.steps == 3


async def test_stop_after_a_restart(cluster: Cluster, order: Order, follow: Run) -> None:
    """An attempt that was taken up again can be stopped with its picture."""
    cluster.node("obedient")
    first = await cluster.pool(slots=1)
    request = order("paint", steps=10**6, job_id="kept")
    await begun(first, request)
    await first.close()
    second = await cluster.pool(slots=1)
    await second.resume("kept", 1)
    await second.stop("kept", keep=True)
    assert (await follow(second, request)).pastiche.stopped_early


async def test_node_that_comes_to_no_end(
    cluster: Cluster, order: Order, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that lets an attempt go on for too long is not waited for."""
    monkeypatch.setattr(errands, "SLACK_S", 0.1)
    cluster.node("patient")
    pool = await cluster.pool(slots=1, job_timeout_s=0.5)
    async with asyncio.timeout(10):
        outcome = await run(pool, order("paint", steps=10**6, step_s=0.05))
    assert outcome.failure.kind == "timed_out"


async def test_large_picture_after_a_restart(
    cluster: Cluster, order: Order, follow: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restarted bot knows of an attempt it takes up that it may take longer, being large."""
    monkeypatch.setattr(errands, "SLACK_S", 0.1)
    cluster.node("thorough")
    first = await cluster.pool(slots=1, job_timeout_s=0.5)
    large = StyleParams(long_side_px=4096)
    request = dataclasses.replace(order("paint", steps=60, step_s=0.05, job_id="large"), params=large)
    await begun(first, request)
    await first.close()
    second = await cluster.pool(slots=1, job_timeout_s=0.5)
    assert await second.resume("large", 1) is not None
    assert (await follow(second, request)).pastiche.steps == 60


async def test_end_while_no_bot_was_there(cluster: Cluster, order: Order, follow: Run) -> None:
    """A picture that was finished while the bot was away is found by the next one, large as it is."""
    cluster.node("archive")
    first = await cluster.pool(slots=1)
    picture = bytes(range(256)) * 4000
    request = order("echo", style=picture, job_id="archived")
    await first.wait_for_slot()
    await first.dispatch(request)
    await until(lambda: not first._errands.active() or first._errands.get(("archived", 1)).sending is None)
    await first.close()
    await asyncio.sleep(0.5)
    second = await cluster.pool(slots=1)
    assert await second.resume("archived", 1) is not None
    assert (await follow(second, request)).pastiche.image == picture


async def test_node_died_while_no_bot_was_there(cluster: Cluster, order: Order, follow: Run) -> None:
    """An attempt whose node died during the bot's restart ends like any other that lost its node."""
    node = cluster.node("doomed")
    cluster.node("witness")
    first = await cluster.pool(slots=2)
    await until(lambda: states(first).get("doomed/cpu") == "ready")
    request = order("paint", steps=10**6, job_id="lost")
    await first.dispatch(request, avoid="witness/cpu")
    await first_step(first, request)
    await first.close()
    node.kill()
    second = await cluster.pool(slots=1, lost_after_s=3.0)
    assert (await second.resume("lost", 1)).name == "doomed/cpu"
    async with asyncio.timeout(10):
        assert (await follow(second, request)).failure.kind in ("worker_died", "moved")


async def test_resume_of_a_stranger(cluster: Cluster) -> None:
    """There is nothing to take up of an attempt that nobody began."""
    pool = await cluster.pool(slots=0)
    assert await pool.resume("never", 1) is None


async def test_bot_killed_in_mid_job(cluster: Cluster, order: Order, follow: Run) -> None:
    """A bot killed with -9 costs nothing: the next one gets the picture of the very same attempt."""
    cluster.node("survivor")
    program = f"""
        import asyncio, json
        from bot.pool import wire
        from bot.pool.nats import NatsPool
        from bot.pool.report import Build
        from nst_core.protocol import StyleRequest, WeightedStyle
        async def main():
            link = wire.Link(url={cluster.server.url!r}, user="bot", token={cluster.server.tokens["bot"]!r})
            pool = NatsPool(link, build=lambda: Build.of("vgg16"))
            await pool.start()
            await pool.wait_for_slot()
            content = json.dumps({{"do": "paint", "steps": 60, "step_s": 0.05}}).encode()
            styles = (WeightedStyle(image=b"style"),)
            await pool.dispatch(StyleRequest(job_id="orphan", content=content, styles=styles))
            async for news in pool.events("orphan", 1):
                print("painting", flush=True)
        asyncio.run(main())
    """
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert await bot.stdout.readline() == b"painting\n"
    bot.kill()
    await bot.wait()
    pool = await cluster.pool(slots=1)
    assert await pool.resume("orphan", 1) is not None
    assert (await follow(pool, order(job_id="orphan"))).pastiche.steps == 60


async def test_orphan_is_stopped(
    cluster: Cluster, order: Order, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that the next bot does not want occupies its slot for a while only."""
    monkeypatch.setattr(errands, "ORPHAN_S", 1.0)
    cluster.node("foster")
    first = await cluster.pool(slots=1)
    await begun(first, order("paint", steps=10**6, job_id="unwanted"))
    await first.close()
    second = await cluster.pool(slots=1)
    assert (await run(second, order("paint"))).pastiche.steps == 3


async def test_duplicate_delivery(cluster: Cluster, order: Order, follow: Run) -> None:
    """A job that is delivered twice, while it is painted and after its end, is painted once."""
    node = cluster.node("unique")
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=20, step_s=0.05, job_id="twice-delivered")
    await begun(pool, request)
    js = pool._errands.line.js
    subject = subjects.to_node("unique", "job", ("twice-delivered", 1))
    copy = await js.get_last_msg(subjects.JOBS, subject)
    headers = {key: value for key, value in copy.headers.items() if key != wire.MESSAGE_ID}
    await js.publish(subject, copy.data, headers=headers)
    assert (await follow(pool, request)).pastiche.steps == 20
    await js.publish(subject, copy.data, headers=headers)
    await until(lambda: states(pool)["unique/cpu"] == "ready")
    await asyncio.sleep(1)
    assert node.log.count("attempt-sent") == node.log.count("attempt-ended") == 1
    assert await count_in(cluster.server, subjects.JOBS) == 0


async def test_slow_network(cluster: Cluster, order: Order, follow: Run) -> None:
    """A node on a line of 100 ms and 250 kB/s is no lost node: old steps are left out, bytes are not."""
    async with SlowLine(cluster.server.port, delay_s=0.1, bytes_per_s=250_000) as line:
        cluster.node("far-away", url=f"nats://127.0.0.1:{line.port}")
        pool = await cluster.pool(slots=1)
        await pool.wait_for_slot()
        request = order("paint", steps=100, step_s=0.02, preview_every=1, style=bytes(600_000))
        await pool.dispatch(request)
        outcome = await follow(pool, request)
        assert outcome.pastiche.steps == 100
        assert 3 <= len(outcome.progress) < 60
        assert [news.step for news in outcome.progress] == sorted({news.step for news in outcome.progress})
        await cluster.close()


async def test_partition(cluster: Cluster, order: Order, run: Run, follow: Run) -> None:
    """A node that was cut off has lost its attempt; what it says of that later is not heard."""
    async with SlowLine(cluster.server.port) as line:
        cluster.node("island", url=f"nats://127.0.0.1:{line.port}")
        pool = await cluster.pool(slots=1, lost_after_s=3.0)
        request = order("paint", steps=80, step_s=0.05, job_id="cut-off")
        await begun(pool, request)
        line.cut()
        assert (await follow(pool, request)).failure.kind == "worker_died"
        line.mend()
        again = await run(pool, order("paint", job_id="cut-off", attempt=2))
        assert (again.pastiche.attempt, again.pastiche.steps) == (2, 3)
        await cluster.close()


async def test_drain(cluster: Cluster, order: Order, follow: Run) -> None:
    """A node that is asked to end takes nothing more, finishes what it has, and exits with 0."""
    node = cluster.node("retiring", drain_s=20)
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=40, step_s=0.05)
    await begun(pool, request)
    node.terminate()
    assert (await follow(pool, request)).pastiche.steps == 40
    assert await node.ended() == 0
    await until(lambda: states(pool) == {"retiring/cpu": "set_aside"})


async def test_drain_without_patience(cluster: Cluster, order: Order, follow: Run) -> None:
    """What a node that ends cannot finish is moved elsewhere at once, and nobody is blamed."""
    node = cluster.node("hasty", drain_s=0)
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=10**6)
    await begun(pool, request)
    node.terminate()
    async with asyncio.timeout(5):
        assert (await follow(pool, request)).failure.kind == "moved"
    assert await node.ended() == 0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        ({"protocol": 99}, f"has protocol 99, the bot has {PROTOCOL_VERSION}"),
        ({"code": "0ld"}, "has painter 0ld, the bot has"),
        ({"extractor": "vgg19"}, "has feature extractor vgg19, the bot has vgg16:"),
    ],
)
async def test_another_version(cluster: Cluster, build: dict[str, Any], words: str) -> None:
    """A node that would paint otherwise is refused: one sentence, exit status 78, and no job for it."""
    node = cluster.node("stranger", build=build)
    pool = await cluster.pool(slots=1)
    assert set(states(pool).values()) == {"set_aside"}
    assert await node.ended() == 78
    (line,) = [line for line in node.log.splitlines() if line.startswith("error:")]
    assert words in line
    assert "install the same version of Gafuu on both" in line


async def test_two_nodes_of_one_name(cluster: Cluster, order: Order, follow: Run) -> None:
    """The second node under a name has to go; the first one is not disturbed."""
    cluster.node("twin")
    pool = await cluster.pool(slots=1)
    request = order("paint", steps=60, step_s=0.05)
    await begun(pool, request)
    second = cluster.node("twin")
    assert await second.ended() == 78
    assert "another node already runs under the name “twin”" in second.log
    assert (await follow(pool, request)).pastiche.steps == 60


async def test_wrong_token(cluster: Cluster) -> None:
    """Neither a node nor a bot gets in with a wrong token; one sentence says what to do."""
    node = cluster.node("burglar", token="wrong")  # noqa: S106 - and wrong at that
    assert await node.ended() == 78
    assert "does not accept this token for “burglar”" in node.log
    link = wire.Link(url=cluster.server.url, user="bot", token="wrong")  # noqa: S106 - as above
    with pytest.raises(ConfigError, match=r"NATS_TOKEN: the server does not accept this token for “bot”"):
        await cluster.pool(slots=0, link=link)


async def test_no_server() -> None:
    """Without a server a pool cannot start, and says where it looked; it can be closed all the same."""
    pool = NatsPool(wire.Link(url="nats://127.0.0.1:1", user="bot"), build=lambda: Build.of("vgg16"))
    with pytest.raises(Unreachable, match=r"no NATS server answers at nats.url: "):
        await pool.start()
    await pool.close()


async def test_node_waits_for_a_server(cluster: Cluster, tmp_path: Path) -> None:
    """A node that is started before its server waits, and comes when there is one."""
    server = Server(tmp_path / "server")
    server.let_in("early")
    cluster.server = server
    node = cluster.node("early")
    await until(lambda: "node-waits" in node.log)
    server.start()
    cluster.servers.append(server)
    pool = await cluster.pool(slots=1)
    await pool.wait_for_slot()
