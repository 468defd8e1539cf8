"""Losses of class probabilities."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.bridge import call, mapped, on_kernels, reduced
from tkeras.config import epsilon
from tkeras.losses._arguments import cast_pair, to_tensor
from tkeras.losses._loss import LOSSES, LossFunctionWrapper, fuses, integer_labels
from tkeras_kernels import losses as equations
from tkeras_kernels import operators

Tensor = torch.Tensor

_NO_LABEL = -(1 << 62)
"""A label that nobody uses, so that torch ignores none."""


def softmax_logits(y_pred: Tensor, axis: int) -> Tensor | None:
    """What ``y_pred`` is the softmax of along ``axis``, where the activation has left it.

    Cross-entropy from it is exact where probabilities round to 0 or 1, and costs one call. Keras does so on
    TensorFlow; on torch it clips the probabilities.
    """
    logits = getattr(y_pred, "_softmax_logits", None)
    return logits if logits is not None and axis in (-1, y_pred.ndim - 1) else None


def clip_probabilities(p: Tensor) -> Tensor:
    """Probabilities within [epsilon, 1 - epsilon]."""
    return torch.clamp(p, epsilon(), 1.0 - epsilon())


def smooth(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """Targets of which a share is spread evenly over the classes."""
    if not label_smoothing:
        return y_true
    return mapped(equations.smoothed, y_true, share=label_smoothing, classes=classes)


def check_same_shape(y_true: Tensor, y_pred: Tensor) -> None:
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}"
        )


def check_classes(function: str, y_pred: Tensor, axis: Any) -> None:
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}")
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {function}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )


@LOSSES.export()
def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """``-sum(y_true * log(y_pred))`` over ``axis``.

    Args:
        y_true: probabilities, one-hot or not, of the shape of ``y_pred``.
        y_pred: probabilities, or logits with ``from_logits``.
        from_logits: whether softmax is still to be applied.
        label_smoothing: share of each target that is spread evenly over the classes.
        axis: the classes.
    """
    y_true, y_pred = cast_pair(y_true, y_pred)
    check_classes("categorical_crossentropy", y_pred, axis)
    check_same_shape(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, y_true.shape[-1])
    logits = y_pred if from_logits else softmax_logits(y_pred, axis)
    if logits is not None:
        if axis not in (-1, logits.ndim - 1):
            y_true, logits = y_true.movedim(axis, -1), logits.movedim(axis, -1)
        return call(operators.softmax_cross_entropy, y_true, logits)
    total = torch.sum(y_pred, axis, keepdim=True)
    if on_kernels(y_true, y_pred):
        return reduced(
            equations.cross_entropy, y_true, y_pred, total, reduction="sum", axis=axis, epsilon=epsilon()
        )
    return -torch.sum(y_true * torch.log(clip_probabilities(y_pred / total)), axis)


@fuses(categorical_crossentropy)
def _categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor | None:
    logits = y_pred if from_logits else getattr(y_pred, "_softmax_logits", None)
    if logits is None or y_pred.ndim != 2 or y_true.shape != y_pred.shape or y_pred.shape[1] == 1:
        return None
    if axis not in (-1, 1):
        return None
    return F.cross_entropy(logits, y_true.to(logits.dtype), label_smoothing=label_smoothing)


@LOSSES.export()
@integer_labels
def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Tensor:
    """``-log(y_pred[y_true])``.

    Args:
        y_true: class numbers, the shape of ``y_pred`` without ``axis`` (or with size 1 there).
        y_pred: probabilities, or logits with ``from_logits``.
        from_logits: whether softmax is still to be applied.
        ignore_class: samples of this class have loss zero and do not count in means.
        axis: the classes.

    Raises:
        ValueError: shapes that do not match; on a CPU also a label outside the classes.
    """
    labels, y_pred = class_numbers(y_true, y_pred, axis)
    logits = y_pred if from_logits else softmax_logits(y_pred, axis)
    scores = y_pred if logits is None else logits
    if axis not in (-1, scores.ndim - 1):
        scores = scores.movedim(axis, -1)
    kept = None
    if ignore_class is not None:
        kept = labels != ignore_class
        labels = torch.where(kept, labels, 0)
    losses = _pick(labels, scores, logits is not None)
    if kept is not None:
        losses = torch.where(kept, losses, 0.0)
        losses._keras_mask = kept  # pyright: ignore[reportAttributeAccessIssue]
    return losses


@fuses(sparse_categorical_crossentropy)
def _sparse_categorical_crossentropy(
    y_true: Tensor,
    y_pred: Tensor,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor | None:
    logits = y_pred if from_logits else getattr(y_pred, "_softmax_logits", None)
    if logits is None or y_pred.ndim != 2 or ignore_class is not None or axis not in (-1, 1):
        return None
    if y_true.ndim == 2 and y_true.shape[1] == 1:
        y_true = y_true.squeeze(1)
    if y_true.ndim != 1 or y_true.shape[0] != y_pred.shape[0]:
        return None
    labels = y_true if y_true.dtype is torch.int64 else y_true.long()
    try:
        return F.cross_entropy(logits, labels, ignore_index=_NO_LABEL)
    except IndexError:
        raise _out_of_range(labels, y_pred.shape[1]) from None


def class_numbers(y_true: Any, y_pred: Any, axis: int) -> tuple[Tensor, Tensor]:
    """Class numbers as int64, and predictions, of matching shapes."""
    y_pred = to_tensor(y_pred)
    labels = to_tensor(y_true, torch.int64, y_pred.device)
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    if y_pred.ndim < 1:
        raise ValueError(f"Argument `output` must be at least rank 1. Received: {tuple(y_pred.shape)}")
    expected = list(y_pred.shape)
    del expected[axis]
    if list(labels.shape) != expected:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={tuple(labels.shape)}, output.shape={tuple(y_pred.shape)}"
        )
    return labels, y_pred


def _pick(labels: Tensor, scores: Tensor, from_logits: bool) -> Tensor:
    """Minus the log-probability of each label; scores (…, classes)."""
    if from_logits and not scores.is_cpu:
        return call(operators.sparse_softmax_cross_entropy, labels, scores)
    if from_logits:
        log_p = torch.log_softmax(scores, -1)
    else:
        total = torch.sum(scores, -1, keepdim=True)
        log_p = mapped(equations.log_share, scores, total, epsilon=epsilon())
    flat = log_p.reshape(-1, log_p.shape[-1])
    try:
        picked = F.nll_loss(flat, labels.reshape(-1), reduction="none", ignore_index=_NO_LABEL)
    except IndexError:
        raise _out_of_range(labels, scores.shape[-1]) from None
    return picked.reshape(labels.shape)


def _out_of_range(labels: Tensor, classes: int) -> ValueError:
    return ValueError(
        f"sparse_categorical_crossentropy: expected labels within [0, {classes}), as `y_pred` has {classes} "
        f"classes. Received: labels from {int(labels.min())} to {int(labels.max())}."
    )


@LOSSES.export("bce", "BCE")
def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Mean over ``axis`` of ``-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)``.

    Args:
        y_true: 0, 1 or probabilities, of the shape of ``y_pred``.
        y_pred: probabilities, or logits with ``from_logits``.
        from_logits: whether sigmoid is still to be applied.
        label_smoothing: how far targets are moved towards 1/2.
        axis: what is averaged.
    """
    y_true, y_pred = cast_pair(y_true, y_pred)
    check_same_shape(y_true, y_pred)
    y_true = smooth(y_true, label_smoothing, 2)
    logits = y_pred if from_logits else getattr(y_pred, "_sigmoid_logits", None)
    if logits is not None:
        if logits.ndim and on_kernels(y_true, logits):
            return reduced(equations.sigmoid_cross_entropy, y_true, logits, axis=axis)
        return torch.mean(call(operators.sigmoid_cross_entropy, y_true, logits), axis)
    if y_pred.ndim and on_kernels(y_true, y_pred):
        return reduced(equations.binary_cross_entropy, y_true, y_pred, axis=axis, epsilon=epsilon())
    return torch.mean(F.binary_cross_entropy(clip_probabilities(y_pred), y_true, reduction="none"), axis)


@fuses(binary_crossentropy)
def _binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor | None:
    if y_true.shape != y_pred.shape:
        if y_pred.ndim != y_true.ndim + 1 or y_pred.shape[-1] != 1:
            return None
        y_true = y_true.reshape(y_pred.shape)
    y_true = smooth(y_true.to(y_pred.dtype), label_smoothing, 2)
    logits = y_pred if from_logits else getattr(y_pred, "_sigmoid_logits", None)
    if logits is not None:
        return F.binary_cross_entropy_with_logits(logits, y_true)
    return F.binary_cross_entropy(clip_probabilities(y_pred), y_true)


@LOSSES.export()
class CategoricalCrossentropy(LossFunctionWrapper):
    """Class of :func:`categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, dtype, **arguments)


@LOSSES.export()
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Class of :func:`sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
        super().__init__(sparse_categorical_crossentropy, reduction, name, dtype, **arguments)


@LOSSES.export()
class BinaryCrossentropy(LossFunctionWrapper):
    """Class of :func:`binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ):
        arguments = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, dtype, **arguments)
