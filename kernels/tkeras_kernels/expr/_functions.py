"""Functions that make nodes of expressions, call torch on tensors and compute on numbers."""

from __future__ import annotations

from typing import Any

import torch

from ._node import Expr, apply, is_number
from ._primitives import PRIMITIVES, evaluate

Value = Any
"""An expression, a tensor or a number; the result is of the most symbolic kind among the arguments."""


def _call(op: str, *values: Value) -> Any:
    if any(isinstance(v, Expr) for v in values):
        return apply(op, *values)
    like = next((v for v in values if isinstance(v, torch.Tensor) and v.is_floating_point()), None)
    if like is None:
        like = next((v for v in values if isinstance(v, torch.Tensor)), None)
    if like is None:
        return evaluate(op, tuple(v if isinstance(v, bool) else float(v) for v in values))
    return PRIMITIVES[op].torch(*(_tensor(v, like) for v in values))


def _tensor(value: Value, like: torch.Tensor) -> torch.Tensor:
    if not is_number(value):
        return value
    if isinstance(value, bool):
        return torch.full((), value, dtype=torch.bool, device=like.device)
    dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
    return torch.full((), value, dtype=dtype, device=like.device)


def exp(x: Value) -> Any:
    """e**x."""
    return _call("exp", x)


def expm1(x: Value) -> Any:
    """e**x - 1, exact near 0."""
    return _call("expm1", x)


def log(x: Value) -> Any:
    """Natural logarithm."""
    return _call("log", x)


def log1p(x: Value) -> Any:
    """log(1 + x), exact near 0."""
    return _call("log1p", x)


def sqrt(x: Value) -> Any:
    """Square root."""
    return _call("sqrt", x)


def rsqrt(x: Value) -> Any:
    """1 / sqrt(x)."""
    return _call("rsqrt", x)


def square(x: Value) -> Any:
    """x * x."""
    return x * x


def abs(x: Value) -> Any:
    """Absolute value; its derivative at 0 is 0."""
    return _call("abs", x)


def sign(x: Value) -> Any:
    """-1, 0 or 1; its derivative is 0."""
    return _call("sign", x)


def floor(x: Value) -> Any:
    """Largest integer not above x; its derivative is 0."""
    return _call("floor", x)


def sin(x: Value) -> Any:
    """Sine."""
    return _call("sin", x)


def cos(x: Value) -> Any:
    """Cosine."""
    return _call("cos", x)


def tanh(x: Value) -> Any:
    """Hyperbolic tangent."""
    return _call("tanh", x)


def sigmoid(x: Value) -> Any:
    """1 / (1 + exp(-x))."""
    return _call("sigmoid", x)


def erf(x: Value) -> Any:
    """Error function."""
    return _call("erf", x)


def softplus(x: Value) -> Any:
    """log(1 + exp(x)), finite for every finite x."""
    return _call("softplus", x)


def log_sigmoid(x: Value) -> Any:
    """log(sigmoid(x)) = -softplus(-x)."""
    return _call("log_sigmoid", x)


def maximum(a: Value, b: Value) -> Any:
    """The larger value, NaN if either is; a tie splits the gradient in halves, as torch does."""
    return _call("maximum", a, b)


def minimum(a: Value, b: Value) -> Any:
    """The smaller value, NaN if either is; a tie splits the gradient in halves, as torch does."""
    return _call("minimum", a, b)


def where(condition: Value, a: Value, b: Value) -> Any:
    """``a`` where the condition holds, else ``b``; the branch not taken never spoils the gradient."""
    if isinstance(condition, bool) and (is_number(a) and is_number(b)):
        return a if condition else b
    return _call("where", condition, a, b)


def clip(x: Value, low: Value | None = None, high: Value | None = None) -> Any:
    """``x`` between two bounds; the gradient is 1 at and between them, as torch.clamp's. NaN stays NaN."""
    if isinstance(x, torch.Tensor) and all(bound is None or is_number(bound) for bound in (low, high)):
        return x if low is high is None else torch.clamp(x, low, high)
    if high is not None:
        x = where(x > high, high, x)
    return x if low is None else where(x < low, low, x)


def power(x: Value, exponent: Value) -> Any:
    """x**exponent; a constant integer exponent up to 16 is unrolled into products."""
    return x**exponent
