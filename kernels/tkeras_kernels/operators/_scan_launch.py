"""Launching the scan template: whether a cell's weights fit on chip, and one launch each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    stood_in,
    strides_of,
)

_ROWS = 16
"""Sequences a program: the fewest that ``tl.dot`` takes. More keep the same steps waiting for more work."""


def _width(units: int) -> int:
    return max(_ROWS, power_of_two(units))


def too_large(on: torch.Tensor, cell: Cell, units: int) -> str | None:
    """Why the recurrent weights cannot stay in shared memory, or None when they can.

    Beside them it holds at most a block of rows for each gate and one for h: so compiled for sm_80 and sm_90.
    """
    width, target = _width(units), target_for(on)
    needed = (cell.gates * width + (cell.gates + 1) * _ROWS) * width * on.element_size()
    if needed <= target.shared:
        return None
    return f"weights exceed shared memory ({needed} bytes, {target.name} has {target.shared})"


def _plan(on: torch.Tensor, cell: Cell, units: int, order: Order) -> tuple[dict[str, Any], int]:
    """Constants of both templates, and warps."""
    width = _width(units)
    constants = {**constants_of(on, cell, order), "EVEN": width == units, "ROWS": _ROWS, "UNITS": width}
    return constants, _warps(target_for(on), width)


def _warps(target: Target, width: int) -> int:
    """Enough that nothing spills: on AMD one for the 16 columns of an MFMA, elsewhere twice as many."""
    if target.backend == "hip":
        return max(4, width // 16)
    return 8 if width > 16 else 4


def _padded(kernel: torch.Tensor, gates: int) -> torch.Tensor:
    """(sets, width, gates, width) of (sets, units, gates * units), zero beyond the units."""
    sets, units, _ = kernel.shape
    width, parted = _width(units), kernel.unflatten(2, (gates, units))
    if width == units:
        return parted
    padded = kernel.new_zeros((sets, width, gates, width))
    padded[:, :units, :, :units].copy_(parted)
    return padded


def forward(
    scan: Scan, cell: Cell, order: Order, saving: bool
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Saved | None]:
    """Outputs (sets, batch, steps, units), or the last ones (sets, batch, units); last states; what the
    backward needs, if ``saving``."""
    from ..templates._scan import scan_forward

    x, kernel = scan.x, _padded(scan.kernel, cell.gates)
    sets, batch, steps, _ = x.shape
    units = scan.kernel.shape[1]
    y = x.new_empty((sets, batch, steps, units) if order.return_sequences else (sets, batch, units))
    lasts = tuple(x.new_empty((sets, batch, units)) for _ in range(cell.states))
    saved = room(x, cell, units) if saving else None
    constants, warps = _plan(x, cell, units, order)
    constants = {**forward_leaves(cell), **constants, "STARTS": present(scan.starts)}
    kept = as_bytes(scan.mask)
    tensors = (
        x,
        kernel,
        contiguous(scan.bias),
        stood_in(scan.starts, y),
        kept,
        contiguous(scan.dropped),
        y,
        *room_arguments(saved),
        lasts,
    )
    sizes = (batch, steps, units, x.stride(0), x.stride(2), *kernel.stride(), *strides_of(kept))
    launch(scan_forward, (-(-batch // _ROWS), sets), y, (*tensors, *sizes), constants, warps=warps)
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
    """Gradients of the projected input, of the products (the same tensor where they are equal), and of the
    first states that are ``wanted``."""
    from ..templates._scan import scan_backward

    sets, batch, steps, _ = scan.x.shape
    kernel, units = _padded(scan.kernel, cell.gates), scan.kernel.shape[1]
    dx, du = scan.x, products(scan, cell)
    dstarts = tuple(dx.new_empty((sets, batch, units)) if want else None for want in wanted)
    constants, warps = _plan(dx, cell, units, order)
    kept = as_bytes(scan.mask)
    slopes = stood_in(dlasts, dx)
    held = {"STARTS": present(dstarts), "SLOPES": present(dlasts)}
    dy = flat(dy, sets * batch)
    tensors = (saved.values, saved.before, kernel, kept, contiguous(scan.dropped), dy, slopes)
    sizes = (batch, steps, units, dx.stride(0), dx.stride(2), *kernel.stride(), *strides_of(kept))
    launch(
        scan_backward,
        (-(-batch // _ROWS), sets),
        dx,
        (*tensors, dx, du, stood_in(dstarts, dx), *sizes, *output_strides(dy, order)),
        {**backward_leaves(cell), **constants, **held},
        warps=warps,
    )
    return dx, dx if du is None else du, dstarts
