"""One job from encoded bytes to encoded bytes: the generator that a worker runs, without its pipe."""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nst_core.errors import Cancelled, Fault
from nst_core.images import DEFAULT_LIMITS, decode, encode, fit, preview, to_pil, to_tensor, view
from nst_core.masking import mask_tensor, read_mask
from nst_core.protocol import Pastiche, Progress
from nst_core.threads import considerate
from nst_core.timelapse import MOST_BYTES, Timelapse
from nst_core.transfer import stylize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from PIL import Image
    from torch import Tensor

    from nst_core.decoding import Decode
    from nst_core.features import FeatureExtractor
    from nst_core.images import Limits
    from nst_core.protocol import StyleRequest
    from nst_core.transfer import Step

    Walk = Callable[[StyleRequest, "Pictures", FeatureExtractor], Iterator[Step]]

_LOG: Final = logging.getLogger(__name__)
PROGRESS_EVERY_S: Final = 0.2
PREVIEW_EVERY_S: Final = 2.0
IMPRESSION_PX: Final = 384
"""The long side of the first impression: that of a preview, and painted in half a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What came in, decoded and no larger than needed: RGB in sRGB, upright, opaque."""

    content: Image.Image
    styles: Sequence[Image.Image]
    mask: Image.Image | None = None
    """Grey: white where it is painted."""


@dataclass(slots=True)
class Course:
    """How the painting went so far."""

    timelapse: Timelapse | None = None
    newest: Step | None = None
    losses: list[dict[str, float]] = field(default_factory=list)
    """Of each step."""
    scale_starts: list[tuple[int, int]] = field(default_factory=list)
    """(step, long side in px) of each scale's first step."""

    def add(self, step: Step) -> None:
        """Take one more step."""
        if self.newest is None or step.scale_px != self.newest.scale_px:
            self.scale_starts.append((step.index, step.scale_px))
        self.newest = step
        self.losses.append(step.losses)
        if self.timelapse is not None:
            self.timelapse.add(step)


class Pace:
    """Keeps reports few: a step on the GPU can be over before the last report has been read.

    Args:
        clock: seconds, only ever subtracted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told = self._shown = float("-inf")

    def tell(self, *, anyway: bool) -> bool:
        """Return whether to report now, and take it as done."""
        if not anyway and self._clock() - self._told < PROGRESS_EVERY_S:
            return False
        self._told = self._clock()
        return True

    def show(self) -> bool:
        """Return whether the report may carry a picture, and take it as done."""
        if self._clock() - self._shown < PREVIEW_EVERY_S:
            return False
        self._shown = self._clock()
        return True


def paint(
    request: StyleRequest,
    *,
    extractor: FeatureExtractor,
    wish: Callable[[], bool | None] = lambda: None,
    limits: Limits = DEFAULT_LIMITS,
    walk: Walk | None = None,
    impress: Walk | None = None,
    read: Decode = decode,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress | Pastiche]:
    """Paint what is asked for.

    Args:
        request: the pictures as they were uploaded, and what the person chose.
        extractor: on the device to paint on.
        wish: asked again and again whether to end: True to keep the picture so far (the first step
            is waited for), False to throw it away, None to go on.
        limits: what is accepted as a picture.
        walk: the algorithm; by default `steps`.
        impress: makes the first impression, its first step; by default `impression`.
        read: decodes the pictures; a worker has strangers' ones decoded by a `Decoder`.
        clock: seconds, only ever subtracted.

    Yields:
        A `Progress` of step 0 with a first impression, where there is one; then one for the first step,
        the last one, and at most five others a second; with at most one of them every two seconds goes
        the picture so far. Then one `Pastiche`. It has the long
        side that was asked for, also when it was kept at an earlier, smaller scale.

    Raises:
        UserError: a picture that cannot be used, or a choice that is not available.
        Cancelled: as wished.
    """
    began = clock()
    pictures = decoded(request, limits=limits, wish=wish, read=read)
    course, pace = begun(request, pictures), Pace(clock)
    if wish() is None and (sketch := _sketch(request, pictures, extractor, impress or impression)):
        pace.show()
        yield _progress(request, sketch, with_preview=True)
    for step in (walk or steps)(request, pictures, extractor):
        course.add(step)
        if (kept := wish()) is False:
            raise Cancelled
        if pace.tell(anyway=kept is True or step.index in (1, step.total)):
            yield _progress(request, step, with_preview=pace.show())
        if kept:
            break
    pastiche = _pastiche(request, pictures, course)
    yield dataclasses.replace(pastiche, seconds=clock() - began)


def decoded(
    request: StyleRequest,
    *,
    limits: Limits = DEFAULT_LIMITS,
    wish: Callable[[], bool | None] = lambda: None,
    read: Decode = decode,
) -> Pictures:
    """Return the request's pictures; arguments and errors as for `paint`."""
    size_px = request.params.long_side_px
    content = read(request.content, role="content", limits=limits, long_side_px=size_px)
    styles = []
    for style in request.styles:
        if wish() is False:
            raise Cancelled
        image = read(style.image, role="style", limits=limits, long_side_px=_style_px(request))
        styles.append(image)
    mask = None
    if request.mask is not None:
        mask = read_mask(request.mask, content.size, limits=limits, long_side_px=size_px, read=read)
    return Pictures(content=content, styles=styles, mask=mask)


def _style_px(request: StyleRequest) -> int:
    """Return the most pixels that a style image's long side can be of use with."""
    return request.params.long_side_px * max(100, request.params.brush) // 100


def begun(request: StyleRequest, pictures: Pictures) -> Course:
    """Return a course without a step, which keeps pictures for a timelapse if that is asked for."""
    if not request.timelapse:
        return Course()
    return Course(timelapse=Timelapse(pictures.content, long_side_px=request.params.long_side_px))


def steps(request: StyleRequest, pictures: Pictures, extractor: FeatureExtractor) -> Iterator[Step]:
    """Return the steps of the painting, the pictures brought to the size that is of use."""
    styles = [
        (_tensor(image, _style_px(request)), style.weight)
        for image, style in zip(pictures.styles, request.styles, strict=True)
    ]
    content = _tensor(pictures.content, request.params.long_side_px)
    mask = None if pictures.mask is None else mask_tensor(pictures.mask)
    walk = stylize(content, styles, request.params, extractor=extractor, mask=mask)
    if request.params.mode == "draft" or extractor.mean.device.type != "cpu":
        return walk
    return considerate(walk)


def impression(request: StyleRequest, pictures: Pictures, extractor: FeatureExtractor) -> Iterator[Step]:
    """Yield a small draft of what is asked for, as step 0 of unknown many; nothing if that is a draft."""
    if request.params.mode == "draft":
        return
    size_px = min(IMPRESSION_PX, request.params.long_side_px)
    params = dataclasses.replace(request.params, mode="draft", long_side_px=size_px)
    for step in steps(dataclasses.replace(request, params=params), pictures, extractor):
        yield dataclasses.replace(step, index=0, total=0, share=0.0)


def _sketch(
    request: StyleRequest, pictures: Pictures, extractor: FeatureExtractor, impress: Walk
) -> Step | None:
    """Return the first impression, or None."""
    try:
        return next(impress(request, pictures, extractor), None)
    except Exception as error:  # noqa: BLE001 - it is a courtesy: the painting itself must not suffer from it
        _LOG.warning("impression-failed job=%s error=%r", request.job_id, error)
        return None


def _tensor(image: Image.Image, most_px: int) -> Tensor:
    """Return (1, 3, H, W) in [0, 1], the long side at most `most_px`."""
    return to_tensor(fit(image, min(most_px, max(image.size))))


def _progress(request: StyleRequest, step: Step, *, with_preview: bool) -> Progress:
    return Progress(
        job_id=request.job_id,
        attempt=request.attempt,
        step=step.index,
        steps=step.total,
        losses=step.losses,
        preview=preview(step.pastiche) if with_preview else None,
        share=step.share or None,
    )


def _pastiche(request: StyleRequest, pictures: Pictures, course: Course) -> Pastiche:
    step = course.newest
    if step is None:
        raise Fault("the painting ended without a step")
    picture = to_pil(step.pastiche)
    if max(picture.size) < request.params.long_side_px:
        picture = fit(picture, request.params.long_side_px)
    file = encode(
        picture,
        format="png",
        max_bytes=request.max_bytes,
        settings=dataclasses.asdict(request.params),
    )
    return Pastiche(
        job_id=request.job_id,
        attempt=request.attempt,
        image=file.data,
        image_format=file.format,
        curve=_curve(request, course),
        content_view=view(pictures.content),
        style_views=tuple(view(style) for style in pictures.styles),
        width_px=file.width_px,
        height_px=file.height_px,
        losses=step.losses,
        steps=step.index,
        stopped_early=step.index < step.total,
        seconds=0.0,
        timelapse=_timelapse(request, course),
    )


def _timelapse(request: StyleRequest, course: Course) -> bytes | None:
    """Return the animation, or None where none was asked for or none could be made."""
    if course.timelapse is None:
        return None
    try:
        return course.timelapse.encode(max_bytes=min(MOST_BYTES, request.max_bytes))
    except Exception as error:  # noqa: BLE001 - minutes of painting must not be lost for want of it
        _LOG.warning("timelapse-failed job=%s error=%r", request.job_id, error)
        return None


def _curve(request: StyleRequest, course: Course) -> bytes | None:
    """Return the loss curve, or None for a mode that makes a single step."""
    if course.newest is None or course.newest.total == 1:
        return None
    from nst_core.curve import plot_curve  # noqa: PLC0415 - matplotlib takes half a second, which no start waits for

    return plot_curve(course.losses, scale_starts=course.scale_starts, language=request.language)
