"""Long short-term memory over whole sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ..pointwise import Pointwise
from ._activate import function_of
from ._cells import Cell, lstm_cell
from ._operator import Case, register
from ._recurrent import SIGMOID, TANH, Recurrent, initial
from ._scan import States, by_gate, project, recur, running_order, scan
from ._torch_lstm import guarded, one_run_a_row, torch_lstm, torch_lstm_of_runs

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class _Call:
    """Everything about one call but the tensors that are differentiated, and two ways to compute it."""

    mask: torch.Tensor | None
    input_mask: torch.Tensor | None
    recurrent_mask: torch.Tensor | None
    function: Callable[[torch.Tensor], torch.Tensor]
    gate: Callable[[torch.Tensor], torch.Tensor]
    return_sequences: bool
    zero_output_for_mask: bool

    def suits_torch(self, x: torch.Tensor, from_zero: bool) -> bool:
        """Whether torch's own kernels compute this: no other functions, no dropout inside, no ragged mask."""
        return (
            self.function is torch.tanh
            and self.gate is torch.sigmoid
            and self.input_mask is None
            and self.recurrent_mask is None
            and x.device.type in ("cpu", "cuda")
            and x.numel() > 0
            and (self.mask is None or (x.is_cpu and one_run_a_row(self.mask, from_zero)))
        )

    def by_torch(self, *tensors: Any) -> Outputs:
        if self.mask is None:
            y, h, c = torch_lstm(*tensors)
            return (y if self.return_sequences else h), h, c
        y, h, c = torch_lstm_of_runs(self.mask, self.return_sequences, *tensors)
        if self.zero_output_for_mask:
            kept = self.mask.unsqueeze(-1)
            return torch.where(kept, y, 0) if self.return_sequences else torch.where(kept[:, -1], h, 0), h, c
        return (y if self.return_sequences else h), h, c

    def by_loop(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        bias: torch.Tensor | None,
        h0: torch.Tensor,
        c0: torch.Tensor,
    ) -> Outputs:
        function, gate, dropped = self.function, self.gate, self.recurrent_mask
        projected = project(x, kernel, bias, self.input_mask)
        if dropped is not None:
            projected, recurrent_kernel = by_gate(projected, 4), by_gate(recurrent_kernel, 4)

        def step(x_t: torch.Tensor, states: States) -> States:
            h, c = states
            z = recur(h, recurrent_kernel, dropped, x_t)
            i, f, g, o = z.chunk(4, 1) if dropped is None else z.unbind(0)
            c = torch.addcmul(gate(f) * c, gate(i), function(g))
            return gate(o) * function(c), c

        output, (h, c) = scan(
            step, projected, (h0, c0), self.mask, self.return_sequences, self.zero_output_for_mask
        )
        return output, h, c


class LSTM(Recurrent):
    """Long short-term memory with gates i, f, c, o in this order (Hochreiter & Schmidhuber, 1997)."""

    name = "lstm"
    vendor = "cuDNN"
    saves = "input, pre-activations and the states before each step"
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

    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        return lstm_cell(attributes.get("activation", TANH), attributes.get("recurrent_activation", SIGMOID))

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
            input_mask: scaled dropout of the inputs, (1, B, in), or (4, B, in) for each gate; None for none.
            recurrent_mask: scaled dropout of h for each gate, (4, B, H); None for none.
            go_backwards: from the last step to the first; outputs come in that order too.
            zero_output_for_mask: zeros instead of repeated outputs.

        Returns:
            outputs (B, T, H) in the order of computation, or the last one (B, H); last h; last c.
        """
        x, mask, input_mask = running_order(x, mask, input_mask, go_backwards)
        call = _Call(
            mask,
            input_mask,
            recurrent_mask,
            function_of(activation),
            function_of(recurrent_activation),
            return_sequences,
            zero_output_for_mask,
        )
        own = call.suits_torch(x, from_zero=h0 is None and c0 is None)
        units = recurrent_kernel.shape[0]
        tensors = (x, kernel, recurrent_kernel, bias, initial(h0, x, units), initial(c0, x, units))
        return guarded(call.by_torch, call.by_loop, *tensors) if own else call.by_loop(*tensors)


lstm = register(LSTM())
