"""Names, symbolic inputs and fusion of the activations; their values are compared in tests/differential."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

import tkeras
from tkeras import activations

POINTWISE = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
]
ACROSS = ["softmax", "log_softmax", "glu", "sparsemax"]


def test_identifiers() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get(torch.tanh) is torch.tanh
    with pytest.raises(ValueError, match=r"Could not interpret activation function identifier: rellu.*relu"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Could not interpret activation function identifier: 3"):
        activations.get(3)


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_form_gives_the_same(name: str) -> None:
    function = getattr(activations, name)
    fused = activations.pointwise_of(function)
    assert fused is not None
    assert fused.name.startswith(name)
    x = torch.randn(3, 17).double()
    assert torch.allclose(fused.torch(x), function(x), atol=1e-12)


def test_pointwise_form_of_other_functions() -> None:
    for name in ACROSS:
        assert activations.pointwise_of(getattr(activations, name)) is None

    def own(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    assert activations.pointwise_of(own) is activations.pointwise_of(own)
    assert activations.pointwise_of(tkeras.layers.Dense(3)) is None
    steep = activations.pointwise_of(functools.partial(activations.leaky_relu, negative_slope=0.5))
    assert steep is not None
    assert steep.torch(torch.tensor([-2.0])).tolist() == [-1.0]


@pytest.mark.parametrize("name", [*POINTWISE, *ACROSS])
def test_symbolic_inputs(name: str) -> None:
    inputs = tkeras.Input((6,))
    outputs = getattr(activations, name)(inputs)
    assert outputs.shape == (None, 3 if name == "glu" else 6)
    if outputs is not inputs:
        x = torch.randn(4, 6)
        assert torch.allclose(tkeras.Model(inputs, outputs)(x), getattr(activations, name)(x), atol=1e-6)


@pytest.mark.parametrize("value", [[-1.0, 2.0], np.array([-1.0, 2.0], "float32"), torch.tensor([-1.0, 2.0])])
def test_host_values(value: object) -> None:
    assert activations.relu(value).tolist() == [0.0, 2.0]
    assert activations.relu(value).dtype == torch.float32


def test_sparsemax_is_the_nearest_distribution() -> None:
    x = torch.randn(50, 7).double()
    p = activations.sparsemax(x)
    assert torch.allclose(p.sum(-1), torch.ones(50).double())
    assert bool((p >= 0).all())
    other = torch.distributions.Dirichlet(torch.ones(7).double()).sample((50, 200))
    nearest = (p - x).square().sum(-1, keepdim=True)
    assert bool(((other - x.unsqueeze(1)).square().sum(-1) >= nearest - 1e-9).all())


def test_softmax_over_several_axes() -> None:
    x = torch.randn(3, 4, 5)
    assert torch.allclose(activations.softmax(x, axis=(1, 2)).sum((1, 2)), torch.ones(3))
    assert float(activations.softmax(x, axis=None).sum()) == pytest.approx(1.0)


def test_serialization() -> None:
    assert activations.serialize(activations.relu) == "relu"
    assert activations.deserialize("relu") is activations.relu

    @tkeras.saving.register_keras_serializable("tests")
    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    config = activations.serialize(doubled)
    assert config["config"] == "tests>doubled"
    assert activations.deserialize(config) is doubled
