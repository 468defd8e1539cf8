"""Chains of pointwise functions as one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from tkeras.compiler._program import Op, Value
from tkeras.compiler.passes._layout import cast_of
from tkeras.compiler.passes._rewrite import arguments, calls, functions
from tkeras_kernels import library
from tkeras_kernels.pointwise import Pointwise, pointwise

_LONGEST_NAME = 300
_BINARY: dict[str, tuple[frozenset[Any], Callable[[Any, Any], Any]]] = {
    "+": (functions("add"), lambda a, b: a + b),
    "-": (functions("sub"), lambda a, b: a - b),
    "*": (functions("mul"), lambda a, b: a * b),
    "/": (functions("div", "truediv"), lambda a, b: a / b),
}
_REVERSED = frozenset(
    {torch.Tensor.__rsub__, torch.Tensor.__rdiv__, getattr(torch.Tensor, "__rtruediv__", None)}
)
_UNARY: dict[Any, Pointwise] = {
    function: pointwise(leaf)
    for leaf, made in (
        (library.relu, (torch.relu, F.relu, torch.Tensor.relu)),
        (library.tanh, (torch.tanh, torch.Tensor.tanh)),
        (library.sigmoid, (torch.sigmoid, torch.Tensor.sigmoid)),
        (library.silu, (F.silu,)),
        (library.gelu, (F.gelu,)),
        (library.softplus, (F.softplus,)),
        (library.elu, (F.elu,)),
        (library.selu, (torch.selu, F.selu)),
        (library.relu6, (F.relu6,)),
        (library.mish, (F.mish,)),
        (library.softsign, (F.softsign,)),
        (library.exponential, (torch.exp, torch.Tensor.exp)),
    )
    for function in made
}


_SHORT = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


def _same(value: Any) -> Any:
    """A cast: kernels compute in float32 and narrow on store."""
    return value


class Composed:
    """A function of several tensors made of pointwise steps, each of earlier results.

    Args:
        arity: how many tensors it takes.
        steps: function, its text with ``{0}``, ``{1}``, …, and the places of its arguments: tensors first,
            then results of steps.
    """

    def __init__(self, arity: int, steps: tuple[tuple[Any, str, tuple[int, ...]], ...]):
        self.arity, self.steps = arity, steps
        names = [f"x{index}" for index in range(arity)]
        for _, text, places in steps:
            full = text.format(*(names[place] for place in places))
            names.append(full if len(full) <= _LONGEST_NAME else f"chain{len(names) - arity + 1}")
        self.__qualname__ = self.__name__ = names[-1]
        self.__module__ = "fused"

    def __call__(self, *values: Any) -> Any:
        known = list(values)
        eager = isinstance(values[0], torch.Tensor)
        for function, _, places in self.steps:
            given = [known[place] for place in places]
            if isinstance(function, Pointwise):
                run = function.torch if eager else function.function
                known.append(run(*given) if eager else run(*given, **function.parameters))
            else:
                known.append(function(*given))
        return known[-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Composed) and (self.arity, self.steps) == (other.arity, other.steps)

    def __hash__(self) -> int:
        return hash((self.arity, self.steps))


Steps = tuple[tuple[Any, str, tuple[int, ...]], ...]


def unary(op: Op) -> Pointwise | None:
    """The function that a call applies to one tensor, None for other calls."""
    if op.name == "map" and len(op.inputs) == 1:
        return op.attributes["fn"]
    if op.name != "torch.call" or op.effect or "clones" in op.attributes or len(arguments(op)) != 1:
        return None
    named = {
        key: value for key, value in op.attributes.get("kwargs", {}).items() if key != "inplace" or value
    }
    try:
        return _UNARY.get(op.function) if not named else None
    except TypeError:
        return None


def steps_of(op: Op) -> tuple[list[Value], Steps] | None:
    """A pointwise call as operands and steps, None for calls that are not pointwise."""
    if op.name == "map":
        fn: Pointwise = op.attributes["fn"]
        own = fn.function.__module__ in (library.__name__, "fused")
        if any(value is None for value in op.inputs) or (not own and fn.graph is None):
            return None
        operands = [value for value in op.inputs if value is not None]
        if isinstance(fn.function, Composed):
            return operands, fn.function.steps
        return operands, ((fn, _call_text(fn), tuple(range(len(operands)))),)
    dtype = cast_of(op)
    if dtype in _SHORT and op.inputs[0] is not None:
        return [op.inputs[0]], ((_same, f"{_SHORT[dtype]}({{0}})", (0,)),)
    function = unary(op)
    if function is not None:
        assert op.inputs[0] is not None
        return [op.inputs[0]], ((function, _call_text(function), (0,)),)
    return _binary(op)


def _call_text(fn: Pointwise) -> str:
    names = ", ".join(f"{{{index}}}" for index in range(fn.arity))
    return f"{fn.name}({names})".replace("lambda", "function")


def _binary(op: Op) -> tuple[list[Value], Steps] | None:
    if op.attributes.get("kwargs"):
        return None
    for sign, (known, function) in _BINARY.items():
        given = arguments(op)
        if not calls(op, known) or len(given) != 2:
            continue
        if op.function in _REVERSED:
            given = given[::-1]
        values = [value for value in given if isinstance(value, Value)]
        numbers = [value for value in given if type(value) in (int, float)]
        if len(values) + len(numbers) != 2:
            return None
        if not numbers and values[0] is values[1]:
            return values[:1], ((function, f"({{0}} {sign} {{1}})", (0, 0)),)
        if not numbers:
            return values, ((function, f"({{0}} {sign} {{1}})", (0, 1)),)
        bound = _Bound(function, float(numbers[0]), given[0] is values[0])
        text = f"({{0}} {sign} {numbers[0]})" if bound.first else f"({numbers[0]} {sign} {{0}})"
        return values, ((bound, text, (0,)),)
    return None


class _Bound:
    """A function of two numbers with one of them given."""

    def __init__(self, function: Callable[[Any, Any], Any], number: float, first: bool):
        self.function, self.number, self.first = function, number, first

    def __call__(self, value: Any) -> Any:
        return self.function(value, self.number) if self.first else self.function(self.number, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bound) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.function, self.number, self.first))


def joined(
    first: tuple[list[Value], Steps], between: Value, second: tuple[list[Value], Steps]
) -> tuple[list[Value], Steps]:
    """One chain from two, of which the second reads the result of the first as ``between``."""
    operands = [*first[0]]
    for value in second[0]:
        if value is not between and value not in operands:
            operands.append(value)
    count = len(operands)
    steps = [
        (f, text, tuple(_moved(p, len(first[0]), count) for p in places)) for f, text, places in first[1]
    ]
    last = count + len(steps) - 1
    for function, text, places in second[1]:
        given = []
        for place in places:
            if place >= len(second[0]):
                given.append(place - len(second[0]) + count + len(first[1]))
            else:
                value = second[0][place]
                given.append(last if value is between else operands.index(value))
        steps.append((function, text, tuple(given)))
    return operands, tuple(steps)


def _moved(place: int, before: int, now: int) -> int:
    return place if place < before else place - before + now


def pointwise_chain(operands: list[Value], steps: Steps) -> Pointwise:
    """The function of a chain."""
    if len(steps) == 1 and isinstance(steps[0][0], Pointwise):
        return steps[0][0]
    return pointwise(Composed(len(operands), steps), arity=len(operands))
