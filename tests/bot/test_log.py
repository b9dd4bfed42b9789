from __future__ import annotations

import inspect
import io
import logging
import re
from asyncio import sslproto
from typing import TYPE_CHECKING

import pytest

from bot import log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Give the root logger back as it was: pytest listens there too."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_one_line_per_event() -> None:
    """A line has time, level, logger and event; a line break in a value cannot fake a second one."""
    stream = io.StringIO()
    log.set_up("INFO", stream=stream)
    logging.getLogger("bot.jobs").info("job_done job=%s note=%s", "j1", "a\nERROR bot fake")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"
    assert re.fullmatch(rf"{time} INFO bot\.jobs job_done job=j1 note=a\\nERROR bot fake", lines[0])


def test_what_asyncio_says_of_every_tls_connection_is_left_out() -> None:
    """Of a protocol that stays open after the other side's end: nobody can do anything about it."""
    stream = io.StringIO()
    log.set_up("INFO", stream=stream)
    words = inspect.getsource(sslproto).replace("'\n", "").replace("'", "")
    assert log.OF_NO_USE in " ".join(words.split())
    logging.getLogger("asyncio").warning("%s when using ssl", log.OF_NO_USE)
    logging.getLogger("asyncio").warning(f"{log.OF_NO_USE} when using ssl")  # noqa: G004 - as asyncio does
    logging.getLogger("asyncio").warning("something else")
    assert [line.rpartition(" asyncio ")[2] for line in stream.getvalue().splitlines()] == ["something else"]


def test_secrets_are_blotted_out() -> None:
    """A secret is never written, not even inside a traceback."""
    stream = io.StringIO()
    log.set_up("INFO", secrets=["s3cret", ""], stream=stream)
    try:
        {}["a s3cret key"]
    except KeyError:
        logging.getLogger("bot").exception("login_failed token=%s", "s3cret")
    written = stream.getvalue()
    assert "s3cret" not in written
    assert f"token={log.HIDDEN}" in written
    assert f"KeyError: 'a {log.HIDDEN} key'" in written


def test_level_and_quiet_libraries() -> None:
    """Events below the level are left out, and chatty libraries speak up only for warnings."""
    stream = io.StringIO()
    log.set_up("DEBUG", stream=stream)
    logging.getLogger("discord.http").debug("a whole payload")
    logging.getLogger("bot").debug("small_thing")
    log.set_up("WARNING", stream=stream)
    logging.getLogger("bot").info("unheard")
    assert "payload" not in stream.getvalue()
    assert "small_thing" in stream.getvalue()
    assert "unheard" not in stream.getvalue()


def test_setting_up_twice_writes_once() -> None:
    """A second set-up replaces the first one."""
    stream = io.StringIO()
    log.set_up("INFO", stream=stream)
    log.set_up("INFO", stream=stream)
    logging.getLogger("bot").info("once")
    assert stream.getvalue().count("once") == 1
