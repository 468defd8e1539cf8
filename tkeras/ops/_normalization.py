"""Statistics and normalization."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import epsilon as default_epsilon
from tkeras.ops._convert import floating, result_type, together
from tkeras.ops._op import op
from tkeras_kernels import operators

Tensor = torch.Tensor
Axes = int | list[int] | tuple[int, ...]


@op()
def moments(x: Any, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes; half precision is computed in float32.

    Args:
        synchronized: statistics over several devices are not taken here: only False.
    """
    if synchronized:
        raise NotImplementedError("Argument synchronized=True is not supported. Received: synchronized=True")
    x = floating(x)
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    variance, mean = torch.var_mean(wide, axes, correction=0, keepdim=keepdims)  # pyright: ignore[reportCallIssue, reportArgumentType]
    if wide is not x:
        limits = torch.finfo(x.dtype)
        mean, variance = (value.clamp(limits.min, limits.max).to(x.dtype) for value in (mean, variance))
    return mean, variance


@op()
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """``(x - mean) / √(variance + epsilon) · scale + offset``.

    Args:
        mean, variance, offset, scale: one number for each index of ``axis``; the last two may be None.
    """
    given = together(x, mean, variance, scale, offset)
    dtype = result_type(*(p.dtype for p in given if p is not None))
    x, mean, variance, scale, offset = (None if p is None else p.to(dtype) for p in given)
    return call(operators.batch_norm, x, scale, offset, mean, variance, axis=axis, epsilon=epsilon)[0]


def _epsilon(value: float | None) -> float:
    return default_epsilon() if value is None else value


@op()
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Axes = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Tensor:
    """``(x - mean) / √(variance + epsilon) · gamma + beta`` with the statistics over ``axis``.

    Args:
        gamma, beta: of the sizes of these axes, or None.
        epsilon: default ``tkeras.config.epsilon()``.
        rms_scaling: whether the mean stays, as in old versions; use :func:`rms_normalization` instead.
    """
    x, gamma, beta = together(x, gamma, beta)
    if rms_scaling:
        if gamma is not None and gamma.ndim == x.ndim:
            scaled = call(operators.deviation_norm, x, axis=axis, epsilon=_epsilon(epsilon))
            return scaled * gamma
        return call(operators.deviation_norm, x, gamma, axis=axis, epsilon=_epsilon(epsilon))
    return call(operators.layer_norm, x, gamma, beta, axis=axis, epsilon=_epsilon(epsilon))


@op()
def rms_normalization(x: Any, scale: Any = None, axis: Axes = -1, epsilon: float | None = None) -> Tensor:
    """``x / √(mean(x²) + epsilon) · scale`` with the mean over ``axis``.

    Args:
        scale: of the sizes of these axes, or None.
        epsilon: default ``tkeras.config.epsilon()``.
    """
    x, scale = together(x, scale)
    x = x.unsqueeze(0) if x.ndim == 0 else x
    return call(operators.rms_norm, x, scale, axis=axis, epsilon=_epsilon(epsilon))


@op()
def normalize(x: Any, axis: Axes | None = -1, order: int = 2, epsilon: float | None = None) -> Tensor:
    """``x`` divided by its norm of this order over ``axis``, which is taken to be at least ``epsilon``."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    x = floating(x)
    x = x.unsqueeze(0) if x.ndim == 0 else x
    least = _epsilon(epsilon)
    if order == 2:
        return call(
            operators.unit_norm, x, axis=tuple(range(x.ndim)) if axis is None else axis, epsilon=least
        )
    return x / torch.clamp(torch.linalg.vector_norm(x, order, axis, keepdim=True), min=least)
