"""The command line, as a person or a service manager uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import discord_edge
import pytest
from discord.http import Route

from bot.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from discord_edge import DiscordEdge

EXAMPLE: Final = Path(__file__).parents[2] / "config.example.toml"
KEYS: Final = tuple(
    (section, key, value)
    for section, table in tomllib.loads(EXAMPLE.read_text(encoding="utf-8")).items()
    for key, value in table.items()
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without a token."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must end with status 78, and return its only line."""
    assert main(arguments) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def wrong(value: object) -> str:
    """Return TOML for a value that cannot stand where this one does."""
    return "4711" if isinstance(value, str) else '"blunder"'


@pytest.mark.parametrize(("section", "key", "value"), KEYS, ids=[f"{key[0]}.{key[1]}" for key in KEYS])
@pytest.mark.parametrize("command", ["run", "rehearse", "check"])
def test_every_wrong_value(
    command: str, section: str, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong in the file: status 78 and one line with file and key, but not the value."""
    Path("mine.toml").write_text(f"[{section}]\n{key} = {wrong(value)}\n", encoding="utf-8")
    line = refused(capsys, command, "--config", "mine.toml")
    assert line.startswith(f"error: mine.toml: {section}.{key}: ")
    assert "4711" not in line
    assert "blunder" not in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nqueues = 3\n", "mine.toml: limits.queues: "),
        ("[limit]\n", "mine.toml: limit: "),
        ("limits = [", "mine.toml: not TOML: "),
        ('token = "abc-secret"\n', "mine.toml: token: a secret does not belong in a file"),
        ("[limits]\nper_person = 0\n", "mine.toml: limits.per_person: "),
        ("[discord]\nedit_every_s = 0.1\n", "mine.toml: discord.edit_every_s: "),
    ],
    ids=["unknown_key", "unknown_section", "not_toml", "secret", "zero", "out_of_range"],
)
def test_a_wrong_file(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown names, bad syntax, ranges and secrets are told apart in one line each."""
    Path("mine.toml").write_text(text, encoding="utf-8")
    line = refused(capsys, "check", "--config", "mine.toml")
    assert said in line
    assert "abc-secret" not in line


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was named must exist."""
    assert "nowhere.toml: no such file" in refused(capsys, "run", "--config", "nowhere.toml")


def test_the_usual_file_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """`config.toml` in the working folder is read without being named."""
    Path("config.toml").write_text("[log]\nlevel = 1\n", encoding="utf-8")
    assert "config.toml: log.level: " in refused(capsys, "run")


def test_run_without_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    """It says which variable to set, and what tells more."""
    line = refused(capsys, "run")
    assert "DISCORD_TOKEN: not set" in line
    assert "python -m bot check" in line


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Iterator[DiscordEdge]:
    """An edge of Discord to which discord.py talks instead of the real one."""
    with discord_edge.running() as running:
        monkeypatch.setattr(Route, "BASE", running.base)
        yield running


@pytest.mark.usefixtures("edge")
def test_run_with_a_token_that_discord_refuses(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so without repeating the token, and ends with 78: to start again would not help."""
    monkeypatch.setenv("DISCORD_TOKEN", "s3cret-but-wrong")
    assert main(["run"]) == 78
    out, err = capfd.readouterr()
    assert "DISCORD_TOKEN: Discord refuses it" in err.splitlines()[-1]
    assert "s3cret" not in out + err


def test_run_while_discord_is_out_of_order(
    edge: DiscordEdge, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with status 1 and one line, without a traceback: a supervisor tries again."""
    monkeypatch.setenv("DISCORD_TOKEN", discord_edge.GOOD_TOKEN)
    edge.trouble = 503
    assert main(["run"]) == 1
    err = capfd.readouterr().err
    assert "discord_unreachable" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("edge")
def test_what_only_shows_at_the_start_names_the_file_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Devices that do not exist, and a store that is a file: status 78, file and key."""
    monkeypatch.setenv("DISCORD_TOKEN", discord_edge.GOOD_TOKEN)
    Path("data").write_bytes(b"")
    assert main(["run"]) == 78
    assert "default settings: store.path: " in capfd.readouterr().err.splitlines()[-1]
    Path("mine.toml").write_text('[workers]\ndevices = "abacus"\n[store]\npath = "elsewhere"\n')
    assert main(["run", "--config", "mine.toml"]) == 78
    assert "error: mine.toml: workers.devices: " in capfd.readouterr().err.splitlines()[-1]


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, as every command line; a port out of range is explained."""
    for arguments in ([], ["paint"], ["rehearse", "--port", "70000"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "choose a number from 0 to 65535" in capsys.readouterr().err


def test_the_exit_status_reaches_the_shell() -> None:
    """`python -m bot` ends with what `main` returns, and prints no traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "run", "--config", "nowhere.toml"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(EXAMPLE.parent)},
    )
    assert ended.returncode == 78
    assert ended.stderr.count("\n") == 1


START: Final = """
import sys
import discord.gateway, discord.http, yarl
discord.http.Route.BASE = sys.argv[1]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(sys.argv[2])
from bot.__main__ import main
if __name__ == "__main__":
    sys.exit(main(["run", "--config", "mine.toml"]))
"""
"""The bot as it is, on an edge of Discord that is on this machine."""


def readiness(port: int) -> dict[str, Any]:
    """Return what `/readyz` says, {} while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as answer:
        with answer:
            found = json.load(answer)
    except OSError:
        return {}
    return found


def wait_until_ready(process: subprocess.Popen[str], port: int) -> dict[str, Any]:
    """Return the first answer that everything is ready, or the last one."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if (found := readiness(port)).get("ready"):
            break
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_whole_life(number: signal.Signals, elsewhere: Path, edge: DiscordEdge) -> None:
    """Log in, connect, start a worker, be ready, end with status 0 and no process left on a signal."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (elsewhere / "mine.toml").write_text(f'[web]\nport = {port}\n[workers]\ndevices = "cpu"\n')
    environ = {"DISCORD_TOKEN": discord_edge.GOOD_TOKEN, "PYTHONPATH": str(EXAMPLE.parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", START, edge.base, edge.gateway],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environ,
    )
    with process:
        try:
            checks = wait_until_ready(process, port)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert checks == {"ready": True, "checks": {"gateway": True, "worker": True, "store": True}}, err
    assert process.returncode == 0, err
    assert "IDENTIFY intents=1" in edge.seen  # servers, and nothing privileged
    assert any(seen.startswith("PUT /applications/") for seen in edge.seen)
    assert discord_edge.GOOD_TOKEN not in err
    assert "Traceback" not in err
    assert "bot_closing asked=True" in err
    assert not is_alive(int(re.findall(r"worker-start .*pid=(\d+)", err)[-1]))


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
