"""`KerasTensor`: a symbolic tensor, and the recording of whatever is called on one."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from tkeras.config import standardize_dtype
from tkeras.graph._naming import auto_name


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: call ``node_index`` of ``operation``, output ``tensor_index``."""

    operation: Any
    node_index: int
    tensor_index: int


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of ints and None.

    Raises:
        ValueError: it is none.
    """
    if shape is None:
        raise ValueError("Undefined shapes are not supported.")
    if isinstance(shape, str) or not hasattr(shape, "__iter__"):
        raise ValueError(f"Cannot convert '{shape}' to a shape.")
    sizes = tuple(shape)
    for size in sizes:
        if size is None:
            continue
        if not hasattr(size, "__index__"):
            raise ValueError(
                f"Cannot convert '{shape}' to a shape. Found invalid dimension '{size}' of type "
                f"'{type(size)}'."
            )
        if operator.index(size) < 0:
            raise ValueError(f"Cannot convert '{shape}' to a shape. Negative dimensions are not allowed.")
    return tuple(None if size is None else operator.index(size) for size in sizes)


class KerasTensor:
    """The shape and type of a tensor that a model will compute.

    Layers, ``tkeras.ops``, torch functions and Python operators called on it give new symbolic tensors.

    Args:
        shape: tuple of ints, None where any size goes.
        dtype: name of the element type.
        record_history: whether calls on it are recorded; what is made from one without has no history.
        name: a label; generated when absent.
    """

    sparse = ragged = False

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ):
        if sparse or ragged:
            raise ValueError(
                "KerasTensor: sparse and ragged tensors are not supported; use dense tensors and masks."
            )
        self._shape = standardize_shape(shape)
        self._dtype = "string" if dtype == "string" else standardize_dtype(dtype)
        self.name = name or auto_name(type(self).__name__)
        self._keras_history: KerasHistory | None = None
        self.record_history = record_history

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape with None for unknown sizes."""
        return self._shape

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._shape)

    def get_shape(self) -> tuple[int | None, ...]:
        """The shape (TensorFlow's spelling)."""
        return self._shape

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return record(func, args, kwargs or {})

    def reshape(self, newshape: Any, *more: int) -> Any:
        """``torch.reshape`` to a tuple, or to sizes one by one."""
        target = newshape if isinstance(newshape, (tuple, list)) else (newshape, *more)
        return record(torch.reshape, (self, tuple(target)), {})

    def squeeze(self, axis: int | tuple[int, ...] | None = None) -> Any:
        """``torch.squeeze`` of some axes, or of all of size 1."""
        for index in () if axis is None else (axis,) if isinstance(axis, int) else axis:
            if self._shape[index] not in (1, None):
                raise ValueError(f"Cannot squeeze axis {index}, because the dimension is not 1.")
        return record(torch.squeeze, (self,) if axis is None else (self, axis), {})

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return record(torch.permute, (self, tuple(reversed(range(self.ndim)))), {})

    __array_ufunc__ = None  # numpy leaves ``array + symbolic`` to us

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. It doesn't have any"
            " actual numerical value. You cannot convert it to a NumPy array."
        )

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic KerasTensor cannot be used as a boolean: it has no value. "
            "Use `tkeras.ops.where` for a choice that depends on values."
        )

    def __iter__(self) -> Any:
        raise NotImplementedError(
            "Iterating over a symbolic KerasTensor is not supported. Use `tkeras.ops.unstack`."
        )

    __float__ = __int__ = __index__ = __array__

    def __round__(self, ndigits: int | None = None) -> Any:
        return record(torch.round, (self,), {"decimals": ndigits or 0})

    def __getitem__(self, key: Any) -> Any:
        return record(operator.getitem, (self, key), {})

    def __repr__(self) -> str:
        kind = f"dtype={self._dtype}, sparse=False, ragged=False"
        return f"<KerasTensor shape={self._shape}, {kind}, name={self.name}>"


_LOGICAL = (torch.logical_and, torch.logical_or, torch.logical_xor)


def _binary(function: Callable[[Any, Any], Any], swap: bool) -> Callable[[KerasTensor, Any], Any]:
    def method(self: KerasTensor, other: Any) -> Any:
        if isinstance(other, (np.ndarray, np.generic)) or (isinstance(other, bool) and function in _LOGICAL):
            other = torch.as_tensor(other)
        return record(function, (other, self) if swap else (self, other), {})

    return method


_BINARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "add": ("add", operator.add),
    "sub": ("subtract", operator.sub),
    "mul": ("multiply", operator.mul),
    "truediv": ("true_divide", operator.truediv),
    "floordiv": ("floor_divide", operator.floordiv),
    "mod": ("mod", operator.mod),
    "pow": ("power", operator.pow),
    "matmul": ("matmul", operator.matmul),
    "and": ("logical_and", torch.logical_and),
    "or": ("logical_or", torch.logical_or),
    "xor": ("logical_xor", torch.logical_xor),
}
_COMPARE: dict[str, tuple[str, Callable[..., Any]]] = {  # == stays identity, as in Keras: lists rely on it
    "lt": ("less", operator.lt),
    "le": ("less_equal", operator.le),
    "gt": ("greater", operator.gt),
    "ge": ("greater_equal", operator.ge),
    "ne": ("not_equal", operator.ne),
}
_UNARY: dict[str, tuple[str, Callable[..., Any]]] = {
    "neg": ("negative", operator.neg),
    "abs": ("absolute", operator.abs),
    "invert": ("logical_not", torch.logical_not),
}
OPERATORS = {
    **dict((_BINARY | _COMPARE | _UNARY).values()),
    "get_item": operator.getitem,
}
"""Python's operators by the names of Keras' ops that they are."""

for _dunder, (_, _function) in (_BINARY | _COMPARE).items():
    setattr(KerasTensor, f"__{_dunder}__", _binary(_function, False))
for _dunder, (_, _function) in _BINARY.items():
    setattr(KerasTensor, f"__r{_dunder}__", _binary(_function, True))
for _dunder, (_, _function) in _UNARY.items():
    setattr(KerasTensor, f"__{_dunder}__", lambda self, f=_function: record(f, (self,), {}))


def record(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Record a function called on symbolic tensors as a node of the graph, and give its symbolic result."""
    from tkeras.graph._operation import FunctionOperation

    return FunctionOperation(function)(*args, **kwargs)


def is_keras_tensor(x: Any) -> bool:
    """True for a symbolic tensor."""
    return isinstance(x, KerasTensor)
