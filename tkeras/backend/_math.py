"""Arithmetic, reductions and shapes under their names of Keras 2, where those or their arguments differ."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import torch

from tkeras import ops
from tkeras.ops._convert import convert, floating
from tkeras.ops._op import op

Tensor = torch.Tensor

backend_op = op(module="tkeras.backend")


def _pair(name: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def call(x: Any, y: Any) -> Any:
        return function(x, y)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__ and function.__doc__.replace("x1", "x").replace("x2", "y")
    return call


equal = _pair("equal", ops.equal)
not_equal = _pair("not_equal", ops.not_equal)
greater = _pair("greater", ops.greater)
greater_equal = _pair("greater_equal", ops.greater_equal)
less = _pair("less", ops.less)
less_equal = _pair("less_equal", ops.less_equal)
maximum = _pair("maximum", ops.maximum)
minimum = _pair("minimum", ops.minimum)
dot = _pair("dot", ops.dot)


def pow(x: Any, a: Any) -> Tensor:
    """``x`` to the power ``a``."""
    return ops.power(x, a)


@backend_op
def sqrt(x: Any) -> Tensor:
    """Square root, zero for negative numbers."""
    return torch.sqrt(torch.clamp(floating(x), min=0))


def clip(x: Any, min_value: Any, max_value: Any) -> Tensor:
    """``min(max(x, min_value), max_value)``; None is no limit."""
    return ops.clip(x, min_value, max_value)


def round(x: Any) -> Tensor:
    """The nearest integer, halves to even."""
    return ops.round(x)


def argmax(x: Any, axis: int = -1) -> Tensor:
    """Index (int32; int64 in Keras 2) of the first maximum."""
    return ops.argmax(x, axis)


def argmin(x: Any, axis: int = -1) -> Tensor:
    """Index (int32; int64 in Keras 2) of the first minimum."""
    return ops.argmin(x, axis)


def cumsum(x: Any, axis: int = 0) -> Tensor:
    """Sums of the elements up to each one."""
    return ops.cumsum(x, axis)


def cumprod(x: Any, axis: int = 0) -> Tensor:
    """Products of the elements up to each one."""
    return ops.cumprod(x, axis)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = "int32") -> Tensor:
    """Numbers from ``start`` (0 where ``stop`` is missing) up to but without ``stop``."""
    return ops.arange(start, stop, step, dtype)


@backend_op
def l2_normalize(x: Any, axis: Any = None) -> Tensor:
    """``x / √max(Σ x², 1e-12)`` with the sum over ``axis``, all axes where it is None."""
    x = floating(x)
    squares = torch.sum(x * x, axis, keepdim=True)
    return x * torch.rsqrt(torch.clamp(squares, min=1e-12 if x.dtype is not torch.float16 else 1e-7))


@backend_op
def batch_dot(x: Any, y: Any, axes: Any = None) -> Tensor:
    """Sum of products over one axis of each sample.

    Args:
        x, y: (batch, …), rank 2 or more.
        axes: the axis, or one for each of both; default: the last one of ``x`` and the last but one of ``y``
            (the last one of a matrix).

    Returns:
        (batch, rest of x…, rest of y…); (batch, 1) where nothing is left.
    """
    x, y = convert(x), convert(y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[0] != y.shape[0]:
        raise ValueError(
            "Expected inputs of rank 2 or more with one batch size. "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if axes is None:
        axes = (-1, -1 if y.ndim == 2 else -2)
    first, second = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if not isinstance(first, int) or not isinstance(second, int) or 0 in (first % x.ndim, second % y.ndim):
        raise ValueError(f"Expected one axis of each input, not the batch. Received: axes={axes}")
    x, y = x.movedim(first, -1), y.movedim(second, 1)
    if x.shape[-1] != y.shape[1]:
        raise ValueError(
            f"Expected axes of one size. Received: sizes {x.shape[-1]} and {y.shape[1]}, axes={axes}"
        )
    rest = (*x.shape[1:-1], *y.shape[2:])
    left = x.flatten(1, -2) if x.ndim > 2 else x.unsqueeze(1)
    right = y.flatten(2) if y.ndim > 2 else y.unsqueeze(2)
    return torch.bmm(left, right).reshape(x.shape[0], *(rest or (1,)))


def concatenate(tensors: Any, axis: int = -1) -> Tensor:
    """Tensors joined along an axis."""
    return ops.concatenate(tensors, axis)


def expand_dims(x: Any, axis: int = -1) -> Tensor:
    """A new axis of size 1."""
    return ops.expand_dims(x, axis)


def reshape(x: Any, shape: Any) -> Tensor:
    """The elements in the same order in another shape."""
    return ops.reshape(x, shape)


def flatten(x: Any) -> Tensor:
    """All elements as a vector."""
    return ops.reshape(x, (-1,))


@backend_op
def batch_flatten(x: Any) -> Tensor:
    """The elements of each sample as a vector: (batch, size)."""
    x = convert(x)
    return x.flatten(1) if x.ndim > 1 else x.unsqueeze(1)


def permute_dimensions(x: Any, pattern: Any) -> Tensor:
    """The axes in another order."""
    return ops.transpose(x, pattern)


def transpose(x: Any) -> Tensor:
    """The axes in reverse order."""
    return ops.transpose(x)


@backend_op
def repeat(x: Any, n: int) -> Tensor:
    """A matrix (batch, size) as (batch, n, size)."""
    x = convert(x)
    if x.ndim != 2:
        raise ValueError(f"Expected input `x` to have rank 2. Received: rank(x)={x.ndim}")
    return x.unsqueeze(1).repeat(1, n, 1)


def repeat_elements(x: Any, rep: int, axis: int) -> Tensor:
    """Each slice along an axis ``rep`` times."""
    return ops.repeat(x, rep, axis)


def tile(x: Any, n: Any) -> Tensor:
    """The whole tensor repeated along its axes."""
    return ops.tile(x, n)


def gather(reference: Any, indices: Any) -> Tensor:
    """The slices of the first axis at indices of any shape."""
    return ops.take(reference, indices, 0)


def reverse(x: Any, axes: Any) -> Tensor:
    """Backwards along some axes."""
    return ops.flip(x, axes)


def slice(x: Any, start: Any, size: Any) -> Tensor:
    """The block of ``size`` that begins at ``start``; -1 is all that is left of an axis."""
    ends = [None if count == -1 else begin + count for begin, count in zip(start, size, strict=True)]
    return ops.get_item(x, tuple(builtins.slice(begin, end) for begin, end in zip(start, ends, strict=True)))


def one_hot(indices: Any, num_classes: int) -> Tensor:
    """1 at the class number along a new last axis, 0 elsewhere."""
    return ops.one_hot(indices, num_classes)


def in_top_k(predictions: Any, targets: Any, k: int) -> Tensor:
    """Whether each class number (batch,) is among the ``k`` largest of its predictions (batch, classes)."""
    return ops.in_top_k(targets, predictions, k)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """``fn`` of each slice along the first axis, stacked."""
    found = ops.map(fn, elems)
    return found if dtype is None else ops.cast(found, dtype)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """``value = fn(value, slice)`` along the first axis, from ``initializer`` or the first slice."""
    slices = list(ops.unstack(elems))
    value = slices.pop(0) if initializer is None else initializer
    for one in slices:
        value = fn(value, one)
    return value


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """:func:`foldl` from the last slice to the first."""
    return foldl(fn, ops.flip(elems, 0), initializer)
