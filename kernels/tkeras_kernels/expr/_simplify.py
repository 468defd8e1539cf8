"""Folding, canonical forms, stable forms, and the rewriting of ``where`` that keeps gradients finite.

Every rule keeps the value in real arithmetic. ``0 * x`` is 0 even where x is infinite or NaN, so that a
branch that is not taken contributes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ._node import BOOLEAN, Expr, boolean, const, make, topological
from ._primitives import evaluate
from ._range import DEPTH, LINE, Interval, split, subject
from ._trace import Graph


def simplify(graph: Graph) -> Graph:
    """An equal graph in canonical form; simplifying it again gives the same objects."""
    done: dict[Expr, Expr] = {}
    for node in topological(graph.outputs):
        done[node] = build(node.op, *(done[a] for a in node.args)) if node.args else node
    return Graph(graph.inputs, tuple(done[o] for o in graph.outputs))


def build(op: str, *args: Expr) -> Expr:
    """The canonical node of an operation on canonical operands."""
    if all(a.op in ("const", "bool") for a in args):
        value = evaluate(op, tuple(a.value for a in args))
        return boolean(bool(value)) if op in BOOLEAN else const(value)
    rule = _RULES.get(op)
    node = rule(*args) if rule is not None else None
    return make(op, *args) if node is None else node


def is_const(node: Expr, value: float) -> bool:
    """Whether the node is a constant that equals a value (0.0 equals -0.0)."""
    return node.op == "const" and node.value == value


def _ordered(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """A constant operand first."""
    return (b, a) if b.op == "const" and a.op != "const" else (a, b)


def _add(a: Expr, b: Expr) -> Expr | None:
    a, b = _ordered(a, b)
    if is_const(a, 0.0):
        return b
    if a is b:
        return build("mul", const(2.0), a)
    if b.op == "neg":
        return build("sub", a, b.args[0])
    if a.op == "neg":
        return build("sub", b, a.args[0])
    if is_const(a, -1.0) and b.op == "exp":
        return build("expm1", b.args[0])
    for u, v in ((a, b), (b, a)):
        if _is_negative_multiple(v):
            return build("sub", u, build("neg", v))
    return _merge_masks("add", a, b)


def _sub(a: Expr, b: Expr) -> Expr | None:
    if b.op == "const":
        return build("add", const(-b.value), a)
    if is_const(a, 0.0):
        return build("neg", b)
    if b.op == "neg":
        return build("add", a, b.args[0])
    if is_const(a, 1.0) and b.op == "exp":
        return build("neg", build("expm1", b.args[0]))
    if _is_negative_multiple(b):
        return build("add", a, build("neg", b))
    return _merge_masks("sub", a, b)


def _is_negative_multiple(node: Expr) -> bool:
    return node.op == "mul" and node.args[0].op == "const" and node.args[0].value < 0.0


def _merge_masks(op: str, a: Expr, b: Expr) -> Expr | None:
    """where(c, u, 0) ± where(c, v, 0) = where(c, u ± v, 0)."""
    if a.op == b.op == "where" and a.args[0] is b.args[0] and a.masked and b.masked:
        return build("where", a.args[0], build(op, a.args[1], b.args[1]), build(op, a.args[2], b.args[2]))
    if op == "add" and a.masked and b.masked:
        merged = _exclusive(a, b)
        return _exclusive(b, a) if merged is None else merged
    return None


def _exclusive(a: Expr, b: Expr) -> Expr | None:
    """where(c, u, 0) + v = where(c, u, v) if v is 0 where c holds."""
    if a.op != "where" or b.op != "where":
        return None
    condition = a.args[0]
    for k, holds in ((1, True), (2, False)):
        if is_const(a.args[3 - k], 0.0) and is_const(assume(b, condition, holds), 0.0):
            rest = assume(b, condition, not holds)
            return build("where", condition, *((a.args[1], rest) if holds else (rest, a.args[2])))
    return None


def _mul(a: Expr, b: Expr) -> Expr | None:
    a, b = _ordered(a, b)
    if a.op == "const":
        return _scale(a.value, b)
    if a.op == "neg":
        return build("neg", build("mul", a.args[0], b))
    if b.op == "neg":
        return build("neg", build("mul", a, b.args[0]))
    for u, v in ((a, b), (b, a)):
        if u.op == "mul" and u.args[0].op == "const":
            return build("mul", u.args[0], build("mul", u.args[1], v))
    return _pull_into_masks(a, b)


def _scale(factor: float, x: Expr) -> Expr | None:
    if factor == 0.0:
        return const(0.0)
    if factor == 1.0:
        return x
    if factor == -1.0:
        return build("neg", x)
    if x.op == "neg":
        return build("mul", const(-factor), x.args[0])
    if x.op == "mul" and x.args[0].op == "const":
        return build("mul", const(factor * x.args[0].value), x.args[1])
    if x.op == "mul":
        return _absorb(factor, x)
    return _pull_into_masks(const(factor), x)


def _absorb(factor: float, product: Expr) -> Expr | None:
    """k (g (c + v / k)) = g (k c + v)."""
    for other, total in (product.args, product.args[::-1]):
        if total.op == "add" and total.args[0].op == "const":
            offset, part = total.args
            divided = part.op == "div" and is_const(part.args[1], factor)
            if divided or (part.op == "mul" and is_const(part.args[0], 1.0 / factor)):
                return build("mul", other, build("add", const(factor * offset.value), part.args[1 - divided]))
    return None


def _div(a: Expr, b: Expr) -> Expr | None:
    if is_const(b, 1.0):
        return a
    if is_const(a, 0.0):
        return a
    if b.op == "const" and _is_power_of_two(b.value):
        return build("mul", const(1.0 / b.value), a)
    if a.op == "neg":
        return build("neg", build("div", a.args[0], b))
    if b.op == "neg":
        return build("neg", build("div", a, b.args[0]))
    if b.op == "add" and is_const(b.args[0], 1.0) and b.args[1].op == "exp":
        return build("mul", a, build("sigmoid", build("neg", b.args[1].args[0])))
    return _distribute(a, lambda part: build("div", part, b)) if a.masked else None


def _is_power_of_two(value: float) -> bool:
    return value != 0.0 and math.isfinite(value) and abs(math.frexp(value)[0]) == 0.5


def _pull_into_masks(a: Expr, b: Expr) -> Expr | None:
    """where(c, u, 0) * h = where(c, u * h, 0): where c fails, an infinite h would give 0 * inf = NaN."""
    if a.masked:
        return _distribute(a, lambda part: build("mul", part, b))
    if b.masked:
        return _distribute(b, lambda part: build("mul", part, a))
    return None


def _distribute(mask: Expr, linear: Callable[[Expr], Expr]) -> Expr:
    if mask.op != "where":
        return build(mask.op, *(_distribute(a, linear) for a in mask.args))
    condition, u, v = mask.args
    return build("where", condition, *(part if is_const(part, 0.0) else linear(part) for part in (u, v)))


def _neg(x: Expr) -> Expr | None:
    if x.op == "neg":
        return x.args[0]
    if x.op == "sub":
        return build("sub", x.args[1], x.args[0])
    if x.op in ("mul", "div") and x.args[0].op == "const":
        return build(x.op, const(-x.args[0].value), x.args[1])
    return _distribute(x, lambda part: build("neg", part)) if x.masked else None


def _where(condition: Expr, a: Expr, b: Expr) -> Expr | None:
    if condition.op == "bool":
        return a if condition.value else b
    if condition.op == "not":
        return build("where", condition.args[0], b, a)
    a, b = assume(a, condition, True), assume(b, condition, False)
    return a if a is b else make("where", condition, a, b)


def assume(node: Expr, condition: Expr, holds: bool) -> Expr:
    """The node where a condition is known: a ``where`` at its top that the condition decides is decided."""
    while node.op == "where" and node.args[0] is condition:
        node = node.args[1 if holds else 2]
    value = subject(condition)
    if value is None or node.op != "where":
        return node
    known = split(condition, LINE)[0 if holds else 1]
    return node if known is None else restrict(node, value, known)


def restrict(node: Expr, value: Expr, known: Interval, depth: int = 0) -> Expr:
    """The node where a value lies in an interval: a ``where`` at its top that this decides is decided."""
    if node.op != "where" or depth > DEPTH:
        return node
    condition, a, b = node.args
    if subject(condition) is not value:
        a, b = restrict(a, value, known, depth + 1), restrict(b, value, known, depth + 1)
    else:
        true, false = split(condition, known)
        if true is None or false is None:
            return restrict(a if false is None else b, value, known, depth + 1)
        a, b = restrict(a, value, true, depth + 1), restrict(b, value, false, depth + 1)
    return a if a is b else make("where", condition, a, b)


def _log(x: Expr) -> Expr | None:
    if x.op == "add" and is_const(x.args[0], 1.0):
        return build("log1p", x.args[1])
    return build("log_sigmoid", x.args[0]) if x.op == "sigmoid" else None


def _log1p(x: Expr) -> Expr | None:
    return build("softplus", x.args[0]) if x.op == "exp" else None


def _abs(x: Expr) -> Expr | None:
    return build("abs", x.args[0]) if x.op == "neg" else x if x.op == "abs" else None


def _pow(base: Expr, exponent: Expr) -> Expr | None:
    if base.op == "const" and base.value > 0.0:
        return build("exp", build("mul", const(math.log(base.value)), exponent))
    return None


def _same(a: Expr, b: Expr) -> Expr | None:
    return a if a is b else None


def _and(a: Expr, b: Expr) -> Expr | None:
    for known, other in ((a, b), (b, a)):
        if known.op == "bool":
            return other if known.value else known
    return _same(a, b)


def _or(a: Expr, b: Expr) -> Expr | None:
    for known, other in ((a, b), (b, a)):
        if known.op == "bool":
            return known if known.value else other
    return _same(a, b)


def _not(x: Expr) -> Expr | None:
    return x.args[0] if x.op == "not" else None


def _ne(a: Expr, b: Expr) -> Expr | None:
    """A condition turned into 1.0 or 0.0 and compared with 0 again."""
    a, b = _ordered(a, b)
    if is_const(a, 0.0) and b.op == "where" and is_const(b.args[1], 1.0) and is_const(b.args[2], 0.0):
        return b.args[0]
    return None


_RULES: dict[str, Callable[..., Expr | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "where": _where,
    "log": _log,
    "log1p": _log1p,
    "abs": _abs,
    "pow": _pow,
    "maximum": _same,
    "minimum": _same,
    "and": _and,
    "or": _or,
    "not": _not,
    "ne": _ne,
}
