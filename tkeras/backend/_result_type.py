"""Keras' rules of type promotion: those of JAX, with results of at most 32 bits."""

from __future__ import annotations

import functools
from typing import Any

from tkeras.config import floatx, standardize_dtype

_NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
_WEAK = (bool, int, float, complex)


def result_type(*dtypes: Any) -> str:
    """Name of the type that values of these types are promoted to.

    Python's ``bool``, ``int``, ``float`` and ``complex`` are weak: they take the width of what they meet, and
    alone are int32 and ``floatx()``. 64 bits count as 32; the functions of `tkeras.ops` keep them.

    Args:
        dtypes: names, torch, numpy or Python types; None means ``floatx()``.

    Raises:
        ValueError: an unknown type, strings, or 8-bit floats beside others.
    """
    strong = [standardize_dtype(dtype) for dtype in dtypes or (None,) if dtype not in _WEAK]
    weak = [_WEAK.index(dtype) for dtype in dtypes if dtype in _WEAK]
    if any(name.startswith("float8") for name in strong):
        raise ValueError(
            "There is no implicit conversions from float8 dtypes to others. You must cast it internally. "
            f"Received: {dtypes}"
        )
    if "string" in strong:
        raise ValueError("dtype='string' is not a valid dtype for Keras type promotion.")
    result = functools.reduce(_promote, (strong[0], *strong[1:])) if strong else "bool"
    return _narrow(_widen(result, max(weak, default=0)))


def _narrow(name: str) -> str:
    return _NARROW.get(name, name)


def _kind(name: str) -> int:
    """0 bool, 1 integers, 2 floats, 3 complex."""
    return 0 if name == "bool" else 3 if name.startswith("complex") else 1 if "int" in name else 2


def _bits(name: str) -> int:
    return int(name.removeprefix("u").removeprefix("b").lstrip("intfloacmpex") or 1)


def _widen(name: str, weak: int) -> str:
    """``name`` beside a Python type of another kind."""
    if weak <= _kind(name):
        return name
    if weak == 3:
        return "complex64"
    return floatx() if weak == 2 else "int32"


def _promote(a: str, b: str) -> str:
    low, high = sorted((a, b), key=lambda name: (_kind(name), _bits(name)))
    if low == high or _kind(low) != _kind(high) or _kind(low) == 3:
        return high
    if _kind(low) == 2:
        return "float32" if _bits(low) == _bits(high) else high
    unsigned, signed = sorted((low, high), key=lambda name: not name.startswith("u"))
    if signed.startswith("u") or not unsigned.startswith("u"):
        return high
    if unsigned == "uint64":
        return floatx()
    return f"int{max(2 * _bits(unsigned), _bits(signed))}"
