"""Shares of right answers."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.config import floatx, torch_dtype
from tkeras.losses._arguments import same_rank, to_tensor
from tkeras.metrics._metric import METRICS, metric_function
from tkeras.metrics._reduction import MeanMetricWrapper, counts_with

Tensor = torch.Tensor


def _values(hits: Tensor) -> Tensor:
    return hits.to(torch_dtype(floatx()))


def _equal(y_true: Tensor, y_pred: Tensor) -> Tensor:
    y_true, y_pred = same_rank(y_true, y_pred)
    return y_true.to(y_pred.dtype) == y_pred


@metric_function
@counts_with(_equal)
def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where targets and predictions are equal, of their shape."""
    return _values(_equal(to_tensor(y_true), to_tensor(y_pred)))


def _binary(y_true: Tensor, y_pred: Tensor, threshold: float = 0.5) -> Tensor:
    y_true, y_pred = same_rank(y_true, y_pred)
    return y_true == (y_pred > threshold)


@metric_function
@counts_with(_binary)
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where ``y_pred > threshold`` is the target, of their shape."""
    return _values(_binary(to_tensor(y_true), to_tensor(y_pred), threshold))


def _categorical(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return torch.argmax(y_true, -1) == torch.argmax(y_pred, -1)


@metric_function
@counts_with(_categorical)
def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest entries of targets and predictions (…, classes) are at one place; shape (…)."""
    return _values(_categorical(to_tensor(y_true), to_tensor(y_pred)))


def _sparse(y_true: Tensor, y_pred: Tensor) -> Tensor:
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    return torch.argmax(y_pred, -1) == y_true


def _sparse_squeezed(y_true: Tensor, y_pred: Tensor) -> Tensor:
    hits = _sparse(y_true, y_pred)
    return hits.squeeze(-1) if hits.ndim > 1 and hits.shape[-1] == 1 else hits


@metric_function
@counts_with(_sparse_squeezed)
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest of the predictions (…, classes) is at class number ``y_true``, (…) or (…, 1)."""
    y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
    hits = _sparse(y_true, y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        hits = hits.reshape(y_true.shape)
    return _values(hits.squeeze(-1) if hits.ndim > 1 and hits.shape[-1] == 1 else hits)


def _in_top_k(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """Whether fewer than ``k`` predictions are greater than that of the label, and that one is finite."""
    labels = labels.long()
    own = torch.gather(y_pred, -1, labels.clamp(0, y_pred.shape[-1] - 1).unsqueeze(-1))
    better = (y_pred > own).sum(-1)
    known = (labels >= 0) & (labels < y_pred.shape[-1])
    return (better < k) & torch.isfinite(own.squeeze(-1)) & known


def _top_k(y_true: Tensor, y_pred: Tensor, k: int = 5) -> Tensor:
    return _in_top_k(torch.argmax(y_true, -1), y_pred, k)


@metric_function
@counts_with(_top_k)
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the largest target (…, classes) is among the ``k`` largest predictions; shape (…)."""
    return _values(_top_k(to_tensor(y_true), to_tensor(y_pred), k))


def _sparse_top_k(y_true: Tensor, y_pred: Tensor, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if from_sorted_ids:
        return torch.any(y_true.unsqueeze(-1) == y_pred[..., :k], -1)
    return _in_top_k(y_true, y_pred, k)


@metric_function
@counts_with(_sparse_top_k)
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """1 where class number ``y_true`` is among the ``k`` largest predictions (…, classes).

    With ``from_sorted_ids`` the predictions are class numbers, best first.
    """
    y_true, y_pred = to_tensor(y_true), to_tensor(y_pred)
    return _values(_sparse_top_k(y_true, y_pred, k, from_sorted_ids)).reshape(y_true.shape)


@METRICS.export()
class Accuracy(MeanMetricWrapper):
    """Mean of :func:`accuracy`."""

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


@METRICS.export()
class BinaryAccuracy(MeanMetricWrapper):
    """Mean of :func:`binary_accuracy`."""

    _direction = "up"

    def __init__(self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


@METRICS.export()
class CategoricalAccuracy(MeanMetricWrapper):
    """Mean of :func:`categorical_accuracy`."""

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


@METRICS.export()
class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Mean of :func:`sparse_categorical_accuracy`."""

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


@METRICS.export()
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Mean of :func:`top_k_categorical_accuracy`."""

    _direction = "up"

    def __init__(self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


@METRICS.export()
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Mean of :func:`sparse_top_k_categorical_accuracy`."""

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        arguments = {"from_sorted_ids": True} if from_sorted_ids else {}
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, **arguments)
        self.from_sorted_ids = from_sorted_ids
