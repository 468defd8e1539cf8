"""Recurrent operators on the scan template."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ._cells import Cell
from ._fit import unfit
from ._operator import Operator, Tensors
from ._scan_plan import Order, Saved
from ._scan_sets import Call, Gradients, route, run, run_back

_MOST_WEIGHTS = 2**31
"""The kernels count weights, unlike rows, in 32 bits."""


class FusedScan(Operator):
    """A recurrent operator.

    Its arguments are x, kernel, recurrent kernel, bias, states, mask, input mask and recurrent mask; the last
    ones may be left out.
    """

    @abstractmethod
    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        """The cell that a call with these attributes runs."""

    def positions(self, cell: Cell) -> Sequence[int]:
        """Where the operator's own arguments are in that list."""
        return range(cell.states + 7)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        cell = self.cell(attributes)
        return refused(call_of(self._placed(tensors, cell), cell), cell)

    def route(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str:
        cell = self.cell(attributes)
        return route([call_of(self._placed(tensors, cell), cell)], cell)

    def infer(self, *tensors: Any, **attributes: Any) -> Any:
        cell = self.cell(attributes)
        calls = [call_of(self._placed(tensors, cell), cell)]
        y, lasts, _ = run(calls, cell, order_of(attributes), saving=False)
        return _first(y, lasts)

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Any, Tensors]:
        cell = self.cell(attributes)
        placed = self._placed(tensors, cell)
        y, lasts, saved = run([call_of(placed, cell)], cell, order_of(attributes), saving=True)
        assert saved is not None
        return _first(y, lasts), (*placed, *packed(saved))

    def _placed(self, tensors: Sequence[Any], cell: Cell) -> list[Any]:
        """All arguments, None for those that are not given."""
        placed: list[Any] = [None] * (cell.states + 7)
        for position, tensor in zip(self.positions(cell), tensors, strict=False):
            placed[position] = tensor
        return placed

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        cell = self.cell(attributes)
        count = cell.states + 7
        dy, *dlasts = (None if gradient is None else gradient.unsqueeze(0) for gradient in gradients)
        (found,) = run_back(
            [call_of(saved[:count], cell)],
            unpacked(saved[count:], cell),
            dy,
            dlasts,
            needed(self._placed(needs, cell), cell),
            cell,
            order_of(attributes),
        )
        gradients = listed(found)
        return tuple(gradients[position] for position, _ in zip(self.positions(cell), needs, strict=False))


def _first(y: torch.Tensor, lasts: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (y[0], *(last[0] for last in lasts))


def call_of(placed: Sequence[Any], cell: Cell) -> Call:
    """The arguments by name."""
    x, kernel, recurrent_kernel, bias, *rest = placed
    states, (mask, input_mask, recurrent_mask) = rest[: cell.states], rest[cell.states :]
    return Call(x, kernel, recurrent_kernel, bias, tuple(states), mask, input_mask, recurrent_mask)


def order_of(attributes: Mapping[str, Any]) -> Order:
    """How one call is walked."""
    flags = (bool(attributes.get(name, False)) for name in ("return_sequences", "zero_output_for_mask"))
    sequences, zeros = flags
    return Order(sequences, (bool(attributes.get("go_backwards", False)),), zeros)


def packed(saved: Saved) -> Tensors:
    """A flat tuple; see :func:`unpacked`."""
    return (saved.values, *saved.operands, *saved.before)


def unpacked(tensors: Sequence[Any], cell: Cell) -> Saved:
    """What :func:`packed` made flat."""
    values, *rest = tensors
    return Saved(values, tuple(rest[: cell.later]), tuple(rest[cell.later :]))


def needed(placed: Sequence[Any], cell: Cell) -> Gradients:
    """Which gradients of a call are needed, as :class:`Gradients` of booleans."""
    x, kernel, recurrent_kernel, bias, *rest = placed
    return Gradients(x, kernel, recurrent_kernel, bias, tuple(rest[: cell.states]))


def listed(found: Gradients) -> tuple[torch.Tensor | None, ...]:
    """Gradients in the order of the arguments."""
    return (*found[:4], *found.states, None, None, None)


def refused(call: Call, cell: Cell) -> str | None:
    """Why the kernels cannot take a call, or None when they can."""
    floats = [call.x, call.kernel, call.recurrent_kernel, call.bias, *call.states]
    floats += [call.input_mask, call.recurrent_mask]
    if any(tensor is not None and tensor.dtype != call.x.dtype for tensor in floats):
        return "tensors of several dtypes"
    reason = unfit(floats)
    if reason is not None:
        return reason
    if call.mask is not None and call.mask.device != call.x.device:
        return "tensors on several devices"
    if not _shapes_fit(call, cell):
        return "shapes do not fit"
    if not call.x.numel() or not len(call.recurrent_kernel):
        return "nothing to compute"
    if call.recurrent_kernel.numel() >= _MOST_WEIGHTS:
        return "recurrent weights of 2^31 elements and more"
    if any(keep is not None and keep.requires_grad for keep in (call.input_mask, call.recurrent_mask)):
        return "a dropout mask wants a gradient"
    return None if cell.reason is None else f"the cell is torch code: {cell.reason}"


def _shapes_fit(call: Call, cell: Cell) -> bool:
    if call.x.dim() != 3 or call.recurrent_kernel.dim() != 2:
        return False
    (batch, steps, width), units = call.x.shape, call.recurrent_kernel.shape[0]
    columns, gates = cell.gates * units, (1, cell.gates)
    projected = cell.columns * units
    fits = call.recurrent_kernel.shape[1] == columns
    fits &= width == projected if call.kernel is None else call.kernel.shape == (width, projected)
    fits &= call.bias is None or call.bias.shape in ((columns,), (2, columns))
    fits &= all(state is None or state.shape == (batch, units) for state in call.states)
    fits &= call.mask is None or call.mask.shape == (batch, steps)
    fits &= call.input_mask is None or call.input_mask.shape in [(n, batch, width) for n in gates]
    return fits and (call.recurrent_mask is None or call.recurrent_mask.shape == (cell.gates, batch, units))
