"""Focal losses, generalized cross-entropy and the Kullback-Leibler divergence."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.bridge import mapped, on_kernels, reduced
from tkeras.config import epsilon
from tkeras.losses._arguments import cast_pair
from tkeras.losses._crossentropy import (
    check_classes,
    check_same_shape,
    class_numbers,
    clip_probabilities,
    smooth,
)
from tkeras.losses._loss import LOSSES, FunctionLoss, LossFunctionWrapper, integer_labels
from tkeras_kernels import losses as equations

Tensor = torch.Tensor


@LOSSES.export()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary cross-entropy times ``(1 - p)^gamma``, p the probability of the target (Lin et al. 2018).

    With ``apply_class_balancing`` class 1 is weighted by ``alpha``, class 0 by ``1 - alpha``.
    """
    y_true, y_pred = cast_pair(y_true, y_pred)
    check_same_shape(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, 2)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        return reduced(
            equations.binary_focal, y_true, y_pred, axis=axis, gamma=gamma,
            alpha=alpha if apply_class_balancing else None, logits=from_logits, epsilon=epsilon(),
        )  # fmt: skip
    if from_logits:
        y_pred = torch.sigmoid(y_pred)
    cross_entropy = F.binary_cross_entropy(clip_probabilities(y_pred), y_true, reduction="none")
    p_target = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    focal = torch.pow(1.0 - p_target, gamma) * cross_entropy
    if apply_class_balancing:
        focal = (y_true * alpha + (1 - y_true) * (1 - alpha)) * focal
    return torch.mean(focal, axis)


@LOSSES.export()
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``-sum(alpha * (1 - y_pred)^gamma * y_true * log(y_pred))`` over ``axis`` (Lin et al. 2018)."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    check_classes("categorical_focal_crossentropy", y_pred, axis)
    y_true = smooth(y_true, label_smoothing, y_true.shape[-1])
    if from_logits:
        y_pred = torch.softmax(y_pred, axis)
    total = torch.sum(y_pred, axis, keepdim=True)
    if on_kernels(y_true, y_pred):
        return reduced(
            equations.focal, y_true, y_pred, total, reduction="sum", axis=axis, gamma=gamma, alpha=alpha,
            epsilon=epsilon(),
        )  # fmt: skip
    p = clip_probabilities(y_pred / total)
    return torch.sum(alpha * torch.pow(1.0 - p, gamma) * (-y_true * torch.log(p)), axis)


@LOSSES.export()
@integer_labels
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """``(1 - p^q) / q``, p the probability of the class number ``y_true`` (Zhang & Sabuncu 2018)."""
    labels, y_pred = class_numbers(y_true, y_pred, -1)
    p = torch.sum(y_pred * F.one_hot(labels, y_pred.shape[-1]).to(y_pred.dtype), -1)
    return mapped(equations.generalized, p, q=q)


@LOSSES.export("kld", "KLD", "kullback_leibler_divergence")
def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """``sum(y_true * log(y_true / y_pred))`` over the last axis."""
    y_true, y_pred = cast_pair(y_true, y_pred)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        return reduced(equations.kl_divergence, y_true, y_pred, reduction="sum", epsilon=epsilon())
    y_true, y_pred = torch.clamp(y_true, epsilon(), 1), torch.clamp(y_pred, epsilon(), 1)
    return torch.sum(y_true * torch.log(y_true / y_pred), -1)


@LOSSES.export()
class KLDivergence(FunctionLoss):
    """Class of :func:`kl_divergence`."""

    function = kl_divergence


@LOSSES.export()
class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Class of :func:`binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        arguments = {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(binary_focal_crossentropy, reduction, name, dtype, **arguments)


@LOSSES.export()
class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Class of :func:`categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        arguments = {
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(categorical_focal_crossentropy, reduction, name, dtype, **arguments)


@LOSSES.export()
class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Class of :func:`categorical_generalized_cross_entropy`, ``0 < q < 1``."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"Expected `q` within (0, 1). Received: q={q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
