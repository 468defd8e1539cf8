"""Cross-entropies that are not reduced over samples."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from tkeras.bridge import call
from tkeras.config import epsilon
from tkeras.ops._convert import together
from tkeras.ops._op import op
from tkeras_kernels import operators

Tensor = torch.Tensor


def _pair(target: Any, output: Any) -> tuple[Tensor, Tensor]:
    target, output = together(target, output)
    if target.shape != output.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    return target, output


def _clipped(p: Tensor) -> Tensor:
    return torch.clamp(p, epsilon(), 1 - epsilon())


def _log_probabilities(output: Tensor, axis: int) -> Tensor:
    return torch.log(_clipped(output / torch.sum(output, axis, keepdim=True)))


@op()
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-Σ target · log(output)`` over ``axis``.

    Args:
        target: probabilities of the shape of ``output``.
        output: probabilities, or logits with ``from_logits``.
    """
    target, output = _pair(target, output)
    if target.ndim < 1:
        raise ValueError(
            f"Arguments `target` and `output` must be at least rank 1. Received: shape {tuple(target.shape)}"
        )
    if from_logits:
        return call(operators.softmax_cross_entropy, target.movedim(axis, -1), output.movedim(axis, -1))
    return -torch.sum(target * _log_probabilities(output, axis), axis)


@op()
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """``-log(output[target])``.

    Args:
        target: class numbers, the shape of ``output`` without ``axis`` (or with size 1 there).
        output: probabilities, or logits with ``from_logits``.
    """
    target, output = together(target, output)
    target = target.to(torch.int64)
    if output.ndim < 1:
        raise ValueError(f"Argument `output` must be at least rank 1. Received: {tuple(output.shape)}")
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    expected = [*output.shape]
    del expected[axis]
    if [*target.shape] != expected:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    output = output.movedim(axis, -1)
    if from_logits:
        return call(operators.sparse_softmax_cross_entropy, target, output)
    flat = _log_probabilities(output, -1).reshape(-1, output.shape[-1])
    return F.nll_loss(flat, target.reshape(-1), reduction="none").reshape(target.shape)


@op()
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """``-target · log(output) - (1 - target) · log(1 - output)`` for each element.

    Args:
        target: 0, 1 or probabilities, of the shape of ``output``.
        output: probabilities, or logits with ``from_logits``.
    """
    target, output = _pair(target, output)
    if from_logits:
        return call(operators.sigmoid_cross_entropy, target, output)
    return F.binary_cross_entropy(_clipped(output), target.to(output.dtype), reduction="none")
