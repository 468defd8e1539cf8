"""Names of element types: Keras says ``"float32"``, torch says ``torch.float32``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config._state import floatx

_TORCH = {
    "bool": torch.bool,
    "uint8": torch.uint8,
    "uint16": torch.uint16,
    "uint32": torch.uint32,
    "uint64": torch.uint64,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}
_NAMES = {dtype: name for name, dtype in _TORCH.items()}
_PYTHON = {bool: "bool", int: "int32", float: "float32", complex: "complex64", str: "string"}
_WORDS = {"int": "int32", "string": "string"}


def standardize_dtype(dtype: Any) -> str:
    """Keras' name of an element type given as a name, a torch or numpy type, or a Python type.

    None means :func:`tkeras.config.floatx`.

    Raises:
        ValueError: the type is unknown.
    """
    if dtype is None:
        return floatx()
    if dtype in _NAMES:
        return _NAMES[dtype]
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    if isinstance(dtype, str):
        name = _WORDS.get(dtype, dtype)
    else:
        name = getattr(dtype, "name", None) or _numpy_name(dtype)
    if name == "string":
        return "string"
    if name not in _TORCH:
        raise ValueError(f"Invalid dtype: {dtype}. Expected one of {sorted(_TORCH)}")
    return name


def _numpy_name(dtype: Any) -> str:
    try:
        return np.dtype(dtype).name
    except TypeError:
        return str(dtype)


def torch_dtype(dtype: Any) -> torch.dtype:
    """The torch element type of any spelling that :func:`standardize_dtype` takes."""
    if isinstance(dtype, torch.dtype):
        return dtype
    return _TORCH[standardize_dtype(dtype)]


def is_float_dtype(dtype: Any) -> bool:
    """True for the floating point types."""
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """True for signed and unsigned integers."""
    return standardize_dtype(dtype).startswith(("int", "uint"))
