"""What the recurrent references share: order of the steps, input projection and the loop over time."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

States = tuple[torch.Tensor, ...]
Step = Callable[[torch.Tensor, States], States]


def running_order(
    x: torch.Tensor, mask: torch.Tensor | None, input_mask: torch.Tensor | None, go_backwards: bool
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Input (B, T, in) and boolean mask (B, T), first step first, and the input mask still to be applied.

    An input mask that the gates share, (1, B, in), is applied here; one a gate, (gates, B, in), is left
    for :func:`project`.
    """
    if input_mask is not None and input_mask.shape[0] == 1:
        x, input_mask = x * input_mask.transpose(0, 1), None
    mask = None if mask is None else mask.bool()
    if not go_backwards:
        return x, mask, input_mask
    return x.flip(1), None if mask is None else mask.flip(1), input_mask


def project(
    x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, input_mask: torch.Tensor | None
) -> torch.Tensor:
    """Input projection of all steps at once, time-major: (B, T, in) to (T, B, gates * units)."""
    x = x.transpose(0, 1)
    if input_mask is None:
        return F.linear(x, kernel.t(), bias)
    gates = kernel.chunk(input_mask.shape[0], 1)
    z = torch.cat([(x * keep) @ part for keep, part in zip(input_mask, gates, strict=True)], -1)
    return z if bias is None else z + bias


def recur(
    h: torch.Tensor, kernel: torch.Tensor, recurrent_mask: torch.Tensor | None, base: torch.Tensor | None
) -> torch.Tensor:
    """``base + h @ kernel``; with masks (gates, B, H), kernel and base are those of :func:`by_gate`."""
    if recurrent_mask is None:
        return h @ kernel if base is None else torch.addmm(base, h, kernel)
    dropped = h * recurrent_mask
    return torch.bmm(dropped, kernel) if base is None else torch.baddbmm(base, dropped, kernel)


def by_gate(tensor: torch.Tensor, gates: int) -> torch.Tensor:
    """(..., rows, gates * units) as (..., gates, rows, units): one product of a batch serves all gates."""
    return tensor.unflatten(-1, (gates, -1)).movedim(-2, -3)


def scan(
    step: Step,
    projected: torch.Tensor,
    states: States,
    mask: torch.Tensor | None,
    return_sequences: bool,
    zero_output_for_mask: bool,
) -> tuple[torch.Tensor, States]:
    """Run ``step`` over projected inputs (T, B, ...); the first state is the output.

    Args:
        mask: booleans (B, T) or None. Where it is False the states stay and the output is that of the step
            before, zero for the first step, or always zero with ``zero_output_for_mask``.

    Returns:
        outputs (B, T, units), or the last one (B, units); the last states.
    """
    steps = projected.unbind(0)
    if projected.is_meta:
        steps = steps[:1]  # every step has the shapes of the first
    zeros = output = torch.zeros_like(states[0])
    outputs = []
    for t, z in enumerate(steps):
        new = step(z, states)
        if mask is None:
            states, output = new, new[0]
        else:
            kept = mask[:, t : t + 1]
            output = torch.where(kept, new[0], zeros if zero_output_for_mask else output)
            states = tuple(
                torch.where(kept, after, before) for after, before in zip(new, states, strict=True)
            )
        if return_sequences:
            outputs.append(output)
    if return_sequences:
        output = torch.stack(outputs, 1).expand(-1, len(projected), -1)
    return output, states
