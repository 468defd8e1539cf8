"""Batches that a program draws from a data set by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tkeras.compiler._program import Op, Program, Value, rewired, type_of
from tkeras.compiler.passes._rewrite import torch_op


def gather_inside(
    program: Program, arrays: Sequence[torch.Tensor], order: torch.Tensor, place: torch.Tensor
) -> Program:
    """The program without inputs: it takes them from arrays, and lets the next run take the rows after them.

    Args:
        program: its inputs are rows of ``arrays``.
        arrays: one for each input.
        order: (rows,) which row comes when.
        place: (1,) where in ``order`` the batch begins.
    """
    rows = program.inputs[0].type.shape[0]
    steps = torch.arange(rows, device=order.device)
    captured: dict[Value, Any] = {}

    def capture(tensor: torch.Tensor, name: str, kind: str = "variable") -> Value:
        value = Value(type_of(tensor), name, kind)
        captured[value] = tensor
        return value

    at, all_rows = capture(place, "data/place"), capture(order, "data/order")
    offsets = capture(steps, f"{len(program.captured)}", "constant")
    where = torch_op(torch.add, (offsets, at), [offsets.type])
    chosen = torch_op(torch.index_select, (all_rows, 0, where.outputs[0]), [offsets.type])
    ops: list[Op] = [where, chosen]
    replace: dict[Value, Value] = {}
    for value, array in zip(program.inputs, arrays, strict=True):
        source = capture(array, f"data/{value.name}")
        taken = torch_op(torch.index_select, (source, 0, chosen.outputs[0]), [value.type])
        replace[value] = taken.outputs[0]
        ops.append(taken)
    move = torch_op(torch.Tensor.add_, (at, rows), [])
    ops.append(move.with_(attributes={**move.attributes, "writes": 0}, effect=True))
    whole = program.with_(inputs=(), captured={**program.captured, **captured})
    return rewired(whole, (*ops, *program.ops), replace)
