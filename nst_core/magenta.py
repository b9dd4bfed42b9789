"""Magenta's arbitrary image stylization: one network sees a manner, another paints in it at once.

The weights are the published ones, as eight-bit numbers with a scale per channel; what they are and
where they come from stands in `weights/README.md`. The networks are written here in torch rather than
run by another library: the published files take pictures of 384×384 pixels only and round every
intermediate number to eight bits, which shows as grain.

Source: Ghiasi, Lee, Kudlur, Dumoulin & Shlens 2017, “Exploring the structure of a real-time, arbitrary
neural artistic stylization network”; the style network is MobileNetV2 (Sandler et al. 2018).
Differs: intermediate numbers are float32, pictures may have any size.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from nst_core.errors import Unavailable
from nst_core.features import file_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGENTA_WEIGHTS: Final = Path(__file__).parent / "weights" / "magenta_stylization.safetensors"
MAGENTA_SHA256: Final = "898eb9292e6a4d4e8e4a47cd9de06185b04a44cbb3d33b1b65c4bca9fff7bda7"

CODE_LENGTH: Final = 100
"""A manner is this many numbers."""
BLOCKS: Final = 17
HALVING_BLOCKS: Final = frozenset({1, 3, 6, 13})
"""Of MobileNetV2: these halve the picture's sides."""
RESIDUALS: Final = 5
REDUCTION: Final = 4
"""The painting network works at a quarter of the picture's sides, so these are filled up to a multiple."""
EPSILON: Final = 1e-5


class Magenta:
    """Both networks, frozen.

    Args:
        state: convolution → its "<name>.weight" (out, in, kh, kw) and, unless it is 0, "<name>.bias".
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = dict(state)

    @torch.no_grad()
    def code(self, style: Tensor) -> Tensor:
        """Return a picture's manner.

        Args:
            style: (1, 3, H, W) in [0, 1], of any size; trained on 256×256.

        Returns:
            (1, 100, 1, 1). Codes can be mixed: what lies between two of them is a manner as well.
        """
        x = self._same("predictor.stem", style, stride=2).clamp(0, 6)
        for number in range(BLOCKS):
            x = self._block(f"predictor.blocks.{number}", x, stride=2 if number in HALVING_BLOCKS else 1)
        x = self._same("predictor.head", x).clamp(0, 6).mean(dim=(2, 3), keepdim=True)
        return self._same("predictor.code", x)

    @torch.no_grad()
    def paint(self, content: Tensor, code: Tensor) -> Tensor:
        """Return a picture in a manner.

        Args:
            content: (1, 3, H, W) in [0, 1], of any size with no side under 16. It takes about 270 bytes a
                pixel, 1.0 GiB at 2048×2048; it cannot be cut into tiles, as every normalisation goes by
                the mean over the whole picture.
            code: (1, 100, 1, 1).

        Returns:
            The shape of `content`, in [0, 1].
        """
        height, width = content.shape[2:]
        x = functional.pad(content, (0, -width % REDUCTION, 0, -height % REDUCTION), mode="reflect")
        for number in range(3):
            x = self._mirrored(f"transformer.contract.{number}", x, stride=min(2, number + 1)).relu_()
        for number in range(RESIDUALS):
            inner = self._styled(f"transformer.residual.{2 * number}", x, code).relu_()
            x = x + self._styled(f"transformer.residual.{2 * number + 1}", inner, code)
        for number in range(2):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = self._styled(f"transformer.expand.{number}", x, code).relu_()
        return self._styled("transformer.expand.2", x, code).sigmoid_()[..., :height, :width]

    def _block(self, name: str, x: Tensor, *, stride: int) -> Tensor:
        """Return an inverted residual: widen (not in the first block), filter each channel, narrow."""
        y = x
        if f"{name}.expand.weight" in self._state:
            y = self._same(f"{name}.expand", y).clamp_(0, 6)
        y = self._same(f"{name}.depthwise", y, stride=stride, groups=y.shape[1]).clamp_(0, 6)
        y = self._same(f"{name}.project", y)
        return x + y if x.shape == y.shape else y

    def _styled(self, name: str, x: Tensor, code: Tensor) -> Tensor:
        """Convolve, then give each channel the mean and deviation that the code asks for."""
        x = self._mirrored(f"{name}.convolution", x)
        variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True, correction=0)
        gamma, beta = self._same(f"{name}.gamma", code), self._same(f"{name}.beta", code)
        factor = gamma * (variance + EPSILON).rsqrt()
        return torch.addcmul(beta - mean * factor, x, factor)

    def _mirrored(self, name: str, x: Tensor, *, stride: int = 1) -> Tensor:
        weight = self._state[f"{name}.weight"]
        border = weight.shape[2] // 2
        x = functional.pad(x, (border, border, border, border), mode="reflect")
        return functional.conv2d(x, weight, self._state.get(f"{name}.bias"), stride=stride)

    def _same(self, name: str, x: Tensor, *, stride: int = 1, groups: int = 1) -> Tensor:
        """Convolve with a black border as TensorFlow lays it: where it is uneven, less at the top left."""
        weight = self._state[f"{name}.weight"]
        top, bottom = _border(x.shape[2], weight.shape[2], stride)
        left, right = _border(x.shape[3], weight.shape[3], stride)
        x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, weight, self._state.get(f"{name}.bias"), stride=stride, groups=groups)


def load_magenta(device: torch.device | str = "cpu", *, path: Path = MAGENTA_WEIGHTS) -> Magenta:
    """Load both networks, checking their weights' sha256.

    Raises:
        Unavailable: the weights are not those that the project shipped.
    """
    if not path.is_file() or file_sha256(path) != MAGENTA_SHA256:
        raise Unavailable("weights_damaged", name=path.name)
    packed = load_file(path)
    state = {
        name: packed[name] * packed[scale].view(-1, 1, 1, 1)
        if (scale := name.replace(".weight", ".scale")) != name
        else packed[name]
        for name in packed
        if not name.endswith(".scale")
    }
    return Magenta({name: tensor.to(device) for name, tensor in state.items()})


def _border(side_px: int, kernel_px: int, stride: int) -> tuple[int, int]:
    whole = max((-(-side_px // stride) - 1) * stride + kernel_px - side_px, 0)
    return whole // 2, whole - whole // 2
