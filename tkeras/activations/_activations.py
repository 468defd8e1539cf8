"""Keras' activation functions: one ATen call where there is one.

Each takes tensors, arrays, numbers and symbolic tensors, and keeps the shape except :func:`glu`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tkeras.bridge import call
from tkeras.config import floatx, torch_dtype
from tkeras.saving import Namespace
from tkeras_kernels import operators

Tensor = torch.Tensor
_HOST = (np.ndarray, np.generic, list, tuple, int, float)


def _tensor(x: Any) -> Any:
    """A tensor from a host value; everything else, symbolic tensors included, as it is."""
    if not isinstance(x, _HOST):
        return x
    tensor = torch.as_tensor(x)
    if isinstance(x, (np.ndarray, np.generic)):
        return tensor
    return tensor.to(torch_dtype(floatx()) if tensor.is_floating_point() else torch.int32)


def linear(x: Any) -> Tensor:
    """``x``."""
    return x


ACTIVATIONS = Namespace("keras.activations", "activation function", default=linear)
ACTIVATIONS.export()(linear)


@ACTIVATIONS.export()
def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """``max(x, 0)``.

    With parameters: ``min(x, max_value)`` above ``threshold``, ``negative_slope * (x - threshold)`` below it.
    """
    x = _tensor(x)
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return torch.relu(x)
    if max_value is None and threshold == 0.0:
        return F.leaky_relu(x, negative_slope)
    if threshold:
        kept = torch.where(x > threshold, x, 0.0)
    else:
        kept = F.relu6(x) if max_value == 6 else torch.relu(x)
    if max_value is not None and (threshold or max_value != 6):
        kept = torch.clamp(kept, 0.0, max_value)
    return kept - negative_slope * torch.relu(threshold - x) if negative_slope else kept


@ACTIVATIONS.export()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` above zero, ``negative_slope * x`` below."""
    return F.leaky_relu(_tensor(x), negative_slope)


@ACTIVATIONS.export()
def relu6(x: Any) -> Tensor:
    """``min(max(x, 0), 6)``."""
    return F.relu6(_tensor(x))


@ACTIVATIONS.export()
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below."""
    return F.elu(_tensor(x), alpha)


@ACTIVATIONS.export()
def selu(x: Any) -> Tensor:
    """``scale * elu(x, alpha)`` with the self-normalizing constants (Klambauer et al. 2017)."""
    return torch.selu(_tensor(x))


@ACTIVATIONS.export()
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """``max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))``."""
    return F.celu(_tensor(x), alpha)


@ACTIVATIONS.export()
def softplus(x: Any) -> Tensor:
    """``log(1 + exp(x))``."""
    return F.softplus(_tensor(x))


@ACTIVATIONS.export()
def softsign(x: Any) -> Tensor:
    """``x / (1 + |x|)``."""
    return F.softsign(_tensor(x))


@ACTIVATIONS.export()
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards zero by ``threshold``, zero within it."""
    return F.softshrink(_tensor(x), threshold)


@ACTIVATIONS.export()
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` where ``|x| > threshold``, zero elsewhere."""
    return F.hardshrink(_tensor(x), threshold)


@ACTIVATIONS.export()
def tanh_shrink(x: Any) -> Tensor:
    """``x - tanh(x)``."""
    return F.tanhshrink(_tensor(x))


@ACTIVATIONS.export()
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """``x`` above ``threshold``, ``default_value`` elsewhere."""
    return F.threshold(_tensor(x), threshold, default_value)


@ACTIVATIONS.export()
def squareplus(x: Any, b: float = 4) -> Tensor:
    """``(x + sqrt(x² + b)) / 2``."""
    x = _tensor(x)
    return (x + torch.sqrt(x * x + b)) / 2


@ACTIVATIONS.export()
def sparse_plus(x: Any) -> Tensor:
    """Zero below -1, ``(x + 1)² / 4`` up to 1, ``x`` above."""
    x = _tensor(x)
    return torch.where(x < 1, 0.25 * torch.relu(x + 1) ** 2, x)


@ACTIVATIONS.export()
def sparse_sigmoid(x: Any) -> Tensor:
    """``(x + 1) / 2`` between -1 and 1, 0 below, 1 above."""
    x = _tensor(x)
    return torch.where(x <= -1, 0.0, torch.where(x >= 1, 1.0, 0.5 * (x + 1)))


@ACTIVATIONS.export("swish")
def silu(x: Any) -> Tensor:
    """``x * sigmoid(x)``."""
    return F.silu(_tensor(x))


@ACTIVATIONS.export()
def gelu(x: Any, approximate: bool = False) -> Tensor:
    """``x * Φ(x)`` with the normal distribution's Φ, or its tanh approximation (Hendrycks & Gimpel 2016)."""
    return F.gelu(_tensor(x), approximate="tanh" if approximate else "none")


@ACTIVATIONS.export()
def mish(x: Any) -> Tensor:
    """``x * tanh(softplus(x))``."""
    return F.mish(_tensor(x))


@ACTIVATIONS.export()
def tanh(x: Any) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(_tensor(x))


@ACTIVATIONS.export()
def hard_tanh(x: Any) -> Tensor:
    """``x`` clipped to [-1, 1]."""
    return F.hardtanh(_tensor(x))


@ACTIVATIONS.export()
def sigmoid(x: Any) -> Tensor:
    """``1 / (1 + exp(-x))``."""
    x = _tensor(x)
    y = torch.sigmoid(x)
    if isinstance(y, torch.Tensor):
        y._sigmoid_logits = x  # pyright: ignore[reportAttributeAccessIssue] - losses go on from here
    return y


@ACTIVATIONS.export()
def hard_sigmoid(x: Any) -> Tensor:
    """``x / 6 + 1/2`` clipped to [0, 1]."""
    return F.hardsigmoid(_tensor(x))


@ACTIVATIONS.export("hard_swish")
def hard_silu(x: Any) -> Tensor:
    """``x * hard_sigmoid(x)``."""
    return F.hardswish(_tensor(x))


@ACTIVATIONS.export()
def log_sigmoid(x: Any) -> Tensor:
    """``log(sigmoid(x))``."""
    return F.logsigmoid(_tensor(x))


@ACTIVATIONS.export()
def exponential(x: Any) -> Tensor:
    """``exp(x)``."""
    return torch.exp(_tensor(x))


@ACTIVATIONS.export()
def softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """``exp(x) / sum(exp(x))`` over ``axis``: one, several, or None for all."""
    return _normalized(operators.softmax, torch.softmax, _tensor(x), axis)


@ACTIVATIONS.export()
def log_softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """``x - log(sum(exp(x)))`` over ``axis``: one, several, or None for all."""
    return _normalized(operators.log_softmax, torch.log_softmax, _tensor(x), axis)


def _normalized(operator: Any, function: Any, x: Any, axis: Any) -> Tensor:
    if axis is None:
        axis = tuple(range(x.ndim))
    if isinstance(x, torch.Tensor):
        y = call(operator, x, axis=axis)
        if axis == -1 and operator is operators.softmax:
            y._softmax_logits = x  # losses go on from here
        return y
    return function(x, axis) if isinstance(axis, int) else operator.reference(x, axis=axis)


@ACTIVATIONS.export()
def glu(x: Any, axis: int = -1) -> Tensor:
    """``a * sigmoid(b)`` for the halves a, b of ``x`` along ``axis``."""
    return F.glu(_tensor(x), axis)


@ACTIVATIONS.export()
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point of the probability simplex nearest to ``x`` along ``axis`` (Martins & Astudillo 2016).

    Differs from Keras 3.15, whose result does not sum to 1 where more than one entry is positive.
    """
    x = _tensor(x)
    ordered, _ = torch.sort(x, dim=axis, descending=True)
    total, rank = torch.cumsum(ordered, axis), torch.cumsum(torch.ones_like(x), axis)
    support = 1 + rank * ordered > total
    size = torch.sum(support, axis, keepdim=True)
    excess = (torch.sum(torch.where(support, ordered, 0.0), axis, keepdim=True) - 1) / size
    return torch.relu(x - excess)
