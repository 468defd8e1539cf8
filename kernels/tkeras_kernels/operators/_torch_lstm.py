"""torch's own LSTM kernels (oneDNN on a CPU, cuDNN on a GPU) for the calls that they can express."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Function = Callable[..., tuple[torch.Tensor, ...]]

_SATURATED = 1e4
"""A pre-activation whose sigmoid is exactly 1, and 0 with the other sign, in every dtype."""


class _Guarded(torch.autograd.Function):
    """``own``, whose gradients torch cannot differentiate again; for that ``plain`` gives them."""

    @staticmethod
    def forward(ctx: Any, own: Function, plain: Function, *tensors: torch.Tensor | None) -> Any:
        with torch.enable_grad():
            leaves = [None if t is None else t.detach().requires_grad_(t.requires_grad) for t in tensors]
            outputs = own(*leaves)
        ctx.graph, ctx.plain = (outputs, leaves), plain
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        return tuple(output.detach() for output in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> Any:
        needs, again = ctx.needs_input_grad[2:], torch.is_grad_enabled()
        if again or ctx.graph is None:
            with torch.enable_grad():
                leaves = [
                    t.view_as(t) if need else t for t, need in zip(ctx.saved_tensors, needs, strict=True)
                ]
                outputs = ctx.plain(*leaves)
        else:
            (outputs, leaves), ctx.graph = ctx.graph, None
        pairs = [(y, g) for y, g in zip(outputs, gradients, strict=True) if g is not None]
        found = iter(
            torch.autograd.grad(
                [y for y, _ in pairs],
                [leaf for leaf, need in zip(leaves, needs, strict=True) if need],
                [g for _, g in pairs],
                create_graph=again,
                allow_unused=True,
            )
        )
        return None, None, *(next(found) if need else None for need in needs)


def guarded(own: Function, plain: Function, *tensors: torch.Tensor | None) -> Any:
    """``own(*tensors)``, differentiable as often as ``plain``, which computes the same."""
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors):
        return _Guarded.apply(own, plain, *tensors)
    return own(*tensors)


def torch_lstm(
    x: torch.Tensor,
    kernel: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    bias: torch.Tensor | None,
    h0: torch.Tensor,
    c0: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """tanh and sigmoid without masks: all outputs (B, T, H), last h, last c. Keras' gate order is torch's."""
    weights = [kernel.t().contiguous(), recurrent_kernel.t().contiguous()]
    if bias is not None:
        weights += [bias, torch.zeros_like(bias)]
    if x.is_cuda:
        flat = torch.cat([weight.flatten() for weight in weights])  # cuDNN wants them in one buffer
        parts = flat.split([weight.numel() for weight in weights])
        weights = [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
    states = (h0.unsqueeze(0), c0.unsqueeze(0))
    training = torch.is_grad_enabled()
    y, h, c = torch._VF.lstm(x, states, weights, bias is not None, 1, 0.0, training, False, True)  # type: ignore[attr-defined]
    return y, h[0], c[0]


def one_run_a_row(mask: torch.Tensor, from_zero: bool) -> bool:
    """Whether the True steps of each row of (B, T) are adjacent and, unless ``from_zero``, come first."""
    if not from_zero and not mask[:, 0].all():
        return False
    runs = mask[:, 0] + (mask[:, 1:] & ~mask[:, :-1]).sum(1)
    return bool((runs <= 1).all())


def torch_lstm_of_runs(
    mask: torch.Tensor,
    return_sequences: bool,
    x: torch.Tensor,
    kernel: torch.Tensor,
    recurrent_kernel: torch.Tensor,
    bias: torch.Tensor | None,
    h0: torch.Tensor,
    c0: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The same where the True steps of ``mask`` (B, T) are one run in each row, see :func:`one_run_a_row`.

    One more input, 1 at the other steps, saturates their gates to i = 0 and f = 1, so that c stays. Before
    the run h is o * tanh(0) = 0; after it the last h of the run is repeated, where ``return_sequences`` asks
    for all outputs.
    """
    units = recurrent_kernel.shape[0]
    row = x.new_tensor([-_SATURATED, _SATURATED, 0.0, 0.0]).repeat_interleave(units)
    x = torch.cat([x, (~mask).unsqueeze(-1).to(x.dtype)], -1)
    y, _, c = torch_lstm(x, torch.cat([kernel, row.unsqueeze(0)]), recurrent_kernel, bias, h0, c0)
    steps = torch.arange(x.shape[1], device=x.device)
    last = torch.where(mask, steps, 0).amax(1, keepdim=True)
    if return_sequences:
        y = y.gather(1, torch.minimum(steps, last).unsqueeze(-1).expand_as(y))
        return y, y[:, -1], c
    return y, y[torch.arange(len(y), device=x.device), last.squeeze(1)], c
