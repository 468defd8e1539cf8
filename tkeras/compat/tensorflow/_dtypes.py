"""Element types: equal to the torch type and to the name."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import torch

from tkeras.config import standardize_dtype, torch_dtype
from tkeras.ops import cast as _cast


class DType:
    """``tf.float32``: a name that equals every spelling of the type."""

    def __init__(self, name: str):
        self.name = name

    @property
    def as_numpy_dtype(self) -> Any:
        """The numpy type."""
        return np.dtype(self.name).type

    @property
    def is_floating(self) -> builtins.bool:
        """Whether it is a floating point type."""
        return torch_dtype(self.name).is_floating_point

    @property
    def is_integer(self) -> builtins.bool:
        """Whether it is an integer type, signed or not."""
        return "int" in self.name

    @property
    def is_bool(self) -> builtins.bool:
        """Whether it is the type of truth values."""
        return self.name == "bool"

    @property
    def min(self) -> Any:
        """The least value."""
        return (torch.finfo if self.is_floating else torch.iinfo)(torch_dtype(self.name)).min

    @property
    def max(self) -> Any:
        """The largest value."""
        return (torch.finfo if self.is_floating else torch.iinfo)(torch_dtype(self.name)).max

    def __eq__(self, other: object) -> builtins.bool:
        try:
            return self.name == standardize_dtype(other)
        except (ValueError, TypeError):
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"


def as_dtype(type_value: Any) -> DType:
    """The type of any spelling."""
    return type_value if isinstance(type_value, DType) else DType(standardize_dtype(type_value))


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """``x`` with elements of another type."""
    return _cast(x, as_dtype(dtype).name)


bool, string = DType("bool"), DType("string")
float16, bfloat16, float32, float64 = map(DType, ("float16", "bfloat16", "float32", "float64"))
half, double = float16, float64
int8, int16, int32, int64 = map(DType, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(DType, ("uint8", "uint16", "uint32", "uint64"))
complex64, complex128 = map(DType, ("complex64", "complex128"))
