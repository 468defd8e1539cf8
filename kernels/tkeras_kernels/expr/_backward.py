"""Choosing what the backward of a pointwise function reads: its output, its input, or nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._gradient import gradient
from ._node import Expr, const, symbol, topological
from ._range import LINE, Interval, range_of, split, subject
from ._simplify import build, restrict, simplify
from ._trace import Graph

_LARGEST_SHIFT = 1.0
"""y = u + c is solved for u only up to this |c|: beyond it u loses digits in y."""
_SMALLEST_GAP = 2.0**-5
"""Relative distance of two branches' values that no rounding closes."""
_BFLOAT16_DIGITS = 8


def backward_from(graph: Graph) -> tuple[str, Graph]:
    """The backward of a function with one input and one output, and what it must be given.

    Returns:
        ``("none", over (dy,))`` where the derivative is constant, ``("output", over (y, dy))`` where it can
        be told from the output, else ``("input", over (x, dy))``.
    """
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        received = f"{len(graph.inputs)} and {len(graph.outputs)}"
        raise ValueError(f"Expected a graph with one input and one output. Received: {received}")
    graph = simplify(graph)
    backward = gradient(graph)
    (x, dy), (dx,) = backward.inputs, backward.outputs
    if all(node is not x for node in topological([dx])):
        return "none", Graph((dy,), (dx,))
    y = symbol("y" if dy.value != "y" else "y_")
    try:
        translated = _translate(dx, x, LINE, _solve(graph.outputs[0], y))
    except _Unsolved:
        return "input", backward
    return "output", Graph((y, dy), (translated,))


class _Unsolved(Exception):  # noqa: N818 (a signal, not an error)
    pass


@dataclass(frozen=True)
class _Facts:
    """What the output tells of parts of the function: their values, and the part that is left to solve."""

    values: dict[Expr, Expr]
    rest: Expr


def _solve(node: Expr, value: Expr) -> _Facts:
    """The facts that follow from node = value."""
    values: dict[Expr, Expr] = {}
    step: tuple[Expr, Expr] | None = (node, value)
    while step is not None:
        node, value = step
        if node.op != "const":
            values[node] = value
        values.update(_identities(node, value))
        step = _invert(node, value)
    return _Facts(values, node)


def _translate(node: Expr, x: Expr, known: Interval, facts: _Facts) -> Expr:
    """The node with x, which lies in an interval, expressed through the output."""
    node = restrict(node, x, known)
    try:
        return _substitute(node, x, facts.values)
    except _Unsolved:
        if facts.rest.op != "where":
            raise
    condition, *branches = facts.rest.args
    if subject(condition) is not x:
        raise _Unsolved
    parts = split(condition, known)
    ranges = [part and range_of(branch, part) for branch, part in zip(branches, parts, strict=True)]
    value = facts.values[facts.rest]
    translated = []
    for branch, part in zip(branches, parts, strict=True):
        if part is None:
            raise _Unsolved
        inner = _solve(branch, value)
        inner = _Facts(facts.values | inner.values, inner.rest)
        translated.append(_translate(node, x, part, inner))
    return build("where", _separate(value, *ranges), *translated)


def _substitute(node: Expr, x: Expr, values: dict[Expr, Expr]) -> Expr:
    done: dict[Expr, Expr | None] = {x: None, **values}
    for part in topological([node]):
        if part not in done:
            args = [done[a] for a in part.args]
            known = [a for a in args if a is not None]
            done[part] = (build(part.op, *known) if args else part) if len(known) == len(args) else None
    result = done[node]
    if result is None:
        raise _Unsolved
    return result


def _separate(value: Expr, true: Interval | None, false: Interval | None) -> Expr:
    """A comparison that holds for every value of one interval and for none of the other.

    The output may have been rounded to 16 bits. Intervals with a gap are told apart in its middle; where they
    touch, a whole branch may lie on the bound, so the rounded output must be able to equal it.
    """
    if true is None or false is None:
        raise _Unsolved
    below = true.high < false.low or (true.high == false.low and not (true.high_closed and false.low_closed))
    above = false.high < true.low or (false.high == true.low and not (false.high_closed and true.low_closed))
    if not below and not above:
        raise _Unsolved
    lower, upper = (true, false) if below else (false, true)
    gap = upper.low - lower.high
    if gap > _SMALLEST_GAP * max(abs(upper.low), abs(lower.high)):
        middle = const(lower.high + 0.5 * gap)
        return build("lt", value, middle) if below else build("lt", middle, value)
    if gap > 0 or not _survives_rounding(value, upper.low):
        raise _Unsolved
    closed = true.high_closed if below else true.low_closed
    operands = (value, const(upper.low)) if below else (const(upper.low), value)
    return build("le" if closed else "lt", *operands)


def _survives_rounding(value: Expr, bound: float) -> bool:
    """Whether a value told from the rounded output equals a bound exactly when it should."""
    scaled = value.op in ("neg", "mul", "div") and any(a.op == "symbol" for a in value.args)
    if bound == 0.0:
        return scaled or value.op == "symbol"
    short = (math.frexp(bound)[0] * 2**_BFLOAT16_DIGITS).is_integer() and 2.0**-14 <= abs(bound) < 2.0**15
    return short and value.op == "symbol"


def _invert(node: Expr, value: Expr) -> tuple[Expr, Expr] | None:
    """node = k u, u / k, -u, u + c or c - u with a constant: u and its value."""
    if node.op == "neg":
        return node.args[0], build("neg", value)
    if len(node.args) != 2:
        return None
    left, right = node.args
    if node.op == "mul" and left.op == "const" and left.value != 0.0:
        return right, build("div", value, left)
    if node.op == "div" and right.op == "const" and right.value != 0.0:
        return left, build("mul", right, value)
    if node.op in ("add", "sub") and left.op == "const" and abs(left.value) <= _LARGEST_SHIFT:
        shifted = build("sub", value, left)
        return right, shifted if node.op == "add" else build("neg", shifted)
    return None


def _identities(node: Expr, value: Expr) -> dict[Expr, Expr]:
    """What a function's value says of another function of the same argument."""
    if node.op == "expm1":
        return {build("exp", node.args[0]): build("add", const(1.0), value)}
    if node.op == "softplus":
        return {build("sigmoid", node.args[0]): build("neg", build("expm1", build("neg", value)))}
    if node.op == "log_sigmoid":
        return {build("sigmoid", build("neg", node.args[0])): build("neg", build("expm1", value))}
    return {}
