"""Reductions of the slices that share a segment number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras.config import standardize_dtype
from tkeras.graph import KerasTensor
from tkeras.ops._convert import together
from tkeras.ops._op import op

Tensor = torch.Tensor


def _spec(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    return KerasTensor((num_segments, *data.shape[1:]), standardize_dtype(data.dtype))


def _lowest(dtype: torch.dtype) -> Any:
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(dtype: torch.dtype) -> Any:
    return torch.inf if dtype.is_floating_point else torch.iinfo(dtype).max


_START: dict[str, Callable[[torch.dtype], Any]] = {
    "sum": lambda dtype: 0,
    "prod": lambda dtype: 1,
    "amax": _lowest,
    "amin": _highest,
}


def _segment(reduction: str, data: Any, segment_ids: Any, num_segments: int | None) -> Tensor:
    data, ids = together(data, segment_ids)
    ids = ids.long()
    if ids.ndim != 1 or ids.shape[0] != data.shape[0]:
        raise ValueError(
            "Argument `segment_ids` should be a vector with the leading dimension of `data`. "
            f"Received: segment_ids.shape={tuple(ids.shape)}, data.shape={tuple(data.shape)}"
        )
    count = int(ids.max()) + 1 if num_segments is None else num_segments
    ids = torch.where((ids >= 0) & (ids < count), ids, count)  # one row more takes what belongs nowhere
    start = data.new_full((count + 1, *data.shape[1:]), _START[reduction](data.dtype))
    index = ids.reshape(-1, *(1 for _ in data.shape[1:])).expand(data.shape)
    return start.scatter_reduce(0, index, data, reduction)[:count]


@op(spec=_spec)
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Sums (num_segments, …) of the slices of ``data`` (count, …) that share a number.

    Args:
        data: any rank of at least 1.
        segment_ids: (count,); slices whose number is no segment are left out.
        num_segments: default: the greatest number + 1.
        sorted: a promise that the numbers ascend; the result is the same without it.
    """
    return _segment("sum", data, segment_ids, num_segments)


@op(spec=_spec)
def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Products, 1 for an empty segment; arguments as of :func:`segment_sum`."""
    return _segment("prod", data, segment_ids, num_segments)


@op(spec=_spec)
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Maxima, the least number of the type for an empty segment; arguments as of :func:`segment_sum`."""
    return _segment("amax", data, segment_ids, num_segments)


@op(spec=_spec)
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Tensor:
    """Minima, the greatest number of the type for an empty segment; arguments as of :func:`segment_sum`."""
    return _segment("amin", data, segment_ids, num_segments)
