"""`nst stylize`: every mistake that can be told without torch is told before torch is loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nst_core.commandline.answers import Answer, MistakeError
from nst_core.commandline.bar import Bar
from nst_core.commandline.files import FORMATS, check_output
from nst_core.commandline.manner import Manner, manner
from nst_core.process import settle
from nst_core.protocol import StyleParams

if TYPE_CHECKING:
    import argparse
    from pathlib import Path
    from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What was asked for, as far as it could be checked without opening a picture."""

    content: Path
    manners: tuple[Manner, ...]
    """Empty where they are to be taken from `like`."""
    given: dict[str, Any]
    """The fields of `StyleParams` that the person set."""
    like: Path | None
    mask: Path | None
    output: Path
    curve: Path | None
    timelapse: Path | None
    extractor: str | None
    device: str
    keep_partial: bool


def stylize(arguments: argparse.Namespace, stderr: TextIO) -> Answer:
    """Paint.

    Args:
        arguments: of the command.
        stderr: where the progress bar goes, if it is a terminal.

    Raises:
        UserError, MistakeError: something that the person can mend; no file was written.
    """
    order = _order(arguments)
    bar = Bar(stderr)
    bar.note("loading …")
    settle(os.environ)
    try:
        from nst_core.commandline.easel import paint  # noqa: PLC0415 - torch takes seconds; mistakes need not

        return paint(order, bar)
    finally:
        bar.clear()


def check_curve(mode: str, curve: Path | None) -> None:
    """Refuse a curve of a mode that minimises nothing."""
    if mode == "draft" and curve is not None:
        raise MistakeError("A draft is painted in one step and has no loss curve: leave out --curve.")


def _order(arguments: argparse.Namespace) -> Order:
    fields = ("mode", "strength", "brush", "keep_colors", "long_side_px", "seed")
    given = {name: value for name in fields if (value := getattr(arguments, name)) is not None}
    StyleParams(**given)
    check_curve(given.get("mode", ""), arguments.curve)
    _check_outputs(arguments)
    if not arguments.style and arguments.like is None:
        raise MistakeError(
            "Choose a manner of painting: --style with a picture or a name from `nst presets`."
        )
    return Order(
        content=arguments.content,
        manners=tuple(manner(text) for text in arguments.style),
        given=given,
        like=arguments.like,
        mask=arguments.mask,
        output=arguments.output,
        curve=arguments.curve,
        timelapse=arguments.timelapse,
        extractor=arguments.extractor,
        device=arguments.device,
        keep_partial=arguments.keep_partial,
    )


def _check_outputs(arguments: argparse.Namespace) -> None:
    sources = [path for path in (arguments.content, arguments.like, arguments.mask) if path is not None]
    check_output(arguments.output, FORMATS, sources=sources)
    outputs = [arguments.output]
    for path, ending in ((arguments.curve, ".png"), (arguments.timelapse, ".webp")):
        if path is not None:
            check_output(path, [ending], sources=[*sources, *outputs])
            outputs.append(path)
