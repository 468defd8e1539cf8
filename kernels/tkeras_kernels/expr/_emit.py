"""Printing a graph as straight-line Python source, shared by the two targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ._node import Expr, topological
from ._trace import Graph

_FLIPPED = {"<": ">", "<=": ">=", "==": "==", "!=": "!="}
_LEVELS = {
    **dict.fromkeys((*_FLIPPED, *_FLIPPED.values()), 1),
    "|": 2,
    "&": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
}
_UNARY, _ATOM = 6, 9
_WIDTH = 88
"""Text longer than this gets a line of its own."""
_LINE = 106


class Printer:
    """Prints each node once: shared and long ones as temporaries ``t0``, ``t1``, ..., the rest in place.

    Args:
        number: Source text of a constant.
        template: Source text of an operation with one ``{}`` an operand, given the node.
    """

    def __init__(self, number: Callable[[float], str], template: Callable[[Expr], str]) -> None:
        self._number = number
        self._template = template
        self._text: dict[Expr, tuple[str, int]] = {}
        self.lines: list[str] = []

    def run(self, graph: Graph) -> list[str]:
        """Fill ``lines`` and return the text of each output."""
        nodes = topological(graph.outputs)
        uses = Counter(a for n in nodes for a in n.args)
        uses.update(graph.outputs)
        temporaries = 0
        for node in nodes:
            self._text[node] = self._print(node)
            text = self._text[node][0]
            if node.args and (uses[node] > 1 or (len(text) > _WIDTH and node is not graph.outputs[-1])):
                self.lines.append(f"t{temporaries} = {text}")
                self._text[node] = (f"t{temporaries}", _ATOM)
                temporaries += 1
        return [self._text[o][0] for o in graph.outputs]

    def _print(self, node: Expr) -> tuple[str, int]:
        if node.op == "symbol":
            return node.value, _ATOM
        if node.op == "bool":
            return str(node.value), _ATOM
        if node.op == "const":
            text = self._number(node.value)
            return text, _UNARY if text.startswith("-") else _ATOM
        if node.op == "add" and node.args[0].op == "const" and node.args[0].value < 0.0:
            return f"{self._operand(node.args[1], 4)} - {self._number(-node.args[0].value)}", _LEVELS["+"]
        template = self._template(node)
        if template.startswith("{} "):
            return self._infix(node, template.split()[1])
        if template in ("-{}", "~{}"):
            return template.format(self._operand(node.args[0], _UNARY)), _UNARY
        return template.format(*(self._text[a][0] for a in node.args)), _ATOM

    def _infix(self, node: Expr, sign: str) -> tuple[str, int]:
        left, right = node.args
        if sign in _FLIPPED and left.op == "const":
            left, right, sign = right, left, _FLIPPED[sign]
        level = _LEVELS[sign]
        return f"{self._operand(left, level)} {sign} {self._operand(right, level + 1)}", level

    def _operand(self, node: Expr, level: int) -> str:
        text, own = self._text[node]
        return text if own >= level else f"({text})"


def function(graph: Graph, name: str, lines: list[str], results: list[str]) -> str:
    """``def name(inputs): lines; return results``."""
    parameters = ", ".join(i.value for i in graph.inputs)
    returned = f"return {', '.join(results)}"
    if len(results) > 1 and len(returned) > _LINE:
        returned = "\n    ".join(["return (", *(f"    {r}," for r in results), ")"])
    body = "".join(f"    {line}\n" for line in [*lines, returned])
    return f"def {name}({parameters}):\n{body}"


def is_constant(node: Expr) -> bool:
    """Whether a value depends on no input."""
    return all(n.op != "symbol" for n in topological([node]))
