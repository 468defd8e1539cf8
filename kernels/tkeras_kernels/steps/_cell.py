"""A recorded step as a cell of the scan template, and what has to be computed before the recurrence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from ..expr import Expr, emit_torch
from ..operators._cells import Cell
from ..pointwise import Pointwise, pointwise
from ._operators import meaning, name_of
from ._record import alone, record
from ._values import Block, Node, Outer, Outside, Program, Ref, Slice, UntraceableError

Product = Callable[[torch.Tensor, torch.Tensor, "torch.Tensor | None"], torch.Tensor]
Terms = tuple[Slice, ...]
Item = TypeVar("Item")

_cells: dict[Any, Cell] = {}
_MOST = 256


@dataclass(frozen=True)
class TracedStep:
    """A cell and how its arguments come from the step's input and weights.

    Attributes:
        cell: what the kernels run; its states are those of the step in the order ``states``.
        states: numbers of the step's states.
    """

    cell: Cell
    states: tuple[int, ...]
    _program: Program
    _input: int
    _columns: tuple[Terms, ...]
    _blocks: tuple[Block, ...]

    def arguments(self, x: torch.Tensor, product: Product) -> tuple[torch.Tensor, torch.Tensor]:
        """The projected input (B, T, columns * units) of x (B, T, in), and the recurrent kernel (units, gates
        * units), by code that autograd follows.

        Args:
            product: ``x @ kernel + bias`` (or None).
        """
        outer = _Run(self._program, self._input, x.flatten(0, 1), product)
        units = self._program.units
        columns = [
            outer.column(terms, units * count)
            for terms, count in _runs(self._columns, lambda terms, n: _moved(terms, n * units))
        ]
        kernel = [
            outer.block(block, units, units * count)
            for block, count in _runs(self._blocks, lambda block, n: block.moved(n * units))
        ]
        projected = _joined(columns).unflatten(0, x.shape[:2])
        return projected, _joined(kernel) if kernel else x.new_empty(units, 0)


def trace_step(
    step: Callable[..., Any], width: int, units: int, states: int, dtype: torch.dtype
) -> TracedStep:
    """The cell of ``step(x, states) -> (output, states)``, for inputs (batch, width), states (batch, units).

    The step is run on tensors without data, so Python values that it reads are constants of this trace.

    Raises:
        UntraceableError: for what a cell cannot express; any error of the step itself is one too.
    """
    with alone():
        try:
            program, place, output, after = record(step, width, units, states, dtype)
        except UntraceableError:
            raise
        except Exception as error:
            line = (str(error).strip().splitlines() or [""])[0]
            raise UntraceableError(f"{type(error).__name__}: {line}") from error
        (y,), new = program.segments(output), [program.segments(state)[0] for state in after]
        return _Layout(program, y, new).traced(place)


def _joined(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _runs(items: Sequence[Item], after: Callable[[Item, int], Item]) -> list[tuple[Item, int]]:
    """Items that follow each other as one, and how many they are; ``after(item, n)`` is n places further."""
    found: list[tuple[Item, int]] = []
    for item in items:
        if found and item == after(*found[-1]):
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((item, 1))
    return found


def _moved(terms: Terms, by: int) -> Terms:
    return tuple(one if one.width == 1 else one._replace(start=one.start + by) for one in terms)


def _narrowed(tensor: torch.Tensor, start: int, width: int) -> torch.Tensor:
    return tensor if tensor.shape[-1] == width else tensor[..., start : start + width]


class _Layout:
    """The gates, columns and states of a program, in the order of the template."""

    def __init__(self, program: Program, output: Ref, new: list[Ref]) -> None:
        self.program, self.nodes = program, program.nodes
        self.live = self._reach([output, *new])
        first = self._main_state(len(new))
        self.states = (first, *(i for i in range(len(new)) if i != first))
        self.apart = output != new[first]
        self.results = [new[i] for i in self.states] + ([output] if self.apart else [])
        self._order_gates()

    def _arguments(self, node: int) -> list[int]:
        kind, content = self.nodes[node]
        if kind == "op":
            return [value.node for value in content[2] if isinstance(value, Ref)]
        return [content[0].node] if kind in ("product", "sum") else []

    def _reach(self, refs: Iterable[Ref]) -> list[int]:
        """The nodes that results need, earlier ones first."""
        found: set[int] = set()
        waiting = [ref.node for ref in refs]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += self._arguments(node)
        return sorted(found)

    def _main_state(self, count: int) -> int:
        """The state that most products multiply as it is."""
        uses = [0] * count
        for node in self.live:
            kind, content = self.nodes[node]
            if kind == "product" and self.nodes[content[0].node].kind == "state":
                uses[self.nodes[content[0].node].content[0]] += 1
        return uses.index(max(uses))

    def _order_gates(self) -> None:
        products = [node for node in self.live if self.nodes[node].kind == "product"]
        main = [node for node in products if self._operand(node) == Node("state", (self.states[0],))]
        later = [node for node in products if node not in main]
        for node in later:
            inside = self._reach([self.nodes[node].content[0]])
            if any(other in inside for other in later):
                raise UntraceableError("three products one after the other in a step")
        sums = {node: self._sums(node) for node in products}
        joins = {node: len(sums[node]) == 1 and () not in sums[node] for node in products}
        if any(joins[node] for node in later) and not all(joins[node] for node in main):
            filled = [node for node in main if not joins[node]]
        else:
            filled = []
        main.sort(key=lambda node: not (joins[node] or node in filled))
        later.sort(key=lambda node: not joins[node])
        self.gates, self.later = main + later, later
        self.joined: list[Terms] = []
        for node in self.gates:
            if joins[node]:
                self.joined.append(next(iter(sums[node])))
            elif node in filled:
                self.joined.append(())
        self.kept_apart = {node for node in products if not joins[node]}
        self._collect_extras()

    def _operand(self, product: int) -> Node:
        return self.nodes[self.nodes[product].content[0].node]

    def _sums(self, product: int) -> dict[Terms, None]:
        """The different outer columns that are added to a product; none where it is used as it is."""
        found: dict[Terms, None] = {}
        refs = {ref for node in self.live for ref in self._direct(node)} | set(self.results)
        for node in self.live:
            kind, content = self.nodes[node]
            if kind == "sum" and content[0].node == product:
                found[content[1:]] = None
        if Ref(product) in refs:
            found[()] = None
        return found

    def _direct(self, node: int) -> list[Ref]:
        """The nodes that an operation or a product takes as they are."""
        kind, content = self.nodes[node]
        if kind == "op":
            return [value for value in content[2] if isinstance(value, Ref)]
        return [content[0]] if kind == "product" else []

    def _collect_extras(self) -> None:
        self.extras: list[Terms] = []
        for node in self.live:
            kind, content = self.nodes[node]
            terms = content if kind == "outer" else content[1:]
            apart = kind == "sum" and content[0].node in self.kept_apart
            if (kind == "outer" or apart) and terms not in self.extras:
                self.extras.append(terms)
        if not self.joined and not self.extras:
            self.extras.append(())

    def traced(self, place: int) -> TracedStep:
        """The result."""
        blocks = tuple(Block(*self.nodes[node].content[1:]) for node in self.gates)
        columns = (*self.joined, *self.extras)
        return TracedStep(self._cell(), self.states, self.program, place, columns, blocks)

    def _cell(self) -> Cell:
        """One object for steps of the same structure, whose leaves are then compiled once."""
        plan = _Plan(
            tuple((node, self._encoded(node)) for node in self.live),
            tuple(ref.node for ref in self.results),
            tuple(self.nodes[node].content[0].node for node in self.later),
            tuple(self.gates),
            len(self.later),
            len(self.extras),
            self.states,
        )
        key = (plan, len(self.joined), self.apart)
        found = _cells.get(key)
        if found is None:
            if len(_cells) >= _MOST:
                _cells.clear()
            found = plan.cell(len(self.joined), self.apart)
            for leaf in (found.step, found.operands):
                _check(leaf)
            _cells[key] = found
        return found

    def _encoded(self, node: int) -> tuple[Any, ...]:
        kind, content = self.nodes[node]
        if kind == "outer":
            return "extra", self.extras.index(content)
        if kind == "sum":
            product = content[0].node
            apart = product in self.kept_apart
            return "sum", product, self.extras.index(content[1:]) if apart else None
        return (kind, *content) if kind in ("state", "op") else (kind,)


@dataclass(frozen=True)
class _Plan:
    """The pointwise part of a step, whatever its weights."""

    nodes: tuple[tuple[int, tuple[Any, ...]], ...]
    results: tuple[int, ...]
    operands: tuple[int, ...]
    gates: tuple[int, ...]
    later: int
    extras: int
    states: tuple[int, ...]

    def cell(self, joined: int, apart: bool) -> Cell:
        first, count = len(self.gates) - self.later, len(self.states)
        operands = None
        if self.later:

            def operands_of(*values: Any) -> Any:
                return self._run(values, first, self.operands)

            operands = pointwise(operands_of, arity=first + self.extras + count)

        def step(*values: Any) -> Any:
            return self._run(values, len(self.gates), self.results)

        return Cell(
            pointwise(step, arity=len(self.gates) + self.extras + count),
            len(self.gates),
            joined,
            count,
            self.extras,
            operands,
            self.later,
            apart,
        )

    def _run(self, values: tuple[Any, ...], gates: int, wanted: tuple[int, ...]) -> Any:
        """The wanted nodes from the values of the first gates, extras and states, symbols or tensors."""
        products = dict(zip(self.gates, values[:gates], strict=False))
        extras, states = values[gates : gates + self.extras], values[gates + self.extras :]
        state = dict(zip(self.states, states, strict=True))
        found: dict[int, Any] = {}
        for node, (kind, *content) in self.nodes:
            if kind == "state":
                found[node] = state[content[0]]
            elif kind == "extra":
                found[node] = extras[content[0]]
            elif kind == "product" and node in products:
                found[node] = products[node]
            elif kind == "sum" and content[0] in products:
                value = products[content[0]]
                found[node] = value if content[1] is None else value + extras[content[1]]
            elif kind == "op" and all(v.node in found for v in content[2] if isinstance(v, Ref)):
                found[node] = _operate(content, found)
        results = tuple(found[node] for node in wanted)
        return results[0] if len(results) == 1 else results


_POINTS = 64


def _check(leaf: Pointwise | None) -> None:
    """Refuse a trace that does not compute what torch's operators do, on numbers of all sizes."""
    if leaf is None or leaf.graph is None:
        return
    module: dict[str, Any] = {}
    exec(emit_torch(leaf.graph, "apply"), module)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(leaf.arity, _POINTS, dtype=torch.float64, generator=generator)
    values *= torch.logspace(-2, 1, _POINTS, dtype=torch.float64)
    for ours, theirs in zip(_tuple(module["apply"](*values)), _tuple(leaf.torch(*values)), strict=True):
        if not torch.allclose(ours, theirs.expand_as(ours), rtol=1e-6, atol=1e-9, equal_nan=True):
            raise UntraceableError("a torch operator does something else than its trace")


def _tuple(result: Any) -> tuple[torch.Tensor, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _operate(content: list[Any], found: dict[int, Any]) -> Any:
    _, function, arguments, keywords = content
    values = [found[value.node] if isinstance(value, Ref) else value for value in arguments]
    if any(isinstance(value, Expr) for value in values):
        symbolic = meaning(function)
        assert symbolic is not None
        return symbolic(*values, **dict(keywords))
    return function(*values, **dict(keywords))


class _Run:
    """The outer values of a program, for the input of all steps (B * T, in)."""

    def __init__(self, program: Program, place: int, x: torch.Tensor, product: Product) -> None:
        self.program, self.x, self.product = program, x, product
        self._known: dict[int, torch.Tensor] = {place: x}

    def column(self, terms: Terms, width: int) -> torch.Tensor:
        """(B * T, width): the sum of outer columns, from the starts of the terms."""
        total = None
        for value, start, columns in terms:
            found = self.value(value)
            part = found if columns == 1 else _narrowed(found, start, width)
            total = part if total is None else total + part
        if total is None:
            return self.x.new_zeros(len(self.x), width)
        return total if total.shape == (len(self.x), width) else total.expand(len(self.x), width)

    def block(self, block: Block, rows: int, columns: int) -> torch.Tensor:
        """(rows, columns) of weights."""
        found = self.value(block.value)
        if len(found) != rows:
            found = found[block.row : block.row + rows]
        return _narrowed(found, block.column, columns)

    def value(self, number: int) -> torch.Tensor:
        """One outer value."""
        found = self._known.get(number)
        if found is None:
            found = self._known[number] = self._compute(self.program.outer[number])
        return found

    def _compute(self, outer: Outer) -> torch.Tensor:
        if outer.tensor is not None:
            tensor, device = outer.tensor, self.x.device
            return tensor if tensor.device == device else tensor.to(device)
        assert outer.function is not None
        name = name_of(outer.function)
        arguments, keywords = self._placed(outer.arguments), self._placed(outer.keywords)
        if outer.rows and name == "mm":
            return self.product(arguments[0], arguments[1], None)
        if outer.rows and name == "addmm" and arguments[0].dim() == 1 and not keywords:
            return self.product(arguments[1], arguments[2], arguments[0])
        if "device" in keywords:
            keywords["device"] = self.x.device
        result = outer.function(*arguments, **keywords)
        return result if outer.index is None else result[outer.index]

    def _placed(self, value: Any) -> Any:
        if isinstance(value, Outside):
            return self.value(value.value)
        if isinstance(value, dict):
            return {key: self._placed(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self._placed(part) for part in value)
        return value
