"""Sorting, searching and counting."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, floating, promoted, result_type, together
from tkeras.ops._op import op
from tkeras.ops._shape import along

Tensor = torch.Tensor


@op()
def sort(x: Any, axis: int | None = -1) -> Tensor:
    """Ascending along an axis; the flat tensor where it is None."""
    return torch.sort(*along(convert(x), axis)).values


@op()
def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """Indices (int32) that sort, stably; of the flat tensor where ``axis`` is None."""
    x, axis = along(convert(x), axis)
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


@op()
def argpartition(x: Any, kth: int, axis: int | None = -1) -> Tensor:
    """Indices (int32) that put the ``kth`` smallest at place ``kth``, and smaller ones before it."""
    x, axis = along(convert(x), axis)
    if not -x.shape[axis] <= kth < x.shape[axis]:
        raise ValueError(f"Expected kth within the axis of size {x.shape[axis]}. Received: kth={kth}")
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


@op()
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The ``k`` largest values along the last axis and their indices (int64)."""
    return torch.topk(convert(x), k, sorted=sorted)


@op()
def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether each class number (batch,) is among the ``k`` largest of its predictions (batch, classes)."""
    targets, predictions = together(targets, predictions)
    kth = torch.topk(predictions, k).values[..., -1]
    return torch.take_along_dim(predictions, targets.long().unsqueeze(-1), -1).squeeze(-1) >= kth


@op()
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Tensor:
    """Where values (any shape) belong in a sorted vector (int32): before equal ones or, "right", after."""
    sequence, values = promoted(sorted_sequence, values)
    if sequence.ndim != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. "
            f"Received: sorted_sequence.shape={tuple(sequence.shape)}"
        )
    return torch.searchsorted(sequence, values, side=side, out_int32=True)


@op()
def digitize(x: Any, bins: Any) -> Tensor:
    """The bin (int32) of each element: how many of the ascending edges ``bins`` are not above it."""
    return torch.bucketize(*promoted(x, bins, int), out_int32=True, right=True)


@op()
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Which elements of ``x1`` are among those of ``x2``."""
    return torch.isin(*promoted(x1, x2, int), assume_unique=assume_unique, invert=invert)


@op()
def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """How many elements of a vector lie in each of ``bins`` equal bins, and the edges (bins + 1).

    Args:
        range: from where to where; default: from the least to the greatest element.
    """
    if not isinstance(bins, int) or bins < 0:
        raise ValueError(f"Argument `bins` should be a non-negative integer. Received: bins={bins}")
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise ValueError(
            f"Argument `range` must be a tuple of two ascending numbers. Received: range={range}"
        )
    x = floating(x)
    if x.ndim > 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}")
    low, high = (x.amin(), x.amax()) if range is None else (convert(end, x.dtype, x) for end in range)
    wide = torch.where(low == high, 0.5, 0.0)
    low, high = low - wide, high + wide
    steps = torch.arange(bins + 1, dtype=x.dtype, device=x.device)
    edges = torch.where(steps == bins, high, low + steps * ((high - low) / bins))
    place = torch.searchsorted(edges, x.contiguous(), right=True).clamp_(max=bins) - 1
    place = torch.where((x >= low) & (x <= high), torch.where(x == high, bins - 1, place), bins)
    counts = torch.zeros(bins + 1, dtype=x.dtype, device=x.device).scatter_add(0, place, torch.ones_like(x))
    return counts[:bins], edges


def _bincount_spec(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    dtype = "int32" if weights is None else result_type(convert(x).dtype, convert(weights).dtype)
    return KerasTensor((*x.shape[:-1], None), dtype)


@op(spec=_bincount_spec)
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each of 0, 1, … occurs in a vector, or in each row of a matrix.

    Args:
        x: non-negative integers.
        weights: what an element counts instead of 1.
        minlength: how long the result is at least.
    """
    if sparse:
        raise ValueError("Sparse tensors are not supported. Received: sparse=True")
    x = convert(x)
    dtype = torch.int32
    if weights is not None:
        weights = convert(weights, None, x)
        dtype = result_type(x.dtype, weights.dtype)
    size = max(int(x.max()) + 1 if x.numel() else 0, minlength)
    counted = torch.ones_like(x, dtype=dtype) if weights is None else weights.to(dtype)
    return x.new_zeros((*x.shape[:-1], size), dtype=dtype).scatter_add(-1, x.long(), counted)


def _nonzero_spec(x: Any) -> Any:
    return KerasTensor((len(x.shape), None), "int32")


@op(spec=_nonzero_spec)
def nonzero(x: Any) -> Tensor:
    """Indices (rank, count), int32, of the elements that are not zero."""
    return torch.nonzero(convert(x)).T.to(torch.int32)


def _unique_spec(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    shape = [size] if axis is None else [*x.shape]
    if axis is not None:
        shape[axis] = size
    inverse = x.shape if axis is None else (x.shape[axis],)
    extra = [((size,), return_index), (inverse, return_inverse), ((size,), return_counts)]
    wanted = [KerasTensor(sizes, "int64") for sizes, asked in extra if asked]
    values = KerasTensor(shape, x.dtype)
    return (values, *wanted) if wanted else values


@op(spec=_unique_spec)
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The distinct elements, or slices along an axis.

    Args:
        x: any shape.
        sorted: whether they ascend.
        return_index: also where each occurs first.
        return_inverse: also the number of each element's value.
        return_counts: also how often each occurs.
        axis: None for the flat tensor.
        size: how many to return: the rest is cut off, or ``fill_value`` (default 0) added.
        fill_value: what is added; the index of it is 1 and its count 0.

    Returns:
        The values, or a tuple of values, index, inverse and counts, those that are asked for.
    """
    x = convert(x)
    values, inverse, counts = torch.unique(
        x, sorted=sorted, return_inverse=True, return_counts=True, dim=axis
    )
    dim = 0 if axis is None else axis % x.ndim
    found = [_sized(values, dim, size, 0 if fill_value is None else fill_value)]
    if return_index:
        flat = inverse.flatten()
        order = torch.arange(flat.numel(), device=x.device)
        index = order.new_empty(values.shape[dim]).scatter_reduce(0, flat, order, "amin", include_self=False)
        found.append(_sized(index, 0, size, 1))
    if return_inverse:
        found.append(inverse)
    if return_counts:
        found.append(_sized(counts, 0, size, 0))
    return tuple(found) if len(found) > 1 else found[0]


def _sized(x: Tensor, dim: int, size: int | None, fill_value: Any) -> Tensor:
    if size is None or x.shape[dim] == size:
        return x
    if x.shape[dim] > size:
        return x.narrow(dim, 0, size)
    missing = [*x.shape]
    missing[dim] = size - x.shape[dim]
    return torch.cat([x, x.new_full(missing, fill_value)], dim)


@op()
def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates of flat indices in a tensor of this shape."""
    indices, found = convert(indices), []
    for size in reversed(tuple(shape)):
        found.append(torch.remainder(indices, size))
        indices = torch.div(indices, size, rounding_mode="floor")
    return tuple(reversed(found))


@op()
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Tensor:
    """For each element the choice of the first condition that holds, else ``default``."""
    for name, values in (("condlist", condlist), ("choicelist", choicelist)):
        if not isinstance(values, (list, tuple)) or not values:
            raise ValueError(f"Expected `{name}` to be a list that is not empty. Received: {name}={values}")
    chosen, *values = together(default, *condlist, *choicelist)
    conditions, choices = values[: len(condlist)], values[len(condlist) :]
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        chosen = torch.where(condition.bool(), choice, chosen)
    return chosen
