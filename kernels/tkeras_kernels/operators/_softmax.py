"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ..runtime import launch
from ._fit import unfit
from ._operator import Case, Cost, Operator, Tensors, register
from ._row_launch import as_rows, axes_of, reduced_back, reduced_last
from ._work import Shapes, pointwise_work

_FORWARD_HOLDS, _BACKWARD_HOLDS = 1, 2
"""Values of each element in registers: x; y and dy."""


def _over(
    function: Callable[[torch.Tensor, int], torch.Tensor], x: torch.Tensor, axis: int | Sequence[int]
) -> torch.Tensor:
    """Apply ``function`` over one axis, or over several axes as if they were one."""
    if isinstance(axis, int):
        return function(x, axis)
    axes = tuple(axis)
    last = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, last)
    return function(moved.flatten(-len(axes)), -1).view(moved.shape).movedim(last, axes)


class _RowSoftmax(Operator):
    saves = "output"
    keeps_inputs = False
    cases = (
        Case("attention", ((8, 12, 512, 512),)),
        Case("vocabulary", ((2048, 50_000),)),
        Case("classes", ((256, 10),)),
    )
    logarithm: bool

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        (x,) = tensors
        assert x is not None
        if not x.dim() or attributes.get("axis", -1) in ((), []):
            return "no axis"
        return unfit(tensors)

    def forward(self, x: torch.Tensor, *, axis: int | Sequence[int] = -1) -> tuple[torch.Tensor, Tensors]:
        axes = axes_of(axis, x.dim())
        y = _softmax(reduced_last(x, axes), x.dim() - len(axes), self.logarithm)
        y = reduced_back(y, axes)
        return y, (y,)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        axis: int | Sequence[int] = -1,
    ) -> tuple[torch.Tensor | None, ...]:
        (y,), (dy,) = saved, gradients
        assert y is not None
        assert dy is not None
        axes = axes_of(axis, y.dim())
        kept = y.dim() - len(axes)
        dx = _softmax_backward(reduced_last(y, axes), reduced_last(dy, axes), kept, self.logarithm)
        return (reduced_back(dx, axes),)

    def differentiable_backward(
        self,
        inputs: Tensors,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        axis: int | Sequence[int] = -1,
    ) -> tuple[torch.Tensor | None, ...]:
        (y,), (dy,) = saved, gradients
        assert y is not None
        assert dy is not None
        axes = axes_of(axis, y.dim())
        if self.logarithm:
            return (dy - y.exp() * dy.sum(axes, keepdim=True),)
        return (y * (dy - (y * dy).sum(axes, keepdim=True)),)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 5, **attributes)


class Softmax(_RowSoftmax):
    """``exp(x - logsumexp(x))``."""

    name = "softmax"
    logarithm = False

    def reference(self, x: torch.Tensor, *, axis: int | Sequence[int] = -1) -> torch.Tensor:
        """Normalize ``x`` over ``axis``, one or several."""
        return _over(torch.softmax, x, axis)


class LogSoftmax(_RowSoftmax):
    """``x - logsumexp(x)``."""

    name = "log_softmax"
    logarithm = True

    def reference(self, x: torch.Tensor, *, axis: int | Sequence[int] = -1) -> torch.Tensor:
        """Logarithm of the softmax of ``x`` over ``axis``, one or several."""
        return _over(torch.log_softmax, x, axis)


def _softmax(x: torch.Tensor, kept: int, logarithm: bool) -> torch.Tensor:
    y = torch.empty_like(x)
    rows = as_rows(kept, (x, y))
    if rows is None:
        return _softmax(x.contiguous(), kept, logarithm)
    if x.numel():
        from ..templates._row_softmax import softmax as template

        tile = rows.tile(x, _FORWARD_HOLDS)
        constants = rows.constants(tile, LOG=logarithm, WHOLE=tile.whole)
        arguments = (x, y, rows.strides, rows.inner, rows.columns)
        launch(template, (rows.tiles(tile),), x, arguments, constants, warps=tile.warps)
    return y


def _softmax_backward(y: torch.Tensor, dy: torch.Tensor, kept: int, logarithm: bool) -> torch.Tensor:
    dx = torch.empty_like(y)
    rows = as_rows(kept, (y, dy, dx))
    if rows is None:
        return _softmax_backward(y.contiguous(), dy.contiguous(), kept, logarithm)
    if y.numel():
        from ..templates._row_softmax import softmax_backward as template

        tile = rows.tile(y, _BACKWARD_HOLDS)
        constants = rows.constants(tile, LOG=logarithm, WHOLE=tile.whole)
        arguments = (y, dy, dx, rows.strides, rows.inner, rows.columns)
        launch(template, (rows.tiles(tile),), y, arguments, constants, warps=tile.warps)
    return dx


softmax = register(Softmax())
log_softmax = register(LogSoftmax())
