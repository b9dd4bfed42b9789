"""Every key of `config.toml` wrong in turn: exit status 78, one line with file and key, never the value.

    python benchmarks/reliability/config.py

The keys are those of `bot.config.Settings`, and what is wrong for each follows from its type and range, so
that a key that is added tomorrow is tried tomorrow. Ends with status 1 if one line is not as it should be.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args, get_origin

from bot.__main__ import main as bot_main
from bot.config import SECRETS, Section, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

EXIT_CONFIG: Final = 78
FILE: Final = "mine.toml"
MARK: Final = "blunder4711"
"""Stands in every wrong text, and must not come back."""
MARKED_NUMBER: Final = 4711471147114711
OF_EVERY_TYPE: Final[dict[type, str]] = {
    str: f'"{MARK}"',
    int: "4711",
    float: "4711.5",
    bool: "true",
    list: f'["{MARK}"]',
    dict: f'{{ {MARK} = "{MARK}" }}',
}
"""TOML's types, as far as Python tells them apart."""
MEANT: Final[dict[str, tuple[str, ...]]] = {
    "workers.devices": (f'"{MARK}"', '"cpu*0"', '""', f'"cpu,{MARK}"'),
    "nats.ca_file": (f'"{MARK}.crt"',),
    "nats.url": (f'"http://{MARK}"', f'"nats://{MARK}@host"'),
    "store.path": ('""', f'"{FILE}"'),
    "web.host": ('""', f'"{MARK} host"'),
}
"""Texts that have the right type and no sense: of every key whose type alone does not tell."""
ENVIRONMENT: Final = ("", f"two words {MARK}", f"{MARK}\nX-Header: 1", f"{MARK}é", f"{MARK}\x00")
SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One wrong configuration."""

    kind: str
    toml: str = ""
    key: str
    """Must stand in the line."""
    environ: tuple[tuple[str, str], ...] = ()


def keys() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield the section, name and definition of every key that a file may have."""
    for section, table in Settings.model_fields.items():
        if section in SECRETS:
            continue
        kind = table.annotation
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            raise TypeError(f"{section} is no section: teach this program what is wrong for it")
        for name, field in kind.model_fields.items():
            yield section, name, field


def cases() -> Iterator[Case]:
    """Yield every wrong configuration."""
    for section, name, field in keys():
        where = f"{section}.{name}"
        for kind, value in wrong_values(where, field):
            yield Case(kind=kind, toml=f"[{section}]\n{name} = {value}\n", key=f"{FILE}: {where}")
        unknown = f"{name}_{MARK[:7]}"
        yield Case(
            kind="unknown key", toml=f"[{section}]\n{unknown} = 1\n", key=f"{FILE}: {section}.{unknown}"
        )
        yield Case(kind="not TOML", toml=f"[{section}]\n{name} = {MARK}\n", key=f"{FILE}: not TOML")
    for section in {section for section, _, _ in keys()}:
        yield Case(kind="unknown section", toml=f"[{section}s]\n", key=f"{FILE}: {section}s")
        yield Case(kind="no section", toml=f'{section} = "{MARK}"\n', key=f"{FILE}: {section}")
    for key, variable in SECRETS.items():
        yield Case(kind="secret in a file", toml=f'{key} = "{MARK}"\n', key=f"{FILE}: {key}")
        yield from environment_cases(variable)


def wrong_values(where: str, field: FieldInfo) -> Iterator[tuple[str, str]]:
    """Yield (kind, TOML) of values that a key cannot have."""
    wanted = wanted_type(field)
    for kind, value in OF_EVERY_TYPE.items():
        if kind is not wanted and not (wanted is float and kind is int):
            yield "wrong type", value
    meant = MEANT.get(where, ())
    bounds = [*out_of_range(field, wanted)]
    if wanted is str and not meant and get_args(field.annotation) == ():
        raise TypeError(f"{where} may be any text: teach this program what is wrong for it")
    for value in bounds:
        yield "out of range", value
    for value in meant:
        yield "no sense", value
    if wanted is str and get_args(field.annotation):
        yield "no such choice", f'"{MARK}"'


def wanted_type(field: FieldInfo) -> type:
    """Return str, int, float or bool."""
    kind = field.annotation
    if get_origin(kind) is not None:  # one of some texts
        kind = type(get_args(kind)[0])
    if kind not in OF_EVERY_TYPE:
        raise TypeError(f"{kind} is a type that this program does not know")
    return kind


def out_of_range(field: FieldInfo, wanted: type) -> Iterator[str]:
    """Yield numbers just beyond each bound, and what is no number at all."""
    for bound in field.metadata:
        for name, beyond in (("ge", -1), ("gt", 0), ("le", 1), ("lt", 0)):
            if (limit := getattr(bound, name, None)) is not None:
                yield repr(wanted(limit + beyond))
    if wanted is float:
        yield from ("inf", "-inf", "nan")
    if wanted in {int, float}:
        yield str(-MARKED_NUMBER)


def environment_cases(variable: str) -> Iterator[Case]:
    """Yield what a secret cannot be."""
    for value in ENVIRONMENT:
        if value == "" and variable != "DISCORD_TOKEN":
            continue  # only with the backend "nats" is it missed, and a server may ask for none
        if "\x00" not in value:  # no environment can hold it
            yield Case(kind="environment", key=f"environment: {variable}", environ=((variable, value),))


def complaint(case: Case, status: object, out: str, err: str) -> str:
    """Return what is wrong with an answer, "" for nothing."""
    said = err.replace(f"{FILE}: ", "", 1)
    problems = {
        f"status {status}": status != EXIT_CONFIG,
        "said something on standard output": bool(out),
        f"{err.count(chr(10))} lines": err.count("\n") != 1,
        "does not name the key": case.key not in err,
        "repeats the value": MARK in said or str(MARKED_NUMBER) in said,
    }
    return "; ".join(text for text, wrong in problems.items() if wrong)


def here(case: Case) -> str:
    """Try a case in this process; return what is wrong with its answer."""
    out, err = io.StringIO(), io.StringIO()
    before = dict(os.environ)
    os.environ.pop("DISCORD_TOKEN", None)
    os.environ.update(case.environ)
    arguments = ["run"]
    if not case.environ:
        Path(FILE).write_text(case.toml, encoding="utf-8")
        arguments += ["--config", FILE]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status: object = bot_main(arguments)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is not what was promised
        status = repr(error)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return complaint(case, status, out.getvalue(), err.getvalue())


def elsewhere(case: Case) -> str:
    """Try a case in a process of its own; return what is wrong with its answer."""
    Path(FILE).write_text(case.toml, encoding="utf-8")
    arguments = [] if case.environ else ["--config", FILE]
    known = {name: value for name, value in os.environ.items() if name not in SECRETS.values()}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "run", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env=known | dict(case.environ),
    )
    return complaint(case, done.returncode, done.stdout, done.stderr)


def one_of_each_kind(every: list[Case]) -> list[Case]:
    """Return the cases that are tried in a process of their own as well."""
    return list({case.kind: case for case in every}.values())


def tried(every: list[Case]) -> tuple[Counter[str], list[str]]:
    """Try every case, in an empty folder; return how many of each kind were right, and what was not."""
    right: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for case in every:
            note(here(case), case.kind, case, right, wrong)
        for case in one_of_each_kind(every):
            note(elsewhere(case), "in a process of its own", case, right, wrong)
    return right, wrong


def note(problem: str, kind: str, case: Case, right: Counter[str], wrong: list[str]) -> None:
    """Count one answer."""
    if problem:
        wrong.append(f"{case.kind}: {case.toml!r} {dict(case.environ)}: {problem}")
    else:
        right[kind] += 1


def main() -> int:
    """Print the counts; return 1 if a promise is broken."""
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    every = list(cases())
    right, wrong = tried(every)
    names = [f"{section}.{name}" for section, name, _ in keys()]
    print(f"{len(names)} keys and {len(SECRETS)} variables, {sum(right.values()) + len(wrong)} wrong starts")
    for kind, count in right.items():
        print(f"  {count:4} {kind}: status {EXIT_CONFIG}, one line, file and key, no value")
    for text in wrong:
        print(f"  BROKEN {text}")
    print("every promise kept" if not wrong else f"{len(wrong)} promises broken")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
