"""Errors of numbers, similarities and correlations."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from tkeras.config import epsilon
from tkeras.losses._arguments import pair, same_rank
from tkeras.losses._regression import unit
from tkeras.metrics._metric import METRICS, Metric, metric_function
from tkeras.metrics._reduction import Mean, MeanMetricWrapper

Tensor = torch.Tensor
_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


@METRICS.export("rmse", "RMSE")
class RootMeanSquaredError(Mean):
    """``sqrt(mean((y_true - y_pred)²))`` over everything."""

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch."""
        y_true, y_pred = same_rank(self._cast(y_true), self._cast(y_pred))
        super().update_state(torch.square(y_pred - y_true), sample_weight)

    def result(self) -> Tensor:
        return torch.sqrt(super().result())


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``sum(unit(y_true) * unit(y_pred))`` over ``axis``: 1 for one direction, -1 for opposite ones."""
    y_true, y_pred = pair(y_true, y_pred)
    return torch.sum(unit(y_true, axis) * unit(y_pred, axis), axis)


@METRICS.export("cosine_proximity")
class CosineSimilarity(MeanMetricWrapper):
    """Mean of the cosines: the opposite sign of the loss of this name."""

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)


@metric_function
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Covariance over ``axis`` / product of the standard deviations."""
    y_true, y_pred = pair(y_true, y_pred)
    return torch.mean(_standardized(y_true, axis) * _standardized(y_pred, axis), axis)


def _standardized(x: Tensor, axis: int) -> Tensor:
    centred = x - torch.mean(x, axis, keepdim=True)
    return centred / torch.std(centred, axis, correction=0, keepdim=True)


@metric_function
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``2 * covariance / (variances + (difference of means)²)`` over ``axis`` (Lin 1989)."""
    y_true, y_pred = pair(y_true, y_pred)
    var_true, mean_true = torch.var_mean(y_true, axis, correction=0, keepdim=True)
    var_pred, mean_pred = torch.var_mean(y_pred, axis, correction=0, keepdim=True)
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    norm = var_true + var_pred + torch.square(mean_true - mean_pred)
    return torch.mean(2 * covariance / (norm + epsilon()), axis)


@METRICS.export()
class PearsonCorrelation(MeanMetricWrapper):
    """Mean of :func:`pearson_correlation`."""

    _direction = "up"

    def __init__(self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)


@METRICS.export()
class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of :func:`concordance_correlation`."""

    _direction = "up"

    def __init__(self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)


@METRICS.export()
class R2Score(Metric):
    """``1 - sum((y_true - y_pred)²) / sum((y_true - mean)²)`` of each column of (batch, columns).

    Args:
        class_aggregation: ``"uniform_average"``, ``"variance_weighted_average"`` of the columns, or None.
        num_regressors: number of predictors for the adjusted score; 0 for the plain one.
        name, dtype: see :class:`Metric`.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {_AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, y_true: Tensor, y_pred: Tensor) -> None:
        if y_pred.ndim != 2 or y_true.ndim != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input shapes: "
                f"y_pred.shape={tuple(y_pred.shape)} and y_true.shape={tuple(y_true.shape)}."
            )
        shape = (y_pred.shape[-1],)
        self.squared_sum = self.add_variable(shape, name="squared_sum")
        self.sum = self.add_variable(shape, name="sum")
        self.total_mse = self.add_variable(shape, name="residual")
        self.count = self.add_variable(shape, name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch; weights (batch,) or (batch, columns)."""
        y_true, y_pred = same_rank(self._cast(y_true), self._cast(y_pred))
        if not self._built:
            self._build(y_true, y_pred)
        weight = self._cast(1.0 if sample_weight is None else sample_weight).to(y_true.device)
        weight = torch.broadcast_to(weight.unsqueeze(1) if weight.ndim == 1 else weight, y_true.shape)
        weighted = y_true * weight
        self.sum.add_(weighted.sum(0))
        self.squared_sum.add_((y_true * weighted).sum(0))
        self.total_mse.add_((torch.square(y_true - y_pred) * weight).sum(0))
        self.count.add_(weight.sum(0))
        self.num_samples.add_(y_true.numel())

    def result(self) -> Tensor:
        total = self.squared_sum - self.sum * (self.sum / self.count)
        scores = 1 - self.total_mse / total
        scores = torch.where(torch.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (total * scores).sum() / total.sum()
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, scores: Tensor) -> Tensor:
        samples, predictors = float(self.num_samples), self.num_regressors
        if predictors >= samples - 1:
            warnings.warn(
                f"Adjusted R2 score needs more samples than predictors + 1. Received: {samples:.0f} samples "
                f"and num_regressors={predictors}. Falling back to standard R2 score.",
                stacklevel=3,
            )
            return scores
        return 1.0 - (1.0 - scores) * (samples - 1.0) / (samples - predictors - 1.0)

    def get_config(self) -> dict[str, Any]:
        own = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **own}
