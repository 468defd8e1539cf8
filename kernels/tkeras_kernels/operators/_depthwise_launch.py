"""Launching the depthwise convolution template."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from ..runtime import launch, target_for
from ..templates._conv_tiles import pixels, splits
from ._conv_launch import FEW_ELEMENTS, is_wide, joined, phase_pixels
from ._conv_plan import Plan
from ._convolution import Products


def _walk(
    geometry: Plan,
    axes: tuple[int, ...],
    tensors: tuple[torch.Tensor | None, ...],
    out: torch.Tensor,
    multiplier: int,
    prologue: Any,
    epilogue: Any,
    back: bool,
) -> None:
    """One launch; ``tensors``: a, saved, kernel, bias, residual, before."""
    from ..templates._conv_depthwise import depthwise

    a, saved, kernel, bias, residual, before = tensors
    assert a is not None
    assert kernel is not None
    if not out.numel():
        return
    rows, phases = phase_pixels(axes, geometry.batch)
    columns = out.shape[-1]
    tile = pixels(target_for(a), rows, columns)
    constants = {
        "PROLOGUE": prologue,
        "EPILOGUE": epilogue,
        "BACK": back,
        "WIDE": is_wide(a, kernel, out),
        "ROWS": tile.rows,
        "COLUMNS": tile.columns,
    }
    sizes = (geometry.batch, columns, multiplier)
    arguments = (a, saved, kernel, bias, residual, out, before, a.stride(), axes, *sizes)
    grid = (-(-rows // tile.rows) * -(-columns // tile.columns), phases)
    launch(depthwise, grid, out, arguments, constants, warps=tile.warps)


def depthwise(
    geometry: Plan,
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None = None,
    epilogue: Any = None,
    before: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
) -> torch.Tensor:
    """``epilogue(x ⋆ kernel + bias + residual)`` (batch, *small, C * M) for x (batch, *large, C) and kernel
    (taps, C * M).

    Args:
        before: takes the epilogue's input, contiguous as ``residual`` is.
    """
    columns = kernel.shape[-1]
    out = x.new_empty((geometry.batch, *geometry.small, columns))
    multiplier = columns // x.shape[-1]
    tensors = (x, None, kernel, bias, residual, before)
    _walk(geometry, geometry.gather(), tensors, out, multiplier, None, epilogue, False)
    return out


def depthwise_input_gradient(
    geometry: Plan,
    dy: torch.Tensor,
    saved: torch.Tensor | None,
    kernel: torch.Tensor,
    channels: int,
    prologue: Any,
) -> torch.Tensor:
    """(batch, *large, C) for dy (batch, *small, C * M), contiguous as ``saved`` is."""
    out = dy.new_empty((geometry.batch, *geometry.large, channels))
    multiplier = dy.shape[-1] // channels
    tensors = (dy, saved, kernel, None, None, None)
    _walk(geometry, geometry.scatter(), tensors, out, multiplier, prologue, None, True)
    return out


def depthwise_kernel_gradient(
    geometry: Plan,
    x: torch.Tensor,
    dy: torch.Tensor,
    saved: torch.Tensor | None,
    prologue: Any,
    wants_bias: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(taps, C * M) and the sums of ``dz = prologue(saved, dy)`` over the pixels, (C * M,)."""
    from ..templates._conv_depthwise import depthwise_kernel_gradient as template

    columns, taps = dy.shape[-1], geometry.taps
    rows = geometry.batch * prod(geometry.small)
    if not rows:
        return dy.new_zeros((taps, columns)), dy.new_zeros(columns) if wants_bias else None
    target = target_for(x)
    tile = pixels(target, rows, columns)
    programs = taps * -(-columns // tile.columns)
    parts = splits(target, programs, -(-rows // tile.rows))
    rows_a_split = -(-rows // (parts * tile.rows)) * tile.rows
    parts = -(-rows // rows_a_split)
    dtype = dy.dtype if parts == 1 else torch.float32
    dw = dy.new_empty((parts, taps, columns), dtype=dtype)
    db = dy.new_empty((parts, columns), dtype=dtype) if wants_bias else None
    sizes = (rows, columns, columns // x.shape[-1], rows_a_split)
    arguments = (x, saved, dy, dw, db, x.stride(), geometry.gather(), *sizes)
    constants = {
        "PROLOGUE": prologue,
        "WIDE": is_wide(x, dy, dw),
        "ROWS": tile.rows,
        "COLUMNS": tile.columns,
    }
    launch(template, (programs, parts), dw, arguments, constants, warps=tile.warps)
    return joined(dw, dy.dtype), None if db is None else joined(db, dy.dtype)


def _fuses(geometry: Plan, dy: torch.Tensor, channels: int, needs: Any) -> bool:
    """Every tap computes the derivative again, twice: worth it where launches cost more than arithmetic."""
    return dy.numel() <= FEW_ELEMENTS or geometry.taps == 1


DEPTHWISE = Products(depthwise, depthwise_input_gradient, depthwise_kernel_gradient, _fuses)
"""Every channel by itself: kernel (taps, channels * multiplier)."""
