"""A graph as a Python function on torch tensors of any floating dtype."""

from __future__ import annotations

import math

from ._emit import Printer, function, is_constant
from ._node import Expr
from ._primitives import PRIMITIVES
from ._simplify import simplify
from ._trace import Graph


def emit_torch(graph: Graph, name: str) -> str:
    """Source of a module with the function ``name`` on tensors of one dtype that broadcast together.

    A constant result has the shape of the first input.
    """
    graph = simplify(graph)
    like = graph.inputs[0].value if graph.inputs else ""

    def template(node: Expr) -> str:
        constants = [a.op == "const" for a in node.args]
        if node.op in ("maximum", "minimum"):
            first, second = (f"{like}.new_full((), {{}})" if c else "{}" for c in constants)
            return f"torch.{node.op}({first}, {second})"
        if node.op == "where" and constants[1:] == [True, True]:
            return f"torch.where({{}}, {like}.new_full((), {{}}), {{}})"
        return PRIMITIVES[node.op].source

    printer = Printer(_number, template)
    results = [
        f"torch.full_like({like}, {text})" if is_constant(output) else text
        for output, text in zip(graph.outputs, printer.run(graph), strict=True)
    ]
    body = function(graph, name, printer.lines, results)
    return f"{'import math' * ('math.' in body)}\n\nimport torch\n\n\n{body}".lstrip()


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "math.nan" if math.isnan(value) else ("math.inf" if value > 0 else "-math.inf")
