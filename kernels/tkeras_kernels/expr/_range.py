"""Interval arithmetic on expressions of one variable, for deciding a branch from the value of the result."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ._node import Expr
from ._primitives import evaluate

DEPTH = 8
"""How deep a branch is looked into: the work doubles with each level."""
_INCREASING = frozenset({"exp", "expm1", "tanh", "sigmoid", "erf", "softplus", "log_sigmoid"})


@dataclass(frozen=True)
class Interval:
    """The numbers between two bounds; a closed bound belongs to them."""

    low: float
    high: float
    low_closed: bool
    high_closed: bool

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low, low_closed = min((self.low, not self.low_closed), (other.low, not other.low_closed))
        high, high_closed = max((self.high, self.high_closed), (other.high, other.high_closed))
        return Interval(low, high, not low_closed, high_closed)

    def below(self, bound: float, closed: bool) -> Interval | None:
        """The part up to a bound, None where there is none."""
        high, high_closed = min((self.high, self.high_closed), (bound, closed))
        return _interval(self.low, high, self.low_closed, high_closed)

    def above(self, bound: float, closed: bool) -> Interval | None:
        """The part from a bound on, None where there is none."""
        mirrored = self.scale(-1.0).below(-bound, closed)
        return mirrored and mirrored.scale(-1.0)

    def scale(self, factor: float) -> Interval:
        """Every number times a factor that is not 0."""
        low, high = self.low * factor, self.high * factor
        if factor > 0:
            return Interval(low, high, self.low_closed, self.high_closed)
        return Interval(high, low, self.high_closed, self.low_closed)

    def add(self, other: Interval) -> Interval:
        """Every sum of a number of each."""
        low_closed, high_closed = self.low_closed and other.low_closed, self.high_closed and other.high_closed
        return Interval(self.low + other.low, self.high + other.high, low_closed, high_closed)


LINE = Interval(-math.inf, math.inf, True, True)


def _interval(low: float, high: float, low_closed: bool, high_closed: bool) -> Interval | None:
    if low > high or (low == high and not (low_closed and high_closed)):
        return None
    return Interval(low, high, low_closed, high_closed)


def subject(condition: Expr) -> Expr | None:
    """The value that a condition compares with a constant."""
    if condition.op not in ("lt", "le"):
        return None
    left, right = condition.args
    return left if right.op == "const" else right if left.op == "const" else None


def split(condition: Expr, known: Interval) -> tuple[Interval | None, Interval | None]:
    """The parts of the subject's interval where its condition holds and where it fails."""
    left, right = condition.args
    closed = condition.op == "le"
    if right.op == "const":
        return known.below(right.value, closed), known.above(right.value, not closed)
    return known.above(left.value, closed), known.below(left.value, not closed)


def range_of(node: Expr, x: Interval, depth: int = 0) -> Interval | None:
    """An interval that holds every value of the node for x in an interval; None where none is known."""
    if node.op == "symbol":
        return x
    if node.op == "const":
        return Interval(node.value, node.value, True, True)
    if depth > DEPTH or not node.args:
        return None
    if node.op == "where":
        return _range_of_where(node, x, depth)
    parts = [range_of(a, x, depth + 1) for a in node.args]
    known = [p for p in parts if p is not None]
    return _combine(node, known) if len(known) == len(parts) else None


def _range_of_where(node: Expr, x: Interval, depth: int) -> Interval | None:
    condition = node.args[0]
    value = subject(condition)
    if value is None or value.op != "symbol":
        return None
    parts = split(condition, x)
    branches = [(a, part) for a, part in zip(node.args[1:], parts, strict=True) if part is not None]
    ranges = [range_of(a, part, depth + 1) for a, part in branches]
    known = [r for r in ranges if r is not None]
    return known[0].hull(known[-1]) if known and len(known) == len(ranges) else None


def _combine(node: Expr, parts: list[Interval]) -> Interval | None:
    first, last = parts[0], parts[-1]
    if node.op in _INCREASING:
        low, high = float(evaluate(node.op, (first.low,))), float(evaluate(node.op, (first.high,)))
        return Interval(low, high, first.low_closed, first.high_closed)
    if node.op == "neg":
        return first.scale(-1.0)
    if node.op in ("add", "sub"):
        return first.add(last if node.op == "add" else last.scale(-1.0))
    if node.op == "mul" and node.args[0].op == "const" and node.args[0].value != 0.0:
        return last.scale(node.args[0].value)
    if node.op == "div" and node.args[1].op == "const" and node.args[1].value != 0.0:
        return first.scale(1.0 / node.args[1].value)
    return None
