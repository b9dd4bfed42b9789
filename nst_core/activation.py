"""VGG's ReLU together with what follows it, for the sake of the memory's bandwidth.

At 512 px one of the first feature maps is 45 MB, and beside the convolutions a step spends most of its time
on taking such pieces of memory and going through them. So a ReLU and its Gram matrix share one gradient, a
ReLU and the pooling behind it are done on a quarter of the positions, and a gradient that nobody else can
see is worked on where it lies. The values are those of the separate operations.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

POOL = (2, 2)
"""VGG's window, and its step."""


def relu(feature_map: Tensor, *, is_shared: bool) -> Tensor:
    """Return max(0, x), written over x.

    Args:
        feature_map: (N, C, H, W), fresh from a convolution.
        is_shared: whether anything but the next convolution will look at what is returned.
    """
    activation: Tensor = _ReLU.apply(feature_map, is_shared)  # type: ignore[no-untyped-call]
    return activation


def relu_and_gram(feature_map: Tensor, *, is_shared: bool) -> tuple[Tensor, Tensor]:
    """Return max(0, x), written over x, and its Gram matrix, (N, C, C), as `losses.gram_matrix` has it.

    Args:
        feature_map: (N, C, H, W) float32, fresh from a convolution.
        is_shared: whether anything but the next convolution will look at the activation.
    """
    activation, gram = _ReLUAndGram.apply(feature_map, is_shared)  # type: ignore[no-untyped-call]
    return activation, gram


def relu_and_pool(feature_map: Tensor) -> Tensor:
    """Return the largest of every 2×2 positions, or 0: (N, C, ⌊H/2⌋, ⌊W/2⌋).

    Args:
        feature_map: (N, C, H, W), fresh from a convolution. What is in it is lost on the way back, and so is
            the gradient of what is returned: only the next convolution may look at that.
    """
    pooled: Tensor = _ReLUAndPool.apply(feature_map)  # type: ignore[no-untyped-call]
    return pooled


class _Kept(Protocol):
    """What these functions remember on their way forward."""

    is_shared: bool
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...

    def mark_dirty(self, *tensors: Tensor) -> None: ...

    def set_materialize_grads(self, value: bool) -> None: ...  # noqa: FBT001 - torch's


class _ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Kept, feature_map: Tensor, is_shared: bool) -> Tensor:  # noqa: FBT001 - torch's way
        feature_map.relu_()
        ctx.mark_dirty(feature_map)
        ctx.save_for_backward(feature_map)
        ctx.is_shared = is_shared
        return feature_map

    @staticmethod
    def backward(ctx: _Kept, gradient: Tensor) -> tuple[Tensor, None]:
        (activation,) = ctx.saved_tensors
        if ctx.is_shared:
            return torch.ops.aten.threshold_backward(gradient, activation, 0), None
        return _cut(gradient, activation), None


class _ReLUAndGram(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Kept, feature_map: Tensor, is_shared: bool) -> tuple[Tensor, Tensor]:  # noqa: FBT001
        feature_map.relu_()
        ctx.mark_dirty(feature_map)
        ctx.save_for_backward(feature_map)
        ctx.set_materialize_grads(False)
        ctx.is_shared = is_shared
        rows = _rows(feature_map)
        return feature_map, rows.transpose(1, 2) @ rows / rows.shape[1]

    @staticmethod
    def backward(ctx: _Kept, gradient: Tensor | None, gram: Tensor | None) -> tuple[Tensor | None, None]:
        (activation,) = ctx.saved_tensors
        rows = _rows(activation)
        slope = None if gradient is None else _rows(gradient)
        if gram is not None:
            both = (gram + gram.transpose(1, 2)) / rows.shape[1]
            if slope is None:
                slope = rows @ both
            elif ctx.is_shared:
                slope = torch.baddbmm(slope, rows, both)
            else:
                slope.baddbmm_(rows, both)
        elif slope is not None and ctx.is_shared:
            slope = slope.clone()
        if slope is None:
            return None, None
        count, channels, height, width = activation.shape
        return _cut(slope, rows).view(count, height, width, channels).permute(0, 3, 1, 2), None


class _ReLUAndPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Kept, feature_map: Tensor) -> Tensor:
        pooled, places = functional.max_pool2d(feature_map, POOL, return_indices=True)
        pooled.relu_()
        ctx.save_for_backward(feature_map, pooled, places)
        return pooled

    @staticmethod
    def backward(ctx: _Kept, gradient: Tensor) -> Tensor:
        feature_map, pooled, places = ctx.saved_tensors
        spread: Tensor = torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
            _cut(gradient, pooled),
            feature_map,
            POOL,
            POOL,
            (0, 0),
            (1, 1),
            False,  # noqa: FBT003 - torch's: whether the size is rounded up
            places,
            grad_input=feature_map,
        )
        return spread


def _cut(gradient: Tensor, activation: Tensor) -> Tensor:
    """Return the gradient with nothing where the activation is 0, written over it."""
    cut: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, activation, 0, grad_input=gradient)
    return cut


def _rows(feature_map: Tensor) -> Tensor:
    """Return (N, H·W, C), the same memory if the channels lie last in it."""
    return feature_map.permute(0, 2, 3, 1).flatten(1, 2)
