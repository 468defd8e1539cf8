"""Launching the convolution templates: the three products a convolution is made of."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from ..runtime import Target, convolution_precision, launch, target_for
from ..templates._conv_tiles import MANY, Way, choose, splits
from ..templates._tiles import Tiles
from ._channel_norm_launch import MOST_CHANNELS
from ._conv_plan import Plan
from ._convolution import Products
from ._matmul_launch import precision_of
from ._reduce_launch import Reduction, add_parts, reduce

_GROUP = 8
_WIDE = 2**31
_MARGIN = 2**20
"""More than the elements by which a tile, or a window in the padding, passes the end of its tensor."""
_FUSED_TILES = 4
"""A prologue is computed again for each tap and tile across: up to this many, that is cheaper than one more
pass."""
_FLAT_BELOW = 128
"""Channels below which a tile of the kernel's gradient holds several taps. Multiples of 16 are then still
read 16 bytes at a time."""
_SPLIT_ROWS = 256
"""Pixels that are worth a program of their own, which fill a device before its tiles shrink."""
FEW_ELEMENTS = 1 << 17
"""Below this a launch costs more than any number of repetitions."""


def _kind(dtype: torch.dtype, target: Target) -> tuple[str, str]:
    """Row of the tile table and ``input_precision`` of the dtype's products."""
    with convolution_precision():
        return precision_of(dtype, target)


def _uneven(a: torch.Tensor, inner: int, columns: int) -> bool:
    """Whether addresses are computed for each element: channels that Triton does not know to lie 16 by 16."""
    return bool(inner % 16 or columns % 16) or a.stride(-1) != 1


def reach(x: torch.Tensor) -> int:
    """The largest offset, in elements, inside a tensor."""
    return sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))


def is_wide(*tensors: torch.Tensor) -> bool:
    """Whether offsets need 64 bits."""
    return max(map(reach, tensors)) + _MARGIN >= _WIDE


def _constants(tiles: Tiles, precision: str, flat: bool, wide: bool) -> dict[str, Any]:
    return {
        "PRECISION": precision,
        "FLAT": flat,
        "WIDE": wide,
        "ROWS": tiles.rows,
        "COLUMNS": tiles.columns,
        "INNER": tiles.inner,
        "GROUP": _GROUP,
    }


def phase_pixels(axes: tuple[int, ...], batch: int) -> tuple[int, int]:
    """(pixels of the largest phase, phases) of a walk over the target side."""
    targets, spreads = axes[1::10], axes[6::10]
    return batch * prod(-(-t // s) for t, s in zip(targets, spreads, strict=True)), prod(spreads)


def _gathered(
    way: Way,
    geometry: Plan,
    axes: tuple[int, ...],
    a: torch.Tensor,
    saved: torch.Tensor | None,
    kernel: torch.Tensor,
    strides: tuple[int, int, int, int],
    inner: int,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    out: torch.Tensor,
    before: torch.Tensor | None,
    prologue: Any,
    epilogue: Any,
    wants_parts: bool = False,
) -> torch.Tensor | None:
    """``out = epilogue(gather(prologue(saved, a)) @ kernel + bias + residual)``; ``strides`` of the kernel:
    tap, inner, column, group. Returns the moments of its tiles where they are wanted and few enough."""
    from ..templates._conv import convolve

    rows, phases = phase_pixels(axes, geometry.batch)
    columns, groups = out.shape[-1] // geometry.groups, geometry.groups
    if not out.numel():
        return None
    target = target_for(a)
    kind, precision = _kind(a.dtype, target)
    flat = inner < MANY and geometry.taps > 1
    depth = geometry.taps * inner if flat else inner
    tiles = choose(target, way, kind, _uneven(a, inner, columns), rows, columns, depth, groups * phases)
    constants = {
        "PROLOGUE": prologue,
        "EPILOGUE": epilogue,
        **_constants(tiles, precision, flat, is_wide(a, kernel, out)),
    }
    down = -(-rows // tiles.rows)
    parts = None
    if wants_parts and down <= MOST_CHANNELS:
        parts = out.new_empty((1, down, 3, out.shape[-1]), dtype=torch.float32)
    tensors = (a, saved, kernel, bias, residual, out, before, parts)
    arguments = (*tensors, a.stride(), axes, geometry.batch, rows, inner, columns, groups, *strides)
    grid = (down * -(-columns // tiles.columns), groups * phases)
    launch(convolve, grid, out, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return parts


def to_small(
    geometry: Plan,
    large: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None = None,
    epilogue: Any = None,
    before: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    prologue: Any = None,
    saved: torch.Tensor | None = None,
) -> torch.Tensor:
    """The convolution of ``large`` (batch, *sizes, groups * inner) with kernel (taps, inner, outer): (batch,
    *small, outer).

    Args:
        before, residual: (batch, *small, outer), contiguous.
        saved: as ``large``, which is then contiguous.
    """
    _, inner, outer = kernel.shape
    out = large.new_empty((geometry.batch, *geometry.small, outer))
    strides = (inner * outer, outer, 1, outer // geometry.groups)
    way: Way = "forward" if prologue is None else "input"
    axes = geometry.gather()
    tensors = (bias, residual, out, before)
    _gathered(way, geometry, axes, large, saved, kernel, strides, inner, *tensors, prologue, epilogue)
    return out


def to_small_with_moments(
    geometry: Plan, large: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """:func:`to_small`, and (1, parts, 3, outer): count, mean and squared deviations of parts of its pixels;
    None where there are more parts than one launch joins."""
    _, inner, outer = kernel.shape
    out = large.new_empty((geometry.batch, *geometry.small, outer))
    strides = (inner * outer, outer, 1, outer // geometry.groups)
    tensors = (bias, None, out, None, None, None)
    parts = _gathered(
        "forward",
        geometry,
        geometry.gather(),
        large,
        None,
        kernel,
        strides,
        inner,
        *tensors,
        wants_parts=True,
    )
    return out, parts


def to_large(
    geometry: Plan,
    small: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None = None,
    epilogue: Any = None,
    before: torch.Tensor | None = None,
    prologue: Any = None,
    saved: torch.Tensor | None = None,
) -> torch.Tensor:
    """The transposed convolution of ``small`` (batch, *sizes, outer) with kernel (taps, inner, outer):
    (batch, *large, groups * inner); other arguments as of :func:`to_small`."""
    _, inner, outer = kernel.shape
    each = outer // geometry.groups
    out = small.new_empty((geometry.batch, *geometry.large, inner * geometry.groups))
    strides = (inner * outer, 1, outer, each)
    way: Way = "back" if prologue is None else "input"
    axes = geometry.scatter()
    tensors = (bias, None, out, before)
    _gathered(way, geometry, axes, small, saved, kernel, strides, each, *tensors, prologue, epilogue)
    return out


def _fuses(geometry: Plan, dy: torch.Tensor, channels: int, needs: Any) -> bool:
    """Whether each product should compute the activation's derivative while it loads ``dy``."""
    if dy.numel() <= FEW_ELEMENTS:
        return True
    columns = channels // geometry.groups
    target = target_for(dy)
    kind, _ = _kind(dy.dtype, target)
    rows = dy.numel() // dy.shape[-1]
    across = choose(target, "input", kind, False, rows, columns, dy.shape[-1], 1).columns
    return geometry.taps * -(-columns // across) <= _FUSED_TILES


def kernel_gradient(
    geometry: Plan,
    large: torch.Tensor,
    small: torch.Tensor,
    saved: torch.Tensor | None = None,
    prologue: Any = None,
    wants_bias: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(taps, inner, outer) and the sums of ``dz = prologue(saved, small)`` over the pixels, (outer,).

    Args:
        large: (batch, *sizes, groups * inner).
        small: (batch, *sizes, outer), contiguous as ``saved`` is.
    """
    from ..templates._conv import kernel_gradient as template

    outer, taps, groups = small.shape[-1], geometry.taps, geometry.groups
    inner, columns = large.shape[-1] // groups, outer // groups
    rows = geometry.batch * prod(geometry.small)
    if not rows:
        return small.new_zeros((taps, inner, outer)), small.new_zeros(outer) if wants_bias else None
    target = target_for(large)
    kind, precision = _kind(large.dtype, target)
    flat = inner < _FLAT_BELOW and taps > 1
    high, copies = (taps * inner, groups) if flat else (inner, groups * taps)
    parts = max(1, rows // _SPLIT_ROWS)
    uneven = _uneven(large, inner, columns)
    tiles = choose(target, "weight", kind, uneven, high, columns, rows, copies * parts)
    programs = copies * -(-high // tiles.rows) * -(-columns // tiles.columns)
    parts = splits(target, programs, -(-rows // tiles.inner))
    rows_a_split = -(-rows // (parts * tiles.inner)) * tiles.inner
    parts = -(-rows // rows_a_split)
    dtype = small.dtype if parts == 1 else torch.float32
    dw = small.new_empty((parts, taps, inner, outer), dtype=dtype)
    db = small.new_empty((parts, outer), dtype=dtype) if wants_bias else None
    sizes = (rows, inner, columns, groups, rows_a_split)
    arguments = (large, saved, small, dw, db, large.stride(), geometry.gather(), *sizes)
    constants = {"PROLOGUE": prologue, **_constants(tiles, precision, flat, is_wide(large, small, dw))}
    grid = (programs // groups, parts * groups)
    launch(template, grid, dw, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return joined(dw, small.dtype), None if db is None else joined(db, small.dtype)


def joined(parts: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The sum over the first axis, in a fixed order."""
    if len(parts) == 1:
        return parts[0]
    return add_parts(parts.view(1, len(parts), -1), dtype).view(parts.shape[1:])


def _input_gradient(
    geometry: Plan,
    dy: torch.Tensor,
    saved: torch.Tensor | None,
    kernel: torch.Tensor,
    channels: int,
    prologue: Any,
) -> torch.Tensor:
    return to_large(geometry, dy, kernel, prologue=prologue, saved=saved)


def _transposed(
    geometry: Plan,
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    epilogue: Any,
    before: torch.Tensor | None,
    residual: None,
) -> torch.Tensor:
    return to_large(geometry, x, kernel, bias, epilogue, before)


def _transposed_input_gradient(
    geometry: Plan,
    dy: torch.Tensor,
    saved: torch.Tensor | None,
    kernel: torch.Tensor,
    channels: int,
    prologue: Any,
) -> torch.Tensor:
    return to_small(geometry, dy, kernel, prologue=prologue, saved=saved)


def _transposed_kernel_gradient(
    geometry: Plan,
    x: torch.Tensor,
    dz: torch.Tensor,
    saved: None,
    prologue: None,
    wants_bias: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """``dz`` is the side that windows overlap on, so the sums for the bias are a pass of their own."""
    dw, _ = kernel_gradient(geometry, dz, x.contiguous())
    if not wants_bias:
        return dw, None
    pixels = dz.view(-1, dz.shape[-1]).t()
    ((db,), _) = reduce((pixels,), 1, Reduction(), (dz.dtype,))
    return dw, db


def _transposed_fuses(geometry: Plan, dy: torch.Tensor, channels: int, needs: Any) -> bool:
    """The products of the kernel's gradient take the derivative on the side that windows do not overlap
    on."""
    return not any(needs[1:]) and _fuses(geometry, dy, channels, needs)


GATHERED = Products(to_small, _input_gradient, kernel_gradient, _fuses)
"""A convolution: kernel (taps, inner, outer)."""
TRANSPOSED = Products(_transposed, _transposed_input_gradient, _transposed_kernel_gradient, _transposed_fuses)
"""A transposed convolution: the same kernel, (taps, outer, inner) seen from here."""
