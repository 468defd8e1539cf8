"""Reverse-mode differentiation of a graph."""

from __future__ import annotations

from ._node import Expr, const, make, symbol, topological
from ._primitives import PRIMITIVES
from ._simplify import simplify
from ._trace import Graph


def gradient(graph: Graph) -> Graph:
    """The vector-Jacobian product, simplified.

    Inputs: the inputs of ``graph``, then one cotangent an output (``dy``, or ``dy0``, ``dy1``, ...).
    Outputs: the gradient of each input of ``graph``.
    """
    cotangents = cotangent_symbols(graph)
    adjoint: dict[Expr, Expr] = {}
    for output, cotangent in zip(graph.outputs, cotangents, strict=True):
        _accumulate(adjoint, output, cotangent)
    for node in reversed(topological(graph.outputs)):
        if node not in adjoint or not node.args:
            continue
        rule = PRIMITIVES[node.op].rule
        if rule is None:
            continue
        for operand, part in zip(node.args, rule(node, adjoint[node]), strict=True):
            if part is not None and operand.op != "const":
                _accumulate(adjoint, operand, part)
    gradients = tuple(adjoint.get(i, const(0.0)) for i in graph.inputs)
    return simplify(Graph(graph.inputs + cotangents, gradients))


def cotangent_symbols(graph: Graph) -> tuple[Expr, ...]:
    """One symbol an output, under names that no input has."""
    taken = {i.value for i in graph.inputs}
    prefix = "dy"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    many = len(graph.outputs) > 1
    return tuple(symbol(f"{prefix}{k}" if many else prefix) for k in range(len(graph.outputs)))


def _accumulate(adjoint: dict[Expr, Expr], node: Expr, part: Expr) -> None:
    adjoint[node] = make("add", adjoint[node], part) if node in adjoint else part
