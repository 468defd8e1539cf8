"""Names and errors of the constraints; their values are compared in tests/differential."""

from __future__ import annotations

import pytest
import torch

from tkeras import constraints


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "maxnorm"])
def test_names(name: str) -> None:
    assert isinstance(constraints.get(name), constraints.MaxNorm)


def test_identifiers() -> None:
    assert constraints.get(None) is None
    assert constraints.get("nonneg")(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert constraints.get({"class_name": "UnitNorm", "config": {"axis": 1}}).axis == 1
    with pytest.raises(ValueError, match=r"Could not interpret constraint identifier: max_nrm.*max_norm"):
        constraints.get("max_nrm")
    with pytest.raises(ValueError, match="Could not interpret constraint identifier: 3"):
        constraints.get(3)


def test_norms() -> None:
    w = torch.randn(6, 4) * 3
    assert float(constraints.MaxNorm(1.0)(w).norm(dim=0).max()) <= 1.0 + 1e-6
    assert torch.allclose(constraints.UnitNorm(1)(w).norm(dim=1), torch.ones(6), atol=1e-5)
    norms = constraints.MinMaxNorm(0.5, 0.7)(w).norm(dim=0)
    assert float(norms.min()) >= 0.5 - 1e-5
    assert float(norms.max()) <= 0.7 + 1e-5
