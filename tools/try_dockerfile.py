"""Execute every instruction of the Dockerfile without Docker, so that a wrong path or package is found.

    sudo python tools/try_dockerfile.py [--folder /var/tmp/gafuu-images]

Each stage is a folder of its own laid over the one it is made from (overlayfs), and its commands run
inside it (chroot), on a bare Debian with Python in place of the official image. Then the images are asked
what they promise. Needs root, debootstrap and the network. What needs Docker itself (layers, caches,
the health check's schedule) is not tried here: `tools/try_compose.py` does that.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
RELEASE = "bookworm"
PACKAGES = "python3.11 python3.11-venv"
SITE_FILES = (
    "etc/resolv.conf",
    "etc/pip.conf",
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/debian.sources",
)
"""How this machine reaches its registries."""
PASSED_ON = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
KNOWN = ("FROM", "ARG", "ENV", "RUN", "COPY", "WORKDIR", "USER", "VOLUME", "STOPSIGNAL")
CHECKED = ("HEALTHCHECK", "ENTRYPOINT", "CMD")
PROMISES = {
    "bot": (
        "gafuu --help >/dev/null",
        "! python -c 'import torch' 2>/dev/null",
        "python -c 'import bot.client, bot.pool.nats'",
        'test "$(id -un)" = gafuu && touch /data/x && ! touch /opt/gafuu/x 2>/dev/null',
        "! command -v gcc && ! command -v cc",
    ),
    "worker": (
        "nst doctor >/dev/null",
        "python -m bot.pool.node --help >/dev/null",
        "python -m nst_core.worker --list-devices",
        'test "$(id -un)" = gafuu && ! command -v gcc',
        "fc-list 2>/dev/null | grep -qi ipa || ls /usr/share/fonts/opentype/ipaexfont-gothic",
    ),
    "studio": (
        "gafuu run --help >/dev/null",
        "gafuu check --config /etc/gafuu/config.toml | grep 'ok    worker'",
    ),
}


@dataclass
class Stage:
    """One FROM and what follows it."""

    name: str
    parent: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"
    layers: tuple[Path, ...] = ()
    """Topmost first."""


def main() -> int:
    """Try the stages; return the exit status."""
    options = _options()
    if os.environ.get("GAFUU_UNSHARED") != "1":  # mounts end with this process
        os.environ["GAFUU_UNSHARED"] = "1"
        return subprocess.call(["unshare", "--mount", sys.executable, *sys.argv])
    folder: Path = options.folder
    base = bare_debian(folder)
    stages: dict[str, Stage] = {}
    for stage in parse((ROOT / "Dockerfile").read_text()):
        print(f"== {stage.name} (from {stage.parent})", flush=True)
        _inherit(stage, stages, base, folder)
        with _Mounted(stage, folder) as root:
            for instruction, words in stage.steps:
                _execute(stage, root, instruction, words, stages)
            for command in PROMISES.get(stage.name, ()):
                print(f"   promise: {command}", flush=True)
                _run(stage, root, command, user=stage.user)
        stages[stage.name] = stage
    print(f"{len(stages)} stages executed, {sum(map(len, PROMISES.values()))} promises kept")
    return 0


def parse(text: str) -> list[Stage]:
    """Read a Dockerfile.

    Raises:
        ValueError: an instruction that this tool does not know.
    """
    whole = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    stages: list[Stage] = []
    for line in whole.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, _, words = line.strip().partition(" ")
        if instruction not in (*KNOWN, *CHECKED):
            raise ValueError(f"unknown instruction: {instruction}")
        if instruction == "FROM":
            parent, _, name = words.partition(" AS ")
            stages.append(Stage(name=name.strip(), parent=parent.strip()))
        else:
            stages[-1].steps.append((instruction, words.strip()))
    return stages


def _execute(stage: Stage, root: Path, instruction: str, words: str, stages: dict[str, Stage]) -> None:
    print(f"   {instruction} {words[:100]}", flush=True)
    match instruction:
        case "RUN":
            _run(stage, root, words, user=stage.user)
        case "ENV":
            for pair in shlex.split(words):
                key, _, value = pair.partition("=")
                stage.env[key] = value.replace("$PATH", stage.env["PATH"])
        case "COPY":
            _copy(stage, root, words, stages)
        case "WORKDIR":
            stage.folder = words
            (root / words.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            _run(stage, root, f"id {words} >/dev/null", user="root")
            stage.user = words
        case "ENTRYPOINT" | "CMD" | "HEALTHCHECK":
            program = json.loads(words[words.index("[") :])[0]
            if instruction != "CMD":
                _run(stage, root, f"command -v {program} >/dev/null", user=stage.user)


def _copy(stage: Stage, root: Path, words: str, stages: dict[str, Stage]) -> None:
    *sources, target = shlex.split(words)
    to = root / (Path(stage.folder) / target).as_posix().lstrip("/")
    if sources[0].startswith("--from="):
        with _Mounted(stages[sources[0].removeprefix("--from=")], to.parent / ".from") as other:
            subprocess.run(["cp", "-a", str(other / sources[1].lstrip("/")), str(to)], check=True)
        return
    known = subprocess.run(
        ["git", "ls-files", "--", *sources], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    for name in filter(None, known):
        inside = next((source for source in sources if name.startswith(f"{source}/")), None)
        place = to / (Path(name).relative_to(inside) if inside else Path(name).name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place)
    for source in sources:
        if not any(name == source or name.startswith(f"{source}/") for name in known):
            raise FileNotFoundError(source)


def _run(stage: Stage, root: Path, command: str, *, user: str) -> None:
    passed = {key: value for key, value in os.environ.items() if key.upper().startswith(PASSED_ON)}
    words = ["chroot", f"--userspec={user}", str(root), "/bin/sh", "-ec", f"cd {stage.folder} && {command}"]
    done = subprocess.run(words, env={**stage.env, **passed, "HOME": "/tmp"}, check=False)  # noqa: S108 - of the image
    if done.returncode:
        raise SystemExit(f"stage {stage.name}: exit status {done.returncode} of: {command}")


def _inherit(stage: Stage, stages: dict[str, Stage], base: Path, folder: Path) -> None:
    parent = stages.get(stage.parent)
    stage.env = dict(parent.env) if parent else {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    stage.user, stage.folder = (parent.user, parent.folder) if parent else ("root", "/")
    own = folder / stage.name / "own"
    shutil.rmtree(folder / stage.name, ignore_errors=True)
    own.mkdir(parents=True)
    stage.layers = (own, *(parent.layers if parent else (base,)))


class _Mounted:
    """A stage's folders laid over each other, with what commands expect of a system."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self.root = folder / f"{stage.name}-root"

    def __enter__(self) -> Path:
        own, *below = self._stage.layers
        work = own.with_name("work")
        for path in (self.root, work):
            path.mkdir(parents=True, exist_ok=True)
        lower = ":".join(map(str, below))
        _call(
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir={lower},upperdir={own},workdir={work}",
            self.root,
        )
        for name in ("proc", "dev"):
            _call("mount", "--rbind", f"/{name}", self.root / name)
        return self.root

    def __exit__(self, *_: object) -> None:
        for path in (self.root / "dev", self.root / "proc", self.root):
            _call("umount", "--recursive", "--lazy", path)
        self.root.rmdir()


def bare_debian(folder: Path) -> Path:
    """Return a bare Debian with Python, made once, which reaches the registries as this machine does."""
    base = folder / "base"
    if not (base / "usr/local/bin/python").is_symlink():
        base.mkdir(parents=True, exist_ok=True)
        _call("debootstrap", "--variant=minbase", "--include=ca-certificates", RELEASE, base, *mirror())
        _connect(base)
        for extra in Path("/etc/apt/apt.conf.d").glob("99*"):
            shutil.copy(extra, base / "etc/apt/apt.conf.d")
        install = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {PACKAGES}"
        _call("chroot", base, "/bin/sh", "-ec", install)
        _connect(base)  # the installation has written its own certificates
        (base / "usr/local/bin/python").symlink_to("/usr/bin/python3.11")
    return base


def _connect(base: Path) -> None:
    """Let what runs inside reach the registries as this machine does."""
    own_authorities = os.environ.get("SSL_CERT_FILE", "").lstrip("/")
    for name in (*SITE_FILES, *filter(None, [own_authorities])):
        if Path("/", name).exists():
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path("/", name), base / name)


def mirror() -> list[str]:
    """Return where this machine gets Debian from, if it says so."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    lines = sources.read_text().splitlines() if sources.exists() else []
    return [line.split()[1] for line in lines if line.startswith("URIs:")][:1]


def _call(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/gafuu-images"))  # noqa: S108 - large, and kept
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
