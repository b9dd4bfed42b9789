"""Heartbeats, and who is allowed to paint."""

from __future__ import annotations

import dataclasses

import pytest

from bot.pool.base import Slot
from bot.pool.report import Build, Report
from nst_core.protocol import PROTOCOL_VERSION

SLOT = Slot(name="cuda:0", device_name="カード", state="busy", job_id="j1", device="cuda", memory_bytes=2**34)


def test_there_and_back() -> None:
    """A report arrives as it was sent."""
    report = Report(boot="b", build=Build.of("vgg16"), slots=(SLOT,), attempts=(("j1", 2),), draining=True)
    assert Report.decode(report.encode()) == report


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"boot": "b"}',
        b"\xff",
        b'{"boot":"b","build":{"protocol":1,"code":"c","extractor":"e"},"slots":[{"name":"x"}]}',
        b'{"boot":"b","build":{"protocol":1,"code":"c","extractor":"e"},"slots":[{"name":"x","state":"flying"}]}',
    ],
)
def test_nonsense(data: bytes) -> None:
    """What is no report is refused as such, whatever it is."""
    with pytest.raises(ValueError, match="no report"):
        Report.decode(data)


def test_build_of_this_installation() -> None:
    """It names the protocol, the code and the weights; the bundled weights by their content."""
    build = Build.of("vgg16")
    assert build == Build.of("vgg16")
    assert build.protocol == PROTOCOL_VERSION
    assert len(build.code) == 12
    assert build.extractor == "vgg16:e6cebd53c2ca"
    assert Build.of("vgg19").extractor == "vgg19"


def test_objection() -> None:
    """Equal builds have none; each difference has a sentence that names both sides."""
    build = Build(protocol=1, code="new", extractor="vgg16")
    assert build.objection("attic", build) == ""
    text = build.objection("attic", dataclasses.replace(build, code="old"))
    assert text.startswith("node “attic” has painter old, the bot has new: install the same version")
