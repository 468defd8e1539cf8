"""Projections against real Keras."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import constraints

CASES = [
    ("MaxNorm", {"max_value": 1.0}),
    ("MaxNorm", {"max_value": 1.0, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.0, "rate": 0.75}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values(name: str, arguments: dict[str, Any]) -> None:
    ours, real = getattr(constraints, name)(**arguments), getattr(keras.constraints, name)(**arguments)
    for scale in (0.0, 0.1, 3.0):
        w = torch.randn(3, 5, 4) * scale
        assert_close(ours(w), real(w), name, ulps=16)
    assert constraints.serialize(ours) == keras.constraints.serialize(real)


@pytest.mark.parametrize("name", sorted(keras.src.constraints.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    wanted = keras.src.constraints.ALL_OBJECTS_DICT[name].__name__
    if wanted != "Constraint":
        assert type(constraints.get(name)).__name__ == wanted
