"""Long short-term memory over whole sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ..pointwise import Pointwise
from ._activate import function_of
from ._cells import Cell, lstm_cell
from ._lstm_steps import lstm_steps
from ._operator import Case, register
from ._recurrent import SIGMOID, TANH, Recurrent, initial
from ._scan import States, by_gate, project, recur, running_order, scan
from ._steps import SHARED, masked_output, running, suits_steps
from ._torch_lstm import guarded, one_run_a_row, torch_lstm, torch_lstm_of_runs

Outputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Way = Callable[..., Outputs]


@dataclass(frozen=True)
class _Call:
    """Everything about one call but the tensors that are differentiated, and the ways to compute it."""

    mask: torch.Tensor | None
    input_mask: torch.Tensor | None
    recurrent_mask: torch.Tensor | None
    function: Callable[[torch.Tensor], torch.Tensor]
    gate: Callable[[torch.Tensor], torch.Tensor]
    return_sequences: bool
    go_backwards: bool
    zero_output_for_mask: bool
    from_zero: bool

    def way(self, *tensors: torch.Tensor | None) -> Way | None:
        """What computes this beside the loop; None for other functions and for dropout inside."""
        x, kernel, recurrent_kernel = tensors[:3]
        assert x is not None
        assert kernel is not None
        assert recurrent_kernel is not None
        usual = self.function is torch.tanh and self.gate is torch.sigmoid
        drops = self.input_mask is not None or self.recurrent_mask is not None
        if not usual or drops or x.device.type not in ("cpu", "cuda") or not x.numel():
            return None
        if x.is_cuda:
            return self.by_torch if self.mask is None else None
        wide = suits_steps(x)
        trains = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
        if self.mask is None:
            batch, steps, features = x.shape
            large = steps_are_faster(batch, steps, features, len(recurrent_kernel), x.requires_grad)
            return self.by_steps if wide and trains and large else self.by_torch
        if wide and trains:
            return self.by_steps
        if one_run_a_row(self._running(self.mask), self.from_zero):
            return self.by_torch
        return self.by_steps if wide else None

    def _running(self, tensor: torch.Tensor) -> torch.Tensor:
        """(B, T, ...) with the step first that runs first."""
        return running(tensor, self.go_backwards)

    def by_steps(self, *tensors: Any) -> Outputs:
        y, h, c = lstm_steps(self.mask, self.go_backwards, *tensors)
        output = y if self.return_sequences else h
        if self.mask is not None:
            order = (self.return_sequences, self.from_zero, self.zero_output_for_mask)
            output = masked_output(output, self._running(self.mask), *order)
        return output, h, c

    def by_torch(self, x: torch.Tensor, *tensors: Any) -> Outputs:
        if self.mask is None:
            y, h, c = torch_lstm(self._running(x), *tensors)
            return (y if self.return_sequences else h), h, c
        mask = self._running(self.mask)
        y, h, c = torch_lstm_of_runs(mask, self.return_sequences, self._running(x), *tensors)
        if self.zero_output_for_mask:
            kept = mask.unsqueeze(-1)
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
        projected = project(self._running(x), kernel, bias, self.input_mask)
        if dropped is not None:
            projected, recurrent_kernel = by_gate(projected, 4), by_gate(recurrent_kernel, 4)

        def step(x_t: torch.Tensor, states: States) -> States:
            h, c = states
            z = recur(h, recurrent_kernel, dropped, x_t)
            i, f, g, o = z.chunk(4, 1) if dropped is None else z.unbind(0)
            c = torch.addcmul(gate(f) * c, gate(i), function(g))
            return gate(o) * function(c), c

        mask = None if self.mask is None else self._running(self.mask)
        output, (h, c) = scan(
            step, projected, (h0, c0), mask, self.return_sequences, self.zero_output_for_mask
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
        x, mask, input_mask = running_order(x, mask, input_mask, go_backwards=False)
        call = _Call(
            mask,
            input_mask,
            recurrent_mask,
            function_of(activation),
            function_of(recurrent_activation),
            return_sequences,
            go_backwards,
            zero_output_for_mask,
            from_zero=h0 is None and c0 is None,
        )
        units = recurrent_kernel.shape[0]
        tensors = (x, kernel, recurrent_kernel, bias, initial(h0, x, units), initial(c0, x, units))
        way = call.way(*tensors)
        return call.by_loop(*tensors) if way is None else guarded(way, call.by_loop, *tensors)


def steps_are_faster(batch: int, steps: int, features: int, units: int, input_gradient: bool) -> bool:
    """Whether training without torch's own kernels is faster on a CPU.

    Their backward always computes the input's gradient, and with few units makes slow work of the input's
    part, 4 B H in; ours spends more on what is pointwise, on every call and on every step.

    Args:
        input_gradient: whether it is needed; then whole models train faster with torch's.
    """
    if input_gradient:
        return False
    columns = batch * 4 * units
    if units > _FEW:
        wide = features >= 2 * units and columns * features > 4 * _LEAST
        return wide and 2 * columns * units <= SHARED
    return columns * (features - _FEATURES) > _LEAST // 2 + 10 * _LEAST // max(steps, 1)


_FEW, _FEATURES, _LEAST = 64, 80, 1_000_000
"""Units, features and products, as measured with oneDNN's kernels on an x86 machine with AVX-512."""

lstm = register(LSTM())
