"""Launching the scan template: whether a cell's weights fit on chip, and one launch each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..runtime import get_matmul_precision, launch, target_for
from ..templates._tiles import power_of_two
from ._cells import Cell

_ROWS = 16
"""Sequences a program: the fewest that ``tl.dot`` takes. More keep the same steps waiting for more work."""


class Order(NamedTuple):
    """How a sequence is walked and what comes out."""

    return_sequences: bool
    go_backwards: bool
    zero_output_for_mask: bool


class Saved(NamedTuple):
    """What the backward needs; see ``templates/_scan``."""

    values: torch.Tensor
    reset: torch.Tensor | None
    before: tuple[torch.Tensor, ...]


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
    return f"recurrent weights take {needed} bytes of shared memory, {target.name} has {target.shared}"


def _plan(on: torch.Tensor, cell: Cell, units: int, order: Order) -> tuple[dict[str, Any], int]:
    """Constants of both templates, and warps."""
    width, target = _width(units), target_for(on)
    has_tf32 = target.backend != "hip" or target.name == "gfx942"
    constants = {
        "GATES": cell.gates,
        "JOINED": cell.joined,
        "BACKWARDS": order.go_backwards,
        "SEQUENCES": order.return_sequences,
        "ZEROS": order.zero_output_for_mask,
        "PRECISION": get_matmul_precision() if on.dtype == torch.float32 and has_tf32 else "ieee",
        "EVEN": width == units,
        "ROWS": _ROWS,
        "UNITS": width,
    }
    wide = width * on.element_size() > 128
    return constants, 8 if wide else 4


def forward(
    projected: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    starts: Sequence[torch.Tensor | None],
    mask: torch.Tensor | None,
    dropped: torch.Tensor | None,
    cell: Cell,
    order: Order,
    saving: bool,
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...], Saved | None]:
    """Outputs, last states, and what the backward needs if ``saving``.

    Args:
        projected: (B, T, gates * units), contiguous.
        kernel: (units, gates * units).
        bias: (gates * units,) of the recurrent products, or None.
        starts: first states (B, units), None for zeros.
        mask: (B, T) or None.
        dropped: (gates, B, units) or None.
    """
    from ..templates._scan import scan_forward

    batch, steps, _ = projected.shape
    units = kernel.shape[0]
    y = projected.new_empty((batch, steps, units) if order.return_sequences else (batch, units))
    lasts = tuple(projected.new_empty((batch, units)) for _ in range(cell.states))
    saved = _room(projected, cell, units) if saving else None
    constants, warps = _plan(projected, cell, units, order)
    constants = {
        "STEP": cell.step.forward_leaf,
        "RESET": None if cell.reset is None else cell.reset.forward_leaf,
        **constants,
    }
    kept = None if mask is None else mask.bool().view(torch.uint8)
    tensors = (
        projected,
        kernel,
        None if bias is None else bias.contiguous(),
        tuple(_contiguous(start) for start in starts),
        kept,
        _contiguous(dropped),
        y,
        *((None, None, None) if saved is None else saved),
        lasts,
    )
    sizes = (batch, steps, units, *kernel.stride(), *((0, 0) if kept is None else kept.stride()))
    launch(scan_forward, (-(-batch // _ROWS),), y, (*tensors, *sizes), constants, warps=warps)
    return y, lasts, saved


def _room(projected: torch.Tensor, cell: Cell, units: int) -> Saved:
    """h is kept as the products take it, other states are kept in float32."""
    lead = projected.shape[:2]
    values = projected.new_empty((*lead, cell.values * units))
    reset = None if cell.reset is None else projected.new_empty((*lead, units))
    others = [projected.new_empty((*lead, units), dtype=torch.float32) for _ in range(cell.states - 1)]
    return Saved(values, reset, (projected.new_empty((*lead, units)), *others))


def backward(
    saved: Saved,
    kernel: torch.Tensor,
    mask: torch.Tensor | None,
    dropped: torch.Tensor | None,
    dy: torch.Tensor | None,
    dlasts: Sequence[torch.Tensor | None],
    wanted: Sequence[bool],
    cell: Cell,
    order: Order,
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor | None, ...]]:
    """Gradients of ``projected``, of the recurrent products (the same tensor where they are equal), and of
    the first states that are ``wanted``."""
    from ..templates._scan import scan_backward

    batch, steps, _ = saved.values.shape
    units = kernel.shape[0]
    dx = saved.values.new_empty((batch, steps, cell.gates * units))
    du = None if cell.joined == cell.gates else torch.empty_like(dx)
    dstarts = tuple(dx.new_empty((batch, units)) if want else None for want in wanted)
    constants, warps = _plan(dx, cell, units, order)
    constants = {
        "BACK": cell.step.gradient_leaf((True,) * (cell.values + cell.states)),
        "RESET_BACK": None if cell.reset is None else cell.reset.gradient_leaf((True,) * (cell.gates)),
        **constants,
    }
    kept = None if mask is None else mask.bool().view(torch.uint8)
    slopes = tuple(_contiguous(slope) for slope in dlasts)
    tensors = (saved.values, saved.before, kernel, kept, _contiguous(dropped), dy, slopes, dx, du, dstarts)
    along = (0, 0, 0)
    if dy is not None:
        along = dy.stride() if order.return_sequences else (dy.stride(0), 0, dy.stride(1))
    sizes = (batch, steps, units, *kernel.stride(), *((0, 0) if kept is None else kept.stride()), *along)
    launch(scan_backward, (-(-batch // _ROWS),), dx, (*tensors, *sizes), constants, warps=warps)
    return dx, dx if du is None else du, dstarts


def _contiguous(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.contiguous()
