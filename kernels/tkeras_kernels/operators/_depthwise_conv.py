"""Depthwise convolution in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from .. import library
from ..pointwise import pointwise
from ._conv import conv_plan, convolve
from ._conv_plan import Plan
from ._convolution import Convolution, Products, refuse
from ._depthwise_launch import DEPTHWISE
from ._operator import Case, Cost, register
from ._spatial import Ints
from ._work import Shapes, output_shapes, work

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class DepthwiseConv(Convolution):
    """``activation(x ⋆ kernel + bias)`` with every channel convolved by itself."""

    name = "depthwise_conv"
    cases = (
        Case(
            "mobilenet_112",
            ((32, 112, 112, 32), (3, 3, 32, 1), (32,)),
            {"padding": "same", "activation": pointwise(library.relu6)},
        ),
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
        options = (strides, padding, dilation_rate, channels, activation, data_format)
        return convolve(x, kernel, bias, None, *options)

    def plan(
        self,
        x: Sequence[int],
        kernel: Sequence[int],
        *,
        strides: Ints = 1,
        padding: str = "valid",
        dilation_rate: Ints = 1,
    ) -> Plan:
        if kernel[-2] != x[-1]:
            refuse(self.name, "channels, as the kernel has,", kernel[-2], x[-1])
        return conv_plan(self.name, x, kernel[:-2], strides, padding, dilation_rate, 1)

    def products(self, plan: Plan, kernel: torch.Tensor) -> tuple[Products, torch.Tensor]:
        return DEPTHWISE, kernel.reshape(plan.taps, -1)

    def outer(self, kernel: Sequence[int]) -> int:
        return kernel[-2] * kernel[-1]

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        kernel = shapes[1]
        assert kernel is not None
        (y,) = output_shapes(self, shapes, **attributes)
        return work(self, shapes, itemsize, 2 * prod(y) * prod(kernel[:-2]), **attributes)


depthwise_conv = register(DepthwiseConv())
