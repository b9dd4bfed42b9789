"""Which devices a configuration means."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from bot.pool import devices
from bot.pool.devices import Device, find_devices, parse_devices
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("cpu", ["cpu"]),
        (" CPU , cuda:0", ["cpu", "cuda:0"]),
        ("cpu,cpu", ["cpu#1", "cpu#2"]),
        ("cpu*3", ["cpu#1", "cpu#2", "cpu#3"]),
        ("cuda:0,cuda:1", ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0"]),
        ("cuda*2,cuda:0", ["cuda:0#1", "cuda:0#2", "cuda:0#3"]),
        ("mps", ["mps"]),
    ],
)
def test_names_of_devices(text: str, slots: list[str]) -> None:
    """Devices are listed or multiplied; each worker gets a name of its own."""
    assert [device.slot for device in parse_devices(text)] == slots


def test_shares() -> None:
    """Workers on one device know how many they are, so that they share its cores."""
    assert parse_devices("cpu*2,mps") == (
        Device(slot="cpu#1", device="cpu", share=2),
        Device(slot="cpu#2", device="cpu", share=2),
        Device(slot="mps", device="mps", share=1),
    )


@pytest.mark.parametrize(
    "text", ["", " ", "gpu", "cpu,", "cpu*0", "cpu*", "cuda:", "cuda:x", "cpu*65", "auto,cpu"]
)
def test_not_devices(text: str) -> None:
    """What names no device is refused in one line that says what to write."""
    with pytest.raises(ConfigError) as caught:
        parse_devices(text)
    assert str(caught.value).startswith("workers.devices: ")
    assert "write auto, cpu" in str(caught.value)


async def test_listed_devices() -> None:
    """A list in the configuration is taken at its word; nobody is asked."""
    assert [device.slot for device in await find_devices("cuda:3", list_command=["/no/such"])] == ["cuda:3"]


async def test_auto_without_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no driver is installed, `auto` is one CPU worker, without waiting for torch."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(devices, "LINUX_DRIVERS", ("/no/such/driver",))
    assert await find_devices("auto", list_command=["/no/such"]) == parse_devices("cpu")


async def test_auto_with_accelerator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where a driver is installed, a child that loads torch tells the devices in its last line."""
    monkeypatch.setattr(devices, "LINUX_DRIVERS", (str(tmp_path),))
    answer = json.dumps(["cuda:0", "cuda:1"])
    command = [sys.executable, "-c", f"print('a greeting'); print({answer!r})"]
    assert [device.slot for device in await find_devices("Auto", list_command=command)] == [
        "cuda:0",
        "cuda:1",
    ]


@pytest.mark.parametrize(
    "program", ["raise SystemExit(1)", "print('[]')", "print('nonsense')", "print('[\"fridge\"]')", "pass"]
)
async def test_auto_without_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str) -> None:
    """A child that finds no devices leaves one line that says what to do."""
    monkeypatch.setattr(devices, "LINUX_DRIVERS", (str(tmp_path),))
    with pytest.raises(ConfigError, match="nst doctor"):
        await find_devices("auto", list_command=[sys.executable, "-c", program])
