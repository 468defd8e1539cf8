"""The LSTM on a CPU as a list of ATen calls over time-major memory, with its backward written out.

Both directions are operators of torch, so that a program sees one call with results in planned memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_CHUNK = 1 << 16
"""Elements of gates whose slopes are computed at once: what stays in a cache of the second level."""

_SHARED = 8 << 20
"""Operations of one step's product from which on several threads take it."""
_ROWS = torch.contiguous_format

_library = torch.library.Library("tkeras", "FRAGMENT")
_library.define(
    "lstm_steps(Tensor x, Tensor kernel, Tensor recurrent_kernel, Tensor? bias, Tensor h0, Tensor c0, "
    "Tensor? mask, bool backwards) -> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
_library.define(
    "lstm_steps.out(Tensor x, Tensor kernel, Tensor recurrent_kernel, Tensor? bias, Tensor h0, Tensor c0, "
    "Tensor? mask, bool backwards, *, Tensor(a!) gates, Tensor(b!) candidates, Tensor(c!) h, Tensor(d!) c, "
    "Tensor(e!) bounded) -> (Tensor(a!), Tensor(b!), Tensor(c!), Tensor(d!), Tensor(e!))"
)
_library.define(
    "lstm_steps_backward(Tensor? dy, Tensor? dh, Tensor? dc, Tensor(a!) gates, Tensor candidates, Tensor c, "
    "Tensor bounded, Tensor recurrent_kernel, Tensor? mask, bool backwards) -> (Tensor, Tensor)"
)


class _Steps(torch.autograd.Function):
    """Outputs (T, B, H) where x has its steps, last h, last c."""

    @staticmethod
    def forward(ctx: Any, mask: torch.Tensor | None, backwards: bool, *tensors: Any) -> Any:
        x, kernel, recurrent_kernel = tensors[:3]
        made = torch.ops.tkeras.lstm_steps(*tensors, mask, backwards)
        _, _, h, c, _ = made
        ctx.backwards = backwards
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, kernel, recurrent_kernel, mask, *made)
        last = 0 if backwards else -1
        return _present(h, backwards), h[last], c[last]

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> Any:
        x, kernel, recurrent_kernel, mask, gates, candidates, h, c, bounded = ctx.saved_tensors
        values = (gates, candidates, c, bounded, recurrent_kernel, mask)
        dh0, dc0 = torch.ops.tkeras.lstm_steps_backward(*slopes, *values, ctx.backwards)
        dz = gates  # the slopes took their place
        needs, rows = ctx.needs_input_grad[2:], dz.flatten(0, 1)
        by_batch = dz.transpose(0, 1)
        dx = torch.bmm(by_batch, kernel.t().expand(len(x), -1, -1)) if needs[0] else None
        dkernel = _products(x, dz) if needs[1] else None
        before = _past(h, ctx.backwards).flatten(0, 1)
        drecurrent = before.t() @ rows if needs[2] else None
        dbias = rows.sum(0) if needs[3] else None
        return None, None, dx, dkernel, drecurrent, dbias, dh0, dc0


def lstm_steps(
    mask: torch.Tensor | None, backwards: bool, *tensors: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """tanh and sigmoid over a sequence, differentiable once.

    Args:
        mask: booleans (B, T) or None; where it is False the states stay.
        backwards: whether the last step comes first.
        tensors: x (B, T, in), kernel (in, 4H), recurrent kernel (H, 4H), bias or None, first h and c (B, H).

    Returns:
        h after each step (B, T, H) in the order of computation; last h; last c.
    """
    y, h, c = _Steps.apply(mask, backwards, *tensors)  # type: ignore[misc]
    return (y.flip(0) if backwards else y).transpose(0, 1), h, c


def _products(x: torch.Tensor, dz: torch.Tensor) -> torch.Tensor:
    """Gradient of the kernel: a sum over rows or over steps, whichever are fewer, of matrix products."""
    zero = dz.new_zeros(x.shape[2], dz.shape[2])
    if x.shape[0] <= x.shape[1]:
        return torch.addbmm(zero, x.transpose(1, 2), dz.transpose(0, 1), beta=0)
    return torch.addbmm(zero, x.permute(1, 2, 0), dz, beta=0)


def _present(states: torch.Tensor, backwards: bool) -> torch.Tensor:
    """Of states (T + 1, B, H) those after each step."""
    return states[:-1] if backwards else states[1:]


def _past(states: torch.Tensor, backwards: bool) -> torch.Tensor:
    """Of states (T + 1, B, H) those before each step."""
    return states[1:] if backwards else states[:-1]


def _room(x: torch.Tensor, kernel: torch.Tensor, recurrent_kernel: torch.Tensor, *_: Any) -> Any:
    (batch, steps), units = x.shape[:2], recurrent_kernel.shape[0]
    sizes = [(steps, 4), (steps, 1), (steps + 1, 1), (steps + 1, 1), (steps, 1)]
    return [x.new_empty(count, batch, blocks * units) for count, blocks in sizes]


def _forward(*given: Any) -> Any:
    return torch.ops.tkeras.lstm_steps.out(
        *given, **dict(zip(("gates", "candidates", "h", "c", "bounded"), _room(*given), strict=True))
    )


def _forward_into(
    x: torch.Tensor,
    kernel: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    bias: torch.Tensor | None,
    h0: torch.Tensor,
    c0: torch.Tensor,
    mask: torch.Tensor | None,
    backwards: bool,
    *,
    gates: torch.Tensor,
    candidates: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    bounded: torch.Tensor,
) -> Any:
    """Fill all steps: sigmoid(i), sigmoid(f), unused, sigmoid(o); tanh of the candidate; h; c; tanh(c)."""
    _project(x, kernel, bias, gates)
    first = -1 if backwards else 0
    h[first], c[first] = h0, c0
    i, f, g, o = gates.chunk(4, 2)
    old, new = ([*_past(s, backwards)] for s in (h, c)), ([*_present(s, backwards)] for s in (h, c))
    order = slice(None, None, -1 if backwards else 1)
    parts = (gates, i, f, g, o, candidates, bounded)
    lists = [part.unbind(0)[order] for part in parts]
    walks = [states[order] for states in (*old, *new)]
    kept = [None] * len(gates) if mask is None else mask.t().unsqueeze(2).unbind(0)[order]
    with few_threads(h0, recurrent_kernel):
        for z, i_t, f_t, g_t, o_t, u, w, h_old, c_old, h_new, c_new, keep in zip(
            *lists, *walks, kept, strict=True
        ):
            z.addmm_(h_old, recurrent_kernel)
            torch.tanh(g_t, out=u)
            z.sigmoid_()
            torch.mul(f_t, c_old, out=c_new)
            c_new.addcmul_(i_t, u)
            torch.tanh(c_new, out=w)
            torch.mul(o_t, w, out=h_new)
            if keep is not None:
                torch.where(keep, c_new, c_old, out=c_new)
                torch.where(keep, h_new, h_old, out=h_new)
    return gates, candidates, h, c, bounded


def _project(x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, z: torch.Tensor) -> None:
    """``x W + b`` into (T, B, 4H), by rows or by steps, whichever are fewer; x stays where it lies."""
    axis = 0 if x.shape[0] <= x.shape[1] else 1
    for rows, into in zip(x.unbind(axis), z.unbind(1 - axis), strict=True):
        if bias is None:
            torch.mm(rows, kernel, out=into)
        else:
            torch.addmm(bias, rows, kernel, out=into)


def _backward(
    dy: torch.Tensor | None,
    dh: torch.Tensor | None,
    dc: torch.Tensor | None,
    gates: torch.Tensor,
    candidates: torch.Tensor,
    c: torch.Tensor,
    bounded: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    mask: torch.Tensor | None,
    backwards: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn gates into slopes of the pre-activations; give those of the first states."""
    dh0, dc0 = (torch.zeros_like(c[0]) if one is None else one.clone(memory_format=_ROWS) for one in (dh, dc))
    transposed = recurrent_kernel.t().contiguous()
    steps, count = len(gates), max(1, _CHUNK // gates[0].numel())
    order = slice(None, None, 1 if backwards else -1)
    stay = None if mask is None else ~mask.t().unsqueeze(2)
    with few_threads(dh0, transposed):
        for start in range(0, steps, count)[order]:
            part = slice(start, start + count)
            blocks = gates[part].unflatten(2, (4, -1))
            held = None if stay is None else stay[part]
            values = (candidates[part], _past(c, backwards)[part], bounded[part])
            through, forget = _factors(blocks, *values, held)
            slopes = None if dy is None else dy[part]
            parts = (gates[part], blocks[:, :, :3], blocks[:, :, 3], through, forget, slopes, held)
            lists = [[None] * len(through) if p is None else p.unbind(0)[order] for p in parts]
            for z, inner, outer, w, f, dy_t, keep in zip(*lists, strict=True):
                if dy_t is not None:
                    dh0.add_(dy_t)
                dc0.addcmul_(dh0, w)
                inner.mul_(dc0.unsqueeze(1))
                outer.mul_(dh0)
                dc0.mul_(f)
                if keep is None:
                    torch.mm(z, transposed, out=dh0)
                else:
                    dh0.mul_(keep).addmm_(z, transposed)
    return dh0, dc0


def _factors(
    blocks: torch.Tensor,
    candidates: torch.Tensor,
    before: torch.Tensor,
    bounded: torch.Tensor,
    held: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn gates (n, B, 4, H) into what the slopes of c (i, f, candidate) and of h (o) are multiplied by.

    Returns:
        what the slope of h adds to that of c, and what of that of c the step before gets.
    """
    i, f, g, o = blocks.unbind(2)
    through, forget = torch.ops.aten.tanh_backward(o, bounded), f.clone(memory_format=_ROWS)
    _tanh_backward(i, candidates, grad_input=g)
    for slope, gate in ((candidates, i), (before, f), (bounded, o)):
        _sigmoid_backward(slope, gate, grad_input=gate)
    if held is not None:
        blocks.masked_fill_(held.unsqueeze(3), 0.0)
        through.masked_fill_(held, 0.0)
        forget.masked_fill_(held, 1.0)
    return through, forget


@contextmanager
def few_threads(h: torch.Tensor, kernel: torch.Tensor) -> Iterator[None]:
    """One thread for products of h with a kernel that are too small to be shared: waiting costs more."""
    before = torch.get_num_threads()
    if before == 1 or 2 * h.shape[0] * kernel.numel() > _SHARED:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
_tanh_backward = torch.ops.aten.tanh_backward.grad_input

_library.impl("lstm_steps", _forward, "CPU")
_library.impl("lstm_steps.out", _forward_into, "CPU")
_library.impl("lstm_steps_backward", _backward, "CPU")
