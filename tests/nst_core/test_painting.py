"""One job from bytes to bytes, without a process around it: small pictures, the real network."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pictures.card import noise, saved
from PIL import Image

from nst_core.errors import BadImage, Cancelled, Unavailable
from nst_core.features import load_extractor
from nst_core.images import Limits, fit, read_settings, to_tensor
from nst_core.painting import IMPRESSION_PX, Pace, decoded, impression, paint
from nst_core.painting import steps as steps_of
from nst_core.protocol import Pastiche, Progress, StyleParams, StyleRequest, WeightedStyle
from nst_core.transfer import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nst_core.painting import Pictures


def upload(size: tuple[int, int] = (96, 72), shade: int = 0) -> bytes:
    """Return a PNG with some shape to it."""
    image = Image.radial_gradient("L").resize(size).point(lambda value: (value + shade) % 256)
    buffer = io.BytesIO()
    Image.merge("RGB", [image, image.rotate(90), image.rotate(180)]).save(buffer, "PNG")
    return buffer.getvalue()


def request(**changes: object) -> StyleRequest:
    """Return a request for a small picture."""
    style = WeightedStyle(image=upload((80, 80), shade=90))
    given = {
        "job_id": "j",
        "attempt": 2,
        "content": upload(),
        "styles": (style,),
        "params": StyleParams(long_side_px=64),
    }
    return StyleRequest(**{**given, **changes})


def opened(data: bytes) -> Image.Image:
    """Return a picture, decoded to its last byte."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class Walk:
    """An algorithm in the place of `steps` that blends content and style, and a clock that knows its pace."""

    def __init__(self, *, scales_px: tuple[int, ...] = (64,), steps: int = 4, step_s: float = 1.0) -> None:
        self.scales_px = scales_px
        self.steps = steps
        self.step_s = step_s
        self.now_s = 100.0

    def clock(self) -> float:
        """Return the time."""
        return self.now_s

    def __call__(self, _: StyleRequest, pictures: Pictures, __: object) -> Iterator[Step]:
        """Yield the steps of every scale."""
        total = len(self.scales_px) * self.steps
        for index in range(1, total + 1):
            self.now_s += self.step_s
            scale_px = self.scales_px[(index - 1) // self.steps]
            content = fit(pictures.content, scale_px)
            picture = Image.blend(content, pictures.styles[0].resize(content.size), index / total / 2)
            losses = {"style": 2.0 / index, "total": 3.0 / index}
            yield Step(
                index=index,
                total=total,
                losses=losses,
                pastiche=to_tensor(picture),
                scale_px=scale_px,
                share=(index / total) ** 2,
            )


def no_impression(*_: object) -> Iterator[Step]:
    """Leave out the first impression, where it is not the point."""
    return iter(())


def painted(
    walk: Walk | None = None,
    wish: Callable[[], bool | None] = lambda: None,
    impress: Callable[..., Iterator[Step]] = no_impression,
    **changes: object,
) -> tuple[list[Progress], Pastiche]:
    """Return the reports of a job, and its picture."""
    walk = walk or Walk()
    nobody: Any = None  # this walk asks no network, and a draft only for its device
    *steps, pastiche = paint(
        request(**changes), extractor=nobody, wish=wish, walk=walk, impress=impress, clock=walk.clock
    )
    assert isinstance(pastiche, Pastiche)
    return [step for step in steps if isinstance(step, Progress)], pastiche


def test_real_network() -> None:
    """With the real network and algorithm, a step of a small picture is painted from two styles."""
    styles = (WeightedStyle(image=upload((64, 64))), WeightedStyle(image=upload((90, 60), 150), weight=3))
    step, pastiche = paint(request(styles=styles), extractor=load_extractor(), wish=lambda: True)
    assert isinstance(step, Progress)
    assert isinstance(pastiche, Pastiche)
    assert step.losses["total"] > 0
    assert opened(pastiche.image).size == (64, 48)
    assert [opened(view).size for view in pastiche.style_views] == [(64, 64), (90, 60)]


def test_ends_with_the_picture() -> None:
    """The last thing is a picture of the size that was asked for, in the content's shape."""
    _, pastiche = painted()
    assert (pastiche.job_id, pastiche.attempt) == ("j", 2)
    image = opened(pastiche.image)
    assert image.size == (pastiche.width_px, pastiche.height_px) == (64, 48)
    assert image.format == pastiche.image_format.upper() == "PNG"
    assert not pastiche.stopped_early
    assert pastiche.seconds == 4.0


def test_tells_every_step() -> None:
    """When steps are slow, each is told, in order, with its losses; the last has those of the picture."""
    steps, pastiche = painted()
    assert [(step.step, step.steps) for step in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [step.losses["total"] for step in steps] == [3.0, 1.5, 1.0, 0.75]
    assert [step.share for step in steps] == [0.0625, 0.25, 0.5625, 1.0]
    assert (pastiche.losses, pastiche.steps) == (steps[-1].losses, 4)


def test_previews() -> None:
    """The first step shows the picture; a later one does when two seconds are over."""
    steps, _ = painted(Walk(steps=6, step_s=0.8))
    previews = [step.preview for step in steps]
    assert [preview is not None for preview in previews] == [True, False, False, True, False, False]
    assert previews[0] is not None
    assert opened(previews[0]).format == "JPEG"
    assert opened(previews[0]).size == (64, 48)
    assert previews[0] != previews[3]


def test_quick_steps_are_not_all_told() -> None:
    """When steps are quick, at most five a second are told, the first and the last among them."""
    steps, _ = painted(Walk(steps=60, step_s=0.0625))
    assert [step.step for step in steps] == [1, *range(5, 60, 4), 60]
    steps, _ = painted(Walk(steps=60, step_s=0.0))
    assert [step.step for step in steps] == [1, 60]


def test_first_impression() -> None:
    """Before the first step comes a draft of the whole picture: step 0, a small JPEG, no losses.

    It is a preview like any other, so that the next one comes two seconds later.
    """
    (first, *others), pastiche = painted(
        Walk(step_s=0.8), impress=impression, params=StyleParams(long_side_px=512)
    )
    assert (first.job_id, first.attempt, first.step, first.steps, first.losses) == ("j", 2, 0, 0, {})
    assert first.preview is not None
    assert opened(first.preview).size == (IMPRESSION_PX, IMPRESSION_PX * 3 // 4)
    colors = len(opened(first.preview).quantize(64).getcolors())
    assert colors > 32
    assert [step.step for step in others] == [1, 2, 3, 4]
    assert [step.preview is not None for step in others] == [False, False, True, False]
    assert pastiche.steps == 4


def test_a_draft_needs_no_impression() -> None:
    """It comes as quickly itself; and whoever wants to keep what is there wants no draft either."""
    steps, _ = painted(Walk(steps=1), impress=impression, params=StyleParams(mode="draft", long_side_px=64))
    assert [step.step for step in steps] == [1]
    steps, _ = painted(wish=lambda: True, impress=impression)
    assert [step.step for step in steps] == [1]


def test_timelapse() -> None:
    """Only where it is asked for, and no larger than any picture of the answer may be."""
    _, pastiche = painted(timelapse=True)
    assert pastiche.timelapse is not None
    animation = Image.open(io.BytesIO(pastiche.timelapse))
    assert (animation.format, animation.size) == ("WEBP", (64, 48))
    assert getattr(animation, "n_frames", 1) == 5
    assert painted()[1].timelapse is None
    asked = {"timelapse": True, "content": saved(noise(96, 72), "PNG"), "max_bytes": 2000}
    _, limited = painted(Walk(steps=40), **asked)
    assert limited.timelapse is not None
    assert len(limited.timelapse) <= 2000


def test_a_failed_timelapse_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A Pillow that can write no animation still gives a picture."""

    def save(*_: object, **__: object) -> None:
        raise OSError("encoder error -2 when writing image file")

    monkeypatch.setattr("nst_core.timelapse._webp", save)
    _, pastiche = painted(timelapse=True)
    assert pastiche.timelapse is None
    assert opened(pastiche.image).size == (64, 48)
    assert "timelapse-failed job=j" in caplog.text


def test_a_mask_goes_all_the_way() -> None:
    """What is masked stays the photo in impression, previews and picture; a bad mask is refused."""
    mask = Image.new("L", (96, 72))
    mask.paste(255, (0, 0, 48, 72))
    asked = request(mask=saved(mask, "PNG"), params=StyleParams(long_side_px=96, mode="draft"))
    pictures = decoded(asked)
    (step,) = steps_of(asked, pictures, load_extractor())
    content = to_tensor(pictures.content)
    assert torch.equal(step.pastiche[..., 56:], content[..., 56:])
    assert (step.pastiche[..., :40] - content[..., :40]).abs().mean() > 0.05
    best = dataclasses.replace(asked, params=StyleParams(long_side_px=96))
    (sketch,) = impression(best, pictures, load_extractor())
    assert torch.equal(sketch.pastiche, step.pastiche)
    with pytest.raises(BadImage, match="another shape"):
        decoded(dataclasses.replace(asked, mask=upload((64, 64))))


@pytest.mark.parametrize(
    "error", [RuntimeError("out of memory"), MemoryError(), Unavailable("weights_damaged", name="x")]
)
def test_a_failed_impression_costs_nothing(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The painting itself goes on, and the log says what happened."""

    def fail(*_: object) -> Iterator[Step]:
        raise error
        yield

    steps, pastiche = painted(impress=fail)
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert not pastiche.stopped_early
    assert "impression-failed job=j" in caplog.text


def test_shows_what_it_understood() -> None:
    """Beside the picture come the uploads as they were decoded."""
    _, pastiche = painted()
    assert [opened(view).size for view in (pastiche.content_view, *pastiche.style_views)] == [
        (96, 72),
        (80, 80),
    ]


def test_curve() -> None:
    """The curve is a picture; a mode that makes a single step has none."""
    _, pastiche = painted(Walk(scales_px=(32, 64)))
    assert pastiche.curve is not None
    assert opened(pastiche.curve).format == "PNG"
    _, pastiche = painted(Walk(steps=1))
    assert pastiche.curve is None


def test_carries_its_settings() -> None:
    """The picture tells how it was made, so that it can be made again."""
    _, pastiche = painted()
    settings = read_settings(pastiche.image)
    assert settings is not None
    assert StyleParams(**settings) == request().params


@pytest.mark.parametrize(("look_s", "most"), [(0.01, 6), (0.05, 6), (0.1, 6), (1.0, 2)])
def test_pace(look_s: float, most: int) -> None:
    """However often it is asked, at most about five reports a second are let through."""
    now = 0.0

    def clock() -> float:
        return now

    pace, told = Pace(clock), 0
    while now < 1:
        told += pace.tell(anyway=False)
        now += look_s
    assert 1 <= told <= most


def wish_at(look: int, wish: bool) -> Callable[[], bool | None]:  # noqa: FBT001 - the wish is the point
    """Return a wish that somebody has when it is asked for the n-th time."""
    looks = iter([None] * (look - 1))
    return lambda: next(looks, wish)


def test_stop_here() -> None:
    """Stopped at a coarse scale, the picture so far has the size that was asked for all the same."""
    params = StyleParams(long_side_px=256)
    steps, pastiche = painted(Walk(scales_px=(128, 256)), wish_at(5, wish=True), params=params)
    assert pastiche.stopped_early
    assert pastiche.steps == steps[-1].step == 3
    assert opened(pastiche.image).size == (256, 192)


def test_stop_here_at_once() -> None:
    """Stopped before there is a step, the first one is waited for: the photo is no pastiche."""
    (step,), pastiche = painted(wish=lambda: True)
    assert (step.step, pastiche.steps, pastiche.stopped_early) == (1, 1, True)


def test_stop_here_at_the_end() -> None:
    """Stopped at the very last step, the picture is whole."""
    _, pastiche = painted(wish=wish_at(6, wish=True))
    assert not pastiche.stopped_early


@pytest.mark.parametrize("look", [1, 2, 6])
def test_cancel(look: int) -> None:
    """Cancelled before the first step or later, even at the last one, no picture comes."""
    with pytest.raises(Cancelled):
        painted(wish=wish_at(look, wish=False))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"content": b""}, "The content picture is empty"),
        ({"styles": (WeightedStyle(image=b"text"),)}, "The style picture is not a picture"),
        ({"content": upload((8, 8))}, "The content picture is only 8×8 pixels"),
    ],
)
def test_bad_pictures(changes: dict[str, object], words: str) -> None:
    """A complaint names the picture that it is about."""
    with pytest.raises(BadImage, match=words):
        painted(**changes)


def test_limits() -> None:
    """The limits that the worker was started with are those that hold."""
    large, nobody = request(content=upload((2000, 1000))), None
    with pytest.raises(BadImage, match="more than the 1 megapixels"):
        list(paint(large, extractor=nobody, limits=Limits(max_megapixels=1)))  # type: ignore[arg-type]


def test_file_limit() -> None:
    """The picture keeps under the size that the requester can be sent."""
    _, pastiche = painted(max_bytes=3000)
    assert len(pastiche.image) <= 3000
    assert pastiche.image_format == "jpeg"
    assert opened(pastiche.image).size == (pastiche.width_px, pastiche.height_px)
