"""What painting costs on a device, by mode and size: from the start of a worker down to a single step."""

from __future__ import annotations

import itertools
import platform
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from nst_core import presets
from nst_core.bench.roofline import least_step_s, mean_ceilings, measure_ceilings, step_layers, synchronise
from nst_core.bench.workers import cold_and_warm, pictures_per_minute
from nst_core.features import load_extractor
from nst_core.images import encode, load_image
from nst_core.precision import feature_dtype
from nst_core.protocol import StyleParams, StyleRequest, WeightedStyle
from nst_core.studio import device_name
from nst_core.transfer import stylize
from nst_core.transfer.classic import ClassicRecipe
from nst_core.transfer.recipe import BestRecipe
from nst_core.transfer.scales import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from nst_core.bench.roofline import Ceilings
    from nst_core.features import FeatureExtractor
    from nst_core.transfer import Step

CONTENT: Final = "mona_lisa"
STYLE: Final = "starry_night"
SHAPE: Final = (2, 3)
"""Height to width of the picture that is painted: a camera's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure."""

    device: str
    modes: Sequence[str]
    sizes_px: Sequence[int]
    jobs: Sequence[int]
    """How many at a time."""
    runs: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleCost:
    """What one scale took."""

    scale_px: int
    steps: int
    begin_s: float
    """Before its first step is done, beyond what a step takes: targets, and the styles' statistics."""
    step_s: float
    """Median."""


def measure(plan: Plan) -> dict[str, Any]:
    """Return everything, as one JSON object."""
    dtype = feature_dtype(plan.device)
    extractor = load_extractor(device=plan.device, dtype=dtype)
    cases, measured = [], []
    for mode, size_px in itertools.product(plan.modes, plan.sizes_px):
        case, around = _case(plan, mode, size_px, extractor)
        cases.append(case)
        measured.append(around)
    ceilings = mean_ceilings(measured)
    return {
        "machine": {
            "device": plan.device,
            "name": device_name(plan.device),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "ceilings": {
            "dtype": str(ceilings.dtype).removeprefix("torch."),
            "matmul_gflop_per_s": ceilings.matmul_flop_per_s / 1e9,
            "copy_gib_per_s": ceilings.copy_bytes_per_s / 2**30,
        },
        "cases": cases,
    }


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """Return what of a measurement may be compared between machines: larger is better, none is in seconds.

    Args:
        result: of `measure`.
    """
    found = {}
    for case in result["cases"]:
        name = f"{case['mode']} {case['size_px']} px"
        if case["scales"]:
            found[f"{name}: share of the roofline"] = case["scales"][-1]["roofline_share"]
        rates = case["pictures_per_minute"]
        for jobs in (jobs for jobs in rates if jobs != "1" and "1" in rates):
            found[f"{name}: {jobs} at a time against 1"] = rates[jobs] / rates["1"]
        found[f"{name}: warm against cold"] = (case["ready_s"] + case["first_picture_s"]) / case["warm_s"]
    return found


def request_for(mode: str, size_px: int) -> StyleRequest:
    """Return the same job at any size: a bundled painting as photo, in the manner of another."""
    content, style = (picture(name, size_px) for name in (CONTENT, STYLE))
    return StyleRequest(
        job_id="bench",
        content=encode(content, format="png").data,
        styles=(WeightedStyle(image=encode(style, format="png").data),),
        params=StyleParams(mode=mode, long_side_px=size_px),
    )


def picture(name: str, size_px: int) -> Tensor:
    """Return the middle of a bundled painting, (1, 3, H, W) with H : W as 2 : 3 and W = `size_px`."""
    image = load_image(presets.FOLDER / f"{name}.jpg", long_side_px=2 * size_px)
    height_px, width_px = fitted(*SHAPE, size_px)
    top, left = (image.shape[2] - height_px) // 2, (image.shape[3] - width_px) // 2
    return image[:, :, top : top + height_px, left : left + width_px].clone()


def scale_costs(
    steps: Iterable[Step], *, device: str, clock: Callable[[], float] = time.perf_counter
) -> list[ScaleCost]:
    """Paint once and return what each scale took, coarse to fine; nothing for a mode without losses.

    Args:
        steps: of a painting that has not begun.
        device: that they are computed on.
        clock: seconds, only ever subtracted.
    """
    marks = [(0, clock())]
    for step in steps:
        synchronise(device)
        if step.losses:
            marks.append((step.scale_px, clock()))
    spans = [(now[0], now[1] - before[1]) for before, now in itertools.pairwise(marks)]
    groups = itertools.groupby(spans, key=lambda span: span[0])
    return [_cost(scale_px, [span for _, span in group]) for scale_px, group in groups]


def deepest_layer(mode: str, scale_px: int) -> str:
    """Return the deepest layer that a step of a mode computes at a scale."""
    fine_px = (BestRecipe() if mode == "best" else ClassicRecipe()).fine_px
    return "relu3_1" if scale_px > fine_px else "relu5_1"


def _cost(scale_px: int, seconds: list[float]) -> ScaleCost:
    step_s = statistics.median(seconds[1:] or seconds)
    return ScaleCost(
        scale_px=scale_px, steps=len(seconds), begin_s=max(0.0, seconds[0] - step_s), step_s=step_s
    )


def _case(
    plan: Plan, mode: str, size_px: int, extractor: FeatureExtractor
) -> tuple[dict[str, Any], Ceilings]:
    """Return the case, and what the device could do just before and after its steps.

    On a shared machine that changes within minutes: once measured 313 GFLOP/s where it mostly was 235.
    """
    request = request_for(mode, size_px)
    content, style = picture(CONTENT, size_px), picture(STYLE, size_px)
    before = measure_ceilings(plan.device, dtype=extractor.dtype)
    _forget_peak(plan.device)
    steps = stylize(content, [(style, 1.0)], request.params, extractor=extractor)
    costs = scale_costs(steps, device=plan.device)
    peak_device_bytes = _peak_device_bytes(plan.device)
    ceilings = mean_ceilings([before, measure_ceilings(plan.device, dtype=extractor.dtype)])
    case = {
        "mode": mode,
        "size_px": size_px,
        **cold_and_warm(request, plan.device, runs=plan.runs),
        "pictures_per_minute": pictures_per_minute(request, plan.device, jobs=plan.jobs),
        "peak_device_bytes": peak_device_bytes,
        "scales": [_scale(mode, cost, ceilings) for cost in costs],
    }
    return case, ceilings


def _scale(mode: str, cost: ScaleCost, ceilings: Ceilings) -> dict[str, Any]:
    deepest = deepest_layer(mode, cost.scale_px)
    layers = step_layers(*fitted(*SHAPE, cost.scale_px), deepest=deepest)
    return {
        "scale_px": cost.scale_px,
        "steps": cost.steps,
        "begin_ms": 1e3 * cost.begin_s,
        "step_ms": 1e3 * cost.step_s,
        "deepest": deepest,
        "gflop": sum(layer.flop for layer in layers) / 1e9,
        "roofline_share": least_step_s(layers, ceilings) / cost.step_s,
    }


def _forget_peak(device: str) -> None:
    """Let the peak begin anew: what was measured before took more than painting does."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _peak_device_bytes(device: str) -> int | None:
    """Return the most that torch held on a GPU since the peak was forgotten; None elsewhere."""
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None
