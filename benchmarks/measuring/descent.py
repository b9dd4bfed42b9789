"""One way down an objective, judged from outside, with the judge's own time left out."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

from measuring.race import Descent, Judged
from nst_core.bench.roofline import synchronise
from nst_core.bench.workers import peak_bytes
from nst_core.features import FeatureExtractor, load_extractor
from nst_core.images import load_image
from nst_core.losses import content_loss, gram_matrix
from nst_core.precision import feature_dtype
from nst_core.protocol import StyleParams
from nst_core.transfer.classic import CONTENT_LAYER, STYLE_LAYERS, classic_objective, paint_classic
from nst_core.transfer.walk import at_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Score = Callable[[Tensor], Tensor]

Side = Literal["reference", "ours"]

JUDGED_EVERY: Final = 10
HISTORY: Final = 100
"""Of L-BFGS, as in jcjohnson/neural-style."""
PUBLISHED_CONTENT_WEIGHT: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What both sides paint, and by what they are judged."""

    photo: Path
    painting: Path
    size_px: int
    device: str = "cpu"
    objective: str = "classic"


def descend(
    problem: Problem, side: Side, *, steps: int, clock: Callable[[], float] = time.perf_counter
) -> Descent:
    """Let one side paint and judge it.

    Args:
        problem: what is painted.
        side: who paints.
        steps: of the reference; ours takes as many as it is shipped with.
        clock: seconds, only ever subtracted.
    """
    extractor = load_extractor(device=problem.device)
    content, style = (
        load_image(path, long_side_px=problem.size_px).to(problem.device)
        for path in (problem.photo, problem.painting)
    )
    params = StyleParams(mode="classic", long_side_px=problem.size_px)
    score = _score(problem.objective, content, style, params, extractor)
    extractor(content, [CONTENT_LAYER])  # both sides begin with everything used once
    if side == "reference":
        pictures: Iterator[Tensor] = itertools.islice(_plain(content, score), steps)
        judged_every = JUDGED_EVERY
    else:
        painter = load_extractor(device=problem.device, dtype=feature_dtype(problem.device))
        painter(content, [CONTENT_LAYER])
        _, walk = paint_classic(content, [(style, 1.0)], params, extractor=painter)
        pictures, judged_every = (picture for _, picture, _ in walk), 1
    points = tuple(_judged(pictures, score, content, judged_every, clock))
    return Descent(
        points=points, peak_rss_bytes=peak_bytes(os.getpid()), peak_device_bytes=_device_peak(problem.device)
    )


def _judged(
    pictures: Iterator[Tensor], score: Score, content: Tensor, every: int, clock: Callable[[], float]
) -> Iterator[Judged]:
    """Yield how far the pictures are that have the final size, every so many steps."""
    seconds, device = 0.0, str(content.device)
    for step in itertools.count(1):
        began = clock()
        picture = next(pictures, None)
        synchronise(device)
        seconds += clock() - began
        if picture is None:
            return
        if step % every == 0 and picture.shape == content.shape:
            with torch.no_grad():
                yield Judged(step=step, seconds=seconds, loss=score(picture.clamp(0.0, 1.0)).item())


def _score(
    objective: str, content: Tensor, style: Tensor, params: StyleParams, extractor: FeatureExtractor
) -> Score:
    if objective == "published":
        return _published(content, style, extractor)
    terms = classic_objective(content, [(style, 1.0)], params, extractor=extractor)
    return lambda image: terms(image)["total"]


def _published(content: Tensor, style: Tensor, extractor: FeatureExtractor) -> Score:
    """Return the plain objective: mean over layers of |G - A|² / |A|² + 0.02 · content loss."""
    size_px = max(content.shape[2:])
    with torch.no_grad():
        seen = extractor(at_scale(style, size_px), STYLE_LAYERS)
        grams = {layer: gram_matrix(seen[layer]) for layer in STYLE_LAYERS}
        target = extractor(content, [CONTENT_LAYER])[CONTENT_LAYER]

    def score(image: Tensor) -> Tensor:
        maps = extractor(image, [*STYLE_LAYERS, CONTENT_LAYER])
        styles = [
            (gram_matrix(maps[layer]) - gram).square().sum() / gram.square().sum()
            for layer, gram in grams.items()
        ]
        return torch.stack(styles).mean() + PUBLISHED_CONTENT_WEIGHT * content_loss(
            maps[CONTENT_LAYER], target
        )

    return score


def _plain(content: Tensor, score: Score) -> Iterator[Tensor]:
    """Yield the published recipe's pictures: one scale, from the photo, L-BFGS, an evaluation a step."""
    image = content.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS(
        [image], lr=1.0, max_iter=1, history_size=HISTORY, tolerance_grad=0, tolerance_change=0
    )

    def closure() -> Tensor:
        lbfgs.zero_grad(set_to_none=True)
        loss = score(image)
        loss.backward()
        return loss

    while True:
        lbfgs.step(closure)
        yield image.detach()


def _device_peak(device: str) -> int | None:
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else None
