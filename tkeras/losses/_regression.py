"""Losses of numbers against numbers."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.bridge import on_kernels, reduced
from tkeras.config import epsilon
from tkeras.losses._arguments import cast_pair, pair, same_rank
from tkeras.losses._loss import LOSSES, FunctionLoss, LossFunctionWrapper, fuses
from tkeras_kernels import losses as equations

Tensor = torch.Tensor


@LOSSES.export("mse", "MSE")
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((y_true - y_pred)²)`` over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.squared_error, y_true, y_pred)
    return torch.mean(torch.square(y_pred - y_true), -1)


@LOSSES.export("mae", "MAE")
def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(|y_true - y_pred|)`` over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.absolute_error, y_true, y_pred)
    return torch.mean(torch.abs(y_pred - y_true), -1)


@LOSSES.export("mape", "MAPE")
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """``100 * mean(|(y_true - y_pred) / max(|y_true|, epsilon)|)`` over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.absolute_percentage_error, y_true, y_pred, epsilon=epsilon())
    return 100.0 * torch.mean(
        torch.abs((y_true - y_pred) / torch.clamp(torch.abs(y_true), min=epsilon())), -1
    )


@LOSSES.export("msle", "MSLE")
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """``mean((log(y_true + 1) - log(y_pred + 1))²)`` over the last axis; negative numbers count as 0."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.squared_logarithmic_error, y_true, y_pred, epsilon=epsilon())
    first = torch.log(torch.clamp(y_pred, min=epsilon()) + 1.0)
    second = torch.log(torch.clamp(y_true, min=epsilon()) + 1.0)
    return torch.mean(torch.square(first - second), -1)


@LOSSES.export("cosine_proximity")
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """``-sum(unit(y_true) * unit(y_pred))`` over ``axis``: -1 for one direction, 1 for opposite ones."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(
            equations.products, y_true, y_pred, reduction="sum", axis=axis, then=equations.cosine_similarity,
            sums=3, last=(("epsilon", epsilon()),),
        )  # fmt: skip
    return -torch.sum(unit(y_true, axis) * unit(y_pred, axis), axis)


@LOSSES.export()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Mean over the last axis of ``error² / 2`` up to ``delta``, ``delta * (|error| - delta / 2)`` beyond."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.huber, y_true, y_pred, delta=delta)
    error = torch.abs(y_pred - y_true)
    return torch.mean(torch.where(error <= delta, 0.5 * error * error, delta * error - 0.5 * delta**2), -1)


@LOSSES.export("logcosh")
def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis."""
    y_true, y_pred = pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.log_cosh, y_true, y_pred)
    error = y_pred - y_true
    return torch.mean(error + F.softplus(error * -2.0) - math.log(2.0), -1)


@LOSSES.export()
def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(y_pred - y_true * log(y_pred + epsilon))`` over the last axis."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(equations.poisson, y_true, y_pred, epsilon=epsilon())
    return torch.mean(y_pred - y_true * torch.log(y_pred + epsilon()), -1)


def unit(x: Tensor, axis: int | None) -> Tensor:
    """``x`` scaled to Euclidean norm 1 along ``axis``; zeros stay zeros."""
    norm = torch.rsqrt(torch.sum(torch.square(x), dim=axis, keepdim=True))
    return x * torch.clamp(norm, max=min(1.0 / epsilon(), torch.finfo(norm.dtype).max))


@fuses(mean_squared_error)
def _mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    y_true, y_pred = same_rank(y_true, y_pred)
    return F.mse_loss(y_pred, y_true.to(y_pred.dtype)) if y_true.shape == y_pred.shape else None


@fuses(mean_absolute_error)
def _mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    y_true, y_pred = same_rank(y_true, y_pred)
    return F.l1_loss(y_pred, y_true.to(y_pred.dtype)) if y_true.shape == y_pred.shape else None


@fuses(huber)
def _huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor | None:
    y_true, y_pred = same_rank(y_true, y_pred)
    if y_true.shape != y_pred.shape or delta <= 0:
        return None
    return F.huber_loss(y_pred, y_true.to(y_pred.dtype), delta=delta)


@LOSSES.export()
class MeanSquaredError(FunctionLoss):
    """Class of :func:`mean_squared_error`."""

    function = mean_squared_error


@LOSSES.export()
class MeanAbsoluteError(FunctionLoss):
    """Class of :func:`mean_absolute_error`."""

    function = mean_absolute_error


@LOSSES.export()
class MeanAbsolutePercentageError(FunctionLoss):
    """Class of :func:`mean_absolute_percentage_error`."""

    function = mean_absolute_percentage_error


@LOSSES.export()
class MeanSquaredLogarithmicError(FunctionLoss):
    """Class of :func:`mean_squared_logarithmic_error`."""

    function = mean_squared_logarithmic_error


@LOSSES.export()
class LogCosh(FunctionLoss):
    """Class of :func:`log_cosh`."""

    function = log_cosh


@LOSSES.export()
class Poisson(FunctionLoss):
    """Class of :func:`poisson`."""

    function = poisson


@LOSSES.export("CosineProximity")
class CosineSimilarity(LossFunctionWrapper):
    """Class of :func:`cosine_similarity`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)


@LOSSES.export()
class Huber(LossFunctionWrapper):
    """Class of :func:`huber`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ):
        super().__init__(huber, reduction, name, dtype, delta=delta)
