"""`Program`: operator calls on typed values, each value made once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch

DTYPES: dict[str, torch.dtype] = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16,
    "i64": torch.int64, "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8,
    "i1": torch.bool, "c64": torch.complex64, "c128": torch.complex128,
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Type:
    """Shape and element type of a tensor; for other things ``kind`` says what they are, as ``generator``."""

    shape: tuple[int, ...] = ()
    dtype: torch.dtype | None = None
    kind: str = "tensor"

    @property
    def bytes(self) -> int:
        """Memory of the elements."""
        return 0 if self.dtype is None else prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        if self.dtype is None:
            return self.kind
        return "x".join([*map(str, self.shape), _NAMES[self.dtype]])


def type_of(tensor: torch.Tensor) -> Type:
    """The type of a tensor."""
    if tensor.dtype not in _NAMES:
        raise TypeError(f"Programs have no name for element type {tensor.dtype}.")
    return Type(tuple(tensor.shape), tensor.dtype)


@dataclass(frozen=True, eq=False)
class Value:
    """What an input, a variable, a constant or the result of a call stands for.

    Attributes:
        type: shape and element type.
        name: of an input or a variable; results are numbered when a program is printed.
        kind: ``"input"``, ``"variable"``, ``"constant"`` or ``"result"``.
    """

    type: Type
    name: str = ""
    kind: str = "result"


@dataclass(frozen=True)
class Slot:
    """The place of an operand inside the arguments of a torch function."""

    index: int


@dataclass(frozen=True, eq=False)
class Op:
    """One call.

    Attributes:
        name: of the operator; ``torch.call`` for a torch function, which is the attribute ``fn``.
        inputs: the operands, None for absent ones.
        attributes: everything else that the call takes.
        outputs: the results.
        layer: the layer that made the call.
        effect: whether it changes state or draws random numbers, so that it stays and keeps its place.
    """

    name: str
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Value, ...] = ()
    layer: str | None = None
    effect: bool = False

    def with_(self, **changes: Any) -> Op:
        """A copy with changes."""
        return dataclasses.replace(self, **changes)

    @property
    def function(self) -> Any:
        """The torch function of a ``torch.call``."""
        return self.attributes.get("fn")

    @property
    def writes(self) -> Value | None:
        """The variable that the call changes in place."""
        target = self.attributes.get("writes")
        return None if target is None else self.inputs[target]


@dataclass(frozen=True, eq=False)
class Program:
    """Operator calls in the order in which they run.

    Attributes:
        name: a label.
        inputs: the arguments.
        captured: variables and constants with the tensors that hold them.
        ops: the calls.
        outputs: what is returned: values in any structure.
    """

    name: str
    inputs: tuple[Value, ...]
    captured: Mapping[Value, Any]
    ops: tuple[Op, ...]
    outputs: Any

    def with_(self, **changes: Any) -> Program:
        """A copy with changes."""
        return dataclasses.replace(self, **changes)

    def producers(self) -> dict[Value, Op]:
        """The call that makes each result."""
        return {value: op for op in self.ops for value in op.outputs}

    def uses(self) -> dict[Value, list[Op]]:
        """The calls that read each value, once for each time they do."""
        found: dict[Value, list[Op]] = {}
        for op in self.ops:
            for value in op.inputs:
                if value is not None:
                    found.setdefault(value, []).append(op)
        return found

    @property
    def results(self) -> list[Value]:
        """The values that are returned."""
        return list(values_in(self.outputs))

    def written(self) -> set[Value]:
        """The variables that some call changes."""
        return {op.writes for op in self.ops if op.writes is not None}

    @property
    def bindings(self) -> dict[str, Any]:
        """What the text of the program refers to by name: tensors, functions, other objects."""
        from tkeras.compiler._text import Names

        return Names(self).bindings()

    def run(self, tensors: Any) -> Any:
        """The outputs for these inputs, one tensor after the other, computed call by call."""
        from tkeras.compiler._interpret import run

        return run(self, tensors)

    def verify(self) -> None:
        """Raise :class:`ProgramError` where the program is not well-formed."""
        from tkeras.compiler._verify import verify

        verify(self)

    def __str__(self) -> str:
        from tkeras.compiler._text import text

        return text(self)

    def __repr__(self) -> str:
        return f"<Program {self.name}: {len(self.ops)} ops>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


class ProgramError(ValueError):
    """A program that is not well-formed."""


def values_in(structure: Any) -> Iterator[Value]:
    """The values in a structure of lists, tuples and dictionaries, left to right."""
    if isinstance(structure, Value):
        yield structure
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from values_in(item)
    elif isinstance(structure, Mapping):
        for item in structure.values():
            yield from values_in(item)


_LEAVES = {int, float, bool, str, type(None), torch.dtype, torch.Size, torch.Tensor, Value, Slot}
"""Types that hold nothing else, asked first: most of what is mapped is one of them."""


def map_values(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure of lists, tuples and dictionaries with ``function`` applied to every leaf."""
    if type(structure) in _LEAVES:
        return function(structure)
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(map_values(function, item) for item in structure))
    if isinstance(structure, (list, tuple)) and not isinstance(structure, torch.Size):
        return type(structure)([map_values(function, item) for item in structure])
    if isinstance(structure, Mapping):
        return {key: map_values(function, item) for key, item in structure.items()}
    if isinstance(structure, slice):
        return slice(
            *(map_values(function, part) for part in (structure.start, structure.stop, structure.step))
        )
    return function(structure)


def rewired(program: Program, ops: Iterable[Op], replace: Mapping[Value, Value]) -> Program:
    """The program with these calls, in which each key of ``replace`` is read from its value instead."""

    def new(value: Any) -> Any:
        while isinstance(value, Value) and value in replace:
            value = replace[value]
        return value

    kept = []
    for op in ops:
        inputs = tuple(map(new, op.inputs))
        changed = any(a is not b for a, b in zip(inputs, op.inputs, strict=True))
        kept.append(op.with_(inputs=inputs) if changed else op)
    return program.with_(ops=tuple(kept), outputs=map_values(new, program.outputs))
