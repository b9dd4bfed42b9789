"""Fixtures for every test: all kinds of pictures that people send, and a browser."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import pytest
from pictures import bad, good
from playwright.async_api import async_playwright

# Tests run side by side, one on each core: more threads than cores would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pictures.bad import BadPicture
    from pictures.good import GoodPicture
    from playwright.sync_api import Browser


@pytest.fixture(params=good.GOOD_NAMES)
def good_picture(request: pytest.FixtureRequest) -> GoodPicture:
    """Every kind of picture that has to be understood, one after another."""
    return good.good(request.param)


@pytest.fixture(params=bad.BAD_NAMES)
def bad_picture(request: pytest.FixtureRequest) -> BadPicture:
    """Every kind of file that has to be refused, one after another."""
    return bad.bad(request.param)


@pytest.fixture
def good_named() -> Callable[[str], GoodPicture]:
    """`good_named("jpeg-cmyk")` is one of the pictures that have to be understood."""
    return good.good


@pytest.fixture
def bad_named() -> Callable[[str], BadPicture]:
    """`bad_named("huge")` is one of the files that have to be refused."""
    return bad.bad


NO_CHROMIUM: Final = "no Chromium here"
CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A running headless Chromium; without one the test is skipped, and the summary says so loudly."""
    async with async_playwright() as playwright:
        found = os.environ.get("CHROMIUM") or shutil.which("chromium") or playwright.chromium.executable_path
        if shutil.which(found) is None:
            pytest.skip(NO_CHROMIUM)
        browser = await playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_FLAGS))
        yield browser
        await browser.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that browser tests were left out, and how to run them."""
    skipped = [
        each for each in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(each.longrepr)
    ]
    if skipped:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"{len(skipped)} tests need Chromium. Install it (Debian: apt install chromium; anywhere: "
            "python -m playwright install chromium), or name one in the environment variable CHROMIUM."
        )
