"""What a step is made of: values before the recurrence as a list to run again, and values inside it.

A value is *outer* when no state enters it: it is computed by torch, for all steps at once. An *inner* value
(batch, n * units) is a row of parts: segments of ``units`` columns, each a node of the recurrence, and slices
of outer values. Nodes are states, products of a state with weights, outer columns, and pointwise functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch


class UntraceableError(Exception):
    """Why a step cannot be a kernel."""


class Slice(NamedTuple):
    """Columns of an outer value; a width of 1 is for all columns."""

    value: int
    start: int
    width: int


class Block(NamedTuple):
    """A square of weights: rows and columns of an outer value, ``units`` each."""

    value: int
    row: int
    column: int

    def moved(self, by: int) -> Block:
        """The one so many columns further."""
        return self._replace(column=self.column + by)


class Node(NamedTuple):
    """A node of the recurrence.

    Attributes:
        kind: "state" (index), "product" (operand, a node; Block), "sum" (product, *slices added to it),
            "outer" (*slices added up), "constant" (number) or "op" (name, torch's operator, arguments,
            keywords), where arguments are nodes by :class:`Ref` or numbers.
        content: what the kind says.
    """

    kind: str
    content: tuple[Any, ...]


class Ref(NamedTuple):
    """An argument that is a node."""

    node: int


@dataclass
class Outer:
    """One outer value: a tensor from outside, the step's input, or a torch operator on earlier values."""

    rows: bool
    """Whether it is (batch, width), a row for each sequence."""
    shape: tuple[int, ...]
    tensor: torch.Tensor | None = None
    function: Callable[..., Any] | None = None
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    index: int | None = None
    """Which of the operator's several results."""


class Outside(NamedTuple):
    """An argument that is an outer value."""

    value: int


Part = Slice | Ref


@dataclass
class Inner:
    """An inner value: parts from left to right, of ``units`` columns where they are nodes."""

    parts: list[Part]


class Program:
    """Everything that a step does, in order."""

    def __init__(self, units: int) -> None:
        self.units = units
        self.outer: list[Outer] = []
        self.nodes: list[Node] = []
        self._known: dict[Node, int] = {}

    def add(self, outer: Outer) -> int:
        """The number of a new outer value."""
        self.outer.append(outer)
        return len(self.outer) - 1

    def node(self, kind: str, *content: Any) -> Ref:
        """The node, which is made once."""
        key = Node(kind, content)
        try:
            found = self._known.get(key)
        except TypeError as error:
            raise UntraceableError(f"an argument of {content[0]} is no number: {error}") from None
        if found is None:
            found = self._known[key] = len(self.nodes)
            self.nodes.append(key)
        return Ref(found)

    def width(self, part: Part) -> int:
        """How many columns a part has."""
        return part.width if isinstance(part, Slice) else self.units

    def columns(self, inner: Inner) -> int:
        """How many columns an inner value has."""
        return sum(map(self.width, inner.parts))

    def segments(self, inner: Inner) -> list[Ref]:
        """Its nodes, where slices of outer values are cut into segments too."""
        found: list[Ref] = []
        for part in inner.parts:
            found += [part] if isinstance(part, Ref) else self.cut(part)
        return found

    def cut(self, part: Slice) -> list[Ref]:
        """Outer columns as nodes of ``units`` columns each."""
        if part.width % self.units:
            raise UntraceableError(f"{part.width} columns meet states of {self.units} units")
        starts = range(part.start, part.start + part.width, self.units)
        return [self.node("outer", Slice(part.value, start, self.units)) for start in starts]

    def between(self, inner: Inner, start: int, stop: int) -> Inner:
        """Columns of an inner value."""
        parts: list[Part] = []
        at = 0
        for part in inner.parts:
            width = self.width(part)
            low, high = max(start, at), min(stop, at + width)
            if low < high:
                if isinstance(part, Slice):
                    parts.append(Slice(part.value, part.start + low - at, high - low))
                elif (low, high) == (at, at + width):
                    parts.append(part)
                else:
                    raise UntraceableError("columns are taken out of the middle of a state's units")
            at += width
        return Inner(parts)

    def added(self, node: Ref, term: Slice) -> Ref:
        """A node plus outer columns; next to a product they become part of its projected input."""
        kind, content = self.nodes[node.node]
        if kind == "product":
            return self.node("sum", node, term)
        if kind in ("sum", "outer"):
            return self.node(kind, *content, term)
        outer = self.node("outer", term)
        return self.node("op", "add", torch.ops.aten.add.Tensor, (node, outer), ())
