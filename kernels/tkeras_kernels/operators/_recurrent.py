"""Recurrent layers over whole sequences: simple RNN, LSTM and GRU."""

from __future__ import annotations

from typing import Any

import torch

from ..pointwise import Pointwise, pointwise
from ._activate import function_of
from ._operator import Case, Cost, Operator, register
from ._scan import States, project, recur, scan, time_major
from ._work import Shapes, work

TANH = pointwise(torch.tanh)
SIGMOID = pointwise(torch.sigmoid)


class _Recurrent(Operator):
    gates: int

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        x, _, recurrent_kernel = shapes[:3]
        assert x is not None
        assert recurrent_kernel is not None
        units = recurrent_kernel[0]
        a_step = 2 * self.gates * units * (x[2] + units) + 10 * self.gates * units
        return work(self, shapes, itemsize, x[0] * x[1] * a_step, **attributes)


def _initial(h0: torch.Tensor | None, x: torch.Tensor, units: int) -> torch.Tensor:
    return x.new_zeros(x.shape[0], units) if h0 is None else h0


class SimpleRNN(_Recurrent):
    """``h = activation(x W + h U + b)`` (Elman, 1990)."""

    name = "simple_rnn"
    saves = "input and outputs"
    gates = 1
    cases = (
        Case("text", ((32, 100, 64), (64, 128), (128, 128), (128,), (32, 128))),
        Case("sensor", ((64, 50, 8), (8, 32), (32, 32), (32,), (64, 32)), {"return_sequences": True}),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        h0: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        input_mask: torch.Tensor | None = None,
        recurrent_mask: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = TANH,
        return_sequences: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run over a sequence; arguments as for :class:`LSTM`, with one gate.

        Returns:
            outputs (B, T, H) in the order in which they were computed, or the last one (B, H); last h.
        """
        act = function_of(activation)

        def step(z: torch.Tensor, states: States) -> States:
            return (act(recur(states[0], recurrent_kernel, recurrent_mask, z)),)

        output, (h,) = scan(
            step,
            project(x, kernel, bias, input_mask, go_backwards),
            (_initial(h0, x, recurrent_kernel.shape[0]),),
            time_major(mask, go_backwards),
            return_sequences=return_sequences,
            zero_output_for_mask=zero_output_for_mask,
        )
        return output, h


class LSTM(_Recurrent):
    """Long short-term memory with gates i, f, c, o in this order (Hochreiter & Schmidhuber, 1997)."""

    name = "lstm"
    saves = "input, outputs, cell states and gates"
    gates = 4
    cases = (
        Case("headline", ((32, 100, 512), (512, 128), (32, 128), (128,), (32, 32), (32, 32))),
        Case("siamese", ((32, 280, 256), (256, 256), (64, 256), (256,), (32, 64), (32, 64))),
        Case(
            "char",
            ((64, 100, 256), (256, 4096), (1024, 4096), (4096,), (64, 1024), (64, 1024)),
            {"return_sequences": True},
        ),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        h0: torch.Tensor | None = None,
        c0: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        input_mask: torch.Tensor | None = None,
        recurrent_mask: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = TANH,
        recurrent_activation: Pointwise | None = SIGMOID,
        return_sequences: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run over a sequence.

        Args:
            x: (B, T, in).
            kernel: (in, 4H).
            recurrent_kernel: (H, 4H).
            bias: (4H,) or None.
            h0, c0: (B, H), zeros when None.
            mask: (B, T) or None; where it is False the states stay and the output repeats.
            input_mask: scaled dropout of the inputs, (1, B, in) or one for each gate (4, B, in); None for
                none.
            recurrent_mask: scaled dropout of h for each gate, (4, B, H); None for none.
            go_backwards: from the last step to the first; outputs come in that order too.
            zero_output_for_mask: zeros instead of repeated outputs.

        Returns:
            outputs (B, T, H) in the order in which they were computed, or the last one (B, H); last h; last
            c.
        """
        act, gate = function_of(activation), function_of(recurrent_activation)

        def step(z: torch.Tensor, states: States) -> States:
            h, c = states
            i, f, g, o = recur(h, recurrent_kernel, recurrent_mask, z).chunk(4, 1)
            c = gate(f) * c + gate(i) * act(g)
            return gate(o) * act(c), c

        units = recurrent_kernel.shape[0]
        output, (h, c) = scan(
            step,
            project(x, kernel, bias, input_mask, go_backwards),
            (_initial(h0, x, units), _initial(c0, x, units)),
            time_major(mask, go_backwards),
            return_sequences=return_sequences,
            zero_output_for_mask=zero_output_for_mask,
        )
        return output, h, c


class GRU(_Recurrent):
    """Gated recurrent unit with gates z, r, h in this order (Cho et al., 2014)."""

    name = "gru"
    saves = "input, outputs and gates"
    gates = 3
    cases = (
        Case("text", ((32, 100, 256), (256, 384), (128, 384), (2, 384), (32, 128))),
        Case(
            "char",
            ((64, 100, 256), (256, 3072), (1024, 3072), (2, 3072), (64, 1024)),
            {"return_sequences": True},
        ),
        Case("original", ((32, 50, 64), (64, 96), (32, 96), (96,), (32, 32)), {"reset_after": False}),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        bias: torch.Tensor | None = None,
        h0: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        input_mask: torch.Tensor | None = None,
        recurrent_mask: torch.Tensor | None = None,
        *,
        activation: Pointwise | None = TANH,
        recurrent_activation: Pointwise | None = SIGMOID,
        reset_after: bool = True,
        return_sequences: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run over a sequence; arguments as for :class:`LSTM`, with three gates.

        Args:
            bias: (2, 3H), for input and recurrence, with ``reset_after``; (3H,) without it; or None.
            reset_after: the reset gate scales ``h U + b`` (as cuDNN computes) instead of ``h``.

        Returns:
            outputs (B, T, H) in the order in which they were computed, or the last one (B, H); last h.
        """
        act, gate = function_of(activation), function_of(recurrent_activation)
        units = recurrent_kernel.shape[0]
        outer_bias, inner_bias = (bias, None) if bias is None or not reset_after else bias.unbind(0)

        def reset_after_step(x_t: torch.Tensor, states: States) -> States:
            (h,) = states
            inner = recur(h, recurrent_kernel, recurrent_mask, inner_bias)
            z, r = gate(x_t[:, : 2 * units] + inner[:, : 2 * units]).chunk(2, 1)
            new = act(torch.addcmul(x_t[:, 2 * units :], r, inner[:, 2 * units :]))
            return (torch.lerp(new, h, z),)

        gate_kernel, new_kernel = recurrent_kernel[:, : 2 * units], recurrent_kernel[:, 2 * units :]
        gate_mask = None if recurrent_mask is None else recurrent_mask[:2]

        def reset_before_step(x_t: torch.Tensor, states: States) -> States:
            (h,) = states
            z, r = gate(recur(h, gate_kernel, gate_mask, x_t[:, : 2 * units])).chunk(2, 1)
            dropped = h if recurrent_mask is None else h * recurrent_mask[2]
            new = act(torch.addmm(x_t[:, 2 * units :], r * dropped, new_kernel))
            return (torch.lerp(new, h, z),)

        output, (h,) = scan(
            reset_after_step if reset_after else reset_before_step,
            project(x, kernel, outer_bias, input_mask, go_backwards),
            (_initial(h0, x, units),),
            time_major(mask, go_backwards),
            return_sequences=return_sequences,
            zero_output_for_mask=zero_output_for_mask,
        )
        return output, h


simple_rnn = register(SimpleRNN())
lstm = register(LSTM())
gru = register(GRU())
