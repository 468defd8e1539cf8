"""A graph as a ``@triton.jit`` leaf: a pure function of float32 blocks that a template calls."""

from __future__ import annotations

import math

import numpy as np

from ._emit import Printer, function, is_constant
from ._node import Expr
from ._primitives import PRIMITIVES
from ._simplify import simplify
from ._trace import Graph

_DEVICE = frozenset({"exp", "expm1", "log1p", "tanh", "sigmoid", "softplus", "log_sigmoid", "sign", "pow"})
"""What Triton lacks outside libdevice, or has only approximately; ``_device`` has it."""
_LANGUAGE = frozenset({"log", "sqrt", "rsqrt", "sin", "cos", "erf", "abs", "floor"})


def emit_triton(graph: Graph, name: str) -> str:
    """Source of a module with the leaf ``name``.

    Arguments are float32 blocks or scalars (templates convert on load and on store), the result is a block or
    a tuple of them. A constant result has the shape of the first input. The source must be executed under a
    file name known to ``linecache``, since Triton reads it back.
    """
    graph = simplify(graph)
    printer = Printer(_number, _template)
    results = [
        f"tl.full({graph.inputs[0].value}.shape, {text}, tl.float32)" if is_constant(output) else text
        for output, text in zip(graph.outputs, printer.run(graph), strict=True)
    ]
    body = function(graph, name, printer.lines, results)
    device = "\nfrom tkeras_kernels.expr import _device\n" if "_device." in body else ""
    return f"import triton\nimport triton.language as tl\n{device}\n\n@triton.jit\n{body}"


def _template(node: Expr) -> str:
    if node.op in _DEVICE:
        return f"_device.{node.op}({', '.join(['{}'] * len(node.args))})"
    if node.op in _LANGUAGE:
        return f"tl.{node.op}({{}})"
    if node.op in ("maximum", "minimum"):
        return f"tl.{node.op}({{}}, {{}}, propagate_nan=tl.PropagateNan.ALL)"
    if node.op == "where":
        return "tl.where({}, {}, {})"
    return PRIMITIVES[node.op].source


def _number(value: float) -> str:
    """The shortest text that reads back as the nearest float32: the last bits of float64 leave no trace."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    if not np.isfinite(single):
        return f'float("{single}")'
    text = str(single)
    if np.float32(float(text)) != single:
        text = repr(float(single))
    return text if math.copysign(1.0, value) > 0 or text.startswith("-") else f"-{text}"
