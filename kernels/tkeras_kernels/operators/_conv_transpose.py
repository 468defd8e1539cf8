"""Transposed convolution in one to three dimensions, with the output sizes of Keras."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from .. import library
from ..pointwise import pointwise
from ._activate import activate
from ._conv_launch import TRANSPOSED
from ._conv_plan import Axis, Plan, plan
from ._convolution import Convolution, Products, refuse
from ._operator import Case, Cost, register
from ._spatial import Ints, check_padding, from_torch, lifted, per_axis, spatial_rank, to_torch, torch_weight
from ._work import Shapes, work

if TYPE_CHECKING:
    from ..pointwise import Pointwise


def crops(
    kernel: int, stride: int, dilation: int, padding: str, output_padding: int | None
) -> tuple[int, int]:
    """What to cut off before and after the ``(size - 1) * stride + reach`` elements of an axis.

    ``reach = (kernel - 1) * dilation + 1``. A negative number asks for zeros instead. The result has
    ``(size - 1) * stride + reach + output_padding`` elements for "valid", where output_padding defaults to
    what brings the reach up to the stride, and ``size * stride`` for "same", or with an output_padding
    ``(size - 1) * stride + reach % 2 + output_padding``.
    """
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return 0, -(max(0, stride - reach) if output_padding is None else output_padding)
    extra = stride - reach if output_padding is None else output_padding + reach % 2 - reach
    cut = -extra
    before = max(0, cut // 2)
    return before, cut - before


class ConvTranspose(Convolution):
    """``activation(x ⋆ᵀ kernel + bias)``: the gradient of a convolution with respect to its input."""

    name = "conv_transpose"
    cases = (
        Case(
            "autoencoder_7",
            ((64, 7, 7, 64), (3, 3, 64, 64), (64,)),
            {"strides": 2, "padding": "same", "activation": pointwise(library.relu)},
        ),
        Case("dcgan_16", ((64, 16, 16, 256), (5, 5, 128, 256), (128,)), {"strides": 2, "padding": "same"}),
        Case("unet_up", ((8, 64, 64, 256), (2, 2, 128, 256), (128,)), {"strides": 2}),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        strides: Ints = 1,
        padding: str = "valid",
        output_padding: Ints | None = None,
        dilation_rate: Ints = 1,
        activation: Pointwise | None = None,
        data_format: str = "channels_last",
    ) -> torch.Tensor:
        """Convolve, transposed.

        Args:
            x: (N, *spatial, C), or (N, C, *spatial) with ``data_format="channels_first"``.
            kernel: (*k, F, C).
            bias: (F,) or None.
            output_padding: elements added at the end of each axis; None for Keras' default, see
                :func:`crops`.

        Returns:
            (N, *spatial', F) in the layout of ``x``.
        """
        rank = spatial_rank(x)
        stride, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
        cut = _all_crops(kernel.shape[:-2], stride, dilation, padding, output_padding)
        if rank == 1:
            cut = [(0, 0), *cut]
        weight = torch_weight(kernel, data_format)
        y = _transposed(to_torch(x, data_format), weight, bias, lifted(stride, 1), lifted(dilation, 1), cut)
        return from_torch(activate(y, activation), data_format, rank)

    def plan(
        self,
        x: Sequence[int],
        kernel: Sequence[int],
        *,
        strides: Ints = 1,
        padding: str = "valid",
        output_padding: Ints | None = None,
        dilation_rate: Ints = 1,
    ) -> Plan:
        if kernel[-1] != x[-1]:
            refuse(self.name, "channels, as the kernel has,", kernel[-1], x[-1])
        rank, window = len(x) - 2, kernel[:-2]
        stride, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
        axes = []
        cuts = _all_crops(window, stride, dilation, padding, output_padding)
        for size, k, s, d, (before, after) in zip(x[1:-1], window, stride, dilation, cuts, strict=True):
            large = (size - 1) * s + (k - 1) * d + 1 - before - after
            axes.append(Axis(large, size, k, s, d, before))
        return plan(x[0], axes)

    def products(self, plan: Plan, kernel: torch.Tensor) -> tuple[Products, torch.Tensor]:
        return TRANSPOSED, kernel.reshape(plan.taps, *kernel.shape[-2:])

    def outer(self, kernel: Sequence[int]) -> int:
        return kernel[-2]

    def result(self, plan: Plan) -> tuple[int, int, int]:
        return plan.large

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        x, kernel = shapes[0], shapes[1]
        assert x is not None
        assert kernel is not None
        return work(self, shapes, itemsize, 2 * prod(x) * prod(kernel[:-1]), **attributes)


def _all_crops(
    window: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    padding: str,
    output_padding: Ints | None,
) -> list[tuple[int, int]]:
    """:func:`crops` of every axis."""
    check_padding(padding, ("valid", "same"))
    rank = len(window)
    extra = (None,) * rank if output_padding is None else per_axis(output_padding, rank)
    return [crops(k, s, d, padding, e) for k, s, d, e in zip(window, stride, dilation, extra, strict=True)]


def _transposed(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    cut: list[tuple[int, int]],
) -> torch.Tensor:
    """Torch's transposed convolution cut to size, without a copy of its result.

    Torch cuts both sides alike, then can extend the end by fewer than max(stride, dilation) elements. Where
    the end is to lose more, a zero in front of ``x`` puts ``stride`` more elements there, to be cut as well.
    """
    late = [after > before for before, after in cut]
    if any(late):
        x = F.pad(x, [zeros for more in reversed(late) for zeros in (int(more), 0)])
    before = [max(0, left) + s * more for (left, _), s, more in zip(cut, stride, late, strict=True)]
    wanted = [left - right for left, (_, right) in zip(before, cut, strict=True)]
    extended = [min(size, max(s, d) - 1) for size, s, d in zip(wanted, stride, dilation, strict=True)]
    missing = [want - size for size, want in zip(extended, wanted, strict=True)]
    convolution = F.conv_transpose3d if len(stride) == 3 else F.conv_transpose2d
    y = convolution(x, weight, None if any(missing) else bias, stride, before, extended, 1, dilation)
    if not any(missing):
        return y
    y = F.pad(y, [zeros for size in reversed(missing) for zeros in (0, size)])
    return y if bias is None else y + bias.view(-1, *(1,) * len(stride))


conv_transpose = register(ConvTranspose())
