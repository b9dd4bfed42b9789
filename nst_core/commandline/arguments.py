"""The arguments of `nst`, and mistakes in them as one line with a hint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from nst_core import __version__
from nst_core.commandline.answers import MistakeError
from nst_core.errors import closest
from nst_core.protocol import AVAILABLE_MODES, RANGES, StyleParams

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES: Final = """\
examples:
  nst stylize photo.jpg --style starry_night -o painted.png
  nst stylize photo.jpg --style great_wave:2 --style my_drawing.png -o mixed.png --strength 70
  nst stylize other.jpg --like painted.png -o other_painted.png
"""


class Parser(argparse.ArgumentParser):
    """Raises mistakes as `MistakeError` instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise the mistake, with where to read how it is done."""
        raise MistakeError(f"{message}. `{self.prog} --help` shows what can be given.")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of a command.

    Raises:
        MistakeError: they cannot be understood.
    """
    parser, commands = _parsers()
    arguments, left_over = parser.parse_known_args(argv)
    if left_over:
        command = commands[arguments.command]
        options = [option for action in command._actions for option in action.option_strings]  # noqa: SLF001 - argparse has no public list of its options
        near = closest(left_over[0].partition("=")[0], options)
        hint = f"did you mean {near}?" if near else f"`{command.prog} --help` shows what can be given."
        raise MistakeError(f"{left_over[0]} is not understood here: {hint}")
    return arguments


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="nst",
        description="Paint one picture in the manner of another.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"nst {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    return parser, {
        "stylize": _add_stylize(commands),
        "presets": _add_plain(commands, "presets", "list the paintings that can be picked by name"),
        "bench": _add_bench(commands),
        "doctor": _add_plain(commands, "doctor", "check what painting needs: what works, what to do"),
    }


def _add_plain(commands: argparse._SubParsersAction[Parser], name: str, summary: str) -> Parser:
    command = commands.add_parser(
        name, help=summary, description=f"{summary.capitalize()}.", allow_abbrev=False
    )
    command.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return command


def _add_stylize(commands: argparse._SubParsersAction[Parser]) -> Parser:
    command = _add_plain(commands, "stylize", "paint a picture")
    command.epilog, command.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    command.add_argument("content", metavar="CONTENT", type=Path, help="the picture to paint")
    command.add_argument(
        "--style",
        action="append",
        default=[],
        metavar="IMAGE_OR_PRESET[:WEIGHT]",
        help="the manner: a picture, or a painting by name (`nst presets`); repeat it to mix several",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        required=True,
        help="where the painting goes: .png, .jpg or .webp",
    )
    command.add_argument("--like", metavar="PAINTED", type=Path, help="repeat the settings of that painting")
    command.add_argument(
        "--mode",
        help=f"{', '.join(AVAILABLE_MODES[:-1])} or {AVAILABLE_MODES[-1]} (default: {StyleParams().mode})",
    )
    _add_number(command, "strength", "strength", "nearly the photo … nearly texture")
    _add_number(command, "brush", "brush", "size of the strokes in per cent: 200 is twice as large")
    command.add_argument(
        "--keep-colors",
        action=argparse.BooleanOptionalAction,
        help="keep the photo's colours and take only the strokes; --no-keep-colors undoes it after --like",
    )
    command.add_argument(
        "--mask",
        metavar="MASK",
        type=Path,
        help="paint only where this picture is white; grey is partial (--like does not repeat it)",
    )
    _add_number(command, "size", "long_side_px", "long side of the painting in pixels")
    _add_number(command, "seed", "seed", "same inputs, settings, seed and machine: the same picture")
    command.add_argument(
        "--extractor", help="vgg16 (bundled, the default) or vgg19 (548 MB, downloaded once)"
    )
    command.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1 … or mps")
    command.add_argument("--curve", metavar="CURVE.png", type=Path, help="also draw the loss curve")
    command.add_argument(
        "--timelapse", metavar="OUT.webp", type=Path, help="also write an animation of how it came to be"
    )
    command.add_argument(
        "--keep-partial", action="store_true", help="on Ctrl-C write the painting as far as it is"
    )
    return command


def _add_bench(commands: argparse._SubParsersAction[Parser]) -> Parser:
    command = _add_plain(commands, "bench", "measure how fast painting is here (minutes)")
    for option, kind, summary in (
        ("mode", str, f"{', '.join(AVAILABLE_MODES)}; repeat it for several (default: all)"),
        ("size", _whole_number, "long side in pixels; repeat it for several (default: 512)"),
        ("jobs", _whole_number, "pictures at a time; repeat it for several (default: 1, 2 and 4)"),
    ):
        command.add_argument(f"--{option}", action="append", type=kind, help=summary)
    command.add_argument("--runs", type=_whole_number, default=3, help="of which the median (default: 3)")
    command.add_argument("--device", default="auto", help="auto (the default), cpu, cuda, cuda:1 … or mps")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="also keep the result as JSON there")
    return command


def _add_number(command: Parser, option: str, field: str, summary: str) -> None:
    least, most = RANGES[field]
    default = getattr(StyleParams(), field)
    command.add_argument(
        f"--{option}",
        dest=field,
        type=_whole_number,
        metavar=f"{least}-{most}" if most < 10**6 else "N",
        help=f"{summary} (default: {default})",
    )


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number") from None
