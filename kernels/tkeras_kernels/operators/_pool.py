"""Maximum and average pooling over windows, in one to three dimensions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F

from ._fit import unfit
from ._operator import Case, Cost, Operator, Tensors, reference_gradients, register
from ._pool_launch import Windows, adaptive, fixed, pool, pool_backward, scatter, sizes_of
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


class _Windowed(Operator):
    """What all operators over windows share."""

    keeps_inputs = False
    kind: str

    @abstractmethod
    def _windows(self, x: torch.Tensor, attributes: Mapping[str, Any]) -> Windows:
        """How windows lie on ``x``."""

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        (x,) = tensors
        assert x is not None
        if x.dim() not in (3, 4, 5):
            return "not one to three spatial axes"
        if not all(sizes_of(x, attributes.get("data_format", "channels_last"))):
            return "an empty axis"
        try:
            windows = self._windows(x, attributes)
        except (TypeError, ValueError) as error:
            return str(error)
        if any(axis.outputs < 1 for axis in windows.axes):
            return "no window fits"
        return unfit(tensors)

    def infer(self, x: torch.Tensor, **attributes: Any) -> torch.Tensor:
        return pool(x, self._windows(x, attributes), keep=False)[0]

    def forward(self, x: torch.Tensor, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        y, index = pool(x, self._windows(x, attributes), keep=True)
        return y, (shape_of(x), index)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (shape, index), (dy,) = saved, gradients
        assert shape is not None
        assert dy is not None
        return (pool_backward(dy, index, shape.shape, self._windows(shape, attributes)),)

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (shape, index), (dy,) = saved, gradients
        assert shape is not None
        assert dy is not None
        if index is None:
            anywhere = torch.zeros_like(shape, requires_grad=True)
            return reference_gradients(self, (anywhere,), gradients, needs, attributes)
        return (scatter(dy, index, shape.shape, self._windows(shape, attributes)),)


def shape_of(x: torch.Tensor) -> torch.Tensor:
    """Something of the shape and dtype of ``x`` that takes no memory, to be saved in its place."""
    return x.new_empty(()).expand(x.shape)


class _Pool(_Windowed):
    """A window of ``pool_size`` slides over the spatial axes."""

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

    def _windows(self, x: torch.Tensor, attributes: Mapping[str, Any]) -> Windows:
        padding = attributes.get("padding", "valid")
        check_padding(padding, ("valid", "same"))
        data_format = attributes.get("data_format", "channels_last")
        size, strides = attributes["pool_size"], attributes.get("strides")
        return fixed(x, size, strides, padding, data_format, self.kind == "max")

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
        Case("text_cnn", ((64, 512, 128),), {"pool_size": 4}),
        Case("volume", ((4, 32, 56, 56, 64),), {"pool_size": 2}),
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


class _AdaptivePool(_Windowed):
    """Windows as large as they must be for ``output_size`` of them."""

    def reference(
        self, x: torch.Tensor, *, output_size: Ints, data_format: str = "channels_last"
    ) -> torch.Tensor:
        """Pool (N, *spatial, C), or (N, C, *spatial), to (N, *output_size, C) or (N, C, *output_size).

        Window ``i`` of ``n`` on an axis of size ``s`` reaches from ``floor(i s / n)`` to
        ``ceil((i + 1) s / n)``.
        """
        rank = spatial_rank(x)
        function = getattr(F, f"adaptive_{self.kind}_pool{rank}d")
        sizes = per_axis(output_size, rank)
        if not channels_are_last(data_format):
            return function(x, sizes)
        return function(x.movedim(-1, 1), sizes).movedim(1, -1)

    def _windows(self, x: torch.Tensor, attributes: Mapping[str, Any]) -> Windows:
        data_format = attributes.get("data_format", "channels_last")
        return adaptive(x, attributes["output_size"], data_format, self.kind == "max")

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 1, **attributes)


class AdaptiveMaxPool(_AdaptivePool):
    """The largest element of each of a given number of windows."""

    name = "adaptive_max_pool"
    saves = "position of the maximum in its window, one byte an output"
    kind = "max"
    cases = (Case("image", ((32, 28, 28, 512),), {"output_size": 7}),)


class AdaptiveAveragePool(_AdaptivePool):
    """The mean of each of a given number of windows."""

    name = "adaptive_average_pool"
    saves = "nothing"
    kind = "avg"
    cases = (Case("image", ((32, 17, 17, 512),), {"output_size": 7}),)


max_pool = register(MaxPool())
average_pool = register(AveragePool())
adaptive_max_pool = register(AdaptiveMaxPool())
adaptive_average_pool = register(AdaptiveAveragePool())
