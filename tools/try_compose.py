"""Execute the lines for containers with Docker itself: build, start, paint, ask, stop.

    sudo .venv/bin/python tools/try_compose.py [--folder /var/tmp/gafuu-compose] [--keep]

Runs a Docker of its own (own_docker.py) and in it, as somebody who is not root, first what compose.yaml says
of one machine, then every line of the runbook's *In containers*. Dockerfile and compose.yaml stay as they
are, but for the `deploy:` lines, which need a GPU. Nothing comes from Docker's registry: in place of the
images that ours are made from stand a bare Debian with Python, and PyPI's nats-server with busybox's wget.
Discord is the one of benchmarks/reliability/wire, in this process. Pictures are ordered there and painted in
the containers, one of them while `down` is called.

Needs Debian or a relative with debootstrap and slirp4netns, root, a package index, 5 GB, and the `dev` extra
beside the Python that runs it. pip's settings in the environment count for the images, too; without
PIP_EXTRA_INDEX_URL=<the index of PyTorch's CPU builds> CUDA comes along, several GB more.
Exit status 0: every line ended with 0 and did what it should, and no container had to be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import own_docker
from own_docker import HERE
from try_dockerfile import PASSED_ON, bare_debian
from try_units import BLOCK, EDGE, LEFT_BEHIND, LEFT_OUT, ROOT, asked

sys.path.insert(0, str(ROOT / "benchmarks/reliability"))

from verdict import until
from wire import server
from wire.http import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from own_docker import Engine
    from wire.server import WireDiscord
    from wire.state import Asked

PROGRAM: Final = "/srv/gafuu"
"""The checkout, inside."""
BESIDE: Final = "/srv/edge"
"""What leads the bot to the Discord here, inside."""
SECRETS: Final = (".env", "users.conf")
TOKENS: Final = {"bot": "BOT_NATS_TOKEN", "worker": "WORKER_NATS_TOKEN"}
COMPOSE: Final = f"""\
services:
  bot: &edge
    environment: {{PYTHONPATH: {BESIDE}}}
    volumes: ["{BESIDE}:{BESIDE}:ro"]
  studio: *edge
"""
AT_START: Final = """\
import sys

if "run" in sys.orig_argv:
    import edge_of_discord
"""
CLEAN: Final = """\
docker ps --all --quiet | xargs --no-run-if-empty docker rm --force
docker network prune --force
docker volume prune --all --force
"""
"""Nothing is kept but images."""
PERSON: Final = 1000
ONLINE_WITHIN_S: Final = 60.0
PAINTED_WITHIN_S: Final = 300.0
STEPS_SEEN: Final = 3
"""Changes of a card after which a picture is certainly being painted."""


class Trial:
    """Lines, executed one after another.

    Args:
        engine: where.
        discord: where the bot is online.
    """

    def __init__(self, engine: Engine, discord: WireDiscord) -> None:
        self._engine = engine
        self._discord = discord
        self._channel_id = discord.state.open_channel()
        self._began = time.time()
        self._tokens = {"DISCORD_TOKEN": TOKEN}
        self.pictures = 0

    async def line(self, line: str) -> None:
        """Execute a line and see that it did what it should."""
        self._write_tokens()
        if line.endswith("down"):
            await self._begin_slow_one()
        began = time.monotonic()
        said = await self._run(line)
        print(f"ok {time.monotonic() - began:6.1f} s  {line}", flush=True)
        if found := re.search(r"access add (\w+)", line):
            self._tokens[TOKENS[found[1]]] = said.split()[-1]  # after what was built
        elif " up " in line:
            await self._see_all_well(line)
            await self._see_picture()
        elif line.endswith("down"):
            await self._see_nothing_left()
        elif "gafuu status" in line:
            print(textwrap.indent(said, " " * 13), end="", flush=True)
            if not re.search(r"^worker/\w+ +ready ", said, re.MULTILINE):
                await self._fail("status does not show the node")

    async def _see_all_well(self, line: str) -> None:
        profile = line[: line.index(" up ")]
        for each in (await self._run(f"{profile} ps --all --format json")).splitlines():
            facts = json.loads(each)
            print(f"{'':13}{facts['Service']}: {facts['Status']}", flush=True)
            if facts["State"] != "running" or facts["Health"] not in {"", "healthy"}:
                await self._fail(f"{facts['Service']} is not well")

    async def _see_picture(self) -> None:
        began, posts = time.monotonic(), self._discord.state.posts
        before = len(posts)
        await self._order(mode="draft")
        if not await until(lambda: len(posts) > before, within_s=PAINTED_WITHIN_S):
            await self._fail("no picture is posted")
        self.pictures += 1
        print(f"{'':13}{', '.join(posts[-1].files)} after {time.monotonic() - began:.1f} s", flush=True)

    async def _begin_slow_one(self) -> None:
        asked = await self._order(mode="best")
        cards = self._discord.state.channels[self._channel_id]

        def painting() -> bool:
            return asked.card_id is not None and cards[asked.card_id].edits >= STEPS_SEEN

        if not await until(painting, within_s=PAINTED_WITHIN_S):
            await self._fail("a picture that takes long is not begun")

    async def _order(self, **options: object) -> Asked:
        if not await until(lambda: self._discord.gateway.connected, within_s=ONLINE_WITHIN_S):
            await self._fail("the bot is not online")
        return await self._discord.order(PERSON, self._channel_id, preset="scream", **options)

    async def _see_nothing_left(self) -> None:
        """See that containers and networks are gone, and that every container ended by itself."""
        left = await self._run("docker ps --all --quiet; docker network ls --quiet --filter name=gafuu")
        what = "{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"
        since = f"--since {self._began:.6f} --until {time.time() + 1:.6f} --filter event=die"
        ended = (await self._run(f"docker events {since} --format '{what}'")).splitlines()
        print(f"{'':13}ended with: {', '.join(ended)}", flush=True)
        if left or not ended or any(each.split()[1] != "0" for each in ended):
            await self._fail(f"not an orderly end; left: {left or 'nothing'}")
        await self._run(CLEAN)  # also of the order that was begun
        self._began = time.time()

    def _write_tokens(self) -> None:
        """Put the tokens where the runbook says."""
        path = self._engine.root / PROGRAM.lstrip("/") / ".env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={token}\n" for name, token in self._tokens.items()))
        self._engine.own(PROGRAM)

    async def _run(self, line: str) -> str:
        compose = f"export COMPOSE_FILE=compose.yaml:{BESIDE}/compose.yaml"
        done = await asyncio.to_thread(self._engine.run, f"{compose}; {line}", folder=PROGRAM)
        if done.returncode:
            await self._fail(f"exit status {done.returncode} of: {line}\n{done.stdout}{done.stderr}")
        return done.stdout

    async def _fail(self, what: str) -> NoReturn:
        logs = "for each in $(docker ps --all --quiet); do docker logs --tail 20 $each; done 2>&1"
        done = await asyncio.to_thread(self._engine.run, logs)
        raise SystemExit(f"FAILED: {what}\n{done.stdout}")


def main() -> int:
    """Run; return the exit status."""
    options = asked(__doc__, "gafuu-compose")
    if os.geteuid() != 0:
        raise SystemExit("error: run this as root: it mounts, and makes namespaces")
    for program in ("debootstrap", "slirp4netns", "nsenter"):
        if shutil.which(program) is None:
            raise SystemExit(f"error: {program} is missing: apt install debootstrap slirp4netns util-linux")
    options.folder.mkdir(parents=True, exist_ok=True)
    with own_docker.running(options.folder, keep=options.keep) as engine:
        _load_images(engine, options.folder)
        return asyncio.run(_try(engine))


async def _try(engine: Engine) -> int:
    async with server.running(seed=0) as discord:
        discord.base, discord.address = (
            each.replace("127.0.0.1", HERE) for each in (discord.base, discord.address)
        )
        discord.gateway.address = discord.address
        _install(engine, discord)
        engine.run(CLEAN)
        trial = Trial(engine, discord)
        lines = [*_one_machine(), *_runbook()]
        for line in lines:
            await trial.line(line)
    print(f"{len(lines)} lines executed, {trial.pictures} pictures painted in containers")
    return 0


def _one_machine() -> Iterable[str]:
    """Return what the head of compose.yaml says of one machine, and its end."""
    head = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    found = re.search(r"^# One machine.*?(docker compose --profile single) (.*)$", head, re.MULTILINE)
    if found is None:
        raise SystemExit("error: compose.yaml does not say how one machine is started")
    return (f"{found[1]} {found[2]}", f"{found[1]} down")


def _runbook() -> Iterable[str]:
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {LEFT_OUT}\n")[1].split("\n## ")[0]
    return [line for _, _, block in BLOCK.findall(section) for line in block.splitlines() if line]


def _install(engine: Engine, discord: WireDiscord) -> None:
    """Lay the checkout into the engine's files, and beside it what leads the bot to this Discord."""
    program, beside = (engine.root / each.lstrip("/") for each in (PROGRAM, BESIDE))
    for each in (program, beside):
        shutil.rmtree(each, ignore_errors=True)

    def left_behind(folder: str, names: list[str]) -> set[str]:
        return set(LEFT_BEHIND(folder, names)) | {*SECRETS}.intersection(names)

    shutil.copytree(ROOT, program, ignore=left_behind)
    compose = program / "compose.yaml"
    compose.write_text(re.sub(r"^ +deploy: .*\n", "", compose.read_text(), flags=re.MULTILINE))
    beside.mkdir()
    (beside / "compose.yaml").write_text(COMPOSE)
    (beside / "sitecustomize.py").write_text(AT_START)
    (beside / "edge_of_discord.py").write_text(EDGE.format(base=discord.base, gateway=discord.address))


def _load_images(engine: Engine, folder: Path) -> None:
    """Make what ours are made from, under the names by which Dockerfile and compose.yaml ask for it."""
    names = {}
    for file, pattern in (("Dockerfile", r"^FROM (python:\S+)"), ("compose.yaml", r"image: (nats:\S+)")):
        found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise SystemExit(f"error: {file} asks for no {pattern}")
        names[file] = found[1]
    if engine.run(f"docker image inspect {' '.join(names.values())}").returncode == 0:
        return  # kept; anew they would be others, and nothing that was built of them would count
    base = bare_debian(folder)
    _carry_wheels(base)
    passed = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
    settings = [f'ENV {name}="{value}"' for name, value in passed.items()]
    engine.load(base, names["Dockerfile"], ['CMD ["python3"]', *settings])
    engine.load(_nats(folder / "nats", engine), names["compose.yaml"], ['ENTRYPOINT ["nats-server"]'])


def _carry_wheels(base: Path) -> None:
    """Copy the folders in which pip finds wheels here."""
    for place in map(Path, os.environ.get("PIP_FIND_LINKS", "").split()):
        if place.is_absolute() and place.is_dir():
            shutil.copytree(place, base / place.relative_to("/"), dirs_exist_ok=True)


def _nats(files: Path, engine: Engine) -> Path:
    """Return the files of a system with a nats-server and wget."""
    shutil.rmtree(files, ignore_errors=True)
    for name in ("bin", "usr/local/bin", "etc", "tmp"):
        (files / name).mkdir(parents=True)
    shutil.copy(engine.root / "bin/busybox", files / "bin")
    for name in ("sh", "wget"):
        (files / "bin" / name).symlink_to("busybox")
    program = Path(sys.executable).with_name("nats-server")
    shutil.copy(program, files / "usr/local/bin")
    subprocess.run([files / "usr/local/bin/nats-server", "--version"], check=True, stdout=subprocess.DEVNULL)
    return files


if __name__ == "__main__":
    sys.exit(main())
