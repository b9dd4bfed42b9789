"""Many jobs for a long time with faults throughout: nothing is lost, nothing comes twice, nothing grows.

The real bot with small workers on the Discord of `wire`, 500 jobs of 20 people over 30 minutes. All the time
requests meet rate limits, server errors and cut connections, the gateway drops, cards are deleted and workers
are killed. In the first third the bot is ended twice by SIGTERM and killed once by signal 9; at the end it is
killed once more, just when Discord has taken a result, and ended once more. In between it lives in one piece,
so that nothing that grows is hidden by a restart. Every minute a sample of that life is taken.

    python benchmarks/reliability/soak.py [--minutes 30] [--jobs 500] [--seed 6]

Flat means: the mean of the last third is at most that of the second third and a little more (see `Rule`).
Rows are those of every table but `jobs`, of which each job leaves one. The rule counts from 5 minutes on.
Exit status 1 if a job is not accounted for, a result came twice, or something is not flat.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from soaking.report import kept, report
from soaking.run import Plan, soak
from verdict import exit_status

if TYPE_CHECKING:
    from soaking.run import Outcome

USUAL: Final = Plan()


def main() -> int:
    """Soak and print the counts."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--minutes", type=float, default=USUAL.minutes)
    parser.add_argument("--jobs", type=int, default=USUAL.jobs)
    parser.add_argument("--seed", type=int, default=USUAL.seed)
    plan = Plan(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="gafuu-soak-") as folder:
        outcome: Outcome = asyncio.run(soak(plan, Path(folder)))
        print(report(outcome))
        return exit_status(outcome.verdict, Path(folder) / "log", kept=kept(outcome))


if __name__ == "__main__":
    sys.exit(main())
