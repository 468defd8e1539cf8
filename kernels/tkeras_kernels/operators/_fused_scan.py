"""Recurrent operators on the scan template: products over all steps around one kernel over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ._cells import Cell
from ._fit import unfit
from ._matmul_launch import input_gradient, product, weight_gradient
from ._operator import Operator, Tensors
from ._scan_launch import Order, Saved, backward, forward, too_large


class Call(NamedTuple):
    """The tensor arguments of a recurrent operator."""

    x: torch.Tensor
    kernel: torch.Tensor
    recurrent_kernel: torch.Tensor
    bias: torch.Tensor | None
    states: tuple[torch.Tensor | None, ...]
    mask: torch.Tensor | None
    input_mask: torch.Tensor | None
    recurrent_mask: torch.Tensor | None


class FusedScan(Operator):
    """A recurrent operator.

    Its arguments are x, kernel, recurrent kernel, bias, states, mask, input mask and recurrent mask; the last
    ones may be left out.
    """

    @abstractmethod
    def cell(self, attributes: Mapping[str, Any]) -> Cell:
        """The cell that a call with these attributes runs."""

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        cell = self.cell(attributes)
        call = _call(tensors, cell)
        floats = [tensor for tensor in tensors if tensor is not None and tensor is not call.mask]
        if any(tensor.dtype != call.x.dtype for tensor in floats):
            return "tensors of several dtypes"
        reason = unfit(floats)
        if reason is not None:
            return reason
        if call.mask is not None and call.mask.device != call.x.device:
            return "tensors on several devices"
        if not _shapes_fit(call, cell):
            return "shapes do not fit"
        if not call.x.numel() or not call.recurrent_kernel.numel():
            return "nothing to compute"
        if any(keep is not None and keep.requires_grad for keep in (call.input_mask, call.recurrent_mask)):
            return "a dropout mask wants a gradient"
        if cell.reason is not None:
            return f"the cell is torch code: {cell.reason}"
        return too_large(call.x, cell, call.recurrent_kernel.shape[0])

    def infer(self, *tensors: Any, **attributes: Any) -> Any:
        return self._run(tensors, attributes, saving=False)[0]

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Any, Tensors]:
        outputs, saved = self._run(tensors, attributes, saving=True)
        assert saved is not None
        given = (*tensors, *(None,) * (self.cell(attributes).states + 7 - len(tensors)))
        return outputs, (*given, saved.values, saved.reset, *saved.before)

    def _run(self, tensors: Tensors, attributes: dict[str, Any], saving: bool) -> tuple[Any, Saved | None]:
        cell, order = self.cell(attributes), _order(attributes)
        call = _call(tensors, cell)
        outer, inner = _biases(call.bias)
        y, lasts, saved = forward(
            _project(call, outer),
            call.recurrent_kernel,
            inner,
            call.states,
            call.mask,
            call.recurrent_mask,
            cell,
            order,
            saving,
        )
        return (y, *lasts), saved

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        cell = self.cell(attributes)
        call = _call(saved[: cell.states + 7], cell)
        values, reset, *before = saved[cell.states + 7 :]
        kept: Any = Saved(values, reset, tuple(before))  # pyright: ignore[reportArgumentType]
        wants = (*needs, *(False,) * (cell.states + 7 - len(needs)))
        dz, du, starts = backward(
            kept,
            call.recurrent_kernel,
            call.mask,
            call.recurrent_mask,
            gradients[0],
            gradients[1:],
            wants[4 : 4 + cell.states],
            cell,
            _order(attributes),
        )
        dx = _input_gradient(call, dz) if wants[0] else None
        dw, db = _weight_gradients(_inputs(call), dz, wants[1], wants[3])
        two = wants[3] and call.bias is not None and call.bias.dim() == 2
        dr, inner = _weight_gradients(_hidden(call, kept, cell), du, wants[2], two)
        if db is not None and inner is not None:
            db = torch.stack([db, inner])
        return (dx, dw, dr, db, *starts, None, None, None)[: len(needs)]


def _call(tensors: Tensors, cell: Cell) -> Call:
    given: Any = (*tensors, *(None,) * (cell.states + 7 - len(tensors)))
    split = 4 + cell.states
    x, kernel, recurrent_kernel, bias = given[:4]
    return Call(x, kernel, recurrent_kernel, bias, given[4:split], *given[split : split + 3])


def _order(attributes: Mapping[str, Any]) -> Order:
    return Order(*(bool(attributes.get(name, False)) for name in Order._fields))


def _shapes_fit(call: Call, cell: Cell) -> bool:
    if call.x.dim() != 3 or call.kernel.dim() != 2 or call.recurrent_kernel.dim() != 2:
        return False
    (batch, steps, width), units = call.x.shape, call.recurrent_kernel.shape[0]
    columns, gates = cell.gates * units, (1, cell.gates)
    fits = call.kernel.shape == (width, columns) and call.recurrent_kernel.shape[1] == columns
    fits &= call.bias is None or call.bias.shape in ((columns,), (2, columns))
    fits &= all(state is None or state.shape == (batch, units) for state in call.states)
    fits &= call.mask is None or call.mask.shape == (batch, steps)
    fits &= call.input_mask is None or call.input_mask.shape in [(n, batch, width) for n in gates]
    return fits and (call.recurrent_mask is None or call.recurrent_mask.shape == (cell.gates, batch, units))


def _biases(bias: torch.Tensor | None) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Of the inputs and of the recurrence; one row of a bias is that of the inputs."""
    if bias is None or bias.dim() == 1:
        return bias, None
    outer, inner = bias.unbind(0)
    return outer, inner


def _inputs(call: Call) -> list[tuple[torch.Tensor, slice]]:
    """The operands of the input projection, each with the columns of the kernel that it meets."""
    x, mask, columns = call.x, call.input_mask, call.kernel.shape[1]
    if mask is None:
        return [(x, slice(0, columns))]
    dropped = [x * keep.unsqueeze(1) for keep in mask]
    return list(zip(dropped, _columns(columns, len(mask)), strict=True))


def _columns(count: int, parts: int) -> list[slice]:
    size = count // parts
    return [slice(i * size, (i + 1) * size) for i in range(parts)]


def _project(call: Call, bias: torch.Tensor | None) -> torch.Tensor:
    """``x W + bias`` (B, T, gates * units)."""
    parts = [
        product(x, call.kernel[:, part], None if bias is None else bias[part]) for x, part in _inputs(call)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _input_gradient(call: Call, dz: torch.Tensor) -> torch.Tensor:
    if call.input_mask is None:
        return input_gradient(dz, None, call.kernel, None)
    total = None
    for keep, part in zip(call.input_mask, _columns(dz.shape[-1], len(call.input_mask)), strict=True):
        one = input_gradient(dz[..., part], None, call.kernel[:, part], None) * keep.unsqueeze(1)
        total = one if total is None else total.add_(one)
    assert total is not None
    return total


def _hidden(call: Call, kept: Saved, cell: Cell) -> list[tuple[torch.Tensor, slice]]:
    """The operands of the recurrent products of all steps, each with the columns of the kernel that it
    meets."""
    h, columns = kept.before[0], call.recurrent_kernel.shape[1]
    gates = _columns(columns, cell.gates)
    last = h if kept.reset is None else kept.reset
    if call.recurrent_mask is not None:
        operands = [h] * (cell.gates - 1) + [last]
        dropped = [x * keep.unsqueeze(1) for x, keep in zip(operands, call.recurrent_mask, strict=True)]
        return list(zip(dropped, gates, strict=True))
    if kept.reset is None:
        return [(h, slice(0, columns))]
    return [(h, slice(0, gates[-1].start)), (last, gates[-1])]


def _weight_gradients(
    operands: list[tuple[torch.Tensor, slice]], dz: torch.Tensor, wants_kernel: bool, wants_bias: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of a kernel and a bias from the operands that met its columns."""
    if not wants_kernel and not wants_bias:
        return None, None
    found = [weight_gradient(operand, None, dz[..., part], None, wants_bias) for operand, part in operands]
    kernels = [kernel for kernel, _ in found]
    biases = [bias for _, bias in found if bias is not None]
    return (
        _joined(kernels, 1) if wants_kernel else None,
        _joined(biases, 0) if biases else None,
    )


def _joined(parts: list[torch.Tensor], axis: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
