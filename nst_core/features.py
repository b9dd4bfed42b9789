"""The feature extractor: VGG, by layer name, from the bundled weights or torchvision's own.

Loss weights belong to these weights: constants made for Caffe's VGG-19 do not carry over.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from nst_core.activation import relu, relu_and_gram, relu_and_pool
from nst_core.errors import BadParameter, Unavailable
from nst_core.losses import gram_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

BUNDLED_WEIGHTS: Final = Path(__file__).parent / "weights" / "vgg16_features.safetensors"
BUNDLED_SHA256: Final = "e6cebd53c2ca5eb16697c8fcce03acc6a3bb7c9b2fd874941a2a5b1048d88d46"

CONVOLUTIONS: Final[dict[str, tuple[int, ...]]] = {"vgg16": (2, 2, 3, 3, 1), "vgg19": (2, 2, 4, 4, 1)}
"""Convolutions in each block, up to conv5_1: nothing here needs a deeper layer."""
EXTRACTORS: Final = tuple(CONVOLUTIONS)

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class FeatureExtractor(nn.Module):
    """A VGG up to relu5_1, frozen.

    Args:
        name: "vgg16" or "vgg19".
        state: torchvision's parameters by torchvision's names ("features.0.weight", …).
        dtype: of the convolutions; the picture and the feature maps are float32 all the same.

    Differs: the first convolution sees the image's edge repeated instead of a black frame, which
    would otherwise come back as a halo (crowsonkb/style-transfer-pytorch does the same).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, state: Mapping[str, Tensor], *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.name = name
        self.dtype = dtype
        self.layers = layer_names(name)
        self.convolutions = nn.ModuleList(
            _convolution(state[f"features.{index}.weight"], state[f"features.{index}.bias"])
            for index in torchvision_indices(name)
        ).to(dtype)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.requires_grad_(requires_grad=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Return the feature maps of some layers.

        Args:
            image: (N, 3, H, W) float32 sRGB in [0, 1].
            layers: names such as "relu4_2"; nothing deeper than the deepest of them is computed.

        Returns:
            layer → (N, C, H / 2^(block-1), W / 2^(block-1)), rounded down, after the ReLU.

        Raises:
            KeyError: a layer that this extractor does not have.
        """
        return self.maps_and_grams(image, layers)[0]

    def maps_and_grams(
        self, image: Tensor, maps: Collection[str], grams: Collection[str] = ()
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the feature maps of some layers and the Gram matrices of some, in one pass.

        Args:
            image: (N, 3, H, W) float32 sRGB in [0, 1].
            maps: layers whose feature maps are wanted.
            grams: layers whose Gram matrices are wanted; cheaper than `losses.gram_matrix` of their maps.

        Returns:
            Feature maps as `forward` returns them, and layer → (N, C, C) float32.

        Raises:
            KeyError: a layer that this extractor does not have.
        """
        wanted = {*maps, *grams}
        if unknown := wanted.difference(self.layers):
            raise KeyError(f"{self.name} has no layer {', '.join(sorted(unknown))}")
        found_maps: dict[str, Tensor] = {}
        found_grams: dict[str, Tensor] = {}
        x = ((image - self.mean) / self.std).to(self.dtype).contiguous(memory_format=torch.channels_last)
        x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        needed = self.layers[: 1 + max((self.layers.index(layer) for layer in wanted), default=-1)]
        pooled = [*(layer.endswith("_1") for layer in needed[1:]), False]
        for layer, pools, convolution in zip(needed, pooled, self.convolutions, strict=False):
            x = convolution(x)
            if pools and layer not in wanted:
                x = relu_and_pool(x)
                continue
            if layer in grams and x.dtype == torch.float32:
                x, found_grams[layer] = relu_and_gram(x, is_shared=pools or layer in maps)
            else:
                x = relu(x, is_shared=pools or layer in wanted)
                if layer in grams:
                    found_grams[layer] = gram_matrix(x)
            if layer in maps:
                found_maps[layer] = x.float()  # the same tensor unless x is of another type
            if pools:
                x = functional.max_pool2d(x, 2)
        return found_maps, found_grams


def layer_names(name: str) -> tuple[str, ...]:
    """Return an extractor's layers, shallow to deep."""
    return tuple(
        f"relu{block}_{number}"
        for block, count in enumerate(CONVOLUTIONS[name], start=1)
        for number in range(1, count + 1)
    )


def torchvision_indices(name: str) -> tuple[int, ...]:
    """Return where each convolution stands in torchvision's `vgg.features`."""
    indices, index = [], 0
    for count in CONVOLUTIONS[name]:
        indices += [index + 2 * number for number in range(count)]
        index += 2 * count + 1
    return tuple(indices)


def stride(layer: str) -> int:
    """Return how many pixels of the image one position of the layer stands for."""
    return 1 << (int(layer.removeprefix("relu").split("_")[0]) - 1)


def load_extractor(
    name: str = "vgg16",
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] | None = None,
) -> FeatureExtractor:
    """Load a feature extractor, checking its weights' sha256.

    Args:
        name: "vgg16" (bundled) or "vgg19" (torchvision's; 548 MB, downloaded at first use).
        device: as torch names it.
        dtype: of the convolutions; `nst_core.precision` knows which suits a device.
        progress: called with bytes so far and bytes in all while weights are downloaded.

    Raises:
        BadParameter: another name.
        Unavailable: the weights are neither here nor to be had just now.
    """
    if name not in CONVOLUTIONS:
        raise BadParameter("not_a_choice", name="extractor", value=name, choices=", ".join(EXTRACTORS))
    state = _bundled_state() if name == "vgg16" else _downloaded_state(progress)
    return FeatureExtractor(name, state, dtype=dtype).to(device).eval()


def pick_device(name: str = "auto") -> str:
    """Return the device to paint on, as torch names it.

    Raises:
        BadParameter: a device that does not exist here.
    """
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    here = [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
    wanted = {"auto": here[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in here:
        raise BadParameter("not_a_choice", name="device", value=name, choices=", ".join(["auto", *here]))
    return wanted


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Convolution(nn.Conv2d):
    """One that is about to be given its weights: drawing random ones took longer than reading the file."""

    def reset_parameters(self) -> None:
        """Leave the memory as it is."""


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    out_channels, in_channels = weight.shape[:2]
    padding = 0 if in_channels == len(IMAGENET_MEAN) else 1
    convolution = _Convolution(in_channels, out_channels, 3, padding=padding)
    convolution.load_state_dict({"weight": weight.float(), "bias": bias.float()})
    return convolution


def _bundled_state() -> dict[str, Tensor]:
    if not BUNDLED_WEIGHTS.is_file() or file_sha256(BUNDLED_WEIGHTS) != BUNDLED_SHA256:
        raise Unavailable("weights_damaged", name=BUNDLED_WEIGHTS.name)
    return load_file(BUNDLED_WEIGHTS)


def _downloaded_state(progress: Callable[[int, int], None] | None) -> dict[str, Tensor]:
    from nst_core.vgg19 import fetch  # noqa: PLC0415 - loads torchvision, a second most never need

    state: dict[str, Any] = torch.load(fetch(progress), weights_only=True, map_location="cpu")
    return state
