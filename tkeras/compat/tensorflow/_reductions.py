"""Reductions and arithmetic, with TensorFlow's names and argument order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tkeras import ops
from tkeras.compat.tensorflow._dtypes import as_dtype


def _reduction(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
        return function(input_tensor, axis=axis, keepdims=keepdims)

    reduce.__doc__ = f"{what} over all axes or some."
    return reduce


reduce_sum = _reduction(ops.sum, "Sum")
reduce_mean = _reduction(ops.mean, "Mean")
reduce_max = _reduction(ops.max, "Maximum")
reduce_min = _reduction(ops.min, "Minimum")
reduce_prod = _reduction(ops.prod, "Product")
reduce_all = _reduction(ops.all, "Whether all hold")
reduce_any = _reduction(ops.any, "Whether any holds")
reduce_logsumexp = _reduction(ops.logsumexp, "Logarithm of the sum of exponentials")
reduce_std = _reduction(ops.std, "Standard deviation")
reduce_variance = _reduction(ops.var, "Variance")


def argmax(input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None) -> Any:
    """Index of the largest element along an axis, the first by default."""
    return ops.cast(ops.argmax(input, axis=axis or 0), as_dtype(output_type).name)


def argmin(input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None) -> Any:
    """Index of the least element along an axis, the first by default."""
    return ops.cast(ops.argmin(input, axis=axis or 0), as_dtype(output_type).name)


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sum; ``exclusive`` leaves the element itself out, ``reverse`` starts at the end."""
    x = ops.convert_to_tensor(x)
    x = ops.flip(x, axis) if reverse else x
    total = ops.cumsum(x, axis=axis)
    total = total - x if exclusive else total
    return ops.flip(total, axis) if reverse else total


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: str | None = None,
) -> Any:
    """Product of matrices, each transposed first (and conjugated, if adjoint) where asked."""
    return ops.matmul(_turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b))


def _turned(a: Any, transposed: bool, adjoint: bool) -> Any:
    a = ops.swapaxes(a, -1, -2) if transposed or adjoint else a
    return ops.conj(a) if adjoint else a


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """Sum of products over axes of both."""
    return ops.tensordot(a, b, axes=axes)


def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of vectors, or of matrices given two axes; of all elements without axis."""
    tensor = ops.reshape(tensor, (-1,)) if axis is None and not keepdims else tensor
    kind = None if ord == "euclidean" else ord
    return ops.norm(tensor, ord=kind, axis=axis, keepdims=keepdims)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Held within bounds."""
    return ops.clip(t, clip_value_min, clip_value_max)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Scaled down where the norm is above ``clip_norm``."""
    t = ops.convert_to_tensor(t)
    size = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return t * (clip_norm / ops.maximum(size, clip_norm))


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """Norm of all tensors as one vector; None counts nothing."""
    return ops.sqrt(sum(ops.sum(ops.square(t)) for t in t_list if t is not None))


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None) -> Any:
    """All tensors scaled down where their common norm is above ``clip_norm``, and that norm."""
    size = global_norm(t_list) if use_norm is None else use_norm
    factor = clip_norm / ops.maximum(size, clip_norm)
    return [None if t is None else t * factor for t in t_list], size


def add_n(inputs: Any, name: str | None = None) -> Any:
    """Sum of tensors of one shape."""
    first, *rest = inputs
    for term in rest:
        first = first + term
    return first


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """Divided by the Euclidean norm along axes."""
    x = ops.convert_to_tensor(x)
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(squares, epsilon))


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> Any:
    """The k largest along the last axis, and their indices."""
    return ops.top_k(input, k, sorted=sorted)


def floormod(x: Any, y: Any, name: str | None = None) -> Any:
    """Remainder with the sign of ``y``."""
    return ops.mod(x, y)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """``(x - y)²``."""
    return ops.square(ops.subtract(x, y))


def add(x: Any, y: Any, name: str | None = None) -> Any:
    """``x + y``."""
    return ops.add(x, y)


def subtract(x: Any, y: Any, name: str | None = None) -> Any:
    """``x - y``."""
    return ops.subtract(x, y)


def multiply(x: Any, y: Any, name: str | None = None) -> Any:
    """``x * y``."""
    return ops.multiply(x, y)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """``x / y``."""
    return ops.divide(x, y)
