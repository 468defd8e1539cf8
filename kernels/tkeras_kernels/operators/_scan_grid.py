"""Launching the scan template on a grid that stays resident; see ``runtime.set_grid_scan``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..runtime import get_grid_scan, launch, target_for
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
    room,
    stood_in,
    strides_of,
)

_FORWARD_ROWS, _BACKWARD_ROWS = 64, 32
"""Sequences a program at most: 64 take 254 registers forward with 1024 units, and spill backward with 256."""
_COLUMNS = 16
"""What tensor cores take at least: units backward, forward the gates of fewer units beside each other."""


class _Grid(NamedTuple):
    """Programs along units and rows, and what each owns."""

    across: int
    down: int
    rows: int
    units: int
    hidden: int


def _forward_grid(on: torch.Tensor, sets: int, batch: int, units: int, packed: int) -> _Grid:
    return _grid(on, sets, batch, units, _COLUMNS // packed, _FORWARD_ROWS)


def _backward_grid(on: torch.Tensor, sets: int, batch: int, units: int) -> _Grid:
    return _grid(on, sets, batch, units, _COLUMNS, _BACKWARD_ROWS)


def _grid(on: torch.Tensor, sets: int, batch: int, units: int, fewest: int, most: int) -> _Grid:
    """At most one program a multiprocessor, so that all are resident together; the fewest units each."""
    rows = min(most, max(16, power_of_two(batch)))
    down = -(-batch // rows)
    share = max(1, target_for(on).multiprocessors // (down * sets))
    width = max(fewest, power_of_two(-(-units // share)))
    return _Grid(-(-units // width), down, rows, width, max(16, power_of_two(units)))


def wanted(on: torch.Tensor, cell: Cell, dropped: bool, sets: int, batch: int, units: int) -> bool:
    """Whether the grid was asked for and can take a call.

    Beside its share of the weights, a program holds one block of h or of the gradients of a gate.
    """
    target = target_for(on)
    if not get_grid_scan() or target.backend == "hip" or cell.later or dropped or not 0 < cell.gates <= 4:
        return False
    packed = power_of_two(cell.gates)
    for grid in (_forward_grid(on, sets, batch, units, packed), _backward_grid(on, sets, batch, units)):
        needed = grid.hidden * (packed * grid.units + grid.rows) * on.element_size()
        if needed > target.shared or grid.across * grid.down * sets > target.multiprocessors:
            return False
    return True


def _constants(grid: _Grid, on: torch.Tensor, cell: Cell, order: Order) -> dict[str, Any]:
    shared = {key: value for key, value in constants_of(on, cell, order).items() if key != "LATER"}
    return {**shared, "ROWS": grid.rows, "UNITS": grid.units, "HIDDEN": grid.hidden}


def _counters(grid: _Grid, on: torch.Tensor, sets: int) -> torch.Tensor:
    return torch.zeros(sets * grid.down, dtype=torch.int32, device=on.device)


def forward(
    scan: Scan, cell: Cell, order: Order, saving: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Saved | None]:
    """As ``_scan_launch.forward``."""
    from ..templates._scan_grid import grid_forward

    x, kernel = scan.x, scan.kernel
    sets, batch, steps, _ = x.shape
    units, packed = kernel.shape[1], power_of_two(cell.gates)
    grid = _forward_grid(x, sets, batch, units, packed)
    y = x.new_empty((sets, batch, steps, units) if order.return_sequences else (sets, batch, units))
    lasts = tuple(x.new_empty((sets, batch, units)) for _ in range(cell.states))
    saved = room(x, cell, units) if saving else None
    values, before = (None, None) if saved is None else (saved.values, saved.before)
    starts = stood_in(scan.starts, y)
    exchange = x.new_zeros((2, sets, batch, units), dtype=kernel.dtype)
    if scan.starts[0] is not None:
        exchange[0].copy_(scan.starts[0])
    kept = as_bytes(scan.mask)
    tensors = (x, kernel, contiguous(scan.bias), starts, kept, exchange, _counters(grid, x, sets), y, values)
    sizes = (batch, steps, units, x.stride(0), x.stride(2), *kernel.stride(), *strides_of(kept))
    leaf = {"STEP": forward_leaves(cell)["STEP"], "PACKED": packed, "STARTS": present(scan.starts)}
    launch(
        grid_forward,
        (grid.across, grid.down, sets),
        y,
        (*tensors, before, lasts, *sizes),
        {**leaf, **_constants(grid, x, cell, order)},
        warps=8,
        cooperative=True,
    )
    return y, lasts, saved


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
    from ..templates._scan_grid import grid_backward

    dx, kernel = scan.x, scan.kernel
    sets, batch, steps, _ = dx.shape
    units = kernel.shape[1]
    grid = _backward_grid(dx, sets, batch, units)
    du = dx.new_empty((sets, batch, steps, cell.gates * units))
    dstarts = tuple(dx.new_empty((sets, batch, units)) if want else None for want in wanted)
    kept, dy = as_bytes(scan.mask), flat(dy, sets * batch)
    held = {"STARTS": present(dstarts), "SLOPES": present(dlasts)}
    reads = (saved.values, saved.before, kernel, kept, _counters(grid, dx, sets), dy, stood_in(dlasts, dx))
    sizes = (batch, steps, units, dx.stride(0), dx.stride(2), *kernel.stride(), *strides_of(kept))
    launch(
        grid_backward,
        (grid.across, grid.down, sets),
        dx,
        (*reads, dx, du, stood_in(dstarts, dx), *sizes, *output_strides(dy, order)),
        {"BACK": backward_leaves(cell)["BACK"], **held, **_constants(grid, dx, cell, order)},
        warps=8,
        cooperative=True,
    )
    return dx, du, dstarts
