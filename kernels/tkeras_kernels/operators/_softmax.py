"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ._operator import Case, Cost, Operator, register
from ._work import Shapes, pointwise_work


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


class Softmax(Operator):
    """``exp(x - logsumexp(x))``."""

    name = "softmax"
    saves = "output"
    cases = (
        Case("attention", ((8, 12, 512, 512),)),
        Case("vocabulary", ((2048, 50_000),)),
        Case("classes", ((256, 10),)),
    )

    def reference(self, x: torch.Tensor, *, axis: int | Sequence[int] = -1) -> torch.Tensor:
        """Normalize ``x`` over ``axis``, one or several."""
        return _over(torch.softmax, x, axis)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 5, **attributes)


class LogSoftmax(Operator):
    """``x - logsumexp(x)``."""

    name = "log_softmax"
    saves = "output"
    cases = Softmax.cases

    def reference(self, x: torch.Tensor, *, axis: int | Sequence[int] = -1) -> torch.Tensor:
        """Logarithm of the softmax of ``x`` over ``axis``, one or several."""
        return _over(torch.log_softmax, x, axis)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 5, **attributes)


softmax = register(Softmax())
log_softmax = register(LogSoftmax())
