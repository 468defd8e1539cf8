"""Margin losses."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.losses._arguments import cast_pair
from tkeras.losses._loss import LOSSES, FunctionLoss

Tensor = torch.Tensor


def _signs(y_true: Tensor) -> Tensor:
    """Targets as -1 and 1 where all of them are 0 and 1."""
    binary = torch.all(torch.eq(y_true, 0) | torch.eq(y_true, 1))
    return torch.where(binary, 2.0 * y_true - 1.0, y_true)


@LOSSES.export()
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0))`` over the last axis; targets -1 and 1, or 0 and 1."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    return torch.mean(torch.relu(1.0 - _signs(y_true) * y_pred), -1)


@LOSSES.export()
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``mean(max(1 - y_true * y_pred, 0)²)`` over the last axis; targets -1 and 1, or 0 and 1."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    return torch.mean(torch.square(torch.relu(1.0 - _signs(y_true) * y_pred)), -1)


@LOSSES.export()
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """``max(neg - pos + 1, 0)``: pos the score of the one-hot target, neg the largest of the others."""
    y_true, y_pred = cast_pair(y_true, y_pred)
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
