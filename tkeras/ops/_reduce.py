"""Reductions over axes; ``axis=None`` means all axes and ``axis=()`` none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.ops._convert import convert, floating, is_integer, optional_dtype, result_type
from tkeras.ops._op import op

Tensor = torch.Tensor
Axis = int | list[int] | tuple[int, ...] | None

_SUMMED = dict.fromkeys((torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32), torch.int32)


def no_axis(axis: Axis) -> bool:
    """True for an empty list of axes, which torch would take for all."""
    return isinstance(axis, (tuple, list)) and not axis


def summed(dtype: torch.dtype) -> torch.dtype:
    """The type that sums of a type have."""
    return _SUMMED.get(dtype, dtype)


def _ordered(x: Tensor) -> Tensor:
    return x.to(torch.uint8) if x.dtype is torch.bool else x


@op()
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum; of short integers and bools as int32."""
    x = convert(x)
    if no_axis(axis):
        return x
    return torch.sum(x, axis, keepdim=keepdims, dtype=_SUMMED.get(x.dtype))


@op()
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean; of integers as float32."""
    x = convert(x)
    if no_axis(axis):
        return x
    return torch.mean(x, axis, keepdims, dtype=torch.float32 if is_integer(x) else None)


@op()
def max(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Maximum.

    Args:
        initial: a lower bound of the result; needed where there is nothing to compare.
    """
    return _extreme(convert(x), axis, keepdims, initial, torch.amax, torch.maximum)


@op()
def min(x: Any, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """Minimum.

    Args:
        initial: an upper bound of the result; needed where there is nothing to compare.
    """
    return _extreme(convert(x), axis, keepdims, initial, torch.amin, torch.minimum)


def _extreme(
    x: Tensor,
    axis: Axis,
    keepdims: bool,
    initial: Any,
    reduce: Callable[..., Tensor],
    pair: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    if initial is None:
        if not x.numel():
            raise ValueError(f"Cannot compute the {reduce.__name__[1:]} of an empty tensor.")
        return _reduce(reduce, x, axis, keepdims)
    bound = convert(initial, x.dtype, x)
    if x.numel():
        return pair(_reduce(reduce, x, axis, keepdims), bound)
    return bound.expand(torch.sum(x, axis, keepdim=keepdims).shape)


def _reduce(function: Callable[..., Tensor], x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    if no_axis(axis):
        return x
    return function(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


@op()
def amax(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Maximum."""
    return _reduce(torch.amax, convert(x), axis, keepdims)


@op()
def amin(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Minimum."""
    return _reduce(torch.amin, convert(x), axis, keepdims)


@op()
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Maximum minus minimum."""
    x = convert(x)
    if no_axis(axis):
        return torch.zeros_like(x)
    return _reduce(torch.amax, x, axis, keepdims) - _reduce(torch.amin, x, axis, keepdims)


@op()
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether everything is True or not zero."""
    x = convert(x).bool()
    return x if no_axis(axis) else torch.all(x, dim=axis, keepdim=keepdims)  # pyright: ignore[reportCallIssue, reportArgumentType]


@op()
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Whether something is True or not zero."""
    x = convert(x).bool()
    return x if no_axis(axis) else torch.any(x, dim=axis, keepdim=keepdims)  # pyright: ignore[reportCallIssue, reportArgumentType]


@op()
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index (int32) of the first maximum; into the flat tensor where ``axis`` is None."""
    return torch.argmax(_ordered(convert(x)), axis, keepdims).to(torch.int32)


@op()
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index (int32) of the first minimum; into the flat tensor where ``axis`` is None."""
    return torch.argmin(_ordered(convert(x)), axis, keepdims).to(torch.int32)


@op()
def count_nonzero(x: Any, axis: Axis = None) -> Tensor:
    """Number (int32) of elements that are not zero."""
    x = convert(x)
    if no_axis(axis):
        return torch.ne(x, 0).to(torch.int32)
    return torch.count_nonzero(x, axis).to(torch.int32)


@op()
def prod(x: Any, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """Product; of short integers and bools as int32."""
    x = convert(x)
    kind = optional_dtype(dtype) or summed(x.dtype)
    if no_axis(axis):
        return x if dtype is None else x.to(kind)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    for a in sorted((a % x.ndim for a in axes), reverse=True):
        x = torch.prod(x, a, keepdims, dtype=kind)
    return x.to(kind)


@op()
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance: the mean square of what differs from the mean."""
    x = floating(x)
    return torch.zeros_like(x) if no_axis(axis) else torch.var(x, axis, correction=0, keepdim=keepdims)


@op()
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation: the root of the variance."""
    x = floating(x)
    return torch.zeros_like(x) if no_axis(axis) else torch.std(x, axis, correction=0, keepdim=keepdims)


@op()
def average(x: Any, axis: Axis = None, weights: Any = None) -> Tensor:
    """Weighted mean.

    Args:
        weights: of the shape of ``x``, or a vector along ``axis``, or what broadcasts along the last axes.
    """
    x = floating(x)
    if weights is None:
        return x if no_axis(axis) else torch.mean(x, axis)
    weights = convert(weights, None, x)
    dtype = result_type(x.dtype, weights.dtype, float)
    x, weights = x.to(dtype), weights.to(dtype)
    if no_axis(axis):
        return x
    if weights.ndim == 1 and isinstance(axis, int) and weights.shape[0] == x.shape[axis]:
        weights = weights.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    weights = weights.expand(x.shape)
    return torch.sum(x * weights, axis) / torch.sum(weights, axis)


@op()
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """``log(Σ eˣ)``."""
    x = convert(x)
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


@op()
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """Integral of the values ``y`` by the trapezoidal rule, at the points ``x`` or at distance ``dx``."""
    y = convert(y)
    y = floating(y) if y.dtype is torch.bool else y
    if x is not None:
        return torch.trapezoid(y, convert(x, None, y), dim=axis)
    if isinstance(dx, (int, float)):
        return torch.trapezoid(y, dx=dx, dim=axis)
    steps = convert(dx, None, y)
    lower, upper = (y.narrow(axis, start, y.shape[axis] - 1) for start in (0, 1))
    return torch.sum((lower + upper) / 2 * steps, axis)


@op()
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of a diagonal."""
    x = convert(x)
    return torch.sum(torch.diagonal(x, offset, axis1, axis2), -1, dtype=summed(x.dtype))


def _running(function: Callable[..., Tensor], x: Tensor, axis: int | None, dtype: Any) -> Tensor:
    if axis is None:
        x, axis = x.flatten(), 0
    kind = optional_dtype(dtype) or x.dtype
    return function(x, axis, dtype=torch.int32 if kind is torch.bool else kind)


@op()
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of the elements up to each one."""
    return _running(torch.cumsum, convert(x), axis, dtype)


@op()
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Products of the elements up to each one."""
    return _running(torch.cumprod, convert(x), axis, dtype)


@op()
def diff(a: Any, n: int = 1, axis: int = -1) -> Tensor:
    """Differences of neighbours, ``n`` times."""
    return torch.diff(convert(a), n, axis)
