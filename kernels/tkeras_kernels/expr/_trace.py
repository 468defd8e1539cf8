"""Running a Python function on symbols, which gives its graph."""

from __future__ import annotations

import hashlib
import keyword
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._constants import Recorder
from ._errors import TraceError
from ._node import Expr, as_expr, as_float, symbol, topological

_RESERVED = frozenset({"tl", "triton", "torch", "math", "_device", "float"})


@dataclass(frozen=True, eq=False)
class Graph:
    """A function as expressions: its input symbols and its outputs, one number an element each."""

    inputs: tuple[Expr, ...]
    outputs: tuple[Expr, ...]

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self.inputs))}) -> ({', '.join(map(repr, self.outputs))})"


def trace(function: Callable[..., Any], arity_or_names: int | Sequence[str]) -> Graph:
    """The graph of a function of scalars.

    Args:
        function: Takes one expression an input; returns one value or a tuple of them.
        arity_or_names: The names of the inputs, or how many there are (named ``x``, or ``x0``, ``x1``, ...).

    Raises:
        TraceError: The function branches on a value, or calls what the language does not have.
    """
    names = _names(arity_or_names)
    inputs = tuple(map(symbol, names))
    with Recorder():
        result = function(*inputs)
    values = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    if not values or any(v is None for v in values):
        raise TraceError(f"Expected the function to return a value or a tuple. Received: {result!r}")
    graph = Graph(inputs, tuple(as_float(as_expr(v)) for v in values))
    unknown = sorted(n.value for n in topological(graph.outputs) if n.op == "symbol" and n.value not in names)
    if unknown:
        raise TraceError(f"The function uses values of another trace: {', '.join(unknown)}")
    return graph


def inputs_of(graph: Graph) -> dict[Expr, int]:
    """Position of each input symbol."""
    return {node: i for i, node in enumerate(graph.inputs)}


def _names(arity_or_names: int | Sequence[str]) -> tuple[str, ...]:
    if isinstance(arity_or_names, int):
        return ("x",) if arity_or_names == 1 else tuple(f"x{i}" for i in range(arity_or_names))
    names = tuple(arity_or_names)
    for name in names:
        temporary = name[:1] == "t" and name[1:].isdigit()
        if not name.isidentifier() or keyword.iskeyword(name) or name in _RESERVED or temporary:
            raise ValueError(f"Expected an identifier that generated code does not use. Received: {name!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"Expected distinct input names. Received: {names}")
    return names


def fingerprint(graph: Graph) -> str:
    """sha256 of the structure: the same in every process, and for graphs that differ only in input names."""
    number: dict[Expr, int] = {}
    lines = [str(len(graph.inputs))]
    positions = inputs_of(graph)
    for node in topological(graph.outputs):
        number[node] = len(number)
        value = node.value.hex() if isinstance(node.value, float) else node.value
        label = positions[node] if node.op == "symbol" else value
        lines.append(" ".join([node.op, str(label), *(str(number[a]) for a in node.args)]))
    lines.append(" ".join(str(number[o]) for o in graph.outputs))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
