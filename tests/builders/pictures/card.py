"""The card that every good picture shows."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

WIDTH_PX, HEIGHT_PX = 96, 64
Color = tuple[int, int, int]
Quarters = tuple[Color, Color, Color, Color]
"""Top left, top right, bottom left, bottom right."""

COLORS: Quarters = ((200, 40, 40), (40, 160, 60), (40, 60, 190), (240, 240, 240))
GREYS: Quarters = ((20, 20, 20), (90, 90, 90), (160, 160, 160), (240, 240, 240))
WHITE: Color = (255, 255, 255)


def card(quarters: Quarters = COLORS) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the card, (64, 96, 3) uint8."""
    pixels = np.empty((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for index, color in enumerate(quarters):
        row, column = divmod(index, 2)
        pixels[row * 32 : row * 32 + 32, column * 48 : column * 48 + 48] = color
    return pixels


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    """Return an image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(quarters: Quarters = COLORS, mode: str = "RGB") -> Image.Image:
    """Return the card as a Pillow image."""
    return Image.fromarray(card(quarters)).convert(mode)


def see_through() -> Image.Image:
    """Return the card with its right half cut out, where the colour below is black."""
    alpha = Image.fromarray(np.tile(np.repeat(np.uint8([255, 0]), 48), (HEIGHT_PX, 1)))
    image = picture((COLORS[0], (0, 0, 0), COLORS[2], (0, 0, 0)))
    image.putalpha(alpha)
    return image


SEE_THROUGH: Quarters = (COLORS[0], WHITE, COLORS[2], WHITE)


def noise(width_px: int, height_px: int) -> Image.Image:
    """Return the picture that compresses worst, the same every time."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height_px, width_px, 3), np.uint8))
