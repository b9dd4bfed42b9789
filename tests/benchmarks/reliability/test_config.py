"""The program that tries every wrong configuration, and what it finds."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import config
import pytest

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
CASES = list(config.cases())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


def test_no_key_is_left_out() -> None:
    """Each key of the example is tried with at least two wrong values, and as a name that nobody knows."""
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    known = {f"{config.FILE}: {section}.{name}" for section, table in example.items() for name in table}
    wrong = [case.key for case in CASES if case.kind not in {"unknown key", "not TOML"}]
    assert {key for key in known if wrong.count(key) >= 2} == known
    assert sum(case.kind == "unknown key" for case in CASES) == len(known)


@pytest.mark.parametrize("kind", sorted({case.kind for case in CASES}))
def test_every_wrong_start(kind: str) -> None:
    """Status 78, one line that names file and key, and no value; whatever is wrong, whichever the key."""
    answers = {f"{case.toml}{case.environ}": config.here(case) for case in CASES if case.kind == kind}
    assert {case: problem for case, problem in answers.items() if problem} == {}


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ("[limits]\nqueue = 5\n", "does not name the key"),
        ("[limits]\nblunder4711 = 5\n", "repeats the value"),
    ],
)
def test_broken_promises_are_seen(toml: str, problem: str) -> None:
    """A value that is accepted, and one that is repeated, are told of."""
    case = config.Case(kind="wrong type", toml=toml, key=f"{config.FILE}: limits.queue")
    assert problem in config.here(case)
    assert "status 0" in config.complaint(dataclasses.replace(case), 0, "", "")
