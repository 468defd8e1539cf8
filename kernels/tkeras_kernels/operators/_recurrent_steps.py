"""Simple RNN and GRU on a CPU as lists of ATen calls, with their backward written out; see ``_steps``."""

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


class _GRUSteps(torch.autograd.Function):
    """Outputs (T, B, H) where x has its steps, last h; the reset gate scales the product."""

    @staticmethod
    def forward(ctx: Any, mask: Tensor | None, backwards: bool, *tensors: Any) -> Any:
        gates, inner, h = torch.ops.tkeras.gru_steps(*tensors, mask, backwards)
        ctx.backwards = backwards
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[:3], mask, gates, inner, h)
        return present(h, backwards), h[0 if backwards else -1]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        x, kernel, recurrent_kernel, mask, gates, inner, h = ctx.saved_tensors
        values = (gates, inner, h, recurrent_kernel, mask, ctx.backwards)
        dh0 = torch.ops.tkeras.gru_steps_backward(*slopes, *values)
        needs, rows = ctx.needs_input_grad[2:], inner.flatten(0, 1)  # slopes took the values' place
        dx, dkernel, dbias = input_gradients(x, kernel, gates, (*needs[:2], needs[3]))
        drecurrent = past(h, ctx.backwards).flatten(0, 1).t() @ rows if needs[2] else None
        dbias = torch.stack([dbias, rows.sum(0)]) if dbias is not None else None
        return None, None, dx, dkernel, drecurrent, dbias, dh0


class _RNNSteps(torch.autograd.Function):
    """Outputs (T, B, H) where x has its steps, last h."""

    @staticmethod
    def forward(ctx: Any, mask: Tensor | None, backwards: bool, *tensors: Any) -> Any:
        z, h = torch.ops.tkeras.rnn_steps(*tensors, mask, backwards)
        ctx.backwards = backwards
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors[:3], mask, z, h)
        return present(h, backwards), h[0 if backwards else -1]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:
        x, kernel, recurrent_kernel, mask, z, h = ctx.saved_tensors
        dh0 = torch.ops.tkeras.rnn_steps_backward(*slopes, z, h, recurrent_kernel, mask, ctx.backwards)
        needs = ctx.needs_input_grad[2:]
        dx, dkernel, dbias = input_gradients(x, kernel, z, (*needs[:2], needs[3]))
        before = past(h, ctx.backwards).flatten(0, 1)
        drecurrent = before.t() @ z.flatten(0, 1) if needs[2] else None
        return None, None, dx, dkernel, drecurrent, dbias, dh0


def gru_steps(mask: Tensor | None, backwards: bool, *tensors: Tensor | None) -> tuple[Tensor, Tensor]:
    """tanh and sigmoid over a sequence, differentiable once; the reset gate scales the product.

    Args:
        mask: booleans (B, T) or None; where it is False the state stays.
        backwards: whether the last step comes first.
        tensors: x (B, T, in), kernel (in, 3H), recurrent kernel (H, 3H), bias (2, 3H) or None, first h (B,
            H).

    Returns:
        h after each step (B, T, H) in the order of computation; last h.
    """
    y, h = _GRUSteps.apply(mask, backwards, *tensors)  # type: ignore[misc]
    return in_order(y, backwards), h


def rnn_steps(mask: Tensor | None, backwards: bool, *tensors: Tensor | None) -> tuple[Tensor, Tensor]:
    """tanh over a sequence; arguments and results as for :func:`gru_steps`, with one gate and bias (H,)."""
    y, h = _RNNSteps.apply(mask, backwards, *tensors)  # type: ignore[misc]
    return in_order(y, backwards), h


def _gru_room(x: Tensor, kernel: Tensor, recurrent_kernel: Tensor, *_: Any) -> list[Tensor]:
    (batch, steps), (units, columns) = x.shape[:2], recurrent_kernel.shape
    sizes = [(steps, columns), (steps, columns), (steps + 1, units)]
    return [x.new_empty(count, batch, width) for count, width in sizes]


def _gru(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    gates: Tensor,
    inner: Tensor,
    h: Tensor,
) -> Any:
    """Fill all steps: sigmoid(z), sigmoid(r), tanh of the candidate; products of h; h."""
    outer_bias, inner_bias = (None, None) if bias is None else bias.unbind(0)
    project_into(x.transpose(0, 1), kernel, outer_bias, gates)
    h[-1 if backwards else 0] = h0
    units = len(recurrent_kernel)
    columns = (gates[:, :, : 2 * units], inner[:, :, : 2 * units], inner[:, :, 2 * units :])
    states = (past(h, backwards), present(h, backwards))
    parts = (inner, *columns, *gates.chunk(3, 2), *states, by_step(mask))
    with few_threads(h0, recurrent_kernel):
        for u, zr, u_zr, u_n, z, r, n, old, new, keep in walked(parts, backwards):
            if inner_bias is None:
                torch.mm(old, recurrent_kernel, out=u)
            else:
                torch.addmm(inner_bias, old, recurrent_kernel, out=u)
            zr.add_(u_zr).sigmoid_()
            n.addcmul_(r, u_n).tanh_()
            torch.lerp(n, old, z, out=new)
            if keep is not None:
                torch.where(keep, new, old, out=new)
    return gates, inner, h


def _state_room(*given: Any) -> list[Tensor]:
    h = given[-4]
    return [torch.empty_like(h[0])]


def _gru_backward(
    dy: Tensor | None,
    dh: Tensor | None,
    gates: Tensor,
    inner: Tensor,
    h: Tensor,
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    dh0: Tensor,
) -> Any:
    """Turn gates and products into their slopes; that of the first state holds all on the way."""
    started((dh0,), (dh,))
    transposed, skipped = recurrent_kernel.t().contiguous(), None if mask is None else by_step(~mask)
    with few_threads(dh0, transposed):
        for part in chunks_back(gates, backwards):
            blocks, products = (whole[part].unflatten(2, (3, -1)) for whole in (gates, inner))
            slopes, held = (None if one is None else one[part] for one in (dy, skipped))
            z, r = _gru_factors(blocks, products[:, :, 2], past(h, backwards)[part], held)
            both = (blocks[:, :, :2], products[:, :, :2])
            parts = (
                blocks[:, :, ::2],
                *blocks.unbind(2)[1:],
                z,
                r,
                inner[part],
                *both,
                products[:, :, 2],
                slopes,
            )
            for even, dr, dn, z_t, r_t, u, zr, u_zr, u_n, dy_t in walked(parts, not backwards):
                if dy_t is not None:
                    dh0.add_(dy_t)
                even.mul_(dh0.unsqueeze(1))
                dr.mul_(dn)
                torch.mul(dn, r_t, out=u_n)
                u_zr.copy_(zr)
                dh0.mul_(z_t).addmm_(u, transposed)
    return dh0


def _gru_factors(blocks: Tensor, inner: Tensor, before: Tensor, held: Tensor | None) -> tuple[Tensor, Tensor]:
    """Turn gates (n, B, 3, H) into what slopes are multiplied by: those of h (z, candidate), of the
    candidate's pre-activation (r).

    Returns:
        z, which is what of the slope of h the step before gets, and r.
    """
    z, r, n = blocks.unbind(2)
    z_kept, r_kept = (gate.clone(memory_format=torch.contiguous_format) for gate in (z, r))
    sigmoid_backward(before - n, z_kept, grad_input=z)
    sigmoid_backward(inner, r_kept, grad_input=r)
    tanh_backward(1.0 - z_kept, n, grad_input=n)
    if held is not None:
        blocks.masked_fill_(held.unsqueeze(3), 0.0)
        z_kept.masked_fill_(held, 1.0)
    return z_kept, r_kept


def _rnn_room(x: Tensor, kernel: Tensor, *_: Any) -> list[Tensor]:
    batch, steps = x.shape[:2]
    return [x.new_empty(count, batch, kernel.shape[1]) for count in (steps, steps + 1)]


def _rnn(
    x: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    h0: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    z: Tensor,
    h: Tensor,
) -> Any:
    """Fill all steps: pre-activations; h."""
    project_into(x.transpose(0, 1), kernel, bias, z)
    h[-1 if backwards else 0] = h0
    parts = (z, past(h, backwards), present(h, backwards), by_step(mask))
    with few_threads(h0, recurrent_kernel):
        for z_t, old, new, keep in walked(parts, backwards):
            torch.tanh(z_t.addmm_(old, recurrent_kernel), out=new)
            if keep is not None:
                torch.where(keep, new, old, out=new)
    return z, h


def _rnn_backward(
    dy: Tensor | None,
    dh: Tensor | None,
    z: Tensor,
    h: Tensor,
    recurrent_kernel: Tensor,
    mask: Tensor | None,
    backwards: bool,
    *,
    dh0: Tensor,
) -> Any:
    """Put slopes where pre-activations were; that of the first state holds all on the way."""
    started((dh0,), (dh,))
    transposed = recurrent_kernel.t().contiguous()
    parts = (z, present(h, backwards), dy, None if mask is None else by_step(~mask))
    with few_threads(dh0, transposed):
        for dz, new, dy_t, hold in walked(parts, not backwards):
            if dy_t is not None:
                dh0.add_(dy_t)
            tanh_backward(dh0, new, grad_input=dz)
            if hold is None:
                torch.mm(dz, transposed, out=dh0)
            else:
                dz.masked_fill_(hold, 0.0)
                dh0.mul_(hold).addmm_(dz, transposed)
    return dh0


_FORWARD = (
    "Tensor x, Tensor kernel, Tensor recurrent_kernel, Tensor? bias, Tensor h0, Tensor? mask, bool backwards"
)
_REST = "Tensor h, Tensor recurrent_kernel, Tensor? mask, bool backwards"
define("gru_steps", _FORWARD, "gates inner h", _gru_room, _gru)
define("rnn_steps", _FORWARD, "z h", _rnn_room, _rnn)
define(
    "gru_steps_backward",
    f"Tensor? dy, Tensor? dh, Tensor(y!) gates, Tensor(z!) inner, {_REST}",
    "dh0",
    _state_room,
    _gru_backward,
)
define(
    "rnn_steps_backward", f"Tensor? dy, Tensor? dh, Tensor(z!) z, {_REST}", "dh0", _state_room, _rnn_backward
)
