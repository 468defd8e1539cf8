"""Quantiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.ops._convert import convert, floating, result_type
from tkeras.ops._op import op
from tkeras.ops._reduce import Axis

Tensor = torch.Tensor


def quantiles(
    function: Callable[..., Tensor], x: Any, q: Tensor, axis: Axis, method: str, keepdims: bool
) -> Tensor:
    """Quantiles over several axes with a torch function that takes one."""
    x = convert(x)
    result = result_type(x.dtype, float)
    x = x.to(torch.promote_types(result, torch.float32))
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(a % x.ndim for a in axes)
    rest = [a for a in range(x.ndim) if a not in axes]
    lined = x.permute(*rest, *axes).flatten(len(rest)) if axes else x.unsqueeze(-1)
    y = function(lined, q.to(lined), dim=-1, interpolation=method)
    if keepdims:
        for a in sorted(axes):
            y = y.unsqueeze(a + q.ndim)
    return y.to(result)


@op()
def quantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Quantiles.

    Args:
        x: any shape.
        q: a number or a vector within [0, 1]; a vector gives the result a first axis.
        axis: one, several, or None for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest" between two values.
        keepdims: whether the axes stay, with size 1.
    """
    return quantiles(torch.quantile, x, convert(q), axis, method, keepdims)


@op()
def percentile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Percentiles ``q`` within [0, 100]; see :func:`quantile`."""
    return quantiles(torch.quantile, x, floating(q) / 100, axis, method, keepdims)


@op()
def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle value, or the mean of the two in the middle."""
    return quantiles(torch.quantile, x, convert(0.5), axis, "linear", keepdims)
