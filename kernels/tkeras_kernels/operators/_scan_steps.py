"""Launching the scan template a step at a time, where the recurrent weights exceed shared memory.

The launches of a sequence follow each other without the host waiting, so a CUDA graph can hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..runtime import Target, launch, target_for
from ..templates._tiles import power_of_two
from ._cells import Cell
from ._scan_plan import (
    Order,
    Saved,
    Scan,
    as_bytes,
    backward_leaves,
    constants_of,
    contiguous,
    flat,
    forward_leaves,
    output_strides,
    present,
    products,
    room,
    room_arguments,
    strides_of,
)


class _Blocks(NamedTuple):
    """What a program owns, and warps; see ``templates/_scan_step``."""

    rows: int
    units: int
    inner: int
    warps: int


def _blocks(target: Target, on: torch.Tensor, batch: int) -> _Blocks:
    """16 units a program, the fewest that tensor cores take, spread the weights, which bound a step, over
    the most multiprocessors; 128 bytes of a row of h at a time fill a line of the cache."""
    rows = min(64, max(16, power_of_two(batch)))
    if target.backend == "interpret":
        return _Blocks(16, 32, 32, 4)
    return _Blocks(rows, 16, 128 // on.element_size(), 4)


def _grid(blocks: _Blocks, sets: int, batch: int, units: int) -> tuple[int, int, int]:
    return -(-batch // blocks.rows), -(-units // blocks.units), sets


def _constants(blocks: _Blocks, on: torch.Tensor, cell: Cell, order: Order) -> dict[str, Any]:
    tile = {"ROWS": blocks.rows, "UNITS": blocks.units, "INNER": blocks.inner}
    return {**constants_of(on, cell, order), **tile}


def forward(
    scan: Scan, cell: Cell, order: Order, saving: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Saved | None]:
    """As ``_scan_launch.forward``."""
    from ..templates._scan_step import step_forward

    x, kernel = scan.x, scan.kernel
    sets, batch, steps, _ = x.shape
    units = kernel.shape[1]
    y = x.new_empty((sets, batch, steps, units) if order.return_sequences else (sets, batch, units))
    kept, dropped, bias = as_bytes(scan.mask), contiguous(scan.dropped), contiguous(scan.bias)
    saved = room(x, cell, units) if saving or cell.later else None
    values, operands, before = room_arguments(saved)
    blocks = _blocks(target_for(x), x, batch)
    constants = {**forward_leaves(cell), **_constants(blocks, x, cell, order)}
    states = tuple(_float(start, (sets, batch, units), x) for start in scan.starts)
    news = tuple(torch.empty_like(state) for state in states)
    output = None if kept is None else torch.zeros_like(states[0])
    sizes = (batch, steps, units, x.stride(0), x.stride(2), *kernel.stride(), *strides_of(kept))
    kept_before = before if saving else None
    for t in range(steps):
        tensors = (x, kernel, bias, states, news, kept, dropped, y, output, values, operands, kept_before)
        for phase in (1, 2) if cell.later else (0,):
            launch(
                step_forward,
                _grid(blocks, sets, batch, units),
                y,
                (*tensors, t, *sizes),
                {**constants, "PHASE": phase},
                warps=blocks.warps,
                stages=3,
            )
        states, news = news, states
    return y, tuple(state.to(x.dtype) for state in states), saved if saving else None


def backward(
    scan: Scan,
    saved: Saved,
    dy: torch.Tensor | None,
    dlasts: Sequence[torch.Tensor | None],
    wanted: Sequence[bool],
    cell: Cell,
    order: Order,
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor | None, ...]]:
    """As ``_scan_launch.backward``."""
    from ..templates._scan_step import step_backward

    dx, du = scan.x, products(scan, cell)
    sets, batch, steps, _ = dx.shape
    kernel, units = scan.kernel, scan.kernel.shape[1]
    kept, dropped, dy = as_bytes(scan.mask), contiguous(scan.dropped), flat(dy, sets * batch)
    slopes = tuple(_float(slope, (sets, batch, units), dx) for slope in dlasts)
    carried = _carried(dy, kept, slopes[0], order)
    scratch = None
    if cell.later:
        scratch = slopes[0].new_empty((sets, batch, (cell.values + cell.states) * units))
    dstarts = tuple(dx.new_empty((sets, batch, units)) if want else None for want in wanted)
    blocks = _blocks(target_for(dx), dx, batch)
    constants = {**backward_leaves(cell), **_constants(blocks, dx, cell, order), "STARTS": present(dstarts)}
    tensors = (
        saved.values,
        saved.before,
        kernel,
        kept,
        dropped,
        dy,
        slopes,
        carried,
        scratch,
        dx,
        du,
        dstarts,
    )
    sizes = (batch, steps, units, dx.stride(0), dx.stride(2), *kernel.stride(), *strides_of(kept))
    whole = [(t, phase) for t in reversed(range(steps)) for phase in ((1, 2) if cell.later else (0,))]
    for t, phase in [*whole, (-1, 3)] if any(wanted) else whole:
        launch(
            step_backward,
            _grid(blocks, sets, batch, units),
            dx,
            (*tensors, t, *sizes, *output_strides(dy, order)),
            {**constants, "PHASE": phase},
            warps=blocks.warps,
            stages=3,
        )
    return dx, dx if du is None else du, dstarts


def _float(tensor: torch.Tensor | None, size: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """A float32 copy, or zeros for None: the launches write to it."""
    if tensor is None:
        return like.new_zeros(size, dtype=torch.float32)
    return torch.empty(size, dtype=torch.float32, device=like.device).copy_(tensor)


def _carried(
    dy: torch.Tensor | None, kept: torch.Tensor | None, like: torch.Tensor, order: Order
) -> torch.Tensor | None:
    if order.return_sequences or dy is None:
        return None if kept is None else torch.zeros_like(like)
    return torch.empty_like(like).copy_(dy.view_as(like))
