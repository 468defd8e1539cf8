"""Recurrent calls around the scan template: products over all steps before and after one kernel over time.

A set is one call, or several calls of the same weights whose rows are stacked. Sets of the same sizes go
through the kernel together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from . import _scan_grid, _scan_launch, _scan_steps
from ._cells import Cell
from ._matmul_launch import input_gradient, product, weight_gradient
from ._scan_plan import Order, Saved, Scan

Piece = tuple[torch.Tensor, slice]


class Call(NamedTuple):
    """The tensor arguments of a recurrent operator; without a kernel x is projected already."""

    x: torch.Tensor
    kernel: torch.Tensor | None
    recurrent_kernel: torch.Tensor
    bias: torch.Tensor | None
    states: tuple[torch.Tensor | None, ...]
    mask: torch.Tensor | None
    input_mask: torch.Tensor | None
    recurrent_mask: torch.Tensor | None


class Gradients(NamedTuple):
    """Those of a call's x, kernel, recurrent kernel, bias and states, None where not needed."""

    x: torch.Tensor | None
    kernel: torch.Tensor | None
    recurrent_kernel: torch.Tensor | None
    bias: torch.Tensor | None
    states: tuple[torch.Tensor | None, ...]


def run(
    calls: Sequence[Call], cell: Cell, order: Order, saving: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Saved | None]:
    """Outputs and last states, with an axis of sets in front, and what the backward needs."""
    return _way(calls, cell)[0].forward(_scan(calls, _project_all(calls), cell), cell, order, saving)


def _way(calls: Sequence[Call], cell: Cell) -> tuple[Any, str]:
    """The module whose launches take sets of calls, and what the report says of it."""
    x, units = calls[0].x, calls[0].recurrent_kernel.shape[0]
    reason = _scan_launch.too_large(x, cell, units)
    if reason is None:
        return _scan_launch, ""
    dropped = any(call.recurrent_mask is not None for call in calls)
    if _scan_grid.wanted(x, cell, dropped, len(calls), len(x), units):
        return _scan_grid, f"one launch, whose programs wait for each other at every step: {reason}"
    return _scan_steps, f"one launch a step: {reason}"


def route(calls: Sequence[Call], cell: Cell) -> str:
    """Which kernel takes sets of calls and why, for the report."""
    return _way(calls, cell)[1]


def run_back(
    calls: Sequence[Call],
    saved: Saved,
    dy: torch.Tensor | None,
    dlasts: Sequence[torch.Tensor | None],
    needs: Gradients,
    cell: Cell,
    order: Order,
) -> list[Gradients]:
    """Gradients of the calls from those of the outputs and last states of all; ``needs`` holds booleans."""
    wanted: Any = needs.states
    scan = _scan(calls, _room(calls, cell), cell)
    dz, du, starts = _way(calls, cell)[0].backward(scan, saved, dy, dlasts, wanted, cell, order)
    together = _together(calls) and needs.x
    found = []
    for i, call in enumerate(calls):
        dx = _input_gradient(call, dz[i]) if needs.x and not together else None
        dw, db = _weight_gradients(_inputs(call), dz[i], bool(needs.kernel), bool(needs.bias))
        two = bool(needs.bias) and call.bias is not None and call.bias.dim() == 2
        dr, inner = _weight_gradients(_hidden(call, saved, cell, i), du[i], bool(needs.recurrent_kernel), two)
        if db is not None and inner is not None:
            db = torch.stack([db, inner])
        states = tuple(None if start is None else start[i] for start in starts)
        found.append(Gradients(dx, dw, dr, db, states))
    if together:
        joined = dz.permute(1, 2, 0, 3).flatten(2)
        found[0] = found[0]._replace(x=input_gradient(joined, None, _joint_kernel(calls), None))
    return found


def _scan(calls: Sequence[Call], x: torch.Tensor, cell: Cell) -> Scan:
    inner = [_biases(call.bias)[1] for call in calls]
    starts = [_stacked([call.states[i] for call in calls], torch.zeros_like) for i in range(cell.states)]
    mask = _joined([call.mask for call in calls], 0, torch.ones_like)
    dropped = _joined([call.recurrent_mask for call in calls], 1, torch.ones_like)
    kernel = _stacked([call.recurrent_kernel for call in calls], torch.zeros_like)
    assert kernel is not None
    return Scan(x, kernel, _stacked(inner, torch.zeros_like), starts, mask, dropped)


Fill = Callable[[torch.Tensor], torch.Tensor]


def _filled(tensors: Sequence[torch.Tensor | None], fill: Fill) -> list[torch.Tensor]:
    """Those that are None like the others, or nothing where all are."""
    like = next((tensor for tensor in tensors if tensor is not None), None)
    return [] if like is None else [fill(like) if tensor is None else tensor for tensor in tensors]


def _stacked(tensors: Sequence[torch.Tensor | None], fill: Fill) -> torch.Tensor | None:
    found = _filled(tensors, fill)
    return None if not found else found[0].unsqueeze(0) if len(found) == 1 else torch.stack(found)


def _joined(tensors: Sequence[torch.Tensor | None], axis: int, fill: Fill) -> torch.Tensor | None:
    found = _filled(tensors, fill)
    return None if not found else found[0] if len(found) == 1 else torch.cat(found, axis)


def _biases(bias: torch.Tensor | None) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Of the inputs and of the recurrence; one row of a bias is that of the inputs."""
    if bias is None or bias.dim() == 1:
        return bias, None
    outer, inner = bias.unbind(0)
    return outer, inner


def _together(calls: Sequence[Call]) -> bool:
    """Whether sets read the same input, so that one product projects it for all."""
    first = calls[0]
    return len(calls) > 1 and all(
        call.x is first.x and call.kernel is not None and call.input_mask is None for call in calls
    )


def _joint_kernel(calls: Sequence[Call]) -> torch.Tensor:
    return torch.cat([call.kernel for call in calls if call.kernel is not None], 1)


def _project_all(calls: Sequence[Call]) -> torch.Tensor:
    """``x W + bias`` (sets, batch, steps, columns)."""
    if not _together(calls):
        found = [_project(call) for call in calls]
        return found[0].unsqueeze(0) if len(found) == 1 else torch.stack(found)
    biases = [_biases(call.bias)[0] for call in calls]
    bias = _joined(biases, 0, torch.zeros_like)
    z = product(calls[0].x, _joint_kernel(calls), bias)
    return z.unflatten(-1, (len(calls), -1)).permute(2, 0, 1, 3)


def _room(calls: Sequence[Call], cell: Cell) -> torch.Tensor:
    """For the gradient of the projected input, which lies as that does."""
    first, sets = calls[0], len(calls)
    (batch, steps), columns = first.x.shape[:2], cell.columns * first.recurrent_kernel.shape[0]
    strides = (batch * steps * columns, steps * columns, columns, 1)
    if _together(calls):
        strides = (columns, steps * sets * columns, sets * columns, 1)
    size = (sets, batch, steps, columns)
    return torch.empty_strided(size, strides, dtype=first.x.dtype, device=first.x.device)


def _project(call: Call) -> torch.Tensor:
    """``x W + bias`` (batch, steps, columns)."""
    if call.kernel is None:
        return call.x.contiguous()
    bias = _biases(call.bias)[0]
    parts = [
        product(x, call.kernel[:, part], None if bias is None else bias[part]) for x, part in _inputs(call)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _inputs(call: Call) -> list[Piece]:
    """The operands of the input projection, each with the columns of the kernel that it meets."""
    x, mask = call.x, call.input_mask
    if call.kernel is None:
        return []
    columns = call.kernel.shape[1]
    if mask is None:
        return [(x, slice(0, columns))]
    dropped = [x * keep.unsqueeze(1) for keep in mask]
    return list(zip(dropped, _columns(columns, len(mask)), strict=True))


def _columns(count: int, parts: int) -> list[slice]:
    size = count // parts
    return [slice(i * size, (i + 1) * size) for i in range(parts)]


def _input_gradient(call: Call, dz: torch.Tensor) -> torch.Tensor:
    if call.kernel is None:
        return dz
    if call.input_mask is None:
        return input_gradient(dz, None, call.kernel, None)
    total = None
    for keep, part in zip(call.input_mask, _columns(dz.shape[-1], len(call.input_mask)), strict=True):
        one = input_gradient(dz[..., part], None, call.kernel[:, part], None) * keep.unsqueeze(1)
        total = one if total is None else total.add_(one)
    assert total is not None
    return total


def _hidden(call: Call, kept: Saved, cell: Cell, index: int) -> list[Piece]:
    """The operands of the products of all steps, each with the columns of the kernel that it meets."""
    if not cell.gates:
        return []
    h, columns = kept.before[0][index], call.recurrent_kernel.shape[1]
    gates = _columns(columns, cell.gates)
    own = [operand[index] for operand in kept.operands]
    if call.recurrent_mask is not None:
        operands = [h] * cell.first + own
        dropped = [x * keep.unsqueeze(1) for x, keep in zip(operands, call.recurrent_mask, strict=True)]
        return list(zip(dropped, gates, strict=True))
    first = [(h, slice(0, gates[cell.first - 1].stop))] if cell.first else []
    return first + list(zip(own, gates[cell.first :], strict=True))


def _weight_gradients(
    operands: list[Piece], dz: torch.Tensor, wants_kernel: bool, wants_bias: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of a kernel and a bias from the operands that met its columns."""
    if not operands or not (wants_kernel or wants_bias):
        return None, None
    found = [weight_gradient(operand, None, dz[..., part], None, wants_bias) for operand, part in operands]
    kernels = [kernel for kernel, _ in found]
    biases = [bias for _, bias in found if bias is not None]
    return (
        _cat(kernels, 1) if wants_kernel else None,
        _cat(biases, 0) if biases else None,
    )


def _cat(parts: list[torch.Tensor], axis: int) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)
