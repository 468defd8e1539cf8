"""Reductions that leave NaN out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from tkeras.ops import _reduce
from tkeras.ops._convert import convert, floating
from tkeras.ops._op import op
from tkeras.ops._quantile import quantiles
from tkeras.ops._reduce import Axis, no_axis

Tensor = torch.Tensor


def _filled(x: Any, value: float) -> Tensor:
    x = convert(x)
    return torch.where(torch.isnan(x), value, x) if x.is_floating_point() or x.is_complex() else x


def _all_nan(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return torch.all(torch.isnan(x), dim=axis, keepdim=keepdims)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _extreme(reduce: Callable[..., Tensor], x: Any, axis: Axis, keepdims: bool, worst: float) -> Tensor:
    x = convert(x)
    if not x.is_floating_point():
        return reduce(x, axis, keepdims)
    if no_axis(axis):
        return x
    found = reduce(_filled(x, worst), axis, keepdims)
    return torch.where(_all_nan(x, axis, keepdims), torch.nan, found)


@op()
def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Maximum; NaN where there is nothing else."""
    return _extreme(_reduce.amax, x, axis, keepdims, -torch.inf)


@op()
def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Minimum; NaN where there is nothing else."""
    return _extreme(_reduce.amin, x, axis, keepdims, torch.inf)


def _position(find: Callable[..., Tensor], x: Any, axis: int | None, keepdims: bool, worst: float) -> Tensor:
    x = convert(x)
    found = find(_filled(x, worst), axis, keepdims)
    return torch.where(_all_nan(x, axis, keepdims), -1, found) if x.is_floating_point() else found


@op()
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index (int32) of the maximum; -1 where all are NaN."""
    return _position(_reduce.argmax, x, axis, keepdims, -torch.inf)


@op()
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index (int32) of the minimum; -1 where all are NaN."""
    return _position(_reduce.argmin, x, axis, keepdims, torch.inf)


@op()
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum, NaN counted as 0."""
    x = _filled(x, 0.0)
    return x.to(_reduce.summed(x.dtype)) if no_axis(axis) else _reduce.sum(x, axis, keepdims)


@op()
def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Product, NaN counted as 1."""
    return _reduce.prod(_filled(x, 1.0), axis, keepdims)


@op()
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of the elements up to each one, NaN counted as 0."""
    return _reduce.cumsum(_filled(x, 0.0), axis, dtype)


@op()
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Products of the elements up to each one, NaN counted as 1."""
    return _reduce.cumprod(_filled(x, 1.0), axis, dtype)


@op()
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean."""
    x = convert(x)
    return x if no_axis(axis) else torch.nanmean(floating(x), axis, keepdims)


@op()
def nanvar(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Variance."""
    x = floating(x)
    if no_axis(axis):
        return torch.where(torch.isnan(x), x, 0.0)
    off = _filled(x - torch.nanmean(x, axis, keepdim=True), 0.0)
    count = torch.sum(~torch.isnan(x), axis, keepdim=keepdims)
    return (
        torch.sum((off * off.conj()).real if off.is_complex() else off * off, axis, keepdim=keepdims) / count
    )


@op()
def nanstd(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Standard deviation."""
    return torch.sqrt(nanvar(x, axis, keepdims))


_nanquantiles = functools.partial(quantiles, torch.nanquantile)


@op()
def nanquantile(x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Tensor:
    """Quantiles ``q`` within [0, 1]; see :func:`quantile`."""
    return _nanquantiles(x, convert(q), axis, method, keepdims)


@op()
def nanpercentile(
    x: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    """Percentiles ``q`` within [0, 100]; see :func:`quantile`."""
    return _nanquantiles(x, floating(q) / 100, axis, method, keepdims)


@op()
def nanmedian(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The middle value, or the mean of the two in the middle."""
    x = convert(x)
    return x if no_axis(axis) else _nanquantiles(x, convert(0.5), axis, "linear", keepdims)
