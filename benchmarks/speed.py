"""How fast painting is here, and whether it has become slower: `nst bench`, with a check of ratios.

    python benchmarks/speed.py --size 256 --size 512 --out benchmarks/results
    python benchmarks/speed.py --quick --check benchmarks/results/speed-ratios.json

Seconds differ from machine to machine; ratios (share of the roofline, pictures at a time against one,
warm against cold) are what --check compares, and --keep-ratios writes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from nst_core.bench.report import keep, table, worse
from nst_core.process import settle
from nst_core.protocol import AVAILABLE_MODES

QUICK_PX = 192
TOLERANCE = 0.3


def main() -> int:
    """Measure, print, keep, compare; 1 where a ratio has become worse."""
    arguments = _arguments()
    settle(os.environ)  # what is measured in this process runs as in a worker
    from nst_core.bench.speed import Plan, measure, ratios  # noqa: PLC0415 - torch, which only now may come
    from nst_core.features import pick_device  # noqa: PLC0415

    plan = Plan(
        device=pick_device(arguments.device),
        modes=arguments.mode or AVAILABLE_MODES,
        sizes_px=arguments.size or ([QUICK_PX] if arguments.quick else [512]),
        jobs=arguments.jobs or ([1, 2] if arguments.quick else [1, 2, 4]),
        runs=1 if arguments.quick else arguments.runs,
    )
    result = measure(plan)
    print(json.dumps(result) if arguments.json else table(result))
    if arguments.out:
        keep(result, arguments.out, f"speed {result['machine']['name']} {plan.device}")
    if arguments.keep_ratios:
        keep(ratios(result), arguments.keep_ratios.parent, arguments.keep_ratios.stem)
    if not arguments.check:
        return 0
    complaints = worse(ratios(result), json.loads(arguments.check.read_text()), tolerance=arguments.tolerance)
    print("\n".join(complaints) or "no ratio has become worse", file=sys.stderr)
    return 1 if complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--mode", action="append", choices=AVAILABLE_MODES)
    parser.add_argument("--size", action="append", type=int, help="long side, px (default: 512)")
    parser.add_argument("--jobs", action="append", type=int, help="at a time (default: 1, 2, 4)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help=f"one run at {QUICK_PX} px")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="keep the result in this folder")
    parser.add_argument("--check", type=Path, help="compare with the ratios in this file")
    parser.add_argument("--keep-ratios", type=Path, help="write this run's ratios into this file")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="share that a ratio may fall")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
