"""One way down an objective, judged from outside, with the judge's own time left out."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import torch
from torch import Tensor

from nst_core.bench.roofline import synchronise
from nst_core.bench.workers import peak_bytes
from nst_core.features import FeatureExtractor, load_extractor
from nst_core.images import load_image
from nst_core.losses import content_loss, gram_matrix
from nst_core.protocol import StyleParams
from nst_core.transfer.classic import CONTENT_LAYER, STYLE_LAYERS, classic_objective, paint_classic
from nst_core.transfer.walk import at_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Score = Callable[[Tensor], Tensor]

Side = Literal["reference", "ours"]

OBJECTIVES: Final = ("classic", "published")
MILESTONES: Final = (50, 100, 250, 500)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How far one side was."""

    step: int
    seconds: float
    """Since it began, targets and all, without the judging."""
    loss: float
    """Of the picture at the final size, clamped to [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """One side's way."""

    points: tuple[Judged, ...]
    peak_rss_bytes: int | None
    peak_device_bytes: int | None

    def row(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        return asdict(self)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return what `row` returned."""
        return cls(**{**row, "points": tuple(Judged(**point) for point in row["points"])})

    def reached(self, loss: float) -> Judged | None:
        """Return the first point that is no worse than a loss."""
        return next((point for point in self.points if point.loss <= loss), None)

    def summary(self) -> dict[str, Any]:
        """Return its end."""
        end = self.points[-1]
        return {
            "steps": end.step,
            "seconds": end.seconds,
            "loss": end.loss,
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_device_bytes": self.peak_device_bytes,
        }


def milestones(reference: Descent, ours: Descent) -> list[dict[str, Any]]:
    """Return for each number of steps that the reference was judged after when each side had its loss."""
    found = []
    for point in (point for point in reference.points if point.step in MILESTONES):
        there = ours.reached(point.loss)
        first = reference.reached(point.loss) or point
        found.append(
            {
                "steps": point.step,
                "loss": point.loss,
                "reference_s": first.seconds,
                "ours_s": None if there is None else there.seconds,
                "ratio": None if there is None else first.seconds / there.seconds,
            }
        )
    return found


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
        _, walk = paint_classic(content, [(style, 1.0)], params, extractor=extractor)
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
