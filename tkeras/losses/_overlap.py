"""Losses of overlapping regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras.bridge import on_kernels, reduced
from tkeras.config import epsilon
from tkeras.losses._arguments import cast_pair
from tkeras.losses._loss import LOSSES, LossFunctionWrapper
from tkeras_kernels import losses as equations

Tensor = torch.Tensor
Axes = int | Sequence[int] | None


def _dim(axis: Axes) -> Any:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


@LOSSES.export()
def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Tensor:
    """``1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))`` over ``axis``, all axes for None."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(
            equations.overlaps, y_true, y_pred, reduction="sum", axis=_dim(axis), then=equations.dice, sums=3,
            last=(("epsilon", epsilon()),),
        )  # fmt: skip
    overlap = torch.sum(y_true * y_pred, dim=_dim(axis))
    return 1 - 2.0 * overlap / (
        torch.sum(y_true, dim=_dim(axis)) + torch.sum(y_pred, dim=_dim(axis)) + epsilon()
    )


@LOSSES.export()
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Tensor:
    """``1 - overlap / (overlap + alpha * missed + beta * wrong)`` over ``axis`` (Salehi et al. 2017).

    As in Keras, ``alpha`` weighs targets that are not predicted and ``beta`` predictions that are no targets.
    """
    y_true, y_pred = cast_pair(y_true, y_pred)
    if on_kernels(y_true, y_pred):
        return reduced(
            equations.misses, y_true, y_pred, reduction="sum", axis=_dim(axis), then=equations.tversky,
            sums=3, last=(("alpha", alpha), ("beta", beta), ("epsilon", epsilon())),
        )  # fmt: skip
    overlap = torch.sum(y_true * y_pred, dim=_dim(axis))
    missed = torch.sum((1 - y_pred) * y_true, dim=_dim(axis))
    wrong = torch.sum(y_pred * (1 - y_true), dim=_dim(axis))
    return 1 - overlap / (overlap + missed * alpha + wrong * beta + epsilon())


@LOSSES.export()
class Dice(LossFunctionWrapper):
    """Class of :func:`dice`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Axes = None,
        dtype: Any = None,
    ):
        super().__init__(dice, reduction, name, dtype, axis=axis)


@LOSSES.export()
class Tversky(LossFunctionWrapper):
    """Class of :func:`tversky`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
