"""Activation functions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tkeras import activations
from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert
from tkeras.ops._op import op, unary
from tkeras.ops._shape import along

Tensor = torch.Tensor

hard_sigmoid = unary("hard_sigmoid", F.hardsigmoid, "``x / 6 + 1/2`` clipped to [0, 1].")
hard_silu = unary("hard_silu", F.hardswish, "``x · hard_sigmoid(x)``.")
hard_swish = unary("hard_swish", F.hardswish, "``x · hard_sigmoid(x)``.")
hard_tanh = unary("hard_tanh", F.hardtanh, "``x`` clipped to [-1, 1].")
log_sigmoid = unary("log_sigmoid", F.logsigmoid, "``log(sigmoid(x))``.")
relu = unary("relu", torch.relu, "``max(x, 0)``.")
relu6 = unary("relu6", F.relu6, "``min(max(x, 0), 6)``.")
selu = unary("selu", torch.selu, "``scale · elu(x, alpha)`` with the self-normalizing constants.")
sigmoid = unary("sigmoid", activations.sigmoid, "``1 / (1 + exp(-x))``.")
silu = unary("silu", F.silu, "``x · sigmoid(x)``.")
softplus = unary("softplus", F.softplus, "``log(1 + exp(x))``.")
softsign = unary("softsign", F.softsign, "``x / (1 + |x|)``.")
sparse_plus = unary(
    "sparse_plus", activations.sparse_plus, "Zero below -1, ``(x + 1)² / 4`` up to 1, then ``x``."
)
sparse_sigmoid = unary("sparse_sigmoid", activations.sparse_sigmoid, "``(x + 1) / 2`` clipped to [0, 1].")
swish = unary("swish", F.silu, "``x · sigmoid(x)``.")
tanh_shrink = unary("tanh_shrink", F.tanhshrink, "``x - tanh(x)``.")


@op()
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """``x`` above zero, ``negative_slope · x`` below."""
    return F.leaky_relu(convert(x), negative_slope)


@op()
def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """``x`` above zero, ``alpha · (exp(x) - 1)`` below."""
    return F.elu(convert(x), alpha)


@op()
def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """``max(x, 0) + min(0, alpha · (exp(x / alpha) - 1))``."""
    return F.celu(convert(x), alpha)


@op()
def gelu(x: Any, approximate: bool = True) -> Tensor:
    """``x · Φ(x)`` with the normal distribution's Φ, by default approximated with tanh."""
    return F.gelu(convert(x), approximate="tanh" if approximate else "none")


def _glu_spec(x: Any, axis: int = -1) -> Any:
    return KerasTensor(x.shape, x.dtype) if x.shape[axis] is None else None


@op(spec=_glu_spec)
def glu(x: Any, axis: int = -1) -> Tensor:
    """``a · sigmoid(b)`` for the halves a, b of ``x`` along ``axis``."""
    return F.glu(convert(x), axis)


@op()
def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` where ``|x| > threshold``, zero elsewhere."""
    return F.hardshrink(convert(x), threshold)


@op()
def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """``x`` moved towards zero by ``threshold``, zero within it."""
    return F.softshrink(convert(x), threshold)


@op()
def squareplus(x: Any, b: float = 4) -> Tensor:
    """``(x + √(x² + b)) / 2``."""
    return activations.squareplus(convert(x), b)


@op()
def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """``x`` above ``threshold``, ``default_value`` elsewhere."""
    return F.threshold(convert(x), threshold, default_value)


def _with_axes(x: Any, axis: int | Sequence[int] | None) -> Any:
    """``x``, if it has these axes."""
    for one in () if axis is None else (axis,) if isinstance(axis, int) else axis:
        along(x, one)
    return x


@op()
def softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """``exp(x) / Σ exp(x)`` over one axis, several, or all for None."""
    return activations.softmax(_with_axes(convert(x), axis), axis)


@op()
def log_softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """``x - log(Σ exp(x))`` over one axis, several, or all for None."""
    return activations.log_softmax(_with_axes(convert(x), axis), axis)


@op()
@functools.wraps(activations.sparsemax)
def sparsemax(x: Any, axis: int = -1) -> Tensor:
    return activations.sparsemax(convert(x), axis)
