"""The files that are shipped besides the code say what they should, and fit each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bot.config import load

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


def stage(name: str) -> str:
    """Return a stage of the Dockerfile."""
    found = re.search(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", ["bot", "worker"])
def test_images_do_not_run_as_root(name: str) -> None:
    """Whatever runs in an image runs as its own user; the combined one inherits that."""
    assert "USER 10001" in stage(name)
    assert "useradd --system --uid 10001 " in stage("runtime")
    assert "USER root" not in stage("studio")
    assert "FROM worker AS studio" in DOCKERFILE


def test_bots_image_has_no_torch() -> None:
    """Only the workers' image installs what paints."""
    assert "[worker]" not in stage("build") + stage("build-bot")
    assert "'.[worker]'" in stage("build-worker")
    assert "--from=build-bot" in stage("bot")


def test_what_is_copied_is_sent_to_the_builder() -> None:
    """Everything that the Dockerfile copies is let through by .dockerignore, and is there."""
    passed = {line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied <= passed
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize(
    "words",
    [
        ("hadolint", "Dockerfile"),
        ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"),
    ],
    ids=["Dockerfile", "compose.yaml"],
)
def test_linters_have_nothing_to_say(words: tuple[str, ...]) -> None:
    """The Dockerfile is good practice, and compose.yaml keeps to its specification."""
    program = Path(sys.executable).with_name(words[0])
    done = subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_builds_what_there_is() -> None:
    """Every target, mounted file and profile that compose names exists."""
    for target in re.findall(r"target: (\w+)", COMPOSE):
        stage(target)
    for path in re.findall(r"- \./(\S+?):", COMPOSE):
        assert (ROOT / path).exists(), path
    load(ROOT / "deploy/cluster.toml", {})
    assert tomllib.loads((ROOT / "deploy/cluster.toml").read_text())["workers"]["backend"] == "nats"


def test_runbook_mounts_what_its_reader_owns() -> None:
    """`compose run -v` takes a relative path for a name; root without capabilities may not write there."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    lines = re.findall(r"^docker compose run .*$", text, re.MULTILINE)
    assert lines
    for line in lines:
        mounted = re.search(r' -v "\$PWD/(\S+?):', line)
        assert mounted is not None, line
        assert (ROOT / mounted[1]).is_dir()
        assert ' --user "$(id -u):$(id -g)" ' in line


def test_git_ignores_tokens() -> None:
    """What the runbook has people write into a checkout is not committed by accident."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {"/.env", "/deploy/nats/users.conf"} <= set(ignored)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_understood(unit: Path) -> None:
    """Systemd knows every line; that the programs are not installed here is no fault of the file."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    complaints = [
        line for line in done.stderr.splitlines() if unit.name in line and "is not executable" not in line
    ]
    assert complaints == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_stop_in_order_and_have_no_secrets(unit: Path) -> None:
    """Wrong settings are not tried again and again; a token comes from a file of its own."""
    text = unit.read_text()
    assert "_TOKEN=" not in re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    assert "NoNewPrivileges=yes" in text
    if unit.name != "gafuu-nats.service":
        assert "RestartPreventExitStatus=78" in text
        assert "EnvironmentFile=/etc/gafuu/" in text


@pytest.mark.skipif(shutil.which("openssl") is None or sys.platform == "win32", reason="a shell and openssl")
def test_runbook() -> None:
    """Every command of the runbook that needs neither systemd nor Docker does what it says."""
    words = [sys.executable, "tools/try_runbook.py", "--skip", "pip install"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "commands executed" in done.stdout
