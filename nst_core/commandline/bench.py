"""`nst bench`: how fast painting is here, measured with real workers; no earlier result is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from nst_core.bench.report import keep, table
from nst_core.commandline.answers import Answer, MistakeError
from nst_core.process import settle
from nst_core.protocol import AVAILABLE_MODES, RANGES

if TYPE_CHECKING:
    import argparse

DEFAULT_SIZES_PX: Final = (512,)
DEFAULT_JOBS: Final = (1, 2, 4)
MOST_JOBS: Final = 16


def bench(arguments: argparse.Namespace) -> Answer:
    """Measure, and keep the result if a folder is named.

    Args:
        arguments: of the command.

    Raises:
        UserError, MistakeError: something that the person can mend.
    """
    modes = arguments.mode or list(AVAILABLE_MODES)
    sizes_px = arguments.size or list(DEFAULT_SIZES_PX)
    jobs = arguments.jobs or list(DEFAULT_JOBS)
    _check(modes, sizes_px, jobs, arguments.runs)
    settle(os.environ)
    from nst_core.bench.speed import Plan, measure  # noqa: PLC0415 - torch takes seconds; mistakes need not
    from nst_core.features import pick_device  # noqa: PLC0415 - torch, too

    plan = Plan(
        device=pick_device(arguments.device), modes=modes, sizes_px=sizes_px, jobs=jobs, runs=arguments.runs
    )
    result = measure(plan)
    text = table(result)
    if arguments.out is not None:
        file = keep(result, arguments.out, f"speed {result['machine']['name']} {plan.device}")
        text += f"\n\nkept as {file}"
    return Answer(text=text, data=result)


def _check(modes: list[str], sizes_px: list[int], jobs: list[int], runs: int) -> None:
    if unknown := [mode for mode in modes if mode not in AVAILABLE_MODES]:
        raise MistakeError(f"There is no mode {unknown[0]}: choose among {', '.join(AVAILABLE_MODES)}.")
    least, most = RANGES["long_side_px"]
    if any(not least <= size <= most for size in sizes_px):
        raise MistakeError(f"--size has to be between {least} and {most} pixels.")
    if any(not 1 <= count <= MOST_JOBS for count in jobs):
        raise MistakeError(f"--jobs has to be between 1 and {MOST_JOBS}.")
    if runs < 1:
        raise MistakeError("--runs has to be at least 1.")
