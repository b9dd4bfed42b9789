"""The part of `nst stylize` that needs torch: the same way a worker paints, from files to files."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core import presets
from nst_core.commandline.answers import DONE, INTERRUPTED, Answer, MistakeError
from nst_core.commandline.files import FORMATS, write_all
from nst_core.commandline.manner import Manner, recall
from nst_core.commandline.stylize import check_curve
from nst_core.errors import Fault
from nst_core.features import load_extractor, pick_device
from nst_core.images import encode, fit, read_picture, read_settings, to_pil
from nst_core.painting import begun, decoded, steps
from nst_core.precision import feature_dtype
from nst_core.protocol import StyleParams, StyleRequest, WeightedStyle

if TYPE_CHECKING:
    from nst_core.commandline.bar import Bar
    from nst_core.commandline.stylize import Order
    from nst_core.features import FeatureExtractor
    from nst_core.images import Encoded
    from nst_core.painting import Course, Pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """Everything that the painting needs, read and checked."""

    request: StyleRequest
    settings: dict[str, Any]
    """What the painting will remember: all of `params`, the extractor, the styles."""
    extractor: str
    device: str


def paint(order: Order, bar: Bar) -> Answer:
    """Paint what was ordered and write it.

    Raises:
        UserError, MistakeError: something that the person can mend; no file was written.
        KeyboardInterrupt: as it was, unless the picture so far is to be kept.
    """
    began = time.monotonic()
    commission = _commission(order, bar)
    pictures = decoded(commission.request)
    extractor = load_extractor(
        commission.extractor,
        device=commission.device,
        dtype=feature_dtype(commission.device),
        progress=bar.download,
    )
    course, interrupted = _walk(commission, pictures, extractor, bar, keep_partial=order.keep_partial)
    file = _write(order, commission, course)
    return _answer(order, commission, course, file, seconds=time.monotonic() - began, interrupted=interrupted)


def _commission(order: Order, bar: Bar) -> Commission:
    liked = _liked(order.like)
    params = StyleParams(**{**_params_in(liked), **order.given})
    check_curve(params.mode, order.curve)
    manners = order.manners or _manners_in(liked, order.like)
    device = pick_device(order.device)
    content = read_picture(order.content, role="content")
    mask = None if order.mask is None else read_picture(order.mask, role="mask")
    styles = [_style(manner, bar) for manner in manners]
    extractor = order.extractor or str(liked.get("extractor", "vgg16"))
    remembered = [manner.remembered(style.image) for manner, style in zip(manners, styles, strict=True)]
    return Commission(
        request=StyleRequest(
            job_id="nst",
            content=content,
            styles=tuple(styles),
            params=params,
            mask=mask,
            timelapse=order.timelapse is not None,
        ),
        settings={
            **dataclasses.asdict(params),
            "extractor": extractor,
            "styles": remembered,
            **_remembered_mask(order.mask, mask),
        },
        extractor=extractor,
        device=device,
    )


def _remembered_mask(path: Path | None, data: bytes | None) -> dict[str, Any]:
    """Return what the painting remembers of its mask: never its folder."""
    if path is None or data is None:
        return {}
    return {"mask": {"file": path.name, "sha256": sha256(data).hexdigest()}}


def _liked(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    settings = read_settings(read_picture(path, role="picture"))
    if settings is None:
        raise MistakeError(f"“{path}” carries no settings: give --like a picture that Gafuu painted.")
    return settings


def _params_in(settings: dict[str, Any]) -> dict[str, Any]:
    """Return those settings that `StyleParams` knows and will check; a stranger may have written them."""
    names = {field.name for field in dataclasses.fields(StyleParams)}
    known = {name: value for name, value in settings.items() if name in names}
    if not isinstance(known.get("keep_colors", False), bool):
        del known["keep_colors"]
    return known


def _manners_in(settings: dict[str, Any], path: Path | None) -> tuple[Manner, ...]:
    remembered = settings.get("styles")
    entries = remembered if isinstance(remembered, list) and remembered else [None]
    return tuple(recall(entry, str(path)) for entry in entries)


def _style(manner: Manner, bar: Bar) -> WeightedStyle:
    if isinstance(manner.source, Path):
        return WeightedStyle(image=read_picture(manner.source, role="style"), weight=manner.weight)
    if not manner.source.bundled:
        bar.note(f"fetching “{manner.source.title}” …")
    return WeightedStyle(image=presets.read(manner.source), weight=manner.weight)


def _walk(
    commission: Commission, pictures: Pictures, extractor: FeatureExtractor, bar: Bar, *, keep_partial: bool
) -> tuple[Course, bool]:
    """Return how the painting went, and whether it was interrupted."""
    course = begun(commission.request, pictures)
    try:
        for step in steps(commission.request, pictures, extractor):
            course.add(step)
            bar.step(step.index, step.total, step.losses, share=step.share)
    except KeyboardInterrupt:
        if not keep_partial or course.newest is None:
            raise
        return course, True
    return course, False


def _write(order: Order, commission: Commission, course: Course) -> Encoded:
    if course.newest is None:
        raise Fault("the painting ended without a step")
    picture = fit(to_pil(course.newest.pastiche), commission.request.params.long_side_px)
    file = encode(picture, format=FORMATS[order.output.suffix.lower()], settings=commission.settings)
    files = {order.output: file.data}
    if order.curve is not None:
        from nst_core.curve import plot_curve  # noqa: PLC0415 - matplotlib, which most commands do without

        files[order.curve] = plot_curve(course.losses, scale_starts=course.scale_starts)
    if order.timelapse is not None and course.timelapse is not None:
        files[order.timelapse] = course.timelapse.encode()
    write_all(files)
    return file


def _answer(
    order: Order, commission: Commission, course: Course, file: Encoded, *, seconds: float, interrupted: bool
) -> Answer:
    params = commission.request.params
    data = {
        "output": str(order.output),
        "width_px": file.width_px,
        "height_px": file.height_px,
        "mode": params.mode,
        "device": commission.device,
        "seconds": round(seconds, 3),
        "steps": len(course.losses),
        "seed": params.seed,
        "losses": {term: [_finite(losses[term]) for losses in course.losses] for term in course.losses[-1]},
        "params": commission.settings,
    }
    count, end = len(course.losses), ", interrupted" if interrupted else ""
    text = (
        f"{order.output}: {file.width_px}×{file.height_px} px, {params.mode}, "
        f"{count} step{'s' if count > 1 else ''}, {seconds:.1f} s on {commission.device}{end}"
    )
    return Answer(text=text, data=data, status=INTERRUPTED if interrupted else DONE)


def _finite(loss: float) -> float | None:
    """Return the loss, or None where JSON has no number for it."""
    return loss if math.isfinite(loss) else None
