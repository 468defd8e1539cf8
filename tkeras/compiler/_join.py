"""Calls of a tape that torch can do as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from tkeras.compiler._tape import Call, Ref, Tape, storages_in

aten = torch.ops.aten


def join(tape: Tape) -> None:
    """Put calls together: a product with the relu on it, and all sums that only grow."""
    _join_relu(tape)
    _join_sums(tape)


def _join_relu(tape: Tape) -> None:
    calls: list[Call] = []
    for call in tape.calls:
        before = calls[-1] if calls else None
        if before is None or before.name != "addmm" or (call.name, *call.args) != ("relu_", before.results):
            calls.append(call)
        else:
            calls[-1] = replace(before, function=aten._addmm_activation.default)
    tape.calls = calls


def _join_sums(tape: Tape) -> None:
    """``s += a * b`` for scalars ``s`` outside, as totals of metrics, in one call where the last was."""
    left = [call for call in tape.calls if _grows(call, tape)]
    calls: list[Call] = []
    waiting: list[Call] = []
    for call in tape.calls:
        if call.pinned or not all(_commute(call, other) for other in waiting):
            calls += _summed(waiting)
            waiting = []
        grows = bool(left) and call is left[0]
        (waiting if grows else calls).append(call)
        if grows and not left[1:]:
            calls += _summed(waiting)
            waiting = []
        left = left[grows:]
    tape.calls = calls


def _grows(call: Call, tape: Tape) -> bool:
    """Whether a call adds to one scalar outside, in floating point."""
    if call.name != "add_":
        return False
    target, value = call.args[0], call.args[1]
    if target.storage not in tape.outside or target.size or not target.dtype.is_floating_point:
        return False
    if isinstance(value, Ref):
        return not value.size and not value.dtype.is_complex
    return isinstance(value, (int, float))


def _commute(a: Call, b: Call) -> bool:
    """Whether two calls may change places."""
    touched_a, touched_b = a.reads | a.writes | {*a.fresh}, b.reads | b.writes | {*b.fresh}
    return not (a.writes & touched_b or b.writes & touched_a)


def _summed(calls: Sequence[Call]) -> list[Call]:
    if len(calls) < 2:
        return [*calls]
    targets: list[Any] = []
    values: list[Any] = []
    factors: list[Any] = []
    for call in calls:
        target, value = call.args[0], call.args[1]
        targets.append(target)
        values.append(value if isinstance(value, Ref) else torch.tensor(value, dtype=target.dtype))
        factors.append(torch.tensor(call.kwargs.get("alpha", 1), dtype=target.dtype))
    writes = storages_in(targets)
    reads = storages_in(values) | writes
    label = calls[-1].label
    args = [targets, values, factors]
    return [Call(aten._foreach_addcmul_.Scalar, args, {}, None, reads, writes, [], label)]
