"""Convolution in one to three dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .. import library
from ..pointwise import pointwise
from ..runtime import convolution_precision
from ._activate import activate
from ._conv_launch import GATHERED
from ._conv_plan import Axis, Plan, plan
from ._convolution import Convolution, Products, as_given, channels_last, refuse
from ._dense import dense
from ._depthwise_launch import DEPTHWISE
from ._operator import Case, Cost, Tensors, register
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


def convolve(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    strides: Ints,
    padding: str,
    dilation_rate: Ints,
    groups: int,
    activation: Pointwise | None,
    data_format: str,
) -> torch.Tensor:
    """The reference of both convolutions; kernel (*k, C // groups, F)."""
    rank = spatial_rank(x)
    check_padding(padding, _paddings(rank))
    stride = lifted(per_axis(strides, rank), 1)
    dilation = lifted(per_axis(dilation_rate, rank), 1)
    weight = torch_weight(kernel, data_format)
    x, zeros = _padded(to_torch(x, data_format), tuple(weight.shape[2:]), padding, stride, dilation)
    convolution = F.conv3d if rank == 3 else F.conv2d
    y = convolution(x, weight, bias, stride, zeros, dilation, groups)
    if residual is None:
        return from_torch(activate(y, activation), data_format, rank)
    return activate(from_torch(y, data_format, rank) + residual, activation)


def _paddings(rank: int) -> tuple[str, ...]:
    return ("valid", "same", "causal") if rank == 1 else ("valid", "same")


def conv_plan(
    name: str,
    x: Sequence[int],
    kernel: Sequence[int],
    strides: Ints,
    padding: str,
    dilation_rate: Ints,
    groups: int,
) -> Plan:
    """Geometry of a channels-last input and a window (*k, ...); raises ValueError where they do not fit."""
    rank = len(x) - 2
    check_padding(padding, _paddings(rank))
    axes = []
    for size, k, stride, dilation in zip(
        x[1:-1], kernel, per_axis(strides, rank), per_axis(dilation_rate, rank), strict=False
    ):
        reach, pad = (k - 1) * dilation + 1, 0
        if padding == "same":
            pad, _ = same_padding(size, k, stride, dilation)
        elif padding == "causal":
            pad = reach - 1
        elif size < reach:
            refuse(name, "an axis of at least", f"{reach} elements, the window's reach", tuple(x))
        windows = (size - reach) // stride + 1 if padding == "valid" else -(-size // stride)
        axes.append(Axis(size, windows, k, stride, dilation, pad))
    return plan(x[0], axes, groups)


class Conv(Convolution):
    """``activation(x ⋆ kernel + bias + residual)``, cross-correlation as every deep learning library means
    it."""

    name = "conv"
    cases = (
        Case(
            "resnet50_stem",
            ((32, 224, 224, 3), (7, 7, 3, 64), (64,)),
            {"strides": 2, "padding": "same", "activation": pointwise(library.relu)},
        ),
        Case("resnet50_3x3", ((32, 56, 56, 64), (3, 3, 64, 64), (64,)), {"padding": "same"}),
        Case("resnet50_1x1", ((32, 14, 14, 1024), (1, 1, 1024, 256), (256,))),
        Case(
            "wavenet_causal",
            ((16, 1024, 64), (2, 64, 128), (128,)),
            {"padding": "causal", "dilation_rate": 16, "activation": pointwise(library.tanh)},
        ),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        residual: torch.Tensor | None = None,
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
            residual: added before the activation, shaped as the result; or None.
            padding: "valid", "same" (as TensorFlow pads: the odd zero at the end) or, in one dimension,
                "causal".

        Returns:
            (N, *spatial', F) in the layout of ``x``.
        """
        options = (strides, padding, dilation_rate, groups, activation, data_format)
        return convolve(x, kernel, bias, residual, *options)

    def plan(
        self,
        x: Sequence[int],
        kernel: Sequence[int],
        *,
        strides: Ints = 1,
        padding: str = "valid",
        dilation_rate: Ints = 1,
        groups: int = 1,
    ) -> Plan:
        inner, outer = kernel[-2:]
        if inner * groups != x[-1]:
            refuse(
                self.name, f"{groups} groups of {inner} channels, as the kernel has,", inner * groups, x[-1]
            )
        if outer % groups:
            refuse(self.name, "a number of results divisible by the groups,", groups, outer)
        return conv_plan(self.name, x, kernel[:-2], strides, padding, dilation_rate, groups)

    def route(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str:
        kernel = tensors[1]
        assert kernel is not None
        if is_dense(tensors, attributes):
            return "one tap: a product of matrices"
        return "every channel by itself" if kernel.shape[-2] == 1 < attributes.get("groups", 1) else ""

    def products(self, plan: Plan, kernel: torch.Tensor) -> tuple[Products, torch.Tensor]:
        *_, inner, outer = kernel.shape
        if inner == 1 and plan.groups > 1:
            return DEPTHWISE, kernel.reshape(plan.taps, outer)
        return GATHERED, kernel.reshape(plan.taps, inner, outer)

    def infer(self, *tensors: Any, activation: Pointwise | None = None, **attributes: Any) -> torch.Tensor:
        if not is_dense(tensors, attributes):
            return super().infer(*tensors, activation=activation, **attributes)
        data_format = attributes.get("data_format", "channels_last")
        with convolution_precision():
            y = dense.infer(*_matrices(tensors, data_format), activation=activation)
        return as_given(y, data_format)

    def forward(
        self, *tensors: Any, activation: Pointwise | None = None, **attributes: Any
    ) -> tuple[torch.Tensor, Tensors]:
        if not is_dense(tensors, attributes):
            return super().forward(*tensors, activation=activation, **attributes)
        data_format = attributes.get("data_format", "channels_last")
        with convolution_precision():
            y, saved = dense.forward(*_matrices(tensors, data_format), activation=activation)
        return as_given(y, data_format), (None, *saved)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        **attributes: Any,
    ) -> tuple[torch.Tensor | None, ...]:
        if saved[0] is not None:
            return super().backward(saved, gradients, needs, **attributes)
        (dy,), data_format = gradients, attributes.get("data_format", "channels_last")
        assert dy is not None
        with convolution_precision():
            dx, dw, *rest = dense.backward(
                saved[1:],
                (channels_last(dy, data_format),),
                needs[:3],
                activation=attributes.get("activation"),
            )
        dx = None if dx is None else as_given(dx, data_format)
        dw = None if dw is None else dw.view(*(1,) * (dy.dim() - 2), *dw.shape)
        return (dx, dw, *rest, None)[: len(needs)]

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        kernel = shapes[1]
        assert kernel is not None
        (y,) = output_shapes(self, shapes, **attributes)
        return work(self, shapes, itemsize, 2 * prod(y) * prod(kernel[:-1]), **attributes)


def is_dense(tensors: Tensors, attributes: Mapping[str, Any]) -> bool:
    """Whether a call is a dense layer over the pixels: one tap, every pixel, no groups, no residual."""
    kernel = tensors[1]
    assert kernel is not None
    window, strides = kernel.shape[:-2], attributes.get("strides", 1)
    return (
        prod(window) == 1
        and max(per_axis(strides, len(window))) == 1
        and attributes.get("groups", 1) == 1
        and (len(tensors) < 4 or tensors[3] is None)
    )


def _matrices(tensors: Tensors, data_format: str) -> Tensors:
    """x, kernel and bias of a dense layer."""
    x, kernel, *bias = tensors[:3]
    assert x is not None
    assert kernel is not None
    return (channels_last(x, data_format), kernel.reshape(kernel.shape[-2:]), *bias)


conv = Conv()
register(conv)
