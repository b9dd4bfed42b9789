"""Which numbers features are computed in, and that little is lost by the shorter ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from nst_core import presets
from nst_core.features import load_extractor
from nst_core.images import load_image
from nst_core.losses import gram_matrix
from nst_core.precision import CPU_FLAGS, CPUINFO, feature_dtype

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = ("relu1_1", "relu3_1", "relu5_1")


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ("fpu avx512f avx512_vnni", torch.float32),
        ("fpu avx512_bf16 sse2", torch.bfloat16),
        ("amx_bf16", torch.bfloat16),
    ],
)
def test_a_processor_is_asked_what_it_can_do(tmp_path: Path, flags: str, dtype: torch.dtype) -> None:
    """bfloat16 only where it multiplies that itself."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: avx512_bf16 in name only\nflags\t\t: {flags}\n")
    assert feature_dtype("cpu", cpuinfo=cpuinfo) == dtype


def test_what_is_not_known_is_float32(tmp_path: Path) -> None:
    """On systems without such a file, and on GPUs of other makers."""
    assert feature_dtype("cpu", cpuinfo=tmp_path / "none") == torch.float32
    assert feature_dtype("mps") == torch.float32


@pytest.mark.skipif(not CPUINFO.is_file(), reason="this system does not tell what its processor can do")
def test_this_machine_gets_what_it_can_do() -> None:
    """The answer follows from this processor's own flags."""
    can = any(f" {flag}" in CPUINFO.read_text() for flag in CPU_FLAGS)
    assert feature_dtype("cpu") == (torch.bfloat16 if can else torch.float32)


def test_shorter_numbers_see_nearly_the_same() -> None:
    """Maps and gradients are float32, within a few per cent of float32's own."""
    picture = load_image(presets.FOLDER / "great_wave.jpg", long_side_px=64)
    grams, gradients = [], []
    for dtype in (torch.float32, torch.bfloat16):
        image = picture.clone().requires_grad_()
        maps = load_extractor(dtype=dtype)(image, LAYERS)
        assert {feature_map.dtype for feature_map in maps.values()} == {torch.float32}
        grams.append({layer: gram_matrix(feature_map) for layer, feature_map in maps.items()})
        total = torch.stack(
            [gram.square().mean() / gram.detach().square().mean() for gram in grams[-1].values()]
        )
        gradients.append(torch.autograd.grad(total.sum(), image)[0])
    for layer in LAYERS:
        assert (grams[1][layer] - grams[0][layer]).norm() < 0.03 * grams[0][layer].norm(), layer
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(gradients[0].flatten(), gradients[1].flatten(), dim=0) > 0.98
