"""How soon `classic` gets as far as the published recipe does in 50, 100, 250 and 500 steps.

The reference is neural style transfer in its plain form: one scale, L-BFGS, started from the photo
(Gatys et al. 2016). Both sides use the same extractor, are judged by the same objective at the final
size, and run in this call, one after the other, each in a process of its own:

    python benchmarks/convergence.py --size 512 --out benchmarks/results
    python benchmarks/convergence.py --size 128 --steps 60 --check benchmarks/results/convergence-ratios.json

--objective classic judges by what `classic` minimises; published by the mean over five layers of
|G - A|² / |A|² (Frobenius), plus 0.02 of the content loss, for which the reference then is the plain recipe
in every part, and `classic` still minimises its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from measuring.race import OBJECTIVES, Descent, milestones

from nst_core.bench.report import keep, worse
from nst_core.process import settle

HERE: Final = Path(__file__).parent
PHOTO: Final = HERE / "photos" / "neuschwanstein.jpg"
PAINTING: Final = HERE.parent / "nst_core" / "presets" / "starry_night.jpg"
TOLERANCE: Final = 0.25


def main() -> int:
    """Measure, print, keep, compare; 1 where a ratio has become worse."""
    arguments = _arguments()
    if arguments.side:
        return _run_side(arguments)
    sides: dict[str, Descent] = {side: _in_own_process(side) for side in ("reference", "ours")}
    result = _result(arguments, sides)
    print(json.dumps(result) if arguments.json else _table(result))
    if arguments.out:
        keep(result, arguments.out, f"convergence {arguments.objective} {arguments.device} {arguments.size}")
    if arguments.keep_ratios:
        keep(_ratios(result), arguments.keep_ratios.parent, arguments.keep_ratios.stem)
    if not arguments.check:
        return 0
    before = json.loads(arguments.check.read_text())
    complaints = worse(_ratios(result), before, tolerance=arguments.tolerance)
    print("\n".join(complaints) or "no ratio has become worse", file=sys.stderr)
    return 1 if complaints else 0


def _run_side(arguments: argparse.Namespace) -> int:
    if arguments.side == "ours":
        settle(os.environ)  # as a worker does; the reference runs as everybody's would
    from measuring.descent import Problem, descend  # noqa: PLC0415 - torch, which only the sides need

    problem = Problem(
        photo=arguments.photo,
        painting=arguments.painting,
        size_px=arguments.size,
        device=arguments.device,
        objective=arguments.objective,
    )
    print(json.dumps(descend(problem, arguments.side, steps=arguments.steps).row()))
    return 0


def _in_own_process(side: str) -> Descent:
    """Run one side, so that its memory is its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Descent.of(json.loads(done.stdout))


def _result(arguments: argparse.Namespace, sides: dict[str, Descent]) -> dict[str, Any]:
    reference, ours = sides["reference"], sides["ours"]
    return {
        "size_px": arguments.size,
        "device": arguments.device,
        "objective": arguments.objective,
        "milestones": milestones(reference, ours),
        "sides": {name: side.summary() for name, side in sides.items()},
        "descents": {name: side.row() for name, side in sides.items()},
    }


def _ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return for each milestone how much sooner ours was there, 0 where it never was; and how near it ended.

    The latter also tells of becoming worse where no milestone is ever reached.
    """
    name = f"{result['objective']} {result['size_px']} px"
    reference, ours = (result["sides"][side]["loss"] for side in ("reference", "ours"))
    return {
        f"{name}: the reference's last loss against ours": reference / ours,
        **{
            f"{name}: to the reference's loss after {each['steps']}": each["ratio"] or 0.0
            for each in result["milestones"]
        },
    }


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['size_px']} px on {result['device']}, judged by the {result['objective']} objective",
        "",
        "| reference's steps | loss | reference | ours | ratio |",
        "|---|---|---|---|---|",
    ]
    for each in result["milestones"]:
        ours = "never" if each["ours_s"] is None else f"{each['ours_s']:.1f} s"
        ratio = "–" if each["ratio"] is None else f"{each['ratio']:.2f}"
        lines.append(
            f"| {each['steps']} | {each['loss']:.4f} | {each['reference_s']:.1f} s | {ours} | {ratio} |"
        )
    for name, side in result["sides"].items():
        device = (
            f", {side['peak_device_bytes'] / 2**30:.2f} GiB of the GPU" if side["peak_device_bytes"] else ""
        )
        peak = f"{side['peak_rss_bytes'] / 2**30:.2f} GiB{device}"
        lines.append(
            f"\n{name}: {side['loss']:.4f} after {side['steps']} steps, {side['seconds']:.1f} s, {peak}"
        )
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=512, help="long side, px")
    parser.add_argument("--steps", type=int, default=500, help="of the reference")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--painting", type=Path, default=PAINTING)
    parser.add_argument("--objective", choices=OBJECTIVES, default="classic")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="keep the result in this folder")
    parser.add_argument("--check", type=Path, help="compare with the ratios in this file")
    parser.add_argument("--keep-ratios", type=Path, help="write this run's ratios into this file")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="share that a ratio may fall")
    parser.add_argument("--side", choices=("reference", "ours"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
