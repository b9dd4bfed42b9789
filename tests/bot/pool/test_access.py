"""Who may do what on the server, with the configuration that is shipped."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
from cluster import Server, server_program

from bot.pool import access, subjects, wire
from bot.pool.base import Unreachable
from bot.pool.streams import prepare_consumer, prepare_streams
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from nats.aio.client import Client

    from bot.pool.nats import NatsPool
    from nst_core.protocol import StyleRequest

KEY = ("job1", 1)
CONFIGS = Path(__file__).parents[3] / "deploy/nats"


@contextlib.asynccontextmanager
async def client(server: Server, name: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """Give a bare connection as somebody, and what the server has forbidden it so far."""
    forbidden: list[str] = []

    async def note(error: Exception) -> None:
        forbidden.append(str(error))

    async with await nats.connect(
        server.url,
        user=name,
        password=server.tokens[name],
        inbox_prefix=subjects.inbox(name),
        error_cb=note,
        allow_reconnect=False,
    ) as nc:
        yield nc, forbidden


@pytest.fixture
async def server_of_two(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that knows the nodes attic and garage, with its streams, queues and a job for each."""
    server = Server(tmp_path / "server")
    for name in ("attic", "garage"):
        server.let_in(name)
    server.start()
    async with client(server, "bot") as (nc, _):
        js = nc.jetstream()
        await prepare_streams(js)
        for name in ("attic", "garage"):
            await prepare_consumer(js, name, ack_wait_s=10)
            await js.publish(subjects.to_node(name, "job", KEY), f"for {name}".encode())
            await js.publish(subjects.to_node(name, "chunk", KEY) + ".0", f"secret of {name}".encode())
    yield server
    server.kill()


async def test_a_node_may_do_its_work(server_of_two: Server) -> None:
    """It takes its job, reads its picture, reports, stores an end, acknowledges, and answers."""
    async with client(server_of_two, "attic") as (node, forbidden), client(server_of_two, "bot") as (bot, _):
        heard: list[str] = []

        async def hear(message: Any) -> None:  # noqa: ANN401 - nats' own
            heard.append(message.subject)

        async def answer(message: Any) -> None:  # noqa: ANN401 - nats' own
            await message.respond(b"stopping")

        await bot.subscribe(subjects.EVERY_NODE, cb=hear)
        await bot.flush()
        await node.subscribe(subjects.to_node("attic", "say"), cb=answer)
        await node.subscribe(subjects.ALL)
        await node.flush()
        js = node.jetstream(timeout=2)
        (job,) = await (await js.pull_subscribe_bind(consumer="attic", stream=subjects.JOBS)).fetch(
            1, timeout=2
        )
        assert job.data == b"for attic"
        await job.in_progress()
        chunk = await js.get_last_msg(
            subjects.IN, subjects.to_node("attic", "chunk", KEY) + ".0", direct=True
        )
        assert chunk.data == b"secret of attic"
        await node.publish(subjects.from_node("attic", "status"), b"{}")
        await node.publish(subjects.from_node("attic", "progress", KEY), b"step")
        await js.publish(subjects.result_chunks("attic", KEY) + ".0", b"piece")
        await js.publish(subjects.from_node("attic", "end", KEY), b"end")
        await job.ack_sync(timeout=2)
        said = await bot.request(subjects.to_node("attic", "say"), b"stop", timeout=2)
        assert said.data == b"stopping"
        await bot.flush()
        assert heard == [
            "gafuu.from.attic.status",
            "gafuu.from.attic.progress.job1.1",
            "gafuu.from.attic.end.job1.1",
        ]
        assert forbidden == []


@pytest.mark.parametrize(
    "subject",
    [
        "gafuu.from.>",
        "gafuu.from.garage.>",
        "gafuu.to.>",
        "gafuu.to.garage.say",
        "gafuu.to.*.job.*.*",
        "gafuu.to.garage.chunk.>",
        "gafuu.result.>",
        "_INBOX_bot.>",
        "_INBOX_garage.>",
        "_INBOX.>",
        ">",
        "$JS.>",
        "$SYS.>",
    ],
)
async def test_a_node_hears_nobody_else(server_of_two: Server, subject: str) -> None:
    """Neither its neighbours' jobs, pictures and answers, nor what they say."""
    async with client(server_of_two, "attic") as (node, forbidden):
        await node.subscribe(subject)
        await node.flush()
        await asyncio.sleep(0.05)
        assert len(forbidden) == 1
        assert "permissions violation for subscription" in forbidden[0].lower()


@pytest.mark.parametrize(
    "subject",
    [
        "gafuu.from.garage.status",
        "gafuu.from.garage.end.job1.1",
        "gafuu.result.garage.job1.1.0",
        "gafuu.to.garage.job.job2.1",
        "gafuu.to.garage.say",
        "gafuu.to.all",
        "_INBOX_bot.x",
        "$JS.API.CONSUMER.MSG.NEXT.GAFUU_JOBS.garage",
        "$JS.API.DIRECT.GET.GAFUU_IN.gafuu.to.garage.chunk.job1.1.0",
        "$JS.API.DIRECT.GET.GAFUU_IN",
        "$JS.API.CONSUMER.CREATE.GAFUU_IN",
        "$JS.API.CONSUMER.CREATE.GAFUU_JOBS.x.gafuu.to.garage.job.>",
        "$JS.API.STREAM.MSG.GET.GAFUU_IN",
        "$JS.API.STREAM.PURGE.GAFUU_JOBS",
        "$JS.API.STREAM.DELETE.GAFUU_JOBS",
        "$JS.API.STREAM.CREATE.MINE",
        "$JS.API.STREAM.INFO.GAFUU_JOBS",
        "$JS.API.INFO",
        "$JS.ACK.GAFUU_JOBS.garage.1.1.1.1.0",
    ],
)
async def test_a_node_speaks_for_nobody_else(server_of_two: Server, subject: str) -> None:
    """It can neither forge, take, read, acknowledge nor delete what is not its own."""
    async with client(server_of_two, "attic") as (node, forbidden):
        await node.publish(subject, b"", reply=f"{subjects.inbox('attic')}.x")
        await node.flush()
        await asyncio.sleep(0.05)
        assert len(forbidden) == 1
        assert "permissions violation for publish" in forbidden[0].lower()


async def test_nobody_without_a_token(server_of_two: Server) -> None:
    """Neither a stranger, nor a node with another's token, nor one that says nothing is let in."""
    for user, password in ((None, None), ("attic", "x"), ("attic", server_of_two.tokens["garage"]), ("", "")):
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            await asyncio.wait_for(
                wire._try(wire.Link(url=server_of_two.url, user=user or "", token=password)), 5
            )


async def test_too_large_a_message(server_of_two: Server) -> None:
    """The server takes nothing above its limit."""
    async with client(server_of_two, "attic") as (node, _):
        assert node.max_payload == 8 * 2**20
        with pytest.raises(nats.errors.MaxPayloadError):
            await node.publish(subjects.from_node("attic", "status"), bytes(9 * 2**20))


@pytest.mark.parametrize("config", ["inside.conf"])
def test_disk_is_written_at_once(tmp_path: Path, config: str) -> None:
    """A power cut loses nothing that was acknowledged; the server finds the configuration valid."""
    server = Server(tmp_path / "server")
    done = subprocess.run(
        [server_program(), "-t", "-c", config],
        cwd=server.folder,
        capture_output=True,
        check=True,
    )
    assert b"is valid" in done.stderr
    assert "sync_interval: always" in (CONFIGS / "common.conf").read_text()


async def test_a_removed_node_is_cut_off(
    tmp_path: Path,
    cluster: Any,  # noqa: ANN401 - a fixture
    order: Callable[..., StyleRequest],
    run: Callable[..., Awaitable[Any]],
) -> None:
    """Once its token is removed and the server reloaded, a node ends with 78; the others go on."""
    server = Server(tmp_path / "server")
    server.start()
    cluster.server = server
    cluster.servers.append(server)
    fired = cluster.node("fired")
    cluster.node("staying")
    pool: NatsPool = await cluster.pool(slots=2)
    access.remove(server.users, "fired")
    server.reload()
    assert await fired.ended() in (1, 78)
    async with asyncio.timeout(15):  # until the pool has noticed; what it sends there before that is lost
        await pool._until(lambda: all(slot.node != "fired" or slot.state != "ready" for slot in pool.slots()))
    await pool.wait_for_slot()
    assert (await run(pool, order("paint"))).pastiche.steps == 3


async def test_encrypted(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """With nats.conf a client that trusts the authority gets in; others, and the unencrypted, do not."""
    server = Server(tmp_path / "server", config="nats.conf")
    authority = _make_certificates(server.folder)
    server.start()
    request.addfinalizer(server.kill)
    url = server.url.replace("nats://127.0.0.1", "tls://localhost")
    token = server.tokens["bot"]
    await wire._probe(wire.Link(url=url, user="bot", token=token, ca_file=str(authority)))
    with pytest.raises(ConfigError, match=r"the server's certificate is not trusted"):
        await wire._probe(wire.Link(url=url, user="bot", token=token))
    with pytest.raises((ConfigError, Unreachable)):
        await wire._probe(wire.Link(url=server.url, user="bot", token=token))


def test_ca_file_that_is_none() -> None:
    """A certificate that cannot be read is a mistake in the settings, with the key's name."""
    with pytest.raises(ConfigError, match=r"nats\.ca_file: No such file"):
        wire.Link(url="tls://localhost", user="bot", ca_file="nowhere.crt").tls()


def test_adding_rotating_and_removing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program adds, lists, rotates and removes; each token is long, new, and shown once."""
    path = tmp_path / "users.conf"

    def call(*words: str) -> tuple[int, str]:
        status = access.main([*words, "--file", str(path)])
        captured = capsys.readouterr()
        return status, (captured.out + captured.err).strip()

    tokens = [call("add", name)[1] for name in ("garage", "bot", "attic")]
    assert call("list") == (0, "attic\nbot\ngarage")
    tokens.append(call("rotate", "attic")[1])
    assert len(set(tokens)) == 4
    assert {len(token) for token in tokens} == {64}
    assert tokens[2] not in path.read_text()
    assert call("remove", "garage") == (0, "garage is no longer let in")
    assert call("list") == (0, "attic\nbot")
    assert call("remove", "garage") == (2, "error: nobody is called “garage”; there are: attic, bot")
    assert call("add", "attic") == (2, "error: “attic” has a token already: rotate makes a new one")
    assert call("add", "a.b")[0] == call("add", "Attic")[0] == call("add", "")[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_tokens_are_for_the_server_alone(tmp_path: Path) -> None:
    """Nobody else can read the file, also after it was rewritten; a wider mode that somebody set stays."""
    path = tmp_path / "users.conf"
    access.add(path, "bot")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    access.add(path, "attic")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    """A file that somebody wrote by hand is left alone."""
    path = tmp_path / "users.conf"
    path.write_text("users: nobody")
    assert access.main(["add", "bot", "--file", str(path)]) == 2
    path.write_text("port: 4222")
    assert access.main(["add", "bot", "--file", str(path)]) == 2
    assert path.read_text() == "port: 4222"


@pytest.mark.parametrize(
    ("text", "name"), [("Garage.local", "garage"), ("My PC_2", "my-pc-2"), ("a" * 40, "a" * 32), ("-x-", "x")]
)
def test_names_from_hosts(text: str, name: str) -> None:
    """A machine's name becomes one that can stand in a subject."""
    assert subjects.node_name(text) == name


@pytest.mark.parametrize("text", ["", "…", "bot", "*", ">"])
def test_names_that_cannot_be(text: str) -> None:
    """What leaves no name, or the bot's own, is refused."""
    with pytest.raises(ValueError, match="cannot be a node's name"):
        subjects.node_name(text)


@pytest.mark.parametrize("job_id", ["a.b", "*", ">", "", "a b"])
def test_job_ids_cannot_break_out(job_id: str) -> None:
    """A job's id is one word of a subject, never more."""
    with pytest.raises(ValueError, match="cannot stand in a subject"):
        subjects.to_node("attic", "job", (job_id, 1))


def _make_certificates(folder: Path) -> Path:
    """Make an authority and the server's certificate as the runbook does; return the authority's."""
    new_key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    name = "subjectAltName=DNS:localhost"
    signed = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy"
    for words in (
        f"{new_key} -x509 -days 2 -subj /CN=test -keyout ca.key -out ca.crt",
        f"{new_key} -subj /CN=localhost -addext {name} -keyout server.key -out server.csr",
        f"{signed} -days 2 -out server.crt",
    ):
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


async def test_who_closes_a_connection_has_not_lost_it(server_of_two: Server) -> None:
    """A server that goes is told of, once; one's own goodbye is no loss."""
    told: list[str] = []

    async def note(what: str) -> None:
        told.append(what)

    async def opened() -> Client:
        return await wire.connect(
            wire.Link(url=server_of_two.url, user="attic", token=server_of_two.tokens["attic"]),
            on_lost=functools.partial(note, "lost"),
            on_regained=functools.partial(note, "regained"),
            on_closed=functools.partial(note, "closed"),
            on_refused=lambda: told.append("refused"),
        )

    first, second = await opened(), await opened()
    await first.close()
    assert told == ["closed"]
    server_of_two.kill()
    async with asyncio.timeout(10):
        while "lost" not in told:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0.01)
    await second.close()
    assert told == ["closed", "lost", "closed"]
