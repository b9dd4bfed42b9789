from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.config import LimitsSection, Settings, StyleSection
from bot.intake import MIB, Upload, Wishes, accept, check_bytes, check_upload
from nst_core.errors import BadImage, BadParameter, UploadTooLarge, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PHOTO = Upload(
    filename="photo.jpg", size_bytes=2 * MIB, content_type="image/jpeg", width_px=4000, height_px=3000
)
PAINTING = Upload(filename="painting.png", size_bytes=MIB, content_type="image/png")
LIMITS = LimitsSection()


def refusal(wishes: Wishes, settings: Settings | None = None) -> UserError:
    """Return how wishes are refused."""
    with pytest.raises(UserError) as caught:
        accept(wishes, settings or Settings())
    return caught.value


def test_two_uploads_are_accepted_with_the_defaults() -> None:
    """What is left out comes from the settings."""
    settings = Settings(style=StyleSection(strength=40, long_side_px=300))
    accepted = accept(Wishes(content=PHOTO, style=PAINTING), settings)
    assert accepted.preset is None
    params = accepted.params
    assert (params.mode, params.strength, params.long_side_px) == ("best", 40, 300)


@pytest.mark.parametrize(("wish", "brush"), [(None, 100), (25, 25), (400, 400)])
def test_brush(wish: int | None, brush: int) -> None:
    """Strokes are as large as in the style picture, unless somebody wants them otherwise."""
    assert accept(Wishes(content=PHOTO, style=PAINTING, brush=wish), Settings()).params.brush == brush


def test_colours_are_the_paintings_unless_wished() -> None:
    """Keeping the photo's colours is a wish of its own."""
    for wish, expected in ((None, False), (False, False), (True, True)):
        wishes = Wishes(content=PHOTO, style=PAINTING, keep_colors=wish)
        assert accept(wishes, Settings()).params.keep_colors is expected


def test_style_may_be_asked_for_later() -> None:
    """Before a form everything but the missing style is checked."""
    accepted = accept(Wishes(strength=30), Settings(), may_lack_style=True)
    assert (accepted.preset, accepted.params.strength) == (None, 30)
    for wrong in (Wishes(strength=101), Wishes(preset="no such painting")):
        with pytest.raises(BadParameter):
            accept(wrong, Settings(), may_lack_style=True)


def test_kept_style_counts_as_a_style() -> None:
    """It was looked at when it was kept; beside a preset it is one style too many."""
    assert accept(Wishes(content=PHOTO, kept_style=True), Settings()).preset is None
    assert refusal(Wishes(content=PHOTO, kept_style=True, preset="scream")).code == "style_both"


@pytest.mark.parametrize("name", ["great_wave", " The Great Wave off Kanagawa ", "神奈川沖浪裏"])
def test_preset_is_found_by_id_and_by_title(name: str) -> None:
    """A person may type a title instead of picking from the list, in either language."""
    accepted = accept(Wishes(content=PHOTO, preset=name, strength=0, size=64), Settings())
    assert accepted.preset is not None
    assert accepted.preset.id == "great_wave"
    assert (accepted.params.strength, accepted.params.long_side_px) == (0, 64)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"style": None}, "style_missing"),
        ({"style": None, "preset": "  "}, "style_missing"),
        ({"preset": "scream"}, "style_both"),
        ({"style": None, "preset": "no such painting"}, "preset_unknown"),
        ({"strength": 101}, "out_of_range"),
        ({"strength": -1}, "out_of_range"),
        ({"size": 63}, "out_of_range"),
        ({"brush": 24}, "out_of_range"),
        ({"brush": 401}, "out_of_range"),
        ({"size": 1025}, "out_of_range"),
        ({"mode": "cubist"}, "not_a_choice"),
    ],
)
def test_wrong_choices_are_refused(change: dict[str, Any], code: str) -> None:
    """Each wrong choice has its own sentence."""
    error = refusal(replace(Wishes(content=PHOTO, style=PAINTING), **change))
    assert isinstance(error, BadParameter)
    assert error.code == code
    assert str(error)


def test_size_is_limited_by_the_settings() -> None:
    """The largest size is the owner's to say, and the refusal tells it."""
    settings = Settings(style=StyleSection(largest_px=400))
    assert "from 64 to 400" in str(refusal(Wishes(content=PHOTO, style=PAINTING, size=401), settings))
    assert accept(Wishes(content=PHOTO, style=PAINTING), settings).params.long_side_px == 400


def test_mode_that_does_not_exist_is_refused() -> None:
    """An old client can still send what was a choice once."""
    error = refusal(Wishes(content=PHOTO, style=PAINTING, mode="cubist"))
    assert (error.code, error.values["choices"]) == ("not_a_choice", "draft, classic, best")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size_bytes": 0}, "image_empty"),
        ({"size_bytes": 25 * MIB + 1}, "upload_too_large"),
        ({"content_type": "text/plain; charset=utf-8"}, "image_unreadable"),
        ({"content_type": "video/mp4"}, "image_unreadable"),
        ({"content_type": "image/svg+xml"}, "image_is_document"),
        ({"content_type": "application/pdf"}, "image_is_document"),
        ({"content_type": None, "filename": "notes"}, "image_unreadable"),
        ({"content_type": "application/octet-stream", "filename": "a.zip"}, "image_unreadable"),
        ({"width_px": 40_000, "height_px": 40_000}, "image_too_many_pixels"),
    ],
)
@pytest.mark.parametrize("role", ["content", "style"])
def test_attachments_are_refused_for_what_discord_tells(role: str, change: dict[str, Any], code: str) -> None:
    """No byte is fetched of what cannot be a picture that we paint; the sentence names which one it is."""
    uploads = {"content": PHOTO, "style": PAINTING} | {role: replace(PHOTO, **change)}
    error = refusal(Wishes(content=uploads["content"], style=uploads["style"]))
    assert error.code == code
    assert str(error).startswith(f"The {role} picture ")


@pytest.mark.parametrize(
    "change",
    [
        {"content_type": None, "filename": "IMG_0001.HEIC"},
        {"content_type": "application/octet-stream", "filename": "painting.avif"},
        {"content_type": "image/x-unheard-of"},
        {"content_type": "Image/PNG; charset=binary"},
        {"size_bytes": 25 * MIB},
        {"width_px": 8000, "height_px": 8000},
    ],
)
def test_attachments_in_doubt_are_fetched(change: dict[str, Any]) -> None:
    """Discord knows neither every ending nor every type; the bytes decide."""
    check_upload(replace(PHOTO, **change), role="content", limits=LIMITS)


def test_refusal_of_a_large_upload_has_two_different_numbers() -> None:
    """One byte too many is not "25 MiB, and I accept at most 25 MiB"."""
    with pytest.raises(UploadTooLarge) as caught:
        check_upload(replace(PHOTO, size_bytes=25 * MIB + 1), role="content", limits=LIMITS)
    assert caught.value.values == {"role": "content", "size_mib": "25.1", "limit_mib": "25"}


@pytest.mark.parametrize(
    "name", ["empty", "text", "one-letter", "web-page", "svg", "svg-named-png", "pdf", "jpeg-xl", "video"]
)
def test_fetched_files_that_are_no_pictures_are_refused_before_the_queue(
    name: str, bad_named: Callable[[str], Any]
) -> None:
    """Nobody queues for ten minutes to be told that they attached a text."""
    picture = bad_named(name)
    with pytest.raises(BadImage) as caught:
        check_bytes(picture.data, role="style", limits=LIMITS)
    assert caught.value.code == picture.code


def test_fetched_file_larger_than_discord_said_is_refused() -> None:
    """The limit holds for what arrived, not only for what was announced."""
    with pytest.raises(UploadTooLarge):
        check_bytes(b"\xff\xd8\xff" + bytes(2 * MIB), role="content", limits=LimitsSection(upload_mib=2))


def test_good_pictures_pass(good_picture: Any) -> None:  # noqa: ANN401 - a class of the builders
    """Whatever can be painted is let through."""
    check_bytes(good_picture.data, role="content", limits=LIMITS)
