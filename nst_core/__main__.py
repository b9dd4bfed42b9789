"""The command line `nst`: the same way from picture to picture as the worker's, without Discord.

Exit status: 0 done; 2 the person's mistake, one line on stderr; 1 a fault, with its id and log;
130 interrupted.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Final

from nst_core.commandline import faults
from nst_core.commandline.answers import DONE, FAULT, INTERRUPTED, MISTAKE, Answer, MistakeError
from nst_core.commandline.arguments import parse
from nst_core.commandline.bench import bench
from nst_core.commandline.doctor import doctor
from nst_core.commandline.listing import presets
from nst_core.commandline.stylize import stylize
from nst_core.errors import UserError
from nst_core.worker import lacks_memory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

MOST_LETTERS: Final = 600
PAINTERS_LIBRARIES: Final = frozenset({"torch", "PIL", "numpy", "safetensors", "matplotlib"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status.

    Args:
        argv: its arguments; by default those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no “ must not cost the painting
    try:
        arguments = parse(argv)
        answer = _command(arguments)
        print(json.dumps(answer.data) if arguments.json else answer.text, flush=True)
    except (UserError, MistakeError) as error:
        return _complain(str(error), MISTAKE)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        return _silenced()
    except Exception as error:  # noqa: BLE001 - the border: whatever else happens is our fault
        return _fault(error, sys.argv[1:] if argv is None else argv)
    return answer.status


def _command(arguments: argparse.Namespace) -> Answer:
    match arguments.command:
        case "stylize":
            return stylize(arguments, sys.stderr)
        case "presets":
            return presets()
        case "bench":
            return bench(arguments)
        case _:
            return doctor()


def _complain(text: str, status: int) -> int:
    """Say one line of bearable length, whatever a file or an argument had in it."""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    print(f"error: {' '.join(words)[:MOST_LETTERS]}", file=sys.stderr)
    return status


def _silenced() -> int:
    """Nobody reads stdout any more (`nst presets | head`); Python's own farewell flush must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _fault(error: Exception, argv: Sequence[str]) -> int:
    if isinstance(error, ModuleNotFoundError) and error.name in PAINTERS_LIBRARIES:
        return _complain(f"{error.name} is not installed: pip install 'gafuu[worker]'", MISTAKE)
    advice = " There was too little memory: try a smaller --size." if lacks_memory(error) else ""
    return _complain(faults.keep(error, argv) + advice, FAULT)


if __name__ == "__main__":
    sys.exit(main())
