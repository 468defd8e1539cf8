"""Making, joining, cutting and indexing tensors, with TensorFlow's names and argument order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch

from tkeras import ops
from tkeras.compat._tensors import Shape
from tkeras.compat.tensorflow._dtypes import as_dtype
from tkeras.graph import any_symbolic


def _name(dtype: Any) -> str | None:
    return None if dtype is None else as_dtype(dtype).name


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor from numbers, filled up to ``shape``; Python floats become float32."""
    result = ops.convert_to_tensor(value, dtype=_name(dtype))
    if shape is None or tuple(shape) == tuple(result.shape):
        return result
    return ops.broadcast_to(result, shape) if result.ndim == 0 else ops.reshape(result, shape)


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Any:
    """A tensor from an array, list or number."""
    return ops.convert_to_tensor(value, dtype=_name(dtype))


def zeros(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Zeros."""
    return ops.zeros(_sizes(shape), dtype=_name(dtype))


def ones(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
    """Ones."""
    return ops.ones(_sizes(shape), dtype=_name(dtype))


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """``value`` everywhere."""
    return ops.full(_sizes(dims), value)


def eye(
    num_rows: int, num_columns: int | None = None, batch_shape: Any = None, dtype: Any = "float32"
) -> Any:
    """Ones on the diagonal, for each index of ``batch_shape``."""
    matrix = ops.eye(num_rows, num_columns, dtype=_name(dtype))
    return matrix if batch_shape is None else ops.broadcast_to(matrix, (*batch_shape, *matrix.shape))


def zeros_like(input: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Zeros of the shape of ``input``."""
    return ops.zeros_like(input, dtype=_name(dtype))


def ones_like(input: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Ones of the shape of ``input``."""
    return ops.ones_like(input, dtype=_name(dtype))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> torch.Tensor:
    """Numbers from ``start``, or 0, up to ``limit``, exclusive."""
    start, limit = (0, start) if limit is None else (start, limit)
    return ops.arange(start, limit, delta, dtype=_name(dtype))


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Any:
    """``num`` numbers from ``start`` to ``stop``, both included."""
    return ops.linspace(start, stop, num, axis=axis)


def _sizes(shape: Any) -> Any:
    """A shape given as a tensor, list, tuple or number."""
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    return (shape,) if isinstance(shape, int) else tuple(map(_size, shape))


def _size(size: Any) -> Any:
    return int(size) if isinstance(size, torch.Tensor) else size


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Shape:
    """The sizes, as a tuple."""
    return Shape(ops.shape(input))


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The number of elements."""
    return ops.size(input)


def rank(input: Any, name: str | None = None) -> int:
    """The number of axes."""
    return len(ops.shape(input))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements in another shape."""
    return ops.reshape(tensor, _sizes(shape))


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """Axes in another order."""
    result = ops.transpose(a, perm)
    return ops.conj(result) if conjugate else result


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Without axes of size 1."""
    return ops.squeeze(input, axis)


def expand_dims(input: Any, axis: int, name: str | None = None) -> Any:
    """With one more axis of size 1."""
    return ops.expand_dims(input, axis)


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """Repeated along each axis."""
    return ops.tile(input, _sizes(multiples))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Each element repeated."""
    return ops.repeat(input, repeats, axis)


def concat(values: Any, axis: int, name: str | None = None) -> Any:
    """Joined along an axis."""
    return ops.concatenate(list(values), axis=axis)


def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """Joined along a new axis."""
    return ops.stack(list(values), axis=axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> Any:
    """The slices along an axis, a list."""
    return list(ops.unstack(value, num, axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str | None = None
) -> Any:
    """Equal parts, given their number, or parts of the given sizes; a list."""
    if isinstance(num_or_size_splits, int):
        return list(ops.split(value, num_or_size_splits, axis))
    sizes = list(_sizes(num_or_size_splits))
    if -1 in sizes:
        sizes[sizes.index(-1)] = value.shape[axis] - sum(size for size in sizes if size != -1)
    return list(ops.split(value, list(accumulate(sizes[:-1])), axis))


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None
) -> Any:
    """Padded before and after along each axis."""
    if mode.upper() == "CONSTANT":
        return ops.pad(tensor, paddings, "constant", constant_values)
    return ops.pad(tensor, paddings, mode.lower())


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """In reverse order along axes."""
    return ops.flip(tensor, axis)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """Shifted along an axis; what leaves at one end comes in at the other."""
    return ops.roll(input, shift, axis)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """Slices of ``params`` along an axis; with ``batch_dims``, those leading axes run together."""
    if not batch_dims:
        return ops.take(params, indices, axis=0 if axis is None else axis)
    if axis not in (None, batch_dims) or any_symbolic((params, indices)):
        raise ValueError(
            f"tf.gather: `batch_dims={batch_dims}` is supported along that axis of eager tensors."
        )
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    lead, tail = params.shape[:batch_dims], params.shape[batch_dims + 1 :]
    flat = indices.long().reshape(*lead, -1)
    wide = flat.reshape(*flat.shape, *(1 for _ in tail)).expand(*flat.shape, *tail)
    return params.gather(batch_dims, wide).reshape(*indices.shape, *tail)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """Elements or slices at the positions in the last axis of ``indices``."""
    if batch_dims:
        raise ValueError("tf.gather_nd: `batch_dims` is not supported; use tf.gather with `batch_dims`.")
    return ops.convert_to_tensor(params)[tuple(ops.convert_to_tensor(indices).long().unbind(-1))]


def boolean_mask(tensor: Any, mask: Any, axis: int = 0, name: str | None = None) -> Any:
    """What lies where ``mask`` is true, in one axis."""
    tensor, mask = ops.convert_to_tensor(tensor), ops.convert_to_tensor(mask, dtype="bool")
    return tensor[(slice(None),) * axis + (mask,)]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """``x`` where the condition holds, else ``y``; positions (N, rank) of true elements without them."""
    if x is None and y is None:
        return torch.argwhere(ops.convert_to_tensor(condition))
    return ops.where(condition, x, y)


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int = -1,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """``on_value`` at the index, ``off_value`` elsewhere."""
    hot = ops.one_hot(indices, depth, axis=axis, dtype=_name(dtype) or "float32")
    if on_value is None and off_value is None:
        return hot
    low = 0 if off_value is None else off_value
    return low + hot * ((1 if on_value is None else on_value) - low)


def identity(input: Any, name: str | None = None) -> Any:
    """The same values in a tensor of its own."""
    return ops.copy(input)


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Sorted along an axis."""
    found = ops.sort(values, axis=axis)
    return ops.flip(found, axis) if _descending(direction) else found


def argsort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Any:
    """The indices that sort."""
    return ops.argsort(ops.negative(values) if _descending(direction) else values, axis=axis)


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"`direction` must be 'ASCENDING' or 'DESCENDING'. Received: {direction}")
    return direction == "DESCENDING"


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> Any:
    """Coordinates of a grid, a list."""
    return list(ops.meshgrid(*args, indexing=indexing))


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
    """A copy with other values at the given positions."""
    return ops.scatter_update(tensor, indices, updates)


def map_fn(fn: Any, elems: Any, dtype: Any = None, fn_output_signature: Any = None, **kwargs: Any) -> Any:
    """``fn`` of each slice along the first axis, stacked."""
    if kwargs:
        raise ValueError(f"tf.map_fn: not supported: {sorted(kwargs)}")
    return ops.map(fn, elems)


def broadcast_static_shape(shape_x: Sequence[int], shape_y: Sequence[int]) -> Shape:
    """The shape that both broadcast to."""
    return Shape(torch.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def unique(x: Any, name: str | None = None) -> Any:
    """The distinct values in the order of their first appearance, and the index of each element's value."""
    x = ops.convert_to_tensor(x)
    values, inverse = torch.unique(x, return_inverse=True)
    first = torch.full((len(values),), len(x), dtype=torch.int64, device=x.device)
    first = first.scatter_reduce(0, inverse, torch.arange(len(x), device=x.device), "amin")
    order = first.argsort()
    return values[order], order.argsort()[inverse].int()
