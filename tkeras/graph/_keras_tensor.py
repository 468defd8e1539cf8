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


class KerasTensor:
    """The shape and type of a tensor that a model will compute.

    Layers, ``tkeras.ops``, torch functions and Python operators called on it give new symbolic tensors.

    Args:
        shape: tuple of ints, None where any size goes.
        dtype: name of the element type.
        name: a label; generated when absent.
    """

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
        self._shape = tuple(None if size is None else int(size) for size in shape)
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

    def reshape(self, *shape: Any) -> Any:
        """``torch.reshape``."""
        target = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return record(torch.reshape, (self, tuple(target)), {})

    def squeeze(self, axis: int) -> Any:
        """``torch.squeeze`` of one axis."""
        return record(torch.squeeze, (self, axis), {})

    @property
    def T(self) -> Any:
        """All axes reversed."""
        return record(torch.permute, (self, tuple(reversed(range(self.ndim)))), {})

    __array_ufunc__ = None  # numpy leaves ``array + symbolic`` to us

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any"
            " actual numerical value. You cannot convert it to a NumPy array."
        )

    def __bool__(self) -> bool:
        raise TypeError(
            "A symbolic KerasTensor cannot be used as a boolean: it has no value. "
            "Use `tkeras.ops.where` for a choice that depends on values."
        )

    def __iter__(self) -> Any:
        if not self._shape or self._shape[0] is None:
            raise TypeError("Iterating over a symbolic KerasTensor needs a known first dimension.")
        return (self[index] for index in range(self._shape[0]))

    def __len__(self) -> int:
        if not self._shape or self._shape[0] is None:
            raise TypeError("The length of a symbolic KerasTensor needs a known first dimension.")
        return self._shape[0]

    def __float__(self) -> float:
        raise TypeError("A symbolic KerasTensor has no value to convert to a number.")

    __int__ = __index__ = __float__

    def __getitem__(self, key: Any) -> Any:
        return record(operator.getitem, (self, key), {})

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, name={self.name}>"


def _binary(function: Callable[[Any, Any], Any], swap: bool) -> Callable[[KerasTensor, Any], Any]:
    def method(self: KerasTensor, other: Any) -> Any:
        if isinstance(other, (np.ndarray, np.generic)):
            other = torch.as_tensor(other)
        return record(function, (other, self) if swap else (self, other), {})

    return method


_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"]
_COMPARE = ["lt", "le", "gt", "ge", "eq", "ne"]
for _name in _BINARY:
    _dunder, _function = _name.strip("_"), getattr(operator, _name)
    setattr(KerasTensor, f"__{_dunder}__", _binary(_function, False))
    setattr(KerasTensor, f"__r{_dunder}__", _binary(_function, True))
for _name in _COMPARE[:4]:  # == and != stay comparisons of identity: lists and asserts rely on them
    setattr(KerasTensor, f"__{_name}__", _binary(getattr(operator, _name), False))
for _name in ("neg", "abs", "invert"):
    _function = getattr(operator, _name)
    setattr(KerasTensor, f"__{_name}__", lambda self, f=_function: record(f, (self,), {}))


def record(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Record a function called on symbolic tensors as a node of the graph, and give its symbolic result."""
    from tkeras.graph._operation import FunctionOperation

    return FunctionOperation(function)(*args, **kwargs)


def is_keras_tensor(value: Any) -> bool:
    """True for a symbolic tensor."""
    return isinstance(value, KerasTensor)
