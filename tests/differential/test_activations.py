"""Values, gradients and configurations of the activations against real Keras."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import pytest
import torch

from tests.differential.carry import assert_close
from tkeras import activations

NAMES = sorted(name for name, fn in vars(keras.activations).items() if inspect.isfunction(fn))
PLAIN = [name for name in NAMES if name not in ("get", "serialize", "deserialize", "threshold", "sparsemax")]
WITH = [
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("gelu", {"approximate": True}),
    ("soft_shrink", {"threshold": 0.2}),
    ("hard_shrink", {"threshold": 0.2}),
    ("squareplus", {"b": 2.0}),
    ("threshold", {"threshold": 0.5, "default_value": -1.0}),
    ("softmax", {"axis": 0}),
    ("softmax", {"axis": (0, 1)}),
    ("log_softmax", {"axis": 0}),
    ("glu", {"axis": 1}),
]


def points(rows: int = 17) -> torch.Tensor:
    """Random points, and those where functions have kinks."""
    kinks = torch.tensor([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 6.0])
    return torch.cat([torch.randn(rows, 8) * 3, kinks.unsqueeze(0)]).requires_grad_()


@pytest.mark.parametrize(("name", "arguments"), [(name, {}) for name in PLAIN] + WITH)
def test_values_and_gradients(name: str, arguments: dict[str, Any]) -> None:
    x = points()
    ours = getattr(activations, name)(x, **arguments)
    real = getattr(keras.activations, name)(x, **arguments)
    direction = torch.randn_like(real)
    assert_close(ours.detach(), real.detach(), name)
    gradients = [torch.autograd.grad((y * direction).sum(), x)[0] for y in (ours, real)]
    assert_close(*gradients, f"gradient of {name}")


@pytest.mark.parametrize("name", PLAIN)
def test_configuration(name: str) -> None:
    ours, real = getattr(activations, name), getattr(keras.activations, name)
    assert activations.serialize(ours) == keras.activations.serialize(real)
    assert activations.get(keras.activations.serialize(real)) is ours


def test_every_name_of_keras_exists() -> None:
    missing = [name for name in NAMES if not hasattr(activations, name)]
    assert missing == []


def test_sparsemax_where_one_entry_is_positive() -> None:
    x = torch.eye(5) * 9
    assert_close(activations.sparsemax(x), keras.activations.sparsemax(x), "sparsemax")
