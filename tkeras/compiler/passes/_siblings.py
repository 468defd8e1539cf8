"""Calls that stand beside each other become one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from math import prod
from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Type, Value
from tkeras.compiler.passes._order import ancestors, in_order
from tkeras.compiler.passes._rewrite import pure, torch_op
from tkeras.compiler.passes._simplify import key_of

_BATCHED: dict[str, dict[int, int]] = {
    "dense": {0: 0},
    "embedding": {0: 0},
    "lstm": {0: 0, 4: 0, 5: 0, 6: 0, 7: 1, 8: 1},
    "gru": {0: 0, 4: 0, 5: 0, 6: 1, 7: 1},
    "simple_rnn": {0: 0, 4: 0, 5: 0, 6: 1, 7: 1},
}
"""Operands that go with the batch, with the axis of the batch; all others are shared weights."""
_STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}
_SMALL = 1 << 16
"""Elements that may be copied to save a call of a matrix product."""


def merge_shared(program: Program) -> Program:
    """Calls of one layer on several inputs become one call on the joined batch."""

    def key(op: Op) -> Any:
        if op.name not in _BATCHED:
            return None
        batched = _BATCHED[op.name]
        if op.name == "dense" and _elements([*op.inputs[:1], *op.outputs]) > _SMALL:
            return None
        shared = tuple(value for index, value in enumerate(op.inputs) if index not in batched)
        rest = tuple(_rest(op, index, axis) for index, axis in batched.items())
        return op.name, shared, rest, key_of(op.attributes)

    return _merge(program, key, _shared)


def _rest(op: Op, index: int, axis: int) -> Any:
    """What must agree about an operand apart from the size of the batch."""
    value = op.inputs[index] if index < len(op.inputs) else None
    if value is None:
        return None
    sizes = value.type.shape
    return value.type.dtype, sizes[:axis], sizes[axis + 1 :]


def _shared(group: list[Op]) -> list[Op]:
    first, batched = group[0], _BATCHED[group[0].name]
    made: list[Op] = []
    inputs = list(first.inputs)
    sizes = [op.outputs[0].type.shape[0] for op in group]
    for index, axis in batched.items():
        if index < len(inputs) and inputs[index] is not None:
            parts = [op.inputs[index] for op in group]
            type = _joined([part.type for part in parts if part is not None], axis)
            made.append(torch_op(torch.cat, (parts, axis), [type], first.layer))
            inputs[index] = made[-1].outputs[0]
    outputs = [_joined([op.outputs[i].type for op in group], 0) for i in range(len(first.outputs))]
    merged = first.with_(inputs=tuple(inputs), outputs=tuple(map(Value, outputs)))
    made.append(merged)
    for index, whole in enumerate(merged.outputs):
        made.append(_split(whole, sizes, 0, [op.outputs[index] for op in group], first.layer))
    return made


def merge_parallel(program: Program) -> Program:
    """Small dense layers on one input become one matrix product with their kernels side by side."""

    def key(op: Op) -> Any:
        if op.name != "dense" or len(op.inputs) != 3 or _elements(op.inputs[1:2]) > _SMALL // 4:
            return None
        absent = op.inputs[2] is None
        return op.inputs[0], absent, op.inputs[1] and op.inputs[1].type.dtype, key_of(op.attributes)

    return _merge(program, key, _parallel)


def _parallel(group: list[Op]) -> list[Op]:
    first = group[0]
    sizes = [op.outputs[0].type.shape[-1] for op in group]
    made: list[Op] = []
    operands: list[Any] = [first.inputs[0]]
    for index, axis in ((1, 1), (2, 0)):
        parts = [op.inputs[index] for op in group]
        if parts[0] is None:
            operands.append(None)
            continue
        made.append(
            torch_op(torch.cat, (parts, axis), [_joined([p.type for p in parts if p], axis)], first.layer)
        )
        operands.append(made[-1].outputs[0])
    whole = Value(_joined([op.outputs[0].type for op in group], -1))
    made.append(first.with_(inputs=tuple(operands), outputs=(whole,)))
    made.append(_split(whole, sizes, -1, [op.outputs[0] for op in group], first.layer))
    return made


def merge_members(program: Program) -> Program:
    """Dense layers of one shape on inputs of one shape become one batched matrix product."""

    def key(op: Op) -> Any:
        if op.name != "dense" or len(op.inputs) != 3 or any(value is None for value in op.inputs):
            return None
        types = tuple(value.type for value in op.inputs if value is not None)
        return (types, key_of(op.attributes)) if len(types[0].shape) == 2 else None

    return _merge(program, key, _members)


def _members(group: list[Op]) -> list[Op]:
    first, made = group[0], []
    count = len(group)

    def call(function: Any, *args: Any, shape: Iterable[int]) -> Value:
        type = Type(tuple(shape), first.outputs[0].type.dtype)
        made.append(torch_op(function, args, [type], first.layer))
        return made[-1].outputs[0]

    stacked = []
    for index in range(3):
        parts = [op.inputs[index] for op in group]
        shape = parts[0].type.shape  # type: ignore[union-attr]
        stacked.append(call(torch.stack, parts, 0, shape=(count, *shape)))
    x, kernel, bias = stacked
    rows, columns = first.outputs[0].type.shape
    bias = call(torch.unsqueeze, bias, 1, shape=(count, 1, columns))
    y = call(torch.baddbmm, bias, x, kernel, shape=(count, rows, columns))
    activation = first.attributes.get("activation")
    if activation is not None:
        made.append(Op("map", (y,), {"fn": activation}, (Value(y.type),), first.layer))
        y = made[-1].outputs[0]
    unbind = torch_op(torch.unbind, (y, 0), [], first.layer)
    made.append(unbind.with_(outputs=tuple(op.outputs[0] for op in group)))
    return made


def merge_scans(program: Program) -> Program:
    """Recurrent calls of one size with weights of their own, as of both directions, become one scan."""

    def key(op: Op) -> Any:
        if op.name not in _STATES:
            return None
        types = tuple(None if value is None else value.type for value in _padded(op))
        rest = {name: value for name, value in op.attributes.items() if name != "go_backwards"}
        return op.name, types, key_of(rest)

    return _merge(program, key, _scans)


def _padded(op: Op) -> list[Value | None]:
    """All operands of a recurrent call, None for those that it leaves out."""
    count = 7 + _STATES[op.name]
    return [*op.inputs, *(None,) * (count - len(op.inputs))]


def _scans(group: list[Op]) -> list[Op]:
    first, calls = group[0], [_padded(op) for op in group]
    inputs = list(dict.fromkeys(call[0] for call in calls))
    own = [value for call in calls for value in call[4:]]
    weights = [value for call in calls for value in call[1:4]]
    rest = {name: value for name, value in first.attributes.items() if name != "go_backwards"}
    attributes = {
        "member": first.name,
        "reads": tuple(inputs.index(call[0]) for call in calls),
        "sets": tuple(range(len(group))),
        "go_backwards": tuple(bool(op.attributes.get("go_backwards", False)) for op in group),
        **rest,
    }
    outputs = tuple(value for op in group for value in op.outputs)
    return [Op("several", (*inputs, *own, *weights), attributes, outputs, first.layer)]


def _merge(program: Program, key: Callable[[Op], Any], join: Callable[[list[Op]], list[Op]]) -> Program:
    """Join groups of independent calls with equal keys, one group after the other."""
    done: set[Op] = set()
    while True:
        written, above = program.written(), ancestors(program)
        groups: dict[Any, list[Op]] = defaultdict(list)
        for op in program.ops:
            found = key(op) if op not in done and pure(op, written) else None
            if found is not None and not any(
                above[op] >> index & 1 for index in map(program.ops.index, groups[found])
            ):
                groups[found].append(op)
        several = next((group for group in groups.values() if len(group) > 1), None)
        if several is None:
            return program
        made = join(several)
        done.update(made)
        members = set(several)
        ops = [op for op in program.ops if op not in members]
        place = program.ops.index(several[-1]) - len(several) + 1
        program = in_order(program, [*ops[:place], *made, *ops[place:]])


def _elements(values: Iterable[Any]) -> int:
    return sum(prod(value.type.shape) for value in values if value is not None)


def _joined(types: list[Type], axis: int) -> Type:
    shape = list(types[0].shape)
    shape[axis] = sum(type.shape[axis] for type in types)
    return Type(tuple(shape), types[0].dtype)


def _split(whole: Value, sizes: list[int], axis: int, parts: list[Value], layer: str | None) -> Op:
    return torch_op(torch.split, (whole, sizes, axis), [], layer).with_(outputs=tuple(parts))
