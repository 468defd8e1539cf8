"""Sums and means over all samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch

from tkeras.losses import LOSSES, Loss
from tkeras.losses._arguments import same_rank, to_tensor
from tkeras.metrics._metric import METRICS, Function, Metric
from tkeras.saving import deserialize_keras_object, serialize_keras_object

Tensor = torch.Tensor
_hits: dict[Function, Function] = {}


def counts_with(hits: Function) -> Callable[[Function], Function]:
    """Decorator: the values of a function are 0 and 1, and ``hits`` gives them as booleans."""

    def register(function: Function) -> Function:
        _hits[function] = hits
        return function

    return register


def safe_ratio(numerator: Any, denominator: Any) -> Tensor:
    """``numerator / denominator``, 0 where the denominator is."""
    return torch.where(denominator == 0, 0.0, numerator / denominator)


def per_sample(values: Tensor, weight: Any, reduce: Function) -> tuple[Tensor, Any]:
    """Values and weights with one entry a sample, other axes reduced; values already times weights."""
    if weight is not None:
        values, weight = same_rank(values, weight)
        if values.ndim > weight.ndim:
            values = reduce(values, tuple(range(weight.ndim, values.ndim)))
        weight = torch.broadcast_to(weight, values.shape)
        values = values * weight
        if weight.ndim > 1:
            weight = reduce(weight, tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, tuple(range(1, values.ndim)))
    return values, weight


def masked(weight: Any, mask: Any) -> Any:
    """Weights with zeros where the mask leaves samples out."""
    if mask is None or weight is None:
        return mask if weight is None else weight
    mask, weight = same_rank(mask.to(weight.dtype), weight)
    return weight * mask


@METRICS.export()
class Sum(Metric):
    """Sum of the values times their weights."""

    def __init__(self, name: str | None = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        mask = getattr(values, "_keras_mask", None)
        values = self._cast(values)
        weight = None if sample_weight is None else masked(self._cast(sample_weight), mask)
        values, _ = per_sample(values, weight, torch.sum)
        self.total.add_(values.sum())

    def result(self) -> Tensor:
        return self.total.detach().clone()


@METRICS.export()
class Mean(Metric):
    """Sum of the values times their weights / sum of the weights, 0 before the first value."""

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), dtype=self.dtype, name="total")
        self.count = self.add_variable((), dtype=self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values: a number, (batch,) or (batch, …), of which the other axes are averaged.

        Args:
            values: tensor, array or number.
            sample_weight: weights that broadcast to the values.
        """
        if (
            type(values) is Tensor
            and values.ndim == 0
            and isinstance(sample_weight, (int, float, type(None)))
        ):
            weight = 1 if sample_weight is None else sample_weight
            self.total.add_(values.detach() if values.requires_grad else values, alpha=weight)
            self.count.add_(weight)
            return
        mask = getattr(values, "_keras_mask", None)
        values = self._cast(values)
        weight = None if sample_weight is None else masked(self._cast(sample_weight), mask)
        values, weight = per_sample(values, weight, torch.mean)
        self.total.add_(values.sum())
        self.count.add_((values.shape[0] if values.ndim else 1) if weight is None else weight.sum())

    def result(self) -> Tensor:
        return safe_ratio(self.total, self.count)


@METRICS.export()
class MeanMetricWrapper(Mean):
    """Mean over all samples of a function ``(y_true, y_pred, **kwargs)`` that gives one value a sample."""

    def __init__(self, fn: Function, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn, self._fn_kwargs = fn, kwargs
        if not self._takes_fn():
            self.__dict__.update(kwargs)
        known = getattr(fn, "__hash__", None) is not None
        self._count_hits = _hits.get(fn) if known else None
        if isinstance(fn, Loss) or (known and fn in _LOSS_FUNCTIONS):
            self._direction = "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and predictions; a mask in ``y_pred._keras_mask`` leaves samples out."""
        mask = getattr(y_pred, "_keras_mask", None)
        if isinstance(y_pred, Tensor) and y_pred.requires_grad:
            y_pred = y_pred.detach()
        if self._count_hits is not None and sample_weight is None and mask is None:
            hits = self._count_hits(to_tensor(y_true), to_tensor(y_pred), **self._fn_kwargs)
            if hits.ndim > 1 and hits.numel() == hits.shape[0]:
                hits = hits.reshape(-1)
            if hits.ndim == 1:
                self.total.add_(hits.sum())
                self.count.add_(hits.shape[0])
                return
            values = hits.to(self._torch_dtype)
        else:
            values = self._fn(y_true, y_pred, **self._fn_kwargs)
        if mask is not None:
            mask = to_tensor(mask, self._torch_dtype)
            weight = None if sample_weight is None else self._cast(sample_weight)
            sample_weight = masked(weight, mask)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self._fn_kwargs)}
        return {**config, "fn": serialize_keras_object(self._fn)} if self._takes_fn() else config

    @classmethod
    def _takes_fn(cls) -> bool:
        """Whether metrics of this class are made from a function, as the wrapper and a user's own are."""
        return cls is MeanMetricWrapper or not cls.__module__.startswith("tkeras.metrics.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**deserialize_keras_object(config)) if "fn" in config else cls(**config)


_LOSS_FUNCTIONS = {obj for obj in LOSSES.objects.values() if not isinstance(obj, type)}
