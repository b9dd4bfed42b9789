"""The loss curve: one figure, readable on a phone, on a dark page and on a light one."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from matplotlib import font_manager, rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

WIDTH_PX: Final = 960
HEIGHT_PX: Final = 600
PAPER: Final = "#fbfaf7"
INK: Final = "#22252b"
FAINT: Final = "#c9c5bb"
COLORS: Final[dict[str, str]] = {
    "total": INK,
    "style": "#c8452f",
    "content": "#1f6fb2",
    "tv": "#8a8578",
    "match": "#1f6fb2",
    "distribution": "#b04f8f",
    "structure": "#2f8f5b",
}
OTHER_COLORS: Final = ("#8f5bb0", "#b8860b", "#3aa0a8")
WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "title": "How the loss fell",
        "step": "step",
        "loss": "loss (log scale)",
        "total": "total",
        "style": "style",
        "content": "content",
        "tv": "smoothness",
        "match": "match",
        "distribution": "spread",
        "structure": "structure",
    },
    "ja": {
        "title": "損失の推移",
        "step": "ステップ",
        "loss": "損失(対数目盛)",
        "total": "合計",
        "style": "画風",
        "content": "内容",
        "tv": "滑らかさ",
        "match": "対応",
        "distribution": "分布",
        "structure": "構図",
    },
}
DECADES_SHOWN: Final = 1e4
"""A term that begins at almost nothing must not press the others flat."""
JAPANESE_FONTS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "Meiryo",
    "MS Gothic",
)


def plot_curve(
    history: Sequence[Mapping[str, float]],
    *,
    scale_starts: Sequence[tuple[int, int]] = (),
    language: str = "en",
) -> bytes:
    """Draw the terms of the objective over the steps.

    Args:
        history: the terms of each step by name, "total" among them; the first is step 1.
        scale_starts: (step, long side in px) of each scale's first step, marked in the figure.
        language: of the words: "en" or "ja". Japanese falls back to English where no font has it.

    Returns:
        A PNG of 960×600 pixels, opaque, so that it reads alike in dark and light mode.

    Raises:
        ValueError: no step at all.
    """
    if not history:
        raise ValueError("a curve needs at least one step")
    font = japanese_font() if language == "ja" else None
    words = WORDS["ja" if font else "en"]
    families = [font, "DejaVu Sans"] if font else ["DejaVu Sans"]
    with rc_context({"font.family": families, "font.size": 17, "text.color": INK, "axes.labelcolor": INK}):
        figure = Figure(
            figsize=(WIDTH_PX / 100, HEIGHT_PX / 100), dpi=100, facecolor=PAPER, layout="constrained"
        )
        axes = figure.add_subplot(facecolor=PAPER)
        _draw_terms(axes, history, words)
        _mark_scales(axes, scale_starts)
        _dress(axes, words, steps=len(history))
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        buffer = io.BytesIO()
        FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def japanese_font() -> str | None:
    """Return the family of an installed font with Japanese glyphs, or None."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((family for family in JAPANESE_FONTS if family in installed), None)


def _draw_terms(axes: Axes, history: Sequence[Mapping[str, float]], words: Mapping[str, str]) -> None:
    terms = sorted(history[-1], key=lambda term: (term != "total", -history[-1][term]))
    spare = iter(OTHER_COLORS * len(terms))
    steps = range(1, len(history) + 1)
    marker = "o" if len(history) == 1 else ""
    for term in terms:
        # A log scale has no place for 0: content starts there, as the photo is its own content.
        values = [losses[term] if losses.get(term, 0.0) > 0 else float("nan") for losses in history]
        axes.plot(
            steps,
            values,
            label=words.get(term, term),
            color=COLORS.get(term) or next(spare),
            linewidth=3.2 if term == "total" else 2.2,
            marker=marker,
        )


def _mark_scales(axes: Axes, scale_starts: Sequence[tuple[int, int]]) -> None:
    for step, long_side_px in scale_starts:
        axes.axvline(step, color=FAINT, linewidth=1.2, linestyle=(0, (4, 4)), zorder=0)
        axes.annotate(
            f"{long_side_px} px",
            (step, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -4),
            textcoords="offset points",
            va="top",
            rotation=90,
            fontsize=12,
            color="#6f6b62",
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 1.0},
        )


def _dress(axes: Axes, words: Mapping[str, str], *, steps: int) -> None:
    axes.set_yscale("log")
    lowest, highest = axes.get_ylim()
    axes.set_ylim(bottom=max(lowest, highest / DECADES_SHOWN))
    axes.set_xlim(1, max(2, steps))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_title(words["title"], loc="left", fontsize=20, pad=12)
    axes.set_xlabel(words["step"])
    axes.set_ylabel(words["loss"])
    axes.grid(visible=True, which="major", axis="y", color=FAINT, linewidth=0.8, alpha=0.7)
    axes.tick_params(colors=INK, which="both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
