"""Maximum and average pooling, windowed and global, in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F

from ._operator import Case, Cost, Operator, register
from ._spatial import (
    Ints,
    channels_are_last,
    check_padding,
    from_torch,
    lifted,
    per_axis,
    same_padding,
    spatial_rank,
    to_torch,
)
from ._work import Shapes, output_shapes, pointwise_work, work


def _plan(
    sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: str
) -> tuple[list[int], bool, list[int]]:
    """How torch pools an axis without a padded copy: padding, ceil mode, and outputs to drop at the front.

    Torch pads both sides alike. Where one more element is due at the end: with strides above one, ceil mode
    adds the window that reaches over the end; with stride one, the larger padding on both sides gives one
    output too many at the front.
    """
    if padding == "valid":
        return [0] * len(sizes), False, [0] * len(sizes)
    pads, drop, ceil = [], [], False
    for size, k, stride in zip(sizes, window, strides, strict=True):
        before, after = same_padding(size, k, stride)
        uneven = before != after
        ceil |= uneven and stride > 1
        pads.append(after if uneven and stride == 1 else before)
        drop.append(int(uneven and stride == 1))
    return pads, ceil, drop


def _pool(
    kind: str, x: torch.Tensor, pool_size: Ints, strides: Ints | None, padding: str, data_format: str
) -> torch.Tensor:
    rank = spatial_rank(x)
    check_padding(padding, ("valid", "same"))
    window = lifted(per_axis(pool_size, rank), 1)
    stride = window if strides is None else lifted(per_axis(strides, rank), 1)
    dtype, x = x.dtype, to_torch(x, data_format)
    if kind == "average" and rank == 3 and dtype in (torch.float16, torch.bfloat16):
        x = x.float()  # torch has no such kernel on a CPU
    pads, ceil, drop = _plan(x.shape[2:], window, stride, padding)
    if kind == "max":
        pool = F.max_pool3d if rank == 3 else F.max_pool2d
        y = pool(x, window, stride, pads, ceil_mode=ceil)
    else:
        pool = F.avg_pool3d if rank == 3 else F.avg_pool2d
        y = pool(x, window, stride, pads, ceil_mode=ceil, count_include_pad=False)
    for axis, surplus in enumerate(drop, start=2):
        if surplus:
            y = y.narrow(axis, surplus, y.shape[axis] - surplus)
    return from_torch(y, data_format, rank).to(dtype)


class _Pool(Operator):
    """A window of ``pool_size`` slides over the spatial axes."""

    kind: str

    def reference(
        self,
        x: torch.Tensor,
        *,
        pool_size: Ints,
        strides: Ints | None = None,
        padding: str = "valid",
        data_format: str = "channels_last",
    ) -> torch.Tensor:
        """Pool (N, *spatial, C), or (N, C, *spatial) with ``data_format="channels_first"``.

        ``strides`` defaults to ``pool_size``. "same" pads as TensorFlow does; padding never counts, neither
        as a maximum nor in the number of elements of an average.
        """
        return _pool(self.kind, x, pool_size, strides, padding, data_format)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        x = shapes[0]
        assert x is not None
        (y,) = output_shapes(self, shapes, **attributes)
        window = prod(per_axis(attributes["pool_size"], len(x) - 2))
        return work(self, shapes, itemsize, window * prod(y), **attributes)


class MaxPool(_Pool):
    """The largest element of each window."""

    name = "max_pool"
    saves = "position of the maximum in its window, one byte an output"
    kind = "max"
    cases = (
        Case("resnet50", ((32, 112, 112, 64),), {"pool_size": 3, "strides": 2, "padding": "same"}),
        Case("vgg16", ((32, 56, 56, 256),), {"pool_size": 2}),
    )


class AveragePool(_Pool):
    """The mean of each window, of the elements that are there."""

    name = "average_pool"
    saves = "nothing"
    kind = "average"
    cases = (
        Case("densenet", ((32, 28, 28, 256),), {"pool_size": 2}),
        Case("inception", ((32, 35, 35, 192),), {"pool_size": 3, "strides": 1, "padding": "same"}),
    )


class _GlobalPool(Operator):
    """A reduction over every spatial axis."""

    def axes(self, x: torch.Tensor, data_format: str) -> tuple[int, ...]:
        spatial_rank(x)
        return tuple(range(1, x.ndim - 1) if channels_are_last(data_format) else range(2, x.ndim))

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 1, **attributes)


class GlobalMaxPool(_GlobalPool):
    """The largest element of each channel."""

    name = "global_max_pool"
    saves = "input and output"
    cases = (
        Case("text_cnn", ((64, 512, 128),)),
        Case("image", ((32, 7, 7, 2048),)),
    )

    def reference(
        self, x: torch.Tensor, *, keepdims: bool = False, data_format: str = "channels_last"
    ) -> torch.Tensor:
        """(N, *spatial, C) to (N, C), or with ones in place of the spatial axes."""
        return torch.amax(x, self.axes(x, data_format), keepdim=keepdims)


class GlobalAveragePool(_GlobalPool):
    """The mean of each channel."""

    name = "global_average_pool"
    saves = "nothing"
    cases = (
        Case("resnet50", ((32, 7, 7, 2048),)),
        Case("sequence", ((64, 280, 256),)),
    )

    def reference(
        self, x: torch.Tensor, *, keepdims: bool = False, data_format: str = "channels_last"
    ) -> torch.Tensor:
        """(N, *spatial, C) to (N, C), or with ones in place of the spatial axes."""
        return torch.mean(x, self.axes(x, data_format), keepdim=keepdims)


max_pool = register(MaxPool())
average_pool = register(AveragePool())
global_max_pool = register(GlobalMaxPool())
global_average_pool = register(GlobalAveragePool())
