"""The LSTM on a CPU as a list of ATen calls, with its backward written out; see ``_steps``."""

from __future__ import annotations

from typing import Any

import torch

from ._steps import (
    Tensor,
    by_step,
    chunks_back,
    define,
    few_threads,
    in_order,
    input_gradients,
    past,
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
        values = (gates, candidates, c, bounded, recurrent_kernel, mask)
        dh0, dc0 = torch.ops.tkeras.lstm_steps_backward(*slopes, *values, ctx.backwards)
        dz = gates  # slopes took their place
        needs = ctx.needs_input_grad[2:]
        dx, dkernel, dbias = input_gradients(x, kernel, dz, (*needs[:2], needs[3]))
        before = past(h, ctx.backwards).flatten(0, 1)
        drecurrent = before.t() @ dz.flatten(0, 1) if needs[2] else None
        return None, None, dx, dkernel, drecurrent, dbias, dh0, dc0


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
    project_into(x, kernel, bias, gates)
    first = -1 if backwards else 0
    h[first], c[first] = h0, c0
    states = [way(state, backwards) for way in (past, present) for state in (h, c)]
    parts = (gates, *gates.chunk(4, 2), candidates, bounded, *states, by_step(mask))
    with few_threads(h0, recurrent_kernel):
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
    return gates, candidates, h, c, bounded


def _backward_room(
    dy: Any, dh: Any, dc: Any, gates: Tensor, candidates: Any, c: Tensor, *_: Any
) -> list[Tensor]:
    return [torch.empty_like(c[0]) for _ in range(2)]


def _backward(
    dy: Tensor | None,
    dh: Tensor | None,
    dc: Tensor | None,
    gates: Tensor,
    candidates: Tensor,
    c: Tensor,
    bounded: Tensor,
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    dh0: Tensor,
    dc0: Tensor,
) -> Any:
    """Turn gates into slopes of the pre-activations; those of the first states hold all on the way."""
    started((dh0, dc0), (dh, dc))
    transposed, skipped = recurrent_kernel.t().contiguous(), None if mask is None else by_step(~mask)
    with few_threads(dh0, transposed):
        for part in chunks_back(gates, backwards):
            blocks = gates[part].unflatten(2, (4, -1))
            slopes, held = (None if one is None else one[part] for one in (dy, skipped))
            values = (candidates[part], past(c, backwards)[part], bounded[part])
            through, forget = _factors(blocks, *values, held)
            parts = (gates[part], blocks[:, :, :3], blocks[:, :, 3], through, forget, slopes, held)
            for z, inner, outer, w, f, dy_t, hold in walked(parts, not backwards):
                if dy_t is not None:
                    dh0.add_(dy_t)
                dc0.addcmul_(dh0, w)
                inner.mul_(dc0.unsqueeze(1))
                outer.mul_(dh0)
                dc0.mul_(f)
                if hold is None:
                    torch.mm(z, transposed, out=dh0)
                else:
                    dh0.mul_(hold).addmm_(z, transposed)
    return dh0, dc0


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
    "Tensor? dy, Tensor? dh, Tensor? dc, Tensor(z!) gates, Tensor candidates, Tensor c, Tensor bounded, "
    "Tensor recurrent_kernel, Tensor? mask, bool backwards",
    "dh0 dc0",
    _backward_room,
    _backward,
)
