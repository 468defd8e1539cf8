"""Variables, constants and what is in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tkeras import ops
from tkeras.config import floatx
from tkeras.graph import KerasTensor, Variable, any_symbolic
from tkeras.ops._convert import convert, optional_dtype


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable of ``floatx()`` or the given type with this value."""
    made = Variable(convert(value), dtype=dtype or floatx(), name=name)
    made.constraint = constraint
    return made


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor of ``floatx()`` or the given type; one number fills ``shape``."""
    made = convert(value, optional_dtype(dtype or floatx()))
    if shape is None:
        return made
    return ops.full(shape, made, made.dtype) if made.numel() == 1 else ops.reshape(made, shape)


def placeholder(
    shape: Any = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
    ragged: bool = False,
) -> KerasTensor:
    """A symbolic tensor, ``tkeras.Input`` with the batch in its shape."""
    from tkeras.layers import Input

    if sparse or ragged:
        raise ValueError("Sparse and ragged tensors are not supported; use dense tensors and masks.")
    if shape is None and ndim is None:
        raise ValueError("Expected `shape` or `ndim`. Received: neither")
    return Input(batch_shape=(None,) * (ndim or 0) if shape is None else shape, dtype=dtype, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of zeros."""
    return variable(ops.zeros(shape, dtype), dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable of ones."""
    return variable(ops.ones(shape, dtype), dtype, name)


def eye(size: int, dtype: Any = None, name: str | None = None) -> Variable:
    """A variable with ones on the diagonal."""
    return variable(ops.eye(size, dtype=dtype), dtype, name)


def cast_to_floatx(x: Any) -> Any:
    """``x`` as ``floatx()``: an array or number as an array, a tensor as a tensor."""
    if hasattr(x, "__torch_function__"):
        return ops.cast(x, floatx())
    return np.asarray(x, dtype=floatx())


def eval(x: Any) -> np.ndarray:
    """The value as an array."""
    if any_symbolic(x):
        raise ValueError(
            "A symbolic tensor has no value. Compute it with a model, or with `K.function(inputs, outputs)`. "
            f"Received: x={x}"
        )
    return ops.convert_to_numpy(x)


get_value: Callable[[Any], np.ndarray] = eval


def set_value(x: Variable, value: Any) -> None:
    """Put a value into a variable."""
    x.assign(convert(value, x.dtype))


def batch_get_value(tensors: Any) -> list[np.ndarray]:
    """The values as arrays."""
    return [eval(tensor) for tensor in tensors]


def batch_set_value(tuples: Any) -> None:
    """Put values into variables, given as pairs."""
    for pair in tuples:
        set_value(*pair)


def update(x: Variable, new_x: Any) -> Variable:
    """``x = new_x``."""
    return x.assign(convert(new_x, x.dtype))


def update_add(x: Variable, increment: Any) -> Variable:
    """``x = x + increment``."""
    return x.assign_add(convert(increment, x.dtype))


def update_sub(x: Variable, decrement: Any) -> Variable:
    """``x = x - decrement``."""
    return x.assign_sub(convert(decrement, x.dtype))


def moving_average_update(x: Variable, value: Any, momentum: float) -> Variable:
    """``x = momentum · x + (1 - momentum) · value``."""
    return update_sub(x, (x - convert(value, x.dtype)) * (1 - momentum))


def count_params(x: Any) -> int:
    """Number of elements."""
    return math.prod(x.shape)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The sizes of the axes, None where a symbolic tensor does not know."""
    return ops.shape(x)


def is_sparse(tensor: Any) -> bool:
    """False: tensors here are dense."""
    return False


def to_dense(tensor: Any) -> Any:
    """The tensor, which is dense."""
    return tensor


def stop_gradient(variables: Any) -> Any:
    """The same values, through which no gradient flows; of a list a list."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(one) for one in variables]
    return ops.stop_gradient(variables)
