"""A timelapse shows how the picture came to be, and stays small whatever is painted."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from nst_core.images import fit, to_tensor
from nst_core.timelapse import FRAME_MS, LAST_MS, MOST_FRAMES, PHOTO_MS, Timelapse, is_kept
from nst_core.transfer import Step

PHOTO = Image.new("RGB", (400, 300), (20, 200, 40))


def step(index: int, total: int, picture: Image.Image | None = None, *, scale_px: int = 64) -> Step:
    """Return a step whose picture gets redder and redder."""
    picture = picture or Image.new("RGB", (scale_px, scale_px * 3 // 4), (255 * index // total, 0, 0))
    return Step(index=index, total=total, losses={}, pastiche=to_tensor(picture), scale_px=scale_px)


def frames(data: bytes) -> tuple[list[Image.Image], list[int]]:
    """Return every frame of an animation, and how long each is shown."""
    image = Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    pictures, times_ms = [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        pictures.append(image.convert("RGB"))
        times_ms.append(int(image.info["duration"]))
    return pictures, times_ms


def reds(pictures: list[Image.Image]) -> list[int]:
    return [picture.resize((1, 1)).getpixel((0, 0))[0] for picture in pictures]  # type: ignore[index]


@pytest.mark.parametrize("total", [1, 2, 3, 45, 46, 47, 60, 91, 92, 256, 1000])
def test_kept_steps_are_few_and_spread_evenly(total: int) -> None:
    """The first and the last are among them, gaps differ by one at most, and two more have room."""
    kept = [index for index in range(1, total + 1) if is_kept(index, total)]
    assert (kept[0], kept[-1]) == (1, total)
    assert len(kept) == min(total, MOST_FRAMES - 2)
    gaps = {later - earlier for earlier, later in pairwise(kept)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_it_goes_from_the_photo_to_the_picture() -> None:
    """Frames of one size, in order, coarse ones enlarged; the photo and the end are shown longer."""
    lapse = Timelapse(PHOTO, long_side_px=512)
    for index in range(1, 21):
        lapse.add(step(index, 20, scale_px=64 if index < 10 else 512))
    pictures, times_ms = frames(lapse.encode())
    assert {picture.size for picture in pictures} == {(320, 240)}
    assert len(pictures) == 21
    assert times_ms == [PHOTO_MS, *[FRAME_MS] * 19, LAST_MS]
    assert reds(pictures)[0] < 40
    assert reds(pictures)[1:] == sorted(reds(pictures)[1:])
    assert reds(pictures)[-1] > 245


def test_it_ends_with_the_picture_it_was_stopped_at() -> None:
    """Also when that step would not have been a frame."""
    assert not is_kept(3, 256)
    lapse = Timelapse(PHOTO, long_side_px=64)
    for index in range(1, 4):
        lapse.add(step(index, 256, Image.new("RGB", (64, 48), (60 * index, 0, 0))))
    pictures, times_ms = frames(lapse.encode())
    assert {picture.size for picture in pictures} == {(64, 48)}
    assert reds(pictures)[-1] == pytest.approx(180, abs=8)
    assert times_ms[-1] == LAST_MS


def test_a_draft_goes_from_photo_to_picture() -> None:
    """One step makes two frames."""
    lapse = Timelapse(PHOTO, long_side_px=512)
    lapse.add(step(1, 1))
    pictures, times_ms = frames(lapse.encode())
    assert len(pictures) == 2
    assert times_ms == [PHOTO_MS, LAST_MS]


def test_noise_is_kept_small() -> None:
    """What compresses worst loses quality, then size, never frames."""
    random = np.random.default_rng(4)
    lapse = Timelapse(PHOTO, long_side_px=64)
    for index in range(1, 101):
        pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
        lapse.add(step(index, 100, Image.fromarray(pixels)))
    whole, smaller, smallest = (lapse.encode(max_bytes=most) for most in (10**6, 30_000, 10))
    assert len(whole) > 30_000 >= len(smaller) > len(smallest)
    pictures, _ = frames(smaller)
    assert len(pictures) == MOST_FRAMES - 1
    assert max(pictures[0].size) < 64


def test_memory_is_bounded() -> None:
    """However large the picture and however many its steps."""
    lapse = Timelapse(PHOTO, long_side_px=4096)
    for index in range(1, 2001):
        lapse.add(step(index, 2000))
    kept = [frame.width * frame.height * 3 for frame in lapse._frames]
    assert len(kept) < MOST_FRAMES
    assert sum(kept) < 16 * 2**20


def test_no_step_is_refused() -> None:
    """There is nothing to tell yet."""
    with pytest.raises(ValueError, match="at least one step"):
        Timelapse(PHOTO, long_side_px=64).encode()


def test_a_frame_is_the_pastiche_made_smaller() -> None:
    """Not another picture: but for WebP's loss the last frame is the last pastiche at 320 px."""
    ramp = Image.linear_gradient("L").resize((512, 384))
    gradient = Image.merge("RGB", [ramp.rotate(turn) for turn in (0, 90, 180)])
    lapse = Timelapse(PHOTO, long_side_px=512)
    lapse.add(step(1, 1, gradient, scale_px=512))
    (_, last), _ = frames(lapse.encode())
    expected = to_tensor(fit(gradient, 320))
    assert (to_tensor(last) - expected).abs().mean() < 0.02
