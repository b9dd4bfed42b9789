"""The loss curve is a PNG that can be read."""

import io

import pytest
from PIL import Image

from nst_core.curve import WORDS, japanese_font, plot_curve

HISTORY = [
    {"content": 0.01 * n, "style": 1 / (n + 1), "tv": 0.02, "total": 0.02 + 0.01 * n + 1 / (n + 1)}
    for n in range(40)
]


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def test_it_is_an_opaque_png_of_fixed_size() -> None:
    """The same on a dark and on a light page."""
    data = plot_curve(HISTORY, scale_starts=[(1, 128), (20, 256)])
    assert data.startswith(b"\x89PNG")
    image = Image.open(io.BytesIO(data))
    assert image.size == (960, 600)
    assert image.convert("RGBA").getextrema()[3] == (255, 255)


def test_every_term_is_drawn_in_its_colour() -> None:
    """Leaving a term out of the history leaves its line out of the figure."""
    red = (0xC8, 0x45, 0x2F)

    def reds(history: list[dict[str, float]]) -> int:
        return sum(1 for pixel in picture(plot_curve(history)).get_flattened_data() if pixel == red)

    assert reds(HISTORY) > 300
    assert reds([{k: v for k, v in losses.items() if k != "style"} for losses in HISTORY]) == 0


def test_scale_changes_are_marked() -> None:
    """A mark changes the figure where it stands."""
    assert plot_curve(HISTORY) != plot_curve(HISTORY, scale_starts=[(20, 256)])


def test_one_step_and_zeros_can_be_drawn() -> None:
    """A job stopped at its first step has content 0, which a log scale has no place for."""
    assert plot_curve([{"content": 0.0, "style": 1.0, "total": 1.0}]).startswith(b"\x89PNG")


def test_a_term_that_begins_at_almost_nothing_presses_nothing_flat() -> None:
    """The style's line is as tall as without that term's first value."""
    red = (0xC8, 0x45, 0x2F)

    def rows(first: float) -> int:
        history = [{**losses, "structure": 0.01} for losses in HISTORY]
        history[0]["structure"] = first
        image = picture(plot_curve(history))
        above = image.crop((0, 0, image.width, 480))  # without the legend
        return len({n // above.width for n, pixel in enumerate(above.get_flattened_data()) if pixel == red})

    assert rows(1e-9) > 0.35 * rows(0.01)


def test_no_step_is_an_error() -> None:
    """There is nothing to draw."""
    with pytest.raises(ValueError, match="step"):
        plot_curve([])


def test_japanese_has_its_own_words_where_a_font_has_them() -> None:
    """Missing glyphs would warn, and warnings are errors here; without a font the words are English."""
    same = plot_curve(HISTORY, language="ja") == plot_curve(HISTORY)
    assert same == (japanese_font() is None)
    assert WORDS["ja"].keys() == WORDS["en"].keys()
