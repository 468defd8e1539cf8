"""The LSTM on a CPU as a list of ATen calls, with its backward written out; see ``_steps``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from ._steps import (
    Tensor,
    beside,
    by_step,
    chunks_back,
    define,
    few_threads,
    in_order,
    input_gradient,
    parts_of,
    past,
    pieces,
    present,
    project_into,
    sigmoid_backward,
    started,
    tanh_backward,
    walked,
)


class _Steps(torch.autograd.Function):
    """Outputs (T, B, H) where x has its steps, last h, last c."""

    @staticmethod
    def forward(ctx: Any, mask: Tensor | None, backwards: bool, *tensors: Any) -> Any:
        made = torch.ops.tkeras.lstm_steps(*tensors, mask, backwards)
        _, _, h, c, _ = made
        ctx.backwards = backwards
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[:3], mask, *made)
        last = 0 if backwards else -1
        return present(h, backwards), h[last], c[last]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        x, kernel, recurrent_kernel, mask, gates, candidates, h, c, bounded = ctx.saved_tensors
        needs = ctx.needs_input_grad[2:]
        values = (x, recurrent_kernel, mask, gates, candidates, h, c, bounded, ctx.backwards, needs[1:4])
        *found, dh0, dc0 = torch.ops.tkeras.lstm_steps_backward(*slopes, *values)
        dx = input_gradient(kernel, gates) if needs[0] else None  # slopes took the gates' place
        weights = (one if need else None for one, need in zip(found, needs[1:], strict=False))
        return None, None, dx, *weights, dh0, dc0


def lstm_steps(
    mask: Tensor | None, backwards: bool, *tensors: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """tanh and sigmoid over a sequence, differentiable once.

    Args:
        mask: booleans (B, T) or None; where it is False the states stay.
        backwards: whether the last step comes first.
        tensors: x (B, T, in), kernel (in, 4H), recurrent kernel (H, 4H), bias or None, first h and c (B, H).

    Returns:
        h after each step (B, T, H) in the order of computation; last h; last c.
    """
    y, h, c = _Steps.apply(mask, backwards, *tensors)  # type: ignore[misc]
    return in_order(y, backwards), h, c


def _room(x: Tensor, kernel: Tensor, recurrent_kernel: Tensor, *_: Any) -> list[Tensor]:
    (batch, steps), units = x.shape[:2], recurrent_kernel.shape[0]
    sizes = [(steps, 4), (steps, 1), (steps + 1, 1), (steps + 1, 1), (steps, 1)]
    return [x.new_empty(count, batch, blocks * units) for count, blocks in sizes]


def _forward(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    c0: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    gates: Tensor,
    candidates: Tensor,
    h: Tensor,
    c: Tensor,
    bounded: Tensor,
) -> Any:
    """Fill all steps: sigmoid(i), sigmoid(f), unused, sigmoid(o); tanh of the candidate; h; c; tanh(c)."""
    first, inputs = -1 if backwards else 0, x.transpose(0, 1)
    h[first], c[first] = h0, c0
    count = pieces(gates, x.shape[2], recurrent_kernel)
    parts = parts_of(len(gates), count, backwards)
    tasks = [partial(project_into, inputs[part], kernel, bias, gates[part]) for part in parts]
    ready = [beside(task, count > 1) for task in tasks]
    kept = by_step(mask)
    for part, wait in zip(parts, ready, strict=True):
        wait()
        around = slice(part.start, part.stop + 1)
        values = (gates[part], candidates[part], bounded[part], h[around], c[around])
        with few_threads(h0, recurrent_kernel):
            _walk(recurrent_kernel, *values, None if kept is None else kept[part], backwards)
    return gates, candidates, h, c, bounded


def _walk(
    recurrent_kernel: Tensor,
    gates: Tensor,
    candidates: Tensor,
    bounded: Tensor,
    h: Tensor,
    c: Tensor,
    kept: Tensor | None,
    backwards: bool,
) -> None:
    """Some steps; h and c hold one state more."""
    states = [way(state, backwards) for way in (past, present) for state in (h, c)]
    parts = (gates, *gates.chunk(4, 2), candidates, bounded, *states, kept)
    for z, i, f, g, o, u, w, h_old, c_old, h_new, c_new, keep in walked(parts, backwards):
        z.addmm_(h_old, recurrent_kernel)
        torch.tanh(g, out=u)
        z.sigmoid_()
        torch.mul(f, c_old, out=c_new)
        c_new.addcmul_(i, u)
        torch.tanh(c_new, out=w)
        torch.mul(o, w, out=h_new)
        if keep is not None:
            torch.where(keep, c_new, c_old, out=c_new)
            torch.where(keep, h_new, h_old, out=h_new)


def _backward_room(
    dy: Any, dh: Any, dc: Any, x: Tensor, recurrent_kernel: Tensor, *rest: Any
) -> list[Tensor]:
    c, (units, columns), needs = rest[4], recurrent_kernel.shape, rest[-1]
    shapes = [(x.shape[2], columns), (units, columns), (columns,)]
    found = [x.new_empty(shape if need else (0,)) for shape, need in zip(shapes, needs, strict=True)]
    return [*found, *(torch.empty_like(c[0]) for _ in range(2))]


def _backward(
    dy: Tensor | None,
    dh: Tensor | None,
    dc: Tensor | None,
    x: Tensor,
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    gates: Tensor,
    candidates: Tensor,
    h: Tensor,
    c: Tensor,
    bounded: Tensor,
    backwards: bool,
    needs: Sequence[bool],
    *,
    dkernel: Tensor,
    drecurrent: Tensor,
    dbias: Tensor,
    dh0: Tensor,
    dc0: Tensor,
) -> Any:
    """Turn gates into slopes of the pre-activations, and add up the gradients of the weights.

    Where there is a helper it takes the first half of the steps that run, the caller the others at the end.
    """
    started((dh0, dc0), (dh, dc))
    for total in (dkernel, drecurrent, dbias):
        total.zero_()
    transposed, skipped = recurrent_kernel.t().contiguous(), None if mask is None else by_step(~mask)
    count = pieces(gates, x.shape[2], recurrent_kernel)
    parts, waiting = parts_of(len(gates), count, not backwards), []

    def add(part: slice) -> None:
        rows = gates[part].flatten(0, 1)
        if needs[0]:
            dkernel.addmm_(x.transpose(0, 1)[part].reshape(len(rows), -1).t(), rows)
        if needs[1]:
            drecurrent.addmm_(past(h, backwards)[part].flatten(0, 1).t(), rows)
        if needs[2]:
            dbias.add_(rows.sum(0))

    for index, part in enumerate(parts):
        around, beyond = slice(part.start, part.stop + 1), (dy, skipped)
        slopes, held = (None if one is None else one[part] for one in beyond)
        values = (gates[part], candidates[part], past(c[around], backwards), bounded[part])
        with few_threads(dh0, transposed):
            _walk_back(transposed, *values, slopes, held, dh0, dc0, backwards)
        if index < len(parts) // 2:
            waiting.append(beside(partial(add, part), helped=True))
    for wait in waiting:
        wait()
    rest = parts[len(parts) // 2 :]
    add(slice(min(part.start for part in rest), max(part.stop for part in rest)))
    return dkernel, drecurrent, dbias, dh0, dc0


def _walk_back(
    kernel: Tensor,
    gates: Tensor,
    candidates: Tensor,
    before: Tensor,
    bounded: Tensor,
    dy: Tensor | None,
    skipped: Tensor | None,
    dh: Tensor,
    dc: Tensor,
    backwards: bool,
) -> None:
    """Some steps, from the last one that ran."""
    for part in chunks_back(gates, backwards):
        blocks = gates[part].unflatten(2, (4, -1))
        slopes, held = (None if one is None else one[part] for one in (dy, skipped))
        through, forget = _factors(blocks, candidates[part], before[part], bounded[part], held)
        parts = (gates[part], blocks[:, :, :3], blocks[:, :, 3], through, forget, slopes, held)
        for z, inner, outer, w, f, dy_t, hold in walked(parts, not backwards):
            if dy_t is not None:
                dh.add_(dy_t)
            dc.addcmul_(dh, w)
            inner.mul_(dc.unsqueeze(1))
            outer.mul_(dh)
            dc.mul_(f)
            if hold is None:
                torch.mm(z, kernel, out=dh)
            else:
                dh.mul_(hold).addmm_(z, kernel)


def _factors(
    blocks: Tensor, candidates: Tensor, before: Tensor, bounded: Tensor, held: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Turn gates (n, B, 4, H) into what the slopes of c (i, f, candidate) and of h (o) are multiplied by.

    Returns:
        what the slope of h adds to that of c, and what of that of c the step before gets.
    """
    i, f, g, o = blocks.unbind(2)
    through, forget = torch.ops.aten.tanh_backward(o, bounded), f.clone(memory_format=torch.contiguous_format)
    tanh_backward(i, candidates, grad_input=g)
    for slope, gate in ((candidates, i), (before, f), (bounded, o)):
        sigmoid_backward(slope, gate, grad_input=gate)
    if held is not None:
        blocks.masked_fill_(held.unsqueeze(3), 0.0)
        through.masked_fill_(held, 0.0)
        forget.masked_fill_(held, 1.0)
    return through, forget


define(
    "lstm_steps",
    "Tensor x, Tensor kernel, Tensor recurrent_kernel, Tensor? bias, Tensor h0, Tensor c0, Tensor? mask, "
    "bool backwards",
    "gates candidates h c bounded",
    _room,
    _forward,
)
define(
    "lstm_steps_backward",
    "Tensor? dy, Tensor? dh, Tensor? dc, Tensor x, Tensor recurrent_kernel, Tensor? mask, Tensor(z!) gates, "
    "Tensor candidates, Tensor h, Tensor c, Tensor bounded, bool backwards, bool[] needs",
    "dkernel drecurrent dbias dh0 dc0",
    _backward_room,
    _backward,
)
