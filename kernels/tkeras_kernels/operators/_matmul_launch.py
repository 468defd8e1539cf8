"""Launching the matmul templates: what a dense layer needs forward and backward."""

from __future__ import annotations

from typing import Any

import torch

from ..runtime import Target, get_matmul_precision, launch, target_for
from ..templates._tiles import Tiles, Way, choose, splits

_GROUP = 8
_FUSED_TILES = 4
"""A prologue is computed again for each tile across: up to this many, that is cheaper than one more pass."""
_FEW_ELEMENTS = 1 << 17
"""Below this a launch costs more than any number of repetitions."""


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """(rows, last axis)."""
    return tensor if tensor.dim() == 2 else tensor.reshape(-1, tensor.shape[-1])


def precision_of(dtype: torch.dtype, target: Target) -> tuple[str, str]:
    """Row of the tile table and ``input_precision`` of the a dtype's products (AMD: tf32 on gfx942 alone)."""
    if dtype != torch.float32:
        return "half", "ieee"
    has_tf32 = target.backend != "hip" or target.name == "gfx942"
    precision = get_matmul_precision() if has_tf32 else "ieee"
    return precision, precision


def _constants(tiles: Tiles, precision: str) -> dict[str, Any]:
    return {
        "PRECISION": precision,
        "ROWS": tiles.rows,
        "COLUMNS": tiles.columns,
        "INNER": tiles.inner,
        "GROUP": _GROUP,
    }


def _multiply(
    way: Way,
    a: torch.Tensor,
    saved: torch.Tensor | None,
    b: torch.Tensor,
    bias: torch.Tensor | None,
    out: torch.Tensor,
    before: torch.Tensor | None,
    prologue: Any,
    epilogue: Any,
) -> None:
    """``out = epilogue(prologue(saved, a) @ b + bias)`` on matrices."""
    from ..templates._matmul import product as template

    (rows, inner), columns = a.shape, b.shape[1]
    if not rows:
        return
    target = target_for(a)
    kind, precision = precision_of(a.dtype, target)
    tiles = choose(target, way, kind, rows, columns, inner)
    constants = {"PROLOGUE": prologue, "EPILOGUE": epilogue, **_constants(tiles, precision)}
    strides = (*a.stride(), 0 if saved is None else saved.stride(0), *b.stride())
    arguments = (a, saved, b, bias, out, before, rows, columns, inner, *strides)
    grid = (-(-rows // tiles.rows) * -(-columns // tiles.columns),)
    launch(template, grid, out, arguments, constants, warps=tiles.warps, stages=tiles.stages)


def product(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    epilogue: Any = None,
    before: torch.Tensor | None = None,
) -> torch.Tensor:
    """``epilogue(x @ kernel + bias)`` (..., N) for x (..., K); ``before``, contiguous, takes the epilogue's
    input."""
    y = x.new_empty((*x.shape[:-1], kernel.shape[1]))
    bias = None if bias is None else bias.contiguous()
    _multiply("forward", _flat(x), None, kernel, bias, y, before, None, epilogue)
    return y


def worth_fusing(dy: torch.Tensor, kernel: torch.Tensor) -> bool:
    """Whether the gradients of x and kernel should each compute the activation's derivative while they
    load."""
    if dy.numel() <= _FEW_ELEMENTS:
        return True
    inner, columns = kernel.shape
    rows = dy.numel() // columns
    target = target_for(dy)
    kind, _ = precision_of(dy.dtype, target)
    across = choose(target, "input", kind, rows, inner, columns).columns
    down = choose(target, "weight", kind, inner, columns, rows).rows
    return max(-(-inner // across), -(-inner // down)) <= _FUSED_TILES


def input_gradient(
    dy: torch.Tensor, saved: torch.Tensor | None, kernel: torch.Tensor, prologue: Any
) -> torch.Tensor:
    """``prologue(saved, dy) @ kernelᵀ`` (..., K) for dy (..., N) and kernel (K, N)."""
    dx = dy.new_empty((*dy.shape[:-1], kernel.shape[0]))
    kept = None if saved is None else _flat(saved)
    _multiply("input", _flat(dy), kept, kernel.t(), None, dx, None, prologue, None)
    return dx


def weight_gradient(
    x: torch.Tensor, saved: torch.Tensor | None, dy: torch.Tensor, prologue: Any, wants_bias: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """``xᵀ @ dz`` (K, N) and the sums of ``dz = prologue(saved, dy)`` over all but the last axis, (N,)."""
    from ..templates._matmul import weight_gradient as template

    x, dy = _flat(x), _flat(dy)
    (rows, inner), columns = x.shape, dy.shape[1]
    if not rows:
        return dy.new_zeros((inner, columns)), dy.new_zeros(columns) if wants_bias else None
    target = target_for(x)
    kind, precision = precision_of(x.dtype, target)
    tiles = choose(target, "weight", kind, inner, columns, rows)
    parts = splits(target, tiles, inner, columns, rows)
    rows_a_split = -(-rows // (parts * tiles.inner)) * tiles.inner
    parts = -(-rows // rows_a_split)
    dtype = dy.dtype if parts == 1 else torch.float32
    dw = dy.new_empty((parts, inner, columns), dtype=dtype)
    db = dy.new_empty((parts, columns), dtype=dtype) if wants_bias else None
    kept = None if saved is None else _flat(saved)
    strides = (*x.stride(), 0 if kept is None else kept.stride(0), *dy.stride())
    arguments = (x, kept, dy, dw, db, rows, columns, inner, rows_a_split, *strides)
    constants = {"PROLOGUE": prologue, **_constants(tiles, precision)}
    grid = (-(-inner // tiles.rows) * -(-columns // tiles.columns), parts)
    launch(template, grid, dw, arguments, constants, warps=tiles.warps, stages=tiles.stages)
    return _joined(dw, dy.dtype), None if db is None else _joined(db, dy.dtype)


def _joined(parts: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else parts.sum(0).to(dtype)
