"""Casts, transpositions and reshapes that follow each other."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Slot, Type, Value
from tkeras.compiler.passes._rewrite import arguments, calls, functions, replaced, torch_op

_CAST = functions("to")
_NAMED_CASTS = {
    getattr(torch.Tensor, name): dtype
    for name, dtype in (("float", torch.float32), ("half", torch.float16), ("double", torch.float64))
}
_PERMUTE = functions("permute")
_SWAP = functions("transpose", "swapaxes")
_RESHAPE = functions("reshape", "view", "flatten", "unsqueeze", "squeeze")
_SPLITS, _JOINS = functions("split"), functions("cat", "concat", "concatenate")


def clean_layouts(program: Program) -> Program:
    """One cast, transposition or reshape in place of two; nothing where the second undoes the first."""
    made = program.producers()
    old: dict[Op, list[Op]] = {}
    values: dict[Value, Value] = {}
    for op in program.ops:
        source = op.inputs[0] if op.name == "torch.call" and len(op.inputs) == 1 else None
        before = made.get(source) if source is not None else None
        start = before.inputs[0] if before is not None and len(before.inputs) == 1 else None
        if before is not None and start is not None:
            found = _joined(before, start, op)
            if isinstance(found, Value):
                old[op], values[op.outputs[0]] = [], found
            elif found is not None:
                old[op] = [found.with_(outputs=op.outputs)]
        if calls(op, _JOINS):
            whole = _rejoined(op, made)
            if whole is not None:
                old[op], values[op.outputs[0]] = [], whole
    return replaced(program, old, values)


def _joined(first: Op, start: Value, second: Op) -> Op | Value | None:
    end = second.outputs[0].type if len(second.outputs) == 1 else None
    if end is None or first.effect or second.effect:
        return None
    types = (cast_of(first), cast_of(second))
    if all(types):
        middle = first.outputs[0].type.dtype
        if start.type.dtype is None or torch.promote_types(start.type.dtype, middle) != middle:  # type: ignore[arg-type]
            return None
        same = start.type == end
        return start if same else torch_op(torch.Tensor.to, (start, end.dtype), [end], second.layer)
    orders = (_order(first, start.type), _order(second, first.outputs[0].type))
    if orders[0] is not None and orders[1] is not None:
        order = tuple(orders[0][axis] for axis in orders[1])
        if order == tuple(range(len(order))):
            return start
        return torch_op(torch.permute, (start, order), [end], second.layer)
    if calls(first, _RESHAPE) and calls(second, _RESHAPE):
        return (
            start if start.type == end else torch_op(torch.reshape, (start, end.shape), [end], second.layer)
        )
    return None


def cast_of(op: Op) -> Any:
    """The element type that a call casts to, None for other calls."""
    given = arguments(op)
    if (
        calls(op, _CAST)
        and len(given) == 2
        and isinstance(given[1], torch.dtype)
        and not op.attributes.get("kwargs")
    ):
        return given[1]
    return (
        _NAMED_CASTS.get(op.function)
        if op.name == "torch.call" and len(given) == 1 and _hashable(op)
        else None
    )


def _hashable(op: Op) -> bool:
    return getattr(type(op.function), "__hash__", None) is not None


def _order(op: Op, type: Type) -> tuple[int, ...] | None:
    """The axes that a call puts in order, None for calls that do something else."""
    rank, given = len(type.shape), arguments(op)[1:]
    if calls(op, _PERMUTE):
        axes = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
        return tuple(axis % rank for axis in axes)
    if calls(op, _SWAP) and len(given) == 2:
        order = list(range(rank))
        a, b = (axis % rank for axis in given)
        order[a], order[b] = b, a
        return tuple(order)
    return None


def _rejoined(op: Op, made: dict[Value, Op]) -> Value | None:
    """What was split, where a call puts all parts together again in order."""
    source = made.get(op.inputs[0]) if op.inputs and op.inputs[0] is not None else None
    if source is None or not calls(source, _SPLITS) or op.inputs != source.outputs:
        return None
    given = op.attributes["args"]
    axes = [call.attributes["args"][-1] for call in (source, op)]
    rank = len(op.outputs[0].type.shape)
    in_order = given[0] == [Slot(index) for index in range(len(op.inputs))]
    if not in_order or not all(type(axis) is int for axis in axes) or axes[0] % rank != axes[1] % rank:
        return None
    return source.inputs[0]
