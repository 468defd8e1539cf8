"""Launching the reduce template: sums and maxima of rows, and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from ..runtime import launch, target_for
from ..templates._row_tiles import RowTile
from ._row_launch import Rows, as_rows

Found = tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]
_STEPS = 4
"""Steps of a row below which it is not worth a program of its own."""


class Reduction(NamedTuple):
    """``then(*(scale * sum(function(*tensors))))`` with ``count`` sums; leaves, or None for the identity."""

    function: Any = None
    count: int = 1
    then: Any = None
    scale: float = 1.0
    maximum: bool = False


def reduce(
    tensors: Sequence[torch.Tensor],
    kept: int,
    reduction: Reduction,
    dtypes: Sequence[torch.dtype],
    keep_sums: bool = False,
) -> Found:
    """Results, one a dtype, and the sums they are made of (maximum and ties for a maximum) in float32.

    Args:
        tensors: of one shape, whose first ``kept`` axes number rows.
        keep_sums: whether the sums are wanted; none are returned otherwise.
    """
    first = tensors[0]
    shape = first.shape[:kept]
    outputs = tuple(first.new_empty(shape, dtype=dtype) for dtype in dtypes)
    sums = _floats(first, 2 if reduction.maximum else reduction.count, shape) if keep_sums else ()
    rows = as_rows(kept, tensors)
    if rows is None:
        tensors = [tensor.contiguous() for tensor in tensors]
        rows = as_rows(kept, tensors)
        assert rows is not None
    if rows.count:
        _reduce(tensors, rows, reduction, outputs, sums)
    return outputs, sums


def _reduce(
    tensors: Sequence[torch.Tensor],
    rows: Rows,
    reduction: Reduction,
    outputs: tuple[torch.Tensor, ...],
    sums: tuple[torch.Tensor, ...],
) -> None:
    tile = rows.tile(tensors[0], None)
    splits = _splits(tensors[0], rows, tile)
    if splits == 1:
        _launch(tensors, rows, tile, 1, reduction, outputs, sums)
        return
    kinds = 2 if reduction.maximum else reduction.count
    partial = _floats(tensors[0], kinds, (splits, rows.count))
    _launch(tensors, rows, tile, splits, reduction._replace(scale=1.0, then=None), (), partial)
    joined = Rows(1, rows.count, splits, (0, 1, rows.count) * kinds, True, 1)
    last = joined.tile(tensors[0], None)
    _launch(partial, joined, last, 1, reduction._replace(function=None), outputs, sums)


def add_parts(parts: torch.Tensor, dtype: torch.dtype, function: Any = None) -> torch.Tensor:
    """``parts.sum(1)`` of a contiguous (n, count, m) in one launch and a fixed order: (n, m)."""
    outer, count, inner = parts.shape
    result = parts.new_empty((outer, inner), dtype=dtype)
    if result.numel():
        rows = Rows(outer, inner, count, (count * inner, 1, inner), True, 1)
        _launch((parts,), rows, rows.tile(parts, None), 1, Reduction(function), (result,), ())
    return result


def _floats(like: torch.Tensor, count: int, shape: Sequence[int]) -> tuple[torch.Tensor, ...]:
    return tuple(like.new_empty((count, *shape), dtype=torch.float32).unbind(0))


def _splits(on: torch.Tensor, rows: Rows, tile: RowTile) -> int:
    """Programs that share a row, so that few long rows fill the device."""
    programs = 2 * target_for(on).multiprocessors // rows.tiles(tile)
    return max(1, min(programs, rows.columns // (_STEPS * tile.columns)))


def _launch(
    tensors: Sequence[torch.Tensor],
    rows: Rows,
    tile: RowTile,
    splits: int,
    reduction: Reduction,
    outputs: tuple[torch.Tensor, ...],
    sums: tuple[torch.Tensor, ...],
) -> None:
    from ..templates._reduce import reduce_maximum, reduce_rows

    steps = -(-rows.columns // tile.columns)
    length = -(-steps // splits) * tile.columns
    grid = (rows.tiles(tile), splits)
    sizes = (rows.strides, rows.count, rows.inner, rows.columns, length)
    arguments = (tuple(tensors), sums or None, outputs or None, *sizes)
    if reduction.maximum:
        launch(reduce_maximum, grid, tensors[0], arguments, rows.constants(tile), warps=tile.warps)
        return
    constants = rows.constants(tile, FN=reduction.function, THEN=reduction.then, COUNT=reduction.count)
    launch(reduce_rows, grid, tensors[0], (*arguments, reduction.scale), constants, warps=tile.warps)


def spread(
    tensors: Sequence[torch.Tensor],
    sums: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    kept: int,
    reduction: Reduction,
    like: Sequence[torch.Tensor],
) -> tuple[torch.Tensor, ...]:
    """The gradients of the tensors ``like``.

    Args:
        tensors: what ``reduction.function``, here a gradient, reads; none for the identity's.
        sums: what ``reduction.then``, here a gradient, reads; maximum and ties for a maximum.
        gradients: one value a row, one tensor a result.
        reduction: ``count`` counts what ``then`` returns.
    """
    outputs = tuple(torch.empty_like(one) for one in like)
    rows = as_rows(kept, (*tensors, *outputs), gradients)
    if rows is None:
        tensors, gradients = ([one.contiguous() for one in group] for group in (tensors, gradients))
        outputs = tuple(one.new_empty(one.shape) for one in like)
        rows = as_rows(kept, (*tensors, *outputs), gradients)
        assert rows is not None
    if rows.count * rows.columns:
        _spread(tensors, sums, gradients, rows, reduction, outputs)
    return outputs


def _spread(
    tensors: Sequence[torch.Tensor],
    sums: Sequence[torch.Tensor],
    gradients: Sequence[torch.Tensor],
    rows: Rows,
    reduction: Reduction,
    outputs: tuple[torch.Tensor, ...],
) -> None:
    from ..templates._reduce import spread_rows

    tile = rows.tile(outputs[0], None)
    grid = (rows.tiles(tile) * -(-rows.columns // tile.columns),)
    groups = (tuple(tensors) or None, tuple(sums) or None, tuple(gradients), outputs)
    arguments = (*groups, rows.strides, rows.inner, rows.columns, reduction.scale)
    constants = rows.constants(
        tile,
        GRADIENT=reduction.function,
        THEN_GRADIENT=reduction.then,
        MAXIMUM=reduction.maximum,
        COUNT=reduction.count,
    )
    launch(spread_rows, grid, outputs[0], arguments, constants, warps=tile.warps)
