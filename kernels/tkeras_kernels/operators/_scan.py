"""The loop over time that every recurrent reference shares."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

States = tuple[torch.Tensor, ...]
Step = Callable[[torch.Tensor, States], States]


def project(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    input_mask: torch.Tensor | None,
    go_backwards: bool,
) -> torch.Tensor:
    """Input projection of all steps: (B, T, in) to (T, B, gates * units), the first step to run first.

    Args:
        input_mask: (1, B, in), or (gates, B, in) to drop other inputs for each gate; already scaled. Or None.
    """
    x = x.transpose(0, 1)
    if go_backwards:
        x = x.flip(0)
    if input_mask is not None and input_mask.shape[0] == 1:
        x, input_mask = x * input_mask, None
    if input_mask is None:
        return F.linear(x, kernel.t(), bias)
    gates = kernel.chunk(input_mask.shape[0], 1)
    z = torch.cat([(x * keep) @ part for keep, part in zip(input_mask, gates, strict=True)], -1)
    return z if bias is None else z + bias


def recur(
    h: torch.Tensor, kernel: torch.Tensor, recurrent_mask: torch.Tensor | None, base: torch.Tensor | None
) -> torch.Tensor:
    """``base + h @ kernel``, with masks (gates, B, H) for each gate with its own units of ``h`` dropped."""
    if recurrent_mask is None:
        return h @ kernel if base is None else torch.addmm(base, h, kernel)
    gates = kernel.chunk(recurrent_mask.shape[0], 1)
    z = torch.cat([(h * keep) @ part for keep, part in zip(recurrent_mask, gates, strict=True)], -1)
    return z if base is None else z + base


def scan(
    step: Step,
    projected: torch.Tensor,
    states: States,
    mask: torch.Tensor | None,
    *,
    return_sequences: bool,
    zero_output_for_mask: bool,
) -> tuple[torch.Tensor, States]:
    """Run ``step`` over projected inputs (T, B, ...); the first state is the output.

    Args:
        mask: (T, B, 1) or None. Where it is False the states stay and the output is that of the step before,
            which for the first step is zero, or always zero with ``zero_output_for_mask``.

    Returns:
        outputs (B, T, units), or the last one (B, units); the last states.
    """
    output = torch.zeros_like(states[0])
    outputs = []
    for t, z in enumerate(projected.unbind(0)):
        new = step(z, states)
        if mask is None:
            states, output = new, new[0]
        else:
            kept = mask[t]
            output = torch.where(kept, new[0], torch.zeros_like(output) if zero_output_for_mask else output)
            states = tuple(
                torch.where(kept, after, before) for after, before in zip(new, states, strict=True)
            )
        if return_sequences:
            outputs.append(output)
    return (torch.stack(outputs, 1) if return_sequences else output), states


def time_major(mask: torch.Tensor | None, go_backwards: bool) -> torch.Tensor | None:
    """A (B, T) mask as booleans (T, B, 1), in the order in which the steps run."""
    if mask is None:
        return None
    mask = mask.bool().t().unsqueeze(-1)
    return mask.flip(0) if go_backwards else mask
