"""Penalties and their gradients against real Keras."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import regularizers

CASES = [
    ("L1", {"l1": 0.25}),
    ("L2", {"l2": 0.25}),
    ("L1L2", {"l1": 0.25, "l2": 0.5}),
    ("L1L2", {"l2": 0.5}),
    ("L1L2", {"l1": 0.5}),
    ("OrthogonalRegularizer", {"factor": 0.25}),
    ("OrthogonalRegularizer", {"factor": 0.25, "mode": "columns"}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_values_and_gradients(name: str, arguments: dict[str, Any]) -> None:
    x = torch.randn(5, 7, requires_grad=True)
    ours = getattr(regularizers, name)(**arguments)
    real = getattr(keras.regularizers, name)(**arguments)
    assert_close(ours(x).detach(), real(x).detach(), name, ulps=16)
    gradients = [torch.autograd.grad(penalty(x), x)[0] for penalty in (ours, real)]
    assert_close(*gradients, f"gradient of {name}", ulps=16)
    assert regularizers.serialize(ours) == keras.regularizers.serialize(real)


@pytest.mark.parametrize("name", sorted(keras.src.regularizers.ALL_OBJECTS_DICT))
def test_every_name_of_keras_is_known(name: str) -> None:
    wanted = keras.src.regularizers.ALL_OBJECTS_DICT[name].__name__
    if wanted != "Regularizer":
        assert type(regularizers.get(name)).__name__ == wanted
