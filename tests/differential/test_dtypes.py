"""Type promotion against real Keras: of every pair of types, by name and by what binary ops return."""

from __future__ import annotations

import itertools
from typing import Any

import keras
import pytest
import torch

import tkeras

NAMES = [
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
KINDS: list[Any] = [*NAMES, bool, int, float, complex, None, "int", torch.float16]
SMALL = ["bool", "uint8", "int8", "int16", "int32", "float16", "bfloat16", "float32"]
NUMBERS: list[Any] = [2, 2.5, True]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "floor_divide",
    "mod",
    "fmod",
    "power",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "arctan2",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "matmul",
    "outer",
    "append",
    "divide_no_nan",
    "heaviside",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "nextafter",
    "isclose",
    "where",
    "stack",
    "concatenate",
    "full_like",
]
FLOAT_BESIDE_HALF = ["arctan2", "heaviside", "hypot", "logaddexp", "logaddexp2", "nextafter"]
"""Beside a 16-bit tensor real Keras takes a Python float for float32 in these, unlike in all others."""


def test_names_of_promoted_types() -> None:
    for pair in itertools.product(KINDS, KINDS):
        assert tkeras.backend.result_type(*pair) == keras.backend.result_type(*pair), pair
    for single in KINDS:
        assert tkeras.backend.result_type(single) == keras.backend.result_type(single), single
    assert tkeras.backend.result_type() == keras.backend.result_type()
    for wrong in (("float8_e4m3fn", "int8"), ("foo",), ("string", "int8")):
        with pytest.raises(ValueError) as ours:
            tkeras.backend.result_type(*wrong)
        with pytest.raises(ValueError) as real:
            keras.backend.result_type(*wrong)
        assert str(ours.value).split(".")[0] == str(real.value).split(".")[0]


def call(library: Any, name: str, x1: Any, x2: Any) -> Any:
    function = getattr(library.ops, name)
    if name in ("stack", "concatenate"):
        return function([x1, x2])
    if name == "where":
        return function(torch.tensor([True, False, True]), x1, x2)
    return function(x1, x2)


@pytest.mark.parametrize("name", BINARY)
def test_types_of_binary_ops(name: str) -> None:
    """On tensors of every pair of types of up to 32 bits, and beside Python numbers."""
    for first, second in itertools.product(SMALL, [*SMALL, *NUMBERS]):
        x1 = torch.tensor([1, 0, 1]).to(getattr(torch, first))
        x2 = torch.tensor([1, 2, 1]).to(getattr(torch, second)) if isinstance(second, str) else second
        if name in FLOAT_BESIDE_HALF and second == 2.5 and x1.element_size() == 2 and x1.is_floating_point():
            continue
        try:
            real = call(keras, name, x1, x2)
        except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError):
            continue
        ours = call(tkeras, name, x1, x2)
        assert ours.dtype is real.dtype, (first, second, ours.dtype, real.dtype)
        torch.testing.assert_close(ours.float(), real.float(), rtol=1e-2, atol=1e-2, equal_nan=True)
