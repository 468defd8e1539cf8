"""Simple RNN and GRU over whole sequences, and what they share with the LSTM."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .. import library
from ..pointwise import Pointwise, pointwise
from ._activate import function_of
from ._cells import Cell, gru_cell, simple_rnn_cell
from ._fused_scan import FusedScan
from ._operator import Case, Cost, register
from ._recurrent_steps import gru_steps, rnn_steps
from ._scan import States, Step, by_gate, project, recur, running_order, scan
from ._steps import masked_output, running, suits_steps
from ._torch_lstm import guarded
from ._work import Shapes, work

TANH = pointwise(library.tanh)
SIGMOID = pointwise(library.sigmoid)


class Recurrent(FusedScan):
    """A cell with ``gates`` gates, run over the time axis."""

    gates: int

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        x, _, recurrent_kernel = shapes[:3]
        assert x is not None
        assert recurrent_kernel is not None
        units = recurrent_kernel[0]
        a_step = 2 * self.gates * units * (x[2] + units) + 10 * self.gates * units
        return work(self, shapes, itemsize, x[0] * x[1] * a_step, **attributes)


def initial(state: torch.Tensor | None, x: torch.Tensor, units: int) -> torch.Tensor:
    """The state, or zeros (B, units) for none."""
    return x.new_zeros(x.shape[0], units) if state is None else state


class SimpleRNN(Recurrent):
    """``h = activation(x W + h U + b)`` (Elman, 1990)."""

    name = "simple_rnn"
    saves = "input, pre-activations and the states before each step"
    gates = 1
    cases = (
        Case("text", ((32, 100, 64), (64, 128), (128, 128), (128,), (32, 128))),
        Case("sensor", ((64, 50, 8), (8, 32), (32, 32), (32,), (64, 32)), {"return_sequences": True}),
    )

    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        return simple_rnn_cell(attributes.get("activation", TANH))

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
            outputs (B, T, H) in the order of computation, or the last one (B, H); last h.
        """
        function = function_of(activation)
        keep = None if recurrent_mask is None else recurrent_mask[0]
        x, mask, input_mask = running_order(x, mask, input_mask, go_backwards=False)
        walk = Walk(mask, return_sequences, go_backwards, zero_output_for_mask, h0 is None)

        def by_loop(*tensors: Any) -> tuple[torch.Tensor, torch.Tensor]:
            x, kernel, recurrent_kernel, bias, h = tensors

            def step(x_t: torch.Tensor, states: States) -> States:
                h = states[0] if keep is None else states[0] * keep
                return (function(torch.addmm(x_t, h, recurrent_kernel)),)

            return walk.loop(step, project(walk.running(x), kernel, bias, input_mask), h)

        tensors = (x, kernel, recurrent_kernel, bias, initial(h0, x, recurrent_kernel.shape[0]))
        if function is not torch.tanh or keep is not None or input_mask is not None or not suits_steps(x):
            return by_loop(*tensors)
        return guarded(walk.by(rnn_steps), by_loop, *tensors)


class GRU(Recurrent):
    """Gated recurrent unit with gates z, r, h in this order (Cho et al., 2014)."""

    name = "gru"
    saves = "input, pre-activations and the states before each step"
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

    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        return gru_cell(
            attributes.get("activation", TANH),
            attributes.get("recurrent_activation", SIGMOID),
            attributes.get("reset_after", True),
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
            outputs (B, T, H) in the order of computation, or the last one (B, H); last h.
        """
        function, gate = function_of(activation), function_of(recurrent_activation)
        x, mask, input_mask = running_order(x, mask, input_mask, go_backwards=False)
        walk = Walk(mask, return_sequences, go_backwards, zero_output_for_mask, h0 is None)

        def by_loop(*tensors: Any) -> tuple[torch.Tensor, torch.Tensor]:
            x, kernel, recurrent_kernel, bias, h = tensors
            outer_bias, inner_bias = (bias, None) if bias is None or not reset_after else bias.unbind(0)
            projected = project(walk.running(x), kernel, outer_bias, input_mask)
            weights = (recurrent_kernel, recurrent_mask, inner_bias)
            step = (_after if reset_after else _before)(*weights, function, gate)
            return walk.loop(step, projected if recurrent_mask is None else by_gate(projected, 3), h)

        tensors = (x, kernel, recurrent_kernel, bias, initial(h0, x, recurrent_kernel.shape[0]))
        usual = reset_after and function is torch.tanh and gate is torch.sigmoid
        if not usual or recurrent_mask is not None or input_mask is not None or not suits_steps(x):
            return by_loop(*tensors)
        return guarded(walk.by(gru_steps), by_loop, *tensors)


@dataclass(frozen=True)
class Walk:
    """How a call with one state goes over its steps.

    Attributes:
        mask: booleans (B, T) where x has its steps, or None.
        from_zero: whether the first state is 0.
    """

    mask: torch.Tensor | None
    return_sequences: bool
    go_backwards: bool
    zero_output_for_mask: bool
    from_zero: bool

    def running(self, tensor: torch.Tensor) -> torch.Tensor:
        """(B, T, ...) with the step first that runs first."""
        return running(tensor, self.go_backwards)

    def loop(self, step: Step, projected: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Any step, in torch code."""
        mask = None if self.mask is None else self.running(self.mask)
        output, (h,) = scan(step, projected, (h,), mask, self.return_sequences, self.zero_output_for_mask)
        return output, h

    def by(self, steps: Callable[..., Any]) -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
        """A walk of ``_recurrent_steps``."""

        def run(*tensors: Any) -> tuple[torch.Tensor, torch.Tensor]:
            y, h = steps(self.mask, self.go_backwards, *tensors)
            output = y if self.return_sequences else h
            if self.mask is not None:
                order = (self.return_sequences, self.from_zero, self.zero_output_for_mask)
                output = masked_output(output, self.running(self.mask), *order)
            return output, h

        return run


Function = Callable[[torch.Tensor], torch.Tensor]


def _halves(z: torch.Tensor, parted: bool) -> Sequence[torch.Tensor]:
    """Two gates beside each other, or one after the other where they are parted; see :func:`by_gate`."""
    return z.unbind(0) if parted else z.chunk(2, 1)


def _after(
    kernel: torch.Tensor,
    mask: torch.Tensor | None,
    bias: torch.Tensor | None,
    function: Function,
    gate: Function,
) -> Step:
    """The reset gate scales the product."""
    units, parted = kernel.shape[0], mask is not None
    if mask is not None:
        kernel = by_gate(kernel, 3)
        bias = None if bias is None else bias.view(3, 1, units)

    def step(x_t: torch.Tensor, states: States) -> States:
        (h,), inner = states, recur(states[0], kernel, mask, bias)
        if parted:
            gates, new, inner_gates, last = x_t[:2], x_t[2], inner[:2], inner[2]
        else:
            (gates, new), (inner_gates, last) = (z.split((2 * units, units), 1) for z in (x_t, inner))
        z, r = _halves(gate(gates + inner_gates), parted)
        new = function(torch.addcmul(new, r, last))
        return (new + z * (h - new),)

    return step


def _before(
    kernel: torch.Tensor,
    mask: torch.Tensor | None,
    _: torch.Tensor | None,
    function: Function,
    gate: Function,
) -> Step:
    """The reset gate scales the state that is multiplied."""
    units = kernel.shape[0]
    gate_kernel, new_kernel = kernel.split((2 * units, units), 1)
    gate_mask, new_mask = (None, None) if mask is None else (mask[:2], mask[2])
    if mask is not None:
        gate_kernel = by_gate(gate_kernel, 2)

    def step(x_t: torch.Tensor, states: States) -> States:
        (h,) = states
        gates, new = x_t.split((2 * units, units), 1) if mask is None else (x_t[:2], x_t[2])
        z, r = _halves(gate(recur(h, gate_kernel, gate_mask, gates)), mask is not None)
        reset = r * h if new_mask is None else r * h * new_mask
        new = function(torch.addmm(new, reset, new_kernel))
        return (new + z * (h - new),)

    return step


simple_rnn = register(SimpleRNN())
gru = register(GRU())
