"""The draft's networks are Magenta's, and take pictures of any size."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from judging.peer import Peer
from PIL import Image

from nst_core import presets
from nst_core.errors import Unavailable
from nst_core.images import load_image, to_pil
from nst_core.magenta import MAGENTA_WEIGHTS, Magenta, load_magenta

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED_STYLE_PX, PUBLISHED_PX = 256, 384
"""The only sizes that the published files take."""


@pytest.fixture(scope="module")
def network() -> Magenta:
    return load_magenta()


@pytest.fixture(scope="module")
def published() -> Peer:
    """The same networks as another package has them: by ONNX Runtime, rounding to eight bits on the way."""
    return Peer(device="cpu", threads=1)


def square(name: str, side_px: int) -> Image.Image:
    return Image.open(presets.FOLDER / f"{name}.jpg").convert("RGB").resize((side_px, side_px))


@pytest.mark.parametrize("name", ["great_wave", "composition_viii"])
def test_a_code_is_the_published_networks(network: Magenta, published: Peer, name: str) -> None:
    """But for that rounding, every one of its hundred numbers."""
    style = square(name, PUBLISHED_STYLE_PX)

    code = network.code(load_image(style)).flatten()

    theirs = torch.from_numpy(published.style_vector(style)).flatten()
    assert code.shape == (100,)
    assert (code - theirs).abs().max() < 0.05
    assert theirs.std() > 0.5


def test_a_pastiche_is_the_published_networks(network: Magenta, published: Peer) -> None:
    """But for that rounding: far nearer to it than to the photo, or to the pastiche of another style."""
    content, style = square("kiss", PUBLISHED_PX), square("great_wave", PUBLISHED_STYLE_PX)
    theirs = load_image(published.stylize_with(content, style))

    ours = network.paint(load_image(content), network.code(load_image(style)))

    other = network.paint(load_image(content), network.code(load_image(square("scream", PUBLISHED_STYLE_PX))))
    assert (ours - theirs).abs().mean() < 0.04
    assert (load_image(content) - theirs).abs().mean() > 0.15
    assert (other - theirs).abs().mean() > 0.15


@pytest.mark.parametrize("size", [(16, 16), (17, 90), (101, 64), (130, 131)])
def test_any_size_is_painted(network: Magenta, size: tuple[int, int]) -> None:
    """The pastiche has the content's size, whatever its remainder by four, and no pixel is left black."""
    width_px, height_px = size
    pastiche = network.paint(
        load_image(square("kiss", 200).resize((width_px, height_px))),
        network.code(load_image(square("great_wave", 100))),
    )
    assert pastiche.shape == (1, 3, height_px, width_px)
    assert pastiche.amin(dim=1).max() > 0.2
    assert 0.0 <= pastiche.min() <= pastiche.max() <= 1.0


def test_a_filled_up_edge_leaves_no_trace(network: Magenta) -> None:
    """Three columns more or less on the right hardly change the left half."""
    content = load_image(square("kiss", 128))
    code = network.code(load_image(square("great_wave", 128)))
    whole, narrower = network.paint(content, code), network.paint(content[..., :-3], code)
    assert (whole[..., :64] - narrower[..., :64]).abs().mean() < 0.01


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    """One changed byte, or no file, and nothing is painted with it."""
    copy = tmp_path / MAGENTA_WEIGHTS.name
    with pytest.raises(Unavailable, match=r"magenta_stylization\.safetensors are damaged"):
        load_magenta(path=copy)
    shutil.copy(MAGENTA_WEIGHTS, copy)
    copy.write_bytes(copy.read_bytes()[:-1] + b"!")
    with pytest.raises(Unavailable, match=r"magenta_stylization\.safetensors are damaged"):
        load_magenta(path=copy)


def test_painting_leaves_its_arguments_alone(network: Magenta) -> None:
    """In-place arithmetic stays inside."""
    content, style = load_image(square("kiss", 64)), load_image(square("great_wave", 64))
    before = [np.array(to_pil(image)) for image in (content, style)]
    network.paint(content, network.code(style))
    for image, pixels in zip((content, style), before, strict=True):
        np.testing.assert_array_equal(np.array(to_pil(image)), pixels)
