"""The operations of the language: what each computes on tensors and how it is differentiated."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ._node import Expr, apply

Rule = Callable[[Expr, Expr], tuple[Expr | None, ...]]
"""``rule(node, cotangent)``: the cotangent of each operand, None for one that gets none."""

SOFTPLUS_THRESHOLD = 40.0
"""Above it softplus(x) is x even in float64; torch's default of 20 is off by 2e-9 there."""

_ERF_SLOPE = 2 / math.sqrt(math.pi)


@dataclass(frozen=True)
class Primitive:
    """An operation: its torch form, as a callable and as source text with holes, and its derivative."""

    torch: Callable[..., Any]
    source: str
    rule: Rule | None = None


def _maximum_rule(node: Expr, g: Expr) -> tuple[Expr | None, ...]:
    """As torch: a tie gives half to each operand."""
    a, b = node.args
    tie = apply("where", a == b, 0.5 * g, g)
    lower, upper = (a < b, b < a) if node.op == "maximum" else (b < a, a < b)
    return apply("where", lower, 0.0, tie), apply("where", upper, 0.0, tie)


def _where_rule(node: Expr, g: Expr) -> tuple[Expr | None, ...]:
    condition = node.args[0]
    return None, apply("where", condition, g, 0.0), apply("where", condition, 0.0, g)


def _power_rule(node: Expr, g: Expr) -> tuple[Expr | None, ...]:
    """As torch: 0**b has no gradient for b where b >= 0."""
    a, b = node.args
    base = apply("where", b == 0.0, 0.0, g * b * a ** (b - 1.0))
    exponent = apply("where", (a == 0.0) & (b >= 0.0), 0.0, g * node * apply("log", a))
    return base, exponent


def _op(torch_form: Callable[..., Any], rule: Rule | None = None, source: str | None = None) -> Primitive:
    return Primitive(torch_form, source or f"torch.{torch_form.__name__}({{}})", rule)


def _infix(torch_form: Callable[..., Any], sign: str, rule: Rule | None = None) -> Primitive:
    return Primitive(torch_form, f"{{}} {sign} {{}}", rule)


def _zero(node: Expr, g: Expr) -> tuple[Expr | None, ...]:
    return (None,)


def _softplus(x: torch.Tensor) -> torch.Tensor:
    return F.softplus(x, 1.0, SOFTPLUS_THRESHOLD)


PRIMITIVES: dict[str, Primitive] = {
    "add": _infix(torch.add, "+", lambda n, g: (g, g)),
    "sub": _infix(torch.sub, "-", lambda n, g: (g, -g)),
    "mul": _infix(torch.mul, "*", lambda n, g: (g * n.args[1], g * n.args[0])),
    "div": _infix(torch.div, "/", lambda n, g: (g / n.args[1], -(g * n) / n.args[1])),
    "neg": _op(torch.neg, lambda n, g: (-g,), "-{}"),
    "exp": _op(torch.exp, lambda n, g: (g * n,)),
    "expm1": _op(torch.expm1, lambda n, g: (g * apply("exp", n.args[0]),)),
    "log": _op(torch.log, lambda n, g: (g / n.args[0],)),
    "log1p": _op(torch.log1p, lambda n, g: (g / (1.0 + n.args[0]),)),
    "sqrt": _op(torch.sqrt, lambda n, g: (0.5 * g / n,)),
    "rsqrt": _op(torch.rsqrt, lambda n, g: (-0.5 * g * (n * n * n),)),
    "sin": _op(torch.sin, lambda n, g: (g * apply("cos", n.args[0]),)),
    "cos": _op(torch.cos, lambda n, g: (-(g * apply("sin", n.args[0])),)),
    "tanh": _op(torch.tanh, lambda n, g: (g * (1.0 - n * n),)),
    "sigmoid": _op(torch.sigmoid, lambda n, g: (g * (n * (1.0 - n)),)),
    "erf": _op(torch.erf, lambda n, g: (g * (_ERF_SLOPE * apply("exp", -(n.args[0] * n.args[0]))),)),
    "softplus": _op(
        _softplus,
        lambda n, g: (g * apply("sigmoid", n.args[0]),),
        f"torch.nn.functional.softplus({{}}, 1.0, {SOFTPLUS_THRESHOLD})",
    ),
    "log_sigmoid": _op(
        F.logsigmoid,
        lambda n, g: (g * apply("sigmoid", -n.args[0]),),
        "torch.nn.functional.logsigmoid({})",
    ),
    "abs": _op(torch.abs, lambda n, g: (g * apply("sign", n.args[0]),)),
    "sign": _op(torch.sign, _zero),
    "floor": _op(torch.floor, _zero),
    "maximum": _op(torch.maximum, _maximum_rule, "torch.maximum({}, {})"),
    "minimum": _op(torch.minimum, _maximum_rule, "torch.minimum({}, {})"),
    "pow": _op(torch.pow, _power_rule, "torch.pow({}, {})"),
    "where": _op(torch.where, _where_rule, "torch.where({}, {}, {})"),
    "lt": _infix(torch.lt, "<"),
    "le": _infix(torch.le, "<="),
    "eq": _infix(torch.eq, "=="),
    "ne": _infix(torch.ne, "!="),
    "and": _infix(torch.logical_and, "&"),
    "or": _infix(torch.logical_or, "|"),
    "not": _op(torch.logical_not, source="~{}"),
}


_LIBM = {name: getattr(math, name) for name in ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "erf", "pow")}


def evaluate(op: str, values: tuple[float | bool, ...]) -> float | bool:
    """The operation on numbers, in float64 with IEEE rules (log(0) is -inf, 0/0 is NaN).

    Python's math comes first: torch's last bit depends on the machine's vector instructions.
    """
    if op in _LIBM:
        with contextlib.suppress(ValueError, OverflowError):
            return _LIBM[op](*values)
    tensors = [torch.tensor(v, dtype=torch.bool if isinstance(v, bool) else torch.float64) for v in values]
    return PRIMITIVES[op].torch(*tensors).item()
