"""Penalties on weights and activations."""

from __future__ import annotations

import math
from typing import Any, Self

import torch

from tkeras.bridge import call, on_kernels, reduced
from tkeras.ops._convert import convert
from tkeras.saving import Namespace, public
from tkeras_kernels import expr, operators

REGULARIZERS = Namespace("keras.regularizers", "regularizer")


@public("keras.regularizers.Regularizer", "keras.Regularizer")
class Regularizer:
    """Gives a scalar penalty of a tensor: subclasses define ``__call__(x)`` and ``get_config``."""

    def __call__(self, x: torch.Tensor) -> Any:
        """The penalty of ``x``, a scalar."""
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        raise NotImplementedError(f"{self} does not implement get_config()")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A regularizer from :meth:`get_config`."""
        return cls(**config)


def _factor(value: Any, name: str, default: float) -> float:
    if value is None:
        return default
    if not isinstance(value, (float, int)) or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. Received: {name}={value}"
        )
    return float(value)


def _penalty(x: Any, l1: float, l2: float) -> Any:
    return l1 * expr.abs(x) + l2 * expr.square(x)


@REGULARIZERS.export("l1_l2")
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x²)``."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1, self.l2 = _factor(l1, "l1", 0.0), _factor(l2, "l2", 0.0)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = convert(x)
        if x.ndim and on_kernels(x):
            return reduced(_penalty, x, reduction="sum", axis=None, l1=self.l1, l2=self.l2)
        if not self.l1:
            return self.l2 * torch.sum(torch.square(x))
        penalty = self.l1 * torch.sum(torch.abs(x))
        return penalty + self.l2 * torch.sum(torch.square(x)) if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@REGULARIZERS.export("l1")
class L1(Regularizer):
    """``l1 * sum(|x|)``."""

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor(l1, "l1", 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = convert(x)
        if x.ndim and on_kernels(x):
            return reduced(_penalty, x, reduction="sum", axis=None, l1=self.l1, l2=0.0)
        return self.l1 * torch.sum(torch.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@REGULARIZERS.export("l2")
class L2(Regularizer):
    """``l2 * sum(x²)``."""

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor(l2, "l2", 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = convert(x)
        if x.ndim and on_kernels(x):
            return reduced(_penalty, x, reduction="sum", axis=None, l1=0.0, l2=self.l2)
        return self.l2 * torch.sum(torch.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@REGULARIZERS.export("orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean absolute cosine between the rows, or columns, of a matrix.

    Args:
        factor: weight of the penalty.
        mode: ``"rows"`` or ``"columns"``.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        self.factor = _factor(factor, "factor", 0.01)
        if mode not in ("rows", "columns"):
            raise ValueError(
                'Invalid value for argument `mode`. Expected one of {"rows", "columns"}. '
                f"Received: mode={mode}"
            )
        self.mode = mode

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = convert(x)
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        rows = x if self.mode == "rows" else x.mT
        unit = call(operators.unit_norm, rows, axis=1, epsilon=1e-6)
        cosines = torch.triu(unit @ unit.mT, diagonal=1)
        pairs = rows.shape[0] * (rows.shape[0] - 1) / 2
        if pairs and on_kernels(cosines):
            return reduced(_penalty, cosines, reduction="sum", axis=None, l1=self.factor / pairs, l2=0.0)
        return self.factor * torch.sum(torch.abs(cosines)) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}
