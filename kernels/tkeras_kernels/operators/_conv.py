"""Convolution and depthwise convolution in one to three dimensions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ._activate import activate
from ._operator import Case, Cost, Operator, register
from ._spatial import (
    Ints,
    check_padding,
    from_torch,
    lifted,
    per_axis,
    same_padding,
    spatial_rank,
    to_torch,
    torch_weight,
)
from ._work import Shapes, output_shapes, work

if TYPE_CHECKING:
    from ..pointwise import Pointwise


def _padded(
    x: torch.Tensor,
    kernel: tuple[int, ...],
    padding: str,
    strides: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[torch.Tensor, tuple[int, ...]]:
    """``x`` and the symmetric padding left to torch; an asymmetric padding is written out as zeros."""
    axes = list(zip(x.shape[2:], kernel, strides, dilation, strict=True))
    if padding == "same":
        pairs = [same_padding(*axis) for axis in axes]
    elif padding == "causal":
        pairs = [((k - 1) * d, 0) for _, k, _, d in axes]
    else:
        pairs = [(0, 0)] * len(axes)
    if all(before == after for before, after in pairs):
        return x, tuple(before for before, _ in pairs)
    return F.pad(x, [zeros for pair in reversed(pairs) for zeros in pair]), (0,) * len(axes)


def _convolve(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: Ints,
    padding: str,
    dilation_rate: Ints,
    groups: int,
    activation: Pointwise | None,
    data_format: str,
) -> torch.Tensor:
    rank = spatial_rank(x)
    check_padding(padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same"))
    stride = lifted(per_axis(strides, rank), 1)
    dilation = lifted(per_axis(dilation_rate, rank), 1)
    weight = torch_weight(kernel, data_format)
    x, zeros = _padded(to_torch(x, data_format), tuple(weight.shape[2:]), padding, stride, dilation)
    convolution = F.conv3d if rank == 3 else F.conv2d
    y = convolution(x, weight, bias, stride, zeros, dilation, groups)
    return from_torch(activate(y, activation), data_format, rank)


class Conv(Operator):
    """``activation(x ⋆ kernel + bias)``, cross-correlation as every deep learning library means it."""

    name = "conv"
    vendor = "cuDNN"
    saves = "input, kernel and output (the input of the activation where its derivative needs that)"
    cases = (
        Case("resnet50_stem", ((32, 224, 224, 3), (7, 7, 3, 64), (64,)), {"strides": 2, "padding": "same"}),
        Case("resnet50_3x3", ((32, 56, 56, 64), (3, 3, 64, 64), (64,)), {"padding": "same"}),
        Case("resnet50_1x1", ((32, 14, 14, 1024), (1, 1, 1024, 256), (256,))),
        Case(
            "wavenet_causal",
            ((16, 1024, 64), (2, 64, 128), (128,)),
            {"padding": "causal", "dilation_rate": 16},
        ),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        strides: Ints = 1,
        padding: str = "valid",
        dilation_rate: Ints = 1,
        groups: int = 1,
        activation: Pointwise | None = None,
        data_format: str = "channels_last",
    ) -> torch.Tensor:
        """Convolve.

        Args:
            x: (N, *spatial, C), or (N, C, *spatial) with ``data_format="channels_first"``; 1 to 3 spatial
                axes.
            kernel: (*k, C // groups, F).
            bias: (F,) or None.
            padding: "valid", "same" (as TensorFlow pads: the odd zero at the end) or, in one dimension,
                "causal".

        Returns:
            (N, *spatial', F) in the layout of ``x``.
        """
        return _convolve(x, kernel, bias, strides, padding, dilation_rate, groups, activation, data_format)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        kernel = shapes[1]
        assert kernel is not None
        (y,) = output_shapes(self, shapes, **attributes)
        return work(self, shapes, itemsize, 2 * prod(y) * prod(kernel[:-1]), **attributes)


class DepthwiseConv(Operator):
    """``activation(x ⋆ kernel + bias)`` with every channel convolved by itself."""

    name = "depthwise_conv"
    vendor = "cuDNN"
    saves = Conv.saves
    cases = (
        Case("mobilenet_112", ((32, 112, 112, 32), (3, 3, 32, 1), (32,)), {"padding": "same"}),
        Case("mobilenet_14", ((32, 14, 14, 512), (3, 3, 512, 1), (512,)), {"padding": "same"}),
        Case("separable_1d", ((32, 512, 128), (5, 128, 2), (256,)), {"padding": "same", "strides": 2}),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        strides: Ints = 1,
        padding: str = "valid",
        dilation_rate: Ints = 1,
        activation: Pointwise | None = None,
        data_format: str = "channels_last",
    ) -> torch.Tensor:
        """Convolve each channel.

        Args:
            x: (N, *spatial, C), or (N, C, *spatial) with ``data_format="channels_first"``.
            kernel: (*k, C, multiplier).
            bias: (C * multiplier,) or None.

        Returns:
            (N, *spatial', C * multiplier) in the layout of ``x``; the results of one channel lie together.
        """
        channels, multiplier = kernel.shape[-2:]
        kernel = kernel.reshape(*kernel.shape[:-2], 1, channels * multiplier)
        return _convolve(x, kernel, bias, strides, padding, dilation_rate, channels, activation, data_format)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        kernel = shapes[1]
        assert kernel is not None
        (y,) = output_shapes(self, shapes, **attributes)
        return work(self, shapes, itemsize, 2 * prod(y) * prod(kernel[:-2]), **attributes)


conv = register(Conv())
depthwise_conv = register(DepthwiseConv())
