"""The text of a program."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Slot, Value, values_in
from tkeras.compiler._symbols import library_function, symbol_name
from tkeras_kernels.pointwise import Pointwise

_SIMPLE = re.compile(r"[\w./]+")
_PLAIN = (torch.dtype, torch.memory_format, torch.layout)


class Names:
    """How the values and objects of a program are called in its text."""

    def __init__(self, program: Program):
        self.values: dict[Value, str] = {}
        self.objects: dict[str, Any] = {}
        self._by_id: dict[int, str] = {}
        for value in program.inputs:
            self.values[value] = self._free("%" + _quoted(value.name or "input"))
        for value, tensor in program.captured.items():
            sign = "#" if value.kind == "constant" else "@"
            name = self._free(sign + _quoted(value.name or "0"))
            self.values[value], self.objects[name] = name, tensor
        results = [value for op in program.ops for value in op.outputs]
        self.values.update((value, f"%{index}") for index, value in enumerate(results))
        self.program = program

    def _free(self, name: str) -> str:
        taken = {*self.values.values(), *self.objects}
        found, count = name, 1
        while found in taken:
            count += 1
            found = f'{name[:-1]}.{count}"' if name.endswith('"') else f"{name}.{count}"
        return found

    def of(self, value: Value | None) -> str:
        """The name of an operand."""
        return "none" if value is None else self.values[value]

    def symbol(self, value: Any) -> str:
        """The name of an object among the attributes."""
        if isinstance(value, Pointwise) and library_function(value.name) is value:
            return value.name
        name = self._by_id.get(id(value))
        if name is None:
            name = self._free("&" + _quoted(symbol_name(value)))
            self._by_id[id(value)], self.objects[name] = name, value
        return name

    def bindings(self) -> dict[str, Any]:
        """All objects by name."""
        text(self.program, self)
        return self.objects


def _quoted(name: str) -> str:
    return name if _SIMPLE.fullmatch(name) else json.dumps(name)


def text(program: Program, names: Names | None = None) -> str:
    """The program as text; the parser gives it back."""
    names = names or Names(program)
    given = [*program.inputs, *program.captured]
    parameters = ", ".join(f"{names.of(value)}: {value.type}" for value in given)
    lines = [f"program @{_quoted(program.name)}({parameters}) {{"]
    lines += [f"  {op_text(op, names)}" for op in program.ops]
    lines += [f"  return {literal(program.outputs, names)}", "}"]
    return "\n".join(lines) + "\n"


def op_text(op: Op, names: Names) -> str:
    """One line of a program."""
    made = ", ".join(map(names.of, op.outputs))
    parts = [f"{made} = " if made else "", op.name, "!" if op.effect else ""]
    parts.append(f"({', '.join(map(names.of, op.inputs))})")
    if op.attributes:
        pairs = (f"{key} = {literal(value, names)}" for key, value in op.attributes.items())
        parts.append(f" {{{', '.join(pairs)}}}")
    if op.outputs:
        parts.append(f" : {', '.join(str(value.type) for value in op.outputs)}")
    if op.layer is not None:
        parts.append(f"  // layer {json.dumps(op.layer)}")
    return "".join(parts)


def literal(value: Any, names: Names) -> str:
    """An attribute, or what is returned, as text."""
    if isinstance(value, Value):
        return names.of(value)
    if isinstance(value, Slot):
        return f"${value.index}"
    if value is None or isinstance(value, (bool, int)):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})".replace("'", '"')
    if isinstance(value, str):
        return json.dumps(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, _PLAIN):
        return str(value)
    if isinstance(value, torch.device):
        return f"device({json.dumps(str(value))})"
    if isinstance(value, slice):
        parts = (literal(part, names) for part in (value.start, value.stop, value.step))
        return f"slice({', '.join(parts)})"
    return _nested(value, names)


def _nested(value: Any, names: Names) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(k, names)}: {literal(v, names)}" for k, v in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(literal(item, names) for item in value) + "]"
    if type(value) in (tuple, torch.Size):
        inside = ", ".join(literal(item, names) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if any(True for _ in values_in(value)):
        raise TypeError(f"Programs return lists, tuples and dictionaries. Received: {type(value).__name__}")
    return names.symbol(value)
