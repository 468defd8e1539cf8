"""Reading and writing at indices."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.config import torch_dtype
from tkeras.ops._convert import convert, together
from tkeras.ops._op import op
from tkeras.ops._shape import along

Tensor = torch.Tensor
_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


@op()
def get_item(x: Any, key: Any) -> Tensor:
    """``x[key]``."""
    return operator.getitem(convert(x), key)


def _positive(indices: Any, size: int, device: torch.device) -> Tensor:
    indices = convert(indices).to(device, torch.int64)
    return torch.where(indices < 0, indices + size, indices)


@op()
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The slices along an axis at indices of any shape, which replaces the axis; -1 is the last one."""
    x, axis = along(convert(x), axis)
    index = _positive(indices, x.shape[axis], x.device)
    if index.ndim == 0:
        return torch.index_select(x, axis, index.reshape(1)).squeeze(axis)
    if x.ndim == 2 and axis == 0:
        return F.embedding(index, x)
    found = torch.index_select(x, axis, index.flatten())
    return found if index.ndim == 1 else found.unflatten(axis, index.shape)


@op()
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Elements along an axis at indices of the rank of ``x``; of the flat tensor where ``axis`` is None."""
    x = convert(x)
    size = x.numel() if axis is None else x.shape[axis]
    return torch.take_along_dim(x, _positive(indices, size, x.device), axis)


@op()
def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """A tensor of zeros with values added at indices.

    Args:
        indices: (…, n): n coordinates each.
        values: (…, *shape[n:]).
        shape: of the result.
    """
    values, indices = together(values, indices)
    shape = tuple(int(size) for size in shape)
    indices, count = indices.long(), indices.shape[-1]
    target = torch.zeros(shape, dtype=values.dtype, device=values.device)
    values = values.reshape(-1, *shape[count:])
    return target.index_put(indices.reshape(-1, count).unbind(1), values, accumulate=True)


@op()
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """A copy of ``inputs`` with elements or slices replaced or combined.

    Args:
        inputs: any shape.
        indices: (count, n): the first n coordinates.
        updates: (count, *inputs.shape[n:]).
        reduction: None, or "add", "max", "min" or "mul" to combine with what is there.
    """
    inputs, indices = together(inputs, indices)
    indices = indices.long()
    updates = convert(updates, inputs.dtype, inputs)
    kind = reduction.lower() if reduction is not None else None
    if kind is None or kind == "add":
        return inputs.index_put(indices.unbind(1), updates, accumulate=kind == "add")
    if kind not in _REDUCTIONS:
        raise ValueError(
            f"Invalid reduction: {reduction}. Supported values are: None, 'add', 'max', 'min', 'mul'."
        )
    count = indices.shape[1]
    rows = torch.zeros_like(indices[:, 0])
    for axis, size in enumerate(inputs.shape[:count]):
        rows = rows * size + torch.where(indices[:, axis] < 0, indices[:, axis] + size, indices[:, axis])
    flat = inputs.flatten(0, count - 1)
    rows = rows.reshape(-1, *(1 for _ in flat.shape[1:])).expand(-1, *flat.shape[1:])
    return flat.scatter_reduce(0, rows, updates, _REDUCTIONS[kind]).reshape(inputs.shape)


def _place(start: Any, length: int, device: torch.device) -> Tensor:
    """Indices of a stretch whose start may be a tensor."""
    return convert(start).to(device, torch.int64) + torch.arange(length, device=device)


@op()
def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Tensor:
    """The block of ``shape`` that starts at ``start_indices``, which may be a tensor."""
    inputs = convert(inputs)
    lengths = [int(length) for length in shape]
    if not isinstance(start_indices, torch.Tensor) and all(isinstance(start, int) for start in start_indices):
        pairs = zip(start_indices, lengths, strict=True)
        return inputs[tuple(builtins.slice(start, start + length) for start, length in pairs)]
    for axis, length in enumerate(lengths):
        inputs = torch.index_select(inputs, axis, _place(start_indices[axis], length, inputs.device))
    return inputs


@op()
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """A copy of ``inputs`` with the block from ``start_indices``, which may be a tensor, replaced."""
    inputs = convert(inputs)
    updates = convert(updates, inputs.dtype, inputs)
    places = []
    for axis, length in enumerate(updates.shape):
        place = _place(start_indices[axis], length, inputs.device)
        places.append(place.reshape([-1 if a == axis else 1 for a in range(updates.ndim)]))
    return inputs.index_put(tuple(places), updates)


@op()
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Tensor:
    """1 at the class number along a new axis, 0 elsewhere; all 0 where the number is no class.

    Args:
        x: integers of any shape.
        num_classes: size of the new axis.
        axis: its place in the result.
        dtype: default ``floatx()``.
    """
    _refuse_sparse(sparse)
    x = convert(x)
    classes = torch.arange(num_classes, device=x.device)
    hot = x.long().unsqueeze(-1) == classes
    return (hot if axis == -1 else hot.movedim(-1, axis)).to(torch_dtype(dtype))


@op()
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 for each class that is among the class numbers (batch, count), 0 elsewhere: (batch, num_classes)."""
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified.")
    x = convert(inputs)
    return torch.amax(one_hot(x, num_classes, axis, dtype, sparse), 1 if x.ndim > 1 else 0)


def _refuse_sparse(sparse: bool) -> None:
    if sparse:
        raise ValueError("Sparse tensors are not supported. Received: sparse=True")
