"""A cell given by its traced step, over whole sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..pointwise import Pointwise, pointwise
from ._cells import Cell
from ._fused_scan import FusedScan
from ._operator import Case, Cost, register
from ._work import Shapes, work


def _leaky(z: Any, h: Any) -> Any:
    """Leaky integration (Jaeger et al., 2007), for the representative cases."""
    return 0.9 * h + 0.1 * torch.tanh(z)


def _coupled(f: Any, g: Any, x_s: Any, h: Any, c: Any) -> Any:
    """A cell with a coupled gate, a skip connection and two states, for the representative cases."""
    f = torch.sigmoid(f)
    c = f * c + (1 - f) * torch.tanh(g)
    return torch.tanh(c) + x_s, c


class Scan(FusedScan):
    """Any cell whose step is pointwise between its products with the states; see :class:`Cell`."""

    name = "scan"
    saves = "pre-activations and the states before each step"
    cases = (
        Case(
            "leaky",
            ((32, 100, 128), (128, 128), (32, 128)),
            {"step": pointwise(_leaky, arity=2), "gates": 1, "joined": 1, "states": 1},
        ),
        Case(
            "coupled",
            ((32, 100, 192), (64, 128), (32, 64), (32, 64)),
            {
                "step": pointwise(_coupled, arity=5),
                "gates": 2,
                "joined": 2,
                "states": 2,
                "extras": 1,
                "return_sequences": True,
            },
        ),
    )

    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        return Cell(**{name: attributes[name] for name in Cell.__dataclass_fields__ if name in attributes})

    def positions(self, cell: Cell) -> Sequence[int]:
        return 0, 2, *range(4, 5 + cell.states)

    def reference(
        self,
        x: torch.Tensor,
        recurrent_kernel: torch.Tensor,
        *rest: torch.Tensor | None,
        step: Pointwise,
        gates: int,
        joined: int,
        states: int,
        extras: int = 0,
        operands: Pointwise | None = None,
        later: int = 0,
        apart: bool = False,
        return_sequences: bool = False,
        go_backwards: bool = False,
        zero_output_for_mask: bool = False,
    ) -> tuple[torch.Tensor, ...]:
        """Run over a sequence.

        Args:
            x: (B, T, (joined + extras) * H), projected already.
            recurrent_kernel: (H, gates * H).
            rest: first states (B, H), zeros for None; then mask (B, T), or None, as for :class:`LSTM`.

        Returns:
            outputs (B, T, H) in the order of computation, or the last one (B, H); last states.
        """
        cell = Cell(step, gates, joined, states, extras, operands, later, apart)
        units = recurrent_kernel.shape[0]
        given = (*rest, *(None,) * (states + 1 - len(rest)))
        now = tuple(x.new_zeros(len(x), units) if state is None else state for state in given[:states])
        mask = None if given[states] is None else given[states].bool()  # pyright: ignore[reportOptionalMemberAccess]
        times = range(x.shape[1])
        output, outputs = torch.zeros_like(now[0]), []
        for time in times[:1] if x.is_meta else reversed(times) if go_backwards else times:
            new = _step(cell, x[:, time], recurrent_kernel, now)
            if mask is None:
                output, now = new[states if apart else 0], new[:states]
            else:
                kept = mask[:, time, None]
                old = torch.zeros_like(output) if zero_output_for_mask else output
                output = torch.where(kept, new[states if apart else 0], old)
                now = tuple(torch.where(kept, after, before) for after, before in zip(new, now, strict=False))
            outputs.append(output)
        if return_sequences:
            output = torch.stack(outputs, 1).expand(-1, len(times), -1)
        return output, *now

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        x, kernel = shapes[:2]
        assert x is not None
        assert kernel is not None
        units, columns = kernel
        return work(self, shapes, itemsize, x[0] * x[1] * columns * (2 * units + 10), **attributes)


def _step(
    cell: Cell, x: torch.Tensor, kernel: torch.Tensor, states: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """New states, and the output where it is apart, from one step's columns of the projected input."""
    units = kernel.shape[0]
    columns, parts = x.split(units, 1), kernel.split(units, 1) if cell.gates else ()
    extras = columns[cell.joined :]
    values: list[torch.Tensor] = []
    own: tuple[torch.Tensor, ...] = ()
    for gate, part in enumerate(parts):
        if gate == cell.first and cell.operands is not None:
            own = _tuple(cell.operands.torch(*values, *extras, *states))
        left = states[0] if gate < cell.first else own[gate - cell.first]
        values.append(torch.addmm(columns[gate], left, part) if gate < cell.joined else left @ part)
    return _tuple(cell.step.torch(*values, *extras, *states))


def _tuple(result: Any) -> tuple[torch.Tensor, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


scan = register(Scan())
