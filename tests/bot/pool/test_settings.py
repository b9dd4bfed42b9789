"""The pool that the settings ask for."""

from __future__ import annotations

from bot.config import LimitsSection, Settings, StyleSection
from bot.pool.devices import Device
from bot.pool.local import LocalPool


def test_limits_and_extractor_reach_the_worker() -> None:
    """What the configuration allows is what the worker is started with."""
    limits, style = LimitsSection(upload_mib=3.5, megapixels=7.0), StyleSection(extractor="vgg19")
    pool = LocalPool.of(Settings(limits=limits, style=style))
    words = list(pool._command(Device(slot="cpu", device="cpu", share=1)))
    for option, value in (("--upload-mib", "3.5"), ("--megapixels", "7.0"), ("--extractor", "vgg19")):
        assert words[words.index(option) + 1] == value
