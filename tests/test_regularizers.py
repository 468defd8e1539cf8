"""Names and errors of the regularizers; their values are compared in tests/differential."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tkeras import regularizers


def test_names() -> None:
    assert regularizers.get("l2").l2 == 0.01
    assert isinstance(regularizers.get("L1L2"), regularizers.L1L2)
    assert isinstance(regularizers.get("l1_l2"), regularizers.L1L2)
    assert regularizers.get(None) is None
    assert regularizers.l2(0.5).l2 == 0.5
    assert regularizers.L1(None).l1 == 0.01
    with pytest.raises(ValueError, match=r"Could not interpret regularizer identifier: l3.*l2"):
        regularizers.get("l3")


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "0.1", [0.1]])
def test_factors_are_not_negative_numbers(value: Any) -> None:
    for make in (regularizers.L1, regularizers.L2, regularizers.L1L2, regularizers.OrthogonalRegularizer):
        with pytest.raises(ValueError, match="expected a non-negative float"):
            make(value)


def test_orthogonal() -> None:
    regularizer = regularizers.OrthogonalRegularizer(1.0)
    assert float(regularizer(torch.eye(4) * 3)) == 0.0
    assert float(regularizer(torch.ones(4, 5))) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"must have rank 2. Received: inputs.shape=\(3,\)"):
        regularizer(torch.ones(3))
    with pytest.raises(ValueError, match="Received: mode=diagonal"):
        regularizers.OrthogonalRegularizer(mode="diagonal")


def test_own_regularizer() -> None:
    class Cubic(regularizers.Regularizer):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return x.abs().pow(3).sum()

    own = Cubic()
    assert regularizers.get(own) is own
    with pytest.raises(NotImplementedError, match="does not implement get_config"):
        regularizers.serialize(own)
