"""Names, arguments and errors of the initializers; their numbers are compared in tests/differential."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from tkeras import initializers
from tkeras.random import SeedGenerator


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("glorot_uniform", initializers.GlorotUniform),
        ("GlorotUniform", initializers.GlorotUniform),
        ("normal", initializers.RandomNormal),
        ("uniform", initializers.RandomUniform),
        ("zero", initializers.Zeros),
        ("one", initializers.Ones),
        ("identity", initializers.Identity),
        ("OrthogonalInitializer", initializers.Orthogonal),
    ],
)
def test_names(name: str, kind: type) -> None:
    assert type(initializers.get(name)) is kind


def test_identifiers() -> None:
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.HeNormal), initializers.HeNormal)
    assert initializers.get({"class_name": "Constant", "config": {"value": 3.0}})((2,)).tolist() == [3.0, 3.0]

    def own(shape: Any, dtype: Any = None) -> torch.Tensor:
        return torch.full(shape, 4.0)

    assert initializers.get(own) is own
    with pytest.raises(
        ValueError, match=r"Could not interpret initializer identifier: gloro_uniform.*glorot_uniform"
    ):
        initializers.get("gloro_uniform")


@pytest.mark.parametrize("value", [np.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3)])
def test_a_value_as_initializer(value: Any) -> None:
    made = initializers.get(value)
    assert torch.equal(made((2, 3)), torch.arange(6.0).reshape(2, 3))
    assert made((2, 3), "int32").dtype == torch.int32
    with pytest.raises(ValueError, match=r"Expected `shape` to be \(2, 3\).*Received shape=\(3, 2\)"):
        made((3, 2))


def test_variance() -> None:
    for name, variance in (("glorot_uniform", 2 / 500), ("he_normal", 2 / 200), ("lecun_normal", 1 / 200)):
        drawn = initializers.get(name)((200, 300))
        assert math.isclose(float(drawn.var()), variance, rel_tol=0.05)
        assert abs(float(drawn.mean())) < 0.002


def test_orthogonal() -> None:
    for shape in ((5, 9), (9, 5), (3, 3, 4, 8)):
        matrix = initializers.Orthogonal(seed=1)(shape).reshape(-1, shape[-1]).double()
        product = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
        assert torch.allclose(product, torch.eye(len(product)).double(), atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["Zeros", "Ones", "GlorotUniform", "HeNormal", "Orthogonal", "RandomNormal"])
def test_dtypes(name: str, dtype: str) -> None:
    drawn = getattr(initializers, name)()((4, 3), dtype=dtype)
    assert drawn.dtype == getattr(torch, dtype)
    assert bool(torch.isfinite(drawn).all())


def test_no_storage_on_the_meta_device() -> None:
    with torch.device("meta"):
        for name in ("Zeros", "GlorotUniform", "TruncatedNormal"):
            assert getattr(initializers, name)()((10**6, 10**6)).is_meta


def test_clone_draws_the_same() -> None:
    first = initializers.RandomUniform(seed=3)
    assert torch.equal(first((4,)), first.clone()((4,)))


def test_errors() -> None:
    with pytest.raises(ValueError, match="Received: seed=abc"):
        initializers.RandomNormal(seed="abc")
    with pytest.raises(ValueError, match="scale=0"):
        initializers.VarianceScaling(scale=0.0)
    with pytest.raises(ValueError, match="Invalid `mode` argument: fan"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match="Invalid `distribution` argument: gauss"):
        initializers.VarianceScaling(distribution="gauss")
    with pytest.raises(ValueError, match="at least two-dimensional"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ValueError, match="2D matrices"):
        initializers.Identity()((3,))
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        initializers.HeNormal(scale=2.0)  # type: ignore[call-arg]


def test_seed_generator_in_a_configuration() -> None:
    made = initializers.GlorotUniform(seed=SeedGenerator(5))
    again = initializers.deserialize(initializers.serialize(made))
    assert torch.equal(made((3, 3)), again((3, 3)))
