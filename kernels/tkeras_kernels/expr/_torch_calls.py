"""What a torch function or tensor method means on a traced value."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .. import library
from . import _functions as f
from ._errors import TraceError, user_line
from ._node import Expr, apply, as_expr, const

Handler = Callable[..., Any]
_NAMESPACES = (torch, torch.Tensor, F, torch.special)


def call(func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The expression of a torch call; a TraceError that names the function where there is none."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            as_expr(value)
    name = getattr(func, "__name__", repr(func))
    handler = _by_function().get(func)
    if handler is None:
        raise TraceError(f"torch function `{name}` cannot be traced{user_line()}")
    return _bind(name, handler, args, kwargs)


def torch_function(name: str) -> Handler | None:
    """What the torch function of this name means on traced values, or None."""
    handler = _HANDLERS.get(name)
    return None if handler is None else lambda *args, **kwargs: _bind(name, handler, args, kwargs)


def method(x: Expr, name: str) -> Handler | None:
    """The tensor method ``name`` of a traced value, or None."""
    handler = _METHODS.get(name) or _HANDLERS.get(name)
    if handler is None or not hasattr(torch.Tensor, name):
        return None
    return lambda *args, **kwargs: _bind(name, handler, (x, *args), kwargs)


def _bind(name: str, handler: Handler, args: tuple, kwargs: dict[str, Any]) -> Any:
    try:
        inspect.signature(handler).bind(*args, **kwargs)
    except TypeError as error:
        message = f"torch function `{name}` cannot be traced with these arguments ({error}){user_line()}"
        raise TraceError(message) from None
    return handler(*args, **kwargs)


@functools.cache
def _by_function() -> dict[Any, Handler]:
    found = {}
    for name, handler in _HANDLERS.items():
        for namespace in _NAMESPACES:
            if hasattr(namespace, name):
                method_of = _METHODS.get(name) if namespace is torch.Tensor else None
                found[getattr(namespace, name)] = method_of or handler
    return found


def _add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    return input + (other if alpha == 1 else alpha * other)


def _sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    return input - (other if alpha == 1 else alpha * other)


def _clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    return f.clip(input, min, max)


def _gelu(input: Any, approximate: str = "none") -> Any:
    return library.gelu(input, approximate == "tanh")


def _softplus(input: Any, beta: float = 1, threshold: float = 20) -> Any:
    return f.softplus(input) if beta == 1 else f.softplus(beta * input) / beta


def _hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    return f.where(input <= min_val, min_val, f.where(input >= max_val, max_val, input))


def _binary(op: str) -> Handler:
    return lambda input, other: apply(op, input, other)


def _swapped(op: str) -> Handler:
    return lambda input, other: apply(op, other, input)


def _unary(function: Handler) -> Handler:
    return lambda input: function(input)


def _activation(function: Handler) -> Handler:
    return lambda input, inplace=False: function(input)


_HANDLERS: dict[str, Handler] = {
    "add": _add,
    "sub": _sub,
    "subtract": _sub,
    "rsub": lambda input, other, *, alpha=1: _sub(other, input, alpha=alpha),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda input, min: f.clip(input, min),
    "clamp_max": lambda input, max: f.clip(input, None, max),
    "where": lambda condition, input, other: f.where(condition, input, other),
    "pow": lambda input, exponent: apply("pow", input, exponent),
    "lerp": lambda input, end, weight: input + weight * (end - input),
    "logaddexp": lambda input, other: other + f.softplus(input - other),
    "zeros_like": lambda input: const(0.0),
    "ones_like": lambda input: const(1.0),
    "full_like": lambda input, fill_value: as_expr(fill_value),
    "elu": lambda input, alpha=1.0, inplace=False: library.elu(input, alpha),
    "celu": lambda input, alpha=1.0, inplace=False: library.celu(input, alpha),
    "leaky_relu": lambda input, negative_slope=0.01, inplace=False: library.leaky_relu(input, negative_slope),
    "threshold": lambda input, threshold, value, inplace=False: library.threshold(input, threshold, value),
    "softshrink": lambda input, lambd=0.5: library.soft_shrink(input, lambd),
    "hardshrink": lambda input, lambd=0.5: library.hard_shrink(input, lambd),
    "hardtanh": _hardtanh,
    "gelu": _gelu,
    "softplus": _softplus,
    "logical_not": lambda input: apply("not", input),
    **{
        name: _unary(function)
        for name, function in {
            **{n: getattr(f, n) for n in ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "abs")},
            **{n: getattr(f, n) for n in ("sign", "floor", "sin", "cos", "tanh", "sigmoid", "erf")},
            "absolute": f.abs,
            "expit": f.sigmoid,
            "logsigmoid": f.log_sigmoid,
            "softsign": library.softsign,
            "tanhshrink": library.tanh_shrink,
            "neg": lambda x: -x,
            "negative": lambda x: -x,
            "positive": lambda x: x,
            "reciprocal": lambda x: 1.0 / x,
            "exp2": lambda x: f.exp(x * math.log(2)),
            "log2": lambda x: f.log(x) * (1 / math.log(2)),
            "log10": lambda x: f.log(x) * (1 / math.log(10)),
            "erfc": lambda x: 1.0 - f.erf(x),
        }.items()
    },
    **{
        name: _activation(function)
        for name, function in {
            "relu": library.relu,
            "relu6": library.relu6,
            "selu": library.selu,
            "silu": library.silu,
            "mish": library.mish,
            "hardsigmoid": library.hard_sigmoid,
            "hardswish": library.hard_silu,
        }.items()
    },
    **dict.fromkeys(("mul", "multiply"), _binary("mul")),
    **dict.fromkeys(("div", "divide", "true_divide"), _binary("div")),
    **dict.fromkeys(("maximum", "max"), _binary("maximum")),
    **dict.fromkeys(("minimum", "min"), _binary("minimum")),
    **dict.fromkeys(("lt", "less"), _binary("lt")),
    **dict.fromkeys(("le", "less_equal"), _binary("le")),
    **dict.fromkeys(("gt", "greater"), _swapped("lt")),
    **dict.fromkeys(("ge", "greater_equal"), _swapped("le")),
    "eq": _binary("eq"),
    **dict.fromkeys(("ne", "not_equal"), _binary("ne")),
    "logical_and": _binary("and"),
    "logical_or": _binary("or"),
}
"""Functions by their name in torch, ``torch.Tensor``, ``torch.nn.functional`` or ``torch.special``."""
_METHODS: dict[str, Handler] = {
    "where": lambda input, condition, other: f.where(condition, input, other),
}
"""Tensor methods that take their arguments in another order than the function."""
