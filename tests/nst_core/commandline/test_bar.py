"""The progress bar."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nst_core.commandline.bar import Bar

if TYPE_CHECKING:
    import pytest


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True

    def lines(self) -> list[str]:
        """Return what was shown, one entry for each rewriting of the line."""
        return self.getvalue().split("\r\x1b[2K")[1:]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_a_step_shows_how_far_the_losses_and_the_time_left() -> None:
    """The time left goes by the work after the first step, which alone also warms up."""
    terminal, clock = Terminal(), Clock()
    bar = Bar(terminal, clock)

    for index, share, now_s in ((1, 0.01, 10.0), (2, 0.02, 11.0), (5, 0.05, 14.0)):
        clock.now_s = now_s
        bar.step(index, 125, {"content": 0.12345, "total": 12.0}, share=share)

    assert terminal.lines()[0] == "[........................] 1/125  content 0.123 total 12"
    assert terminal.lines()[-1] == "[........................] 5/125  1:35 left  content 0.123 total 12"


def test_the_line_is_rewritten_at_most_ten_times_a_second_but_the_last_step_always() -> None:
    """A fast GPU does not drown the terminal."""
    terminal, clock = Terminal(), Clock()
    bar = Bar(terminal, clock)

    for index in range(1, 101):
        clock.now_s += 0.01
        bar.step(index, 100, {"total": 1.0}, share=index / 100)

    assert len(terminal.lines()) <= 12
    assert terminal.lines()[-1].startswith("[########################] 100/100")


def test_a_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wider than the terminal is cut, because a wrapped line cannot be rewritten."""
    monkeypatch.setenv("COLUMNS", "60")
    terminal = Terminal()

    Bar(terminal).step(1, 9, {f"a term with a long name {number}": 0.1 for number in range(40)}, share=0.1)

    assert len(terminal.lines()[0]) == 59


def test_a_download_is_shown_in_mib() -> None:
    """With the whole size where the server told it."""
    terminal, clock = Terminal(), Clock()
    bar = Bar(terminal, clock)

    bar.download(2**20, 548 * 2**20)
    clock.now_s = 1
    bar.download(5 * 2**20, 0)

    assert terminal.lines() == ["downloading weights: 1 of 548 MiB", "downloading weights: 5 MiB"]


def test_nothing_is_written_where_there_is_no_terminal() -> None:
    """A log or a pipe stays clean."""
    stream = io.StringIO()
    bar = Bar(stream)

    bar.note("loading …")
    bar.step(1, 2, {"total": 1.0}, share=0.5)
    bar.clear()

    assert stream.getvalue() == ""


def test_the_line_is_taken_away_at_the_end() -> None:
    """What is printed next starts on an empty line."""
    terminal = Terminal()
    bar = Bar(terminal)

    bar.note("loading …")
    bar.clear()

    assert terminal.getvalue().endswith("\r\x1b[2K")
