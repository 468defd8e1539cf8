"""Constants, calls without effect, calls made twice."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.compiler._interpret import execute
from tkeras.compiler._program import Op, Program, Slot, Value, map_values, rewired
from tkeras.compiler.passes._rewrite import arguments, calls, functions, pure

_SHAPED = functions("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
_LARGEST = 1 << 16
"""Elements of a result that is kept as a constant."""
_NEUTRAL = {functions("mul"): 1, functions("div", "truediv"): 1, functions("add", "sub"): 0}
_SAME_SHAPE = functions("reshape", "view", "expand", "broadcast_to", "squeeze", "flatten")
_JOINS = functions("cat", "concat", "concatenate")


def fold_constants(program: Program) -> Program:
    """Compute what depends on constants, or on shapes alone."""
    captured = dict(program.captured)
    device = next((tensor.device for tensor in captured.values() if isinstance(tensor, torch.Tensor)), None)
    replace: dict[Value, Value] = {}
    kept: list[Op] = []
    for op in program.ops:
        operands = [replace.get(value, value) if value is not None else None for value in op.inputs]
        known = all(value is None or value.kind == "constant" for value in operands)
        small = all(value.type.dtype is not None and _size(value) <= _LARGEST for value in op.outputs)
        foldable = op.name == "torch.call" and bool(op.outputs) and not op.effect and small
        if not foldable or not (known or calls(op, _SHAPED)):
            kept.append(op)
            continue
        with torch.no_grad():
            results = execute(op, [_operand(captured, value, device) for value in operands])
        for value, result in zip(op.outputs, results, strict=True):
            replace[value] = Value(value.type, str(len(captured)), "constant")
            captured[replace[value]] = result
    return rewired(program.with_(captured=captured), kept, replace)


def _operand(captured: dict[Value, Any], value: Value | None, device: Any) -> Any:
    """The constant, or a stand-in of which only shape and type count."""
    if value is None or value.kind == "constant":
        return captured.get(value) if value is not None else None
    return torch.zeros(value.type.shape, dtype=value.type.dtype, device=device)


def _size(value: Value) -> int:
    return torch.Size(value.type.shape).numel()


def remove_identities(program: Program) -> Program:
    """Read operands directly where a call gives them back: ``x * 1``, a reshape to the same shape."""
    replace: dict[Value, Value] = {}
    gone: set[Op] = set()
    for op in program.ops:
        source = _identity(op)
        if source is not None and source not in program.written():
            replace[op.outputs[0]] = source
            gone.add(op)
    return rewired(program, (op for op in program.ops if op not in gone), replace)


def _identity(op: Op) -> Value | None:
    if op.effect or len(op.outputs) != 1:
        return None
    if op.name == "map" and op.attributes["fn"].name == "linear":
        return op.inputs[0]
    if op.name == "dropout" and op.attributes.get("rate") == 0:
        return op.inputs[0]
    if op.name != "torch.call":
        return None
    given = arguments(op)
    for known, neutral in _NEUTRAL.items():
        if calls(op, known) and len(given) == 2 and not op.attributes.get("kwargs"):
            return _beside(op, given, neutral)
    if calls(op, _SAME_SHAPE) and len(op.inputs) == 1 and op.inputs[0] is not None:
        return op.inputs[0] if op.inputs[0].type == op.outputs[0].type else None
    if calls(op, _JOINS) and len(op.inputs) == 1 and given[0] == [Slot(0)]:
        return op.inputs[0]
    return None


def _beside(op: Op, given: tuple[Any, ...], neutral: int) -> Value | None:
    """The operand beside a neutral number, if the result has its type."""
    first, second = given
    if type(second) in (int, float) and second == neutral and isinstance(first, Value):
        found = first
    elif calls(op, functions("mul", "add")) and type(first) in (int, float) and first == neutral:
        found = second
    else:
        return None
    return found if isinstance(found, Value) and found.type == op.outputs[0].type else None


def remove_dead(program: Program) -> Program:
    """Drop calls whose results nobody reads, and captured tensors that no call reads."""
    live = set(program.results)
    kept: list[Op] = []
    for op in reversed(program.ops):
        if op.effect or any(value in live for value in op.outputs):
            kept.append(op)
            live.update(value for value in op.inputs if value is not None)
    captured = {value: tensor for value, tensor in program.captured.items() if value in live}
    return program.with_(captured=captured, ops=tuple(reversed(kept)))


def merge_equal(program: Program) -> Program:
    """One call in place of several with the same operands and attributes."""
    written = program.written()
    found: dict[Any, Op] = {}
    replace: dict[Value, Value] = {}
    kept: list[Op] = []
    for op in program.ops:
        inputs = tuple(replace.get(value, value) if value is not None else None for value in op.inputs)
        key = (op.name, inputs, key_of(op.attributes)) if pure(op, written) else None
        same = found.get(key) if key is not None else None
        if same is not None:
            replace.update(zip(op.outputs, same.outputs, strict=True))
            continue
        if key is not None and op.outputs:
            found[key] = op
        kept.append(op)
    return rewired(program, kept, replace)


def key_of(attributes: Any) -> Any:
    """Attributes as something that can be compared; objects by identity."""

    def leaf(value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, Slot, torch.dtype, torch.device)):
            return (type(value), value)
        return id(value)

    return repr(map_values(leaf, dict(attributes)))
