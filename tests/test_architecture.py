"""What each layer may load, asked of fresh interpreters, so that no import sneaks in."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAINTING = {"torch", "torchvision", "PIL", "numpy", "matplotlib", "safetensors", "pillow_heif"}
TALKING = {"discord", "aiohttp", "aiosqlite", "pydantic"}
SIMULATING = {"simcord", "playwright", "pytest"}
SIMULATOR = "bot.rehearsal.realtime"
"""The one module of the bot that loads simcord, which draws its page with Pillow."""
SHARED = ("nst_core", "nst_core.errors", "nst_core.formats", "nst_core.presets", "nst_core.protocol")
"""What the bot may load of nst_core: standard library only."""
OPENS_ADDRESSES = {"bot/status.py", "nst_core/vgg19.py", "nst_core/presets/download.py"}

IMPORT_EACH = """
import importlib, json, sys
modules = sys.argv[1:]
loaded = {}
for module in modules:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("bot", "nst_core")]:
        del sys.modules[name]
    importlib.import_module(module)
    loaded[module] = list(sys.modules)
print(json.dumps(loaded))
"""
IMPORT_TIMED = (
    "import time; began = time.process_time(); import bot.client; print(time.process_time() - began)"
)


def modules_of(package: str) -> list[str]:
    """Return a package and everything in it, but for `__main__`, which runs."""
    files = sorted((ROOT / package).rglob("*.py"))
    paths = [file.relative_to(ROOT).with_suffix("") for file in files if file.stem != "__main__"]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def run(program: str, *arguments: str) -> str:
    """Return what a program prints in a fresh interpreter."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=100)
    return done.stdout


def loaded_by(*modules: str) -> dict[str, set[str]]:
    """Return, for each module, what is loaded once it has been imported before any other of ours.

    One interpreter imports them one after another, so that what other packages brought stays: the
    first module after which something is there is the one that loads it.
    """
    loaded: dict[str, list[str]] = json.loads(run(IMPORT_EACH, *modules))
    return {module: set(names) for module, names in loaded.items()}


def packages(names: set[str]) -> set[str]:
    """Return the packages that modules belong to."""
    return {name.partition(".")[0] for name in names}


def test_both_packages_are_found() -> None:
    """The tests below look at something."""
    assert {"bot.client", "bot.jobs.store", "bot.ui.cards", SIMULATOR} <= set(modules_of("bot"))
    assert {*SHARED, "nst_core.worker", "nst_core.transfer"} <= set(modules_of("nst_core"))


def test_bot_never_loads_what_paints() -> None:
    """The bot's process stays small and quick: no torch, no Pillow, only what is shared of nst_core."""
    loaded = loaded_by(*(module for module in modules_of("bot") if module != SIMULATOR))
    for module, names in loaded.items():
        assert packages(names) & (PAINTING | SIMULATING) == set(), module
        ours = {name for name in names if name.startswith("nst_core")}
        assert ours <= {*SHARED, "nst_core.presets.download"}, module


def test_nst_core_never_loads_what_talks() -> None:
    """Painting knows no Discord and no client of any network but the standard library's."""
    for module, names in loaded_by(*modules_of("nst_core")).items():
        assert packages(names) & (TALKING | SIMULATING) == set(), module
        assert not any(name == "bot" or name.startswith("bot.") for name in names), module


def test_nst_core_is_never_asynchronous() -> None:
    """Torch itself loads asyncio, so that only our own source can tell: nobody imports or awaits."""
    for path in (ROOT / "nst_core").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "import asyncio" not in source, path
        assert "async def" not in source, path


def test_no_address_of_a_person_is_ever_opened() -> None:
    """Only these files open addresses, all of them our own: weights, museums, the bot's own health page."""
    opening = re.compile(r"\b(urlopen|urlretrieve|ClientSession|http\.client|create_connection|requests\.)")
    paths = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "nst_core").rglob("*.py")]
    found = {path for path in paths if opening.search(path.read_text(encoding="utf-8"))}
    assert {path.relative_to(ROOT).as_posix() for path in found} == OPENS_ADDRESSES


@pytest.mark.parametrize("module", SHARED)
def test_what_the_bot_shares_is_standard_library_only(module: str) -> None:
    """Errors, messages and the list of paintings need nothing installed."""
    names = loaded_by(module)[module] - set(run("import sys; print(*sys.modules)").split())
    assert packages(names) - set(sys.stdlib_module_names) <= {"nst_core", "__mp_main__"}


def test_bot_client_is_imported_within_a_second() -> None:
    """A start is quick: so much time of one core, however busy the machine."""
    assert min(float(run(IMPORT_TIMED)) for _ in range(3)) < 1.0
