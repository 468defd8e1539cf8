"""Projections applied to weights after each update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch

from tkeras.bridge import on_kernels, reduced
from tkeras.config import epsilon
from tkeras.ops._convert import convert
from tkeras.saving import Namespace, public
from tkeras_kernels import expr

CONSTRAINTS = Namespace("keras.constraints", "constraint")


@public("keras.constraints.Constraint", "keras.Constraint")
class Constraint:
    """Gives the allowed value nearest to a weight: subclasses define ``__call__(w)``."""

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        """The projected weight."""
        return w

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A constraint from :meth:`get_config`."""
        return cls(**config)


def _inverse(squares: Any, epsilon: float) -> Any:
    return 1.0 / (epsilon + expr.sqrt(squares))


def _bounded(squares: Any, low: float, high: float, rate: float, epsilon: float) -> Any:
    norm = expr.sqrt(squares)
    return (rate * expr.clip(norm, low, high) + (1 - rate) * norm) / (epsilon + norm)


class _Norm(Constraint):
    """What constraints on the Euclidean norm along ``axis`` share."""

    axis: int | Sequence[int]

    @property
    def _axes(self) -> Any:
        return self.axis if isinstance(self.axis, int) else tuple(self.axis)

    def _norms(self, w: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(torch.sum(torch.square(w), self._axes, keepdim=True))

    def _scaled(self, w: torch.Tensor, factor: Callable[..., Any], **parameters: float) -> torch.Tensor:
        """``w`` times a factor of the sum of its squares, by kernels."""
        last = (*parameters.items(), ("epsilon", epsilon()))
        axis = self._axes
        return w * reduced(expr.square, w, reduction="sum", axis=axis, keepdims=True, then=factor, last=last)


@CONSTRAINTS.export("maxnorm")
class MaxNorm(_Norm):
    """Norms along ``axis`` are at most ``max_value``."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = convert(w)
        if w.ndim and on_kernels(w):
            return self._scaled(w, _bounded, low=0.0, high=self.max_value, rate=1.0)
        norms = self._norms(w)
        return w * (torch.clamp(norms, 0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@CONSTRAINTS.export("nonneg")
class NonNeg(Constraint):
    """Weights are not negative."""

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = convert(w)
        return torch.clamp(w, min=0)


@CONSTRAINTS.export("unitnorm")
class UnitNorm(_Norm):
    """Norms along ``axis`` are 1."""

    def __init__(self, axis: int | Sequence[int] = 0):
        self.axis = axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = convert(w)
        if w.ndim and on_kernels(w):
            return self._scaled(w, _inverse)
        return w / (epsilon() + self._norms(w))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


@CONSTRAINTS.export("minmaxnorm")
class MinMaxNorm(_Norm):
    """Norms along ``axis`` move into ``[min_value, max_value]`` by the share ``rate`` of the way."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = convert(w)
        if w.ndim and on_kernels(w):
            return self._scaled(w, _bounded, low=self.min_value, high=self.max_value, rate=self.rate)
        norms = self._norms(w)
        wanted = self.rate * torch.clamp(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        keys = ("min_value", "max_value", "rate", "axis")
        return {key: getattr(self, key) for key in keys}
