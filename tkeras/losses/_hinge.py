"""Margin losses."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call, mapped, on_kernels, reduced
from tkeras.losses._arguments import cast_pair
from tkeras.losses._loss import LOSSES, FunctionLoss
from tkeras_kernels import losses as equations
from tkeras_kernels import operators

Tensor = torch.Tensor


def _signs(y_true: Tensor) -> Tensor:
    """Targets as -1 and 1 where all of them are 0 and 1."""
    binary = torch.all(torch.eq(y_true, 0) | torch.eq(y_true, 1))
    return torch.where(binary, 2.0 * y_true - 1.0, y_true)


def _others(y_true: Tensor) -> Tensor:
    """How many targets are neither 0 nor 1, in a shape that broadcasts."""
    count = reduced(equations.not_binary, y_true, reduction="sum", axis=None)
    return count.reshape((1,) * y_true.ndim)


@LOSSES.export()
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; targets -1 and 1, or 0 and 1."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        return reduced(equations.hinge_of, y_true, y_pred, _others(y_true))
    return torch.mean(torch.relu(1.0 - _signs(y_true) * y_pred), -1)


@LOSSES.export()
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0)²)`` over the last axis; targets -1 and 1, or 0 and 1."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        return reduced(equations.squared_hinge_of, y_true, y_pred, _others(y_true))
    return torch.mean(torch.square(torch.relu(1.0 - _signs(y_true) * y_pred)), -1)


@LOSSES.export()
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(neg - pos + 1, 0)``: pos the score of the one-hot target, neg the largest of the others."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        positive = reduced(equations.weighted, y_true, y_pred, reduction="sum")
        others = mapped(equations.other_score, y_true, y_pred)
        return mapped(equations.margin, call(operators.reduce_rows, others, reduction="max"), positive)
    positive = torch.sum(y_true * y_pred, -1)
    negative = torch.amax((1.0 - y_true) * y_pred, -1)
    return torch.relu(negative - positive + 1.0)


@LOSSES.export()
class Hinge(FunctionLoss):
    """Class of :func:`hinge`."""

    function = hinge


@LOSSES.export()
class SquaredHinge(FunctionLoss):
    """Class of :func:`squared_hinge`."""

    function = squared_hinge


@LOSSES.export()
class CategoricalHinge(FunctionLoss):
    """Class of :func:`categorical_hinge`."""

    function = categorical_hinge
