"""Calls of a tape that torch can do as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch

from tkeras.compiler._tape import Call, Ref, Tape, storages_in

aten = torch.ops.aten
_BACKENDS: Any = getattr(torch._C, "_ConvBackend")  # noqa: B009 - unknown to type checkers
_LARGE = 1 << 19
"""Elements of a result from which the sum over its rows is worth a call."""


def join(tape: Tape) -> None:
    """Put calls together: products and convolutions with the relu on them, and all sums that only grow.

    The gradient of a bias leaves a large convolution: torch adds up rows faster, and more exactly.
    """
    _join_relu(tape)
    _part_biases(tape)
    _join_sums(tape)


def _join_relu(tape: Tape) -> None:
    calls: list[Call] = []
    for call in tape.calls:
        before = calls[-1] if calls else None
        joined = None
        if before is not None and (call.name, *call.args) == ("relu_", before.results):
            joined = _with_relu(before)
        if joined is None:
            calls.append(call)
        else:
            calls[-1] = joined
    tape.calls = calls


def _with_relu(call: Call) -> Call | None:
    if call.name == "addmm":
        return replace(call, function=aten._addmm_activation.default)
    if call.name != "convolution" or call.kwargs:
        return None
    x, kernel, bias, stride, padding, dilation, transposed, more, groups = call.args
    fused = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
    if fused is None or transposed or not all(x.size):
        return None
    examples = [
        None if r is None else torch.empty_strided(r.size, r.stride, dtype=r.dtype) for r in (x, kernel, bias)
    ]
    settings = (stride, padding, dilation, transposed, more, groups)
    if torch._C._select_conv_backend(*examples, *settings) != _BACKENDS.Mkldnn:
        return None
    args = [x, kernel, bias, padding, stride, dilation, groups, "relu", [], ""]
    return replace(call, function=fused.default, args=args)


def _part_biases(tape: Tape) -> None:
    calls: list[Call] = []
    for call in tape.calls:
        calls += _parted(call) if call.name == "convolution_backward" else [call]
    tape.calls = calls


def _parted(call: Call) -> list[Call]:
    """A convolution's backward without the gradient of the bias, and that as a sum over rows."""
    gradient, made = call.args[0], call.results[2]
    rows = _rows(gradient)
    if not isinstance(made, Ref) or rows is None or prod(rows.size) < _LARGE:
        return [call]
    args = [*call.args[:-1], [*call.args[-1][:2], False]]
    fresh = [storage for storage in call.fresh if storage != made.storage]
    rest = replace(call, args=args, results=(*call.results[:2], None), fresh=fresh)
    total = Call(
        aten.sum.dim_IntList, [rows, [0]], {}, made, {rows.storage}, set(), [made.storage], call.label
    )  # fmt: skip
    return [rest, total] if any(call.args[-1][:2]) else [total]


def _rows(ref: Ref) -> Ref | None:
    """Images that lie channels-last as (pixels, channels)."""
    batch, channels, *sizes = ref.size
    order = [channels * prod(sizes), 1, *(channels * prod(sizes[i + 1 :]) for i in range(len(sizes)))]
    pairs = zip(ref.stride, order, ref.size, strict=True)
    if not all(size == 1 or stride == wanted for stride, wanted, size in pairs):
        return None
    return replace(ref, size=(batch * prod(sizes), channels), stride=(channels, 1))


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
