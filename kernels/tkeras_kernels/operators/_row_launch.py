"""Seeing tensors as rows: which axes of memory are walked, and by what tiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import Any, NamedTuple

import torch

from ..runtime import target_for
from ..templates._row_tiles import RowTile, choose


class Rows(NamedTuple):
    """Tensors seen as (outer, inner, columns), with the three strides of each; see ``templates/_rows``."""

    outer: int
    inner: int
    columns: int
    strides: tuple[int, ...]
    across: bool
    """Whether memory runs from row to row rather than along a row."""
    even: int
    """A power of two up to 16 that divides what EVEN in ``templates/_rows`` stands for."""

    @property
    def count(self) -> int:
        """How many rows."""
        return self.outer * self.inner

    def tile(self, on: torch.Tensor, held: int | None) -> RowTile:
        """Tile of a kernel that holds ``held`` values of each element; None if it walks rows once."""
        return choose(target_for(on), self.outer, self.inner, self.columns, held, self.across)

    def tiles(self, tile: RowTile) -> int:
        """How many tiles of rows there are."""
        return self.outer * -(-self.inner // tile.rows)

    def constants(self, tile: RowTile, **more: Any) -> dict[str, Any]:
        """The constants that every row template takes, and others."""
        return {**more, "EVEN": self.even, "ROWS": tile.rows, "COLUMNS": tile.columns}


def axes_of(axis: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes as positive numbers in ascending order."""
    return tuple(sorted(a % rank for a in ((axis,) if isinstance(axis, int) else axis)))


def reduced_last(x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """View with ``axes`` last."""
    return x if axes[0] == x.dim() - len(axes) else x.movedim(axes, tuple(range(-len(axes), 0)))


def reduced_back(y: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """View with the last axes at ``axes`` again."""
    return y if axes[0] == y.dim() - len(axes) else y.movedim(tuple(range(-len(axes), 0)), axes)


def as_rows(
    kept: int,
    full: Sequence[torch.Tensor],
    rows: Sequence[torch.Tensor] = (),
    columns: Sequence[torch.Tensor] = (),
    apart: bool = False,
    beside: Sequence[torch.Tensor] = (),
) -> Rows | None:
    """Tensors whose first ``kept`` axes number rows; None where memory has more axes than that.

    Args:
        full: tensors of one shape.
        rows: tensors of the kept axes alone, one value a row.
        columns: tensors of the other axes alone, the same for every row.
        apart: whether outer must be the first axis.
        beside: tensors of the shape of ``full`` whose strides do not choose along what memory is walked.

    Returns:
        Strides in the order of ``full``, ``beside``, ``rows``, ``columns``.
    """
    shape = full[0].shape
    tensors = (*full, *beside, *rows, *columns)
    if not apart and all(tensor.is_contiguous() for tensor in tensors):
        count, length = prod(shape[:kept]), prod(shape[kept:])
        both = len(full) + len(beside)
        strides = (0, length, 1) * both + (0, 1, 0) * len(rows) + (0, 0, 1) * len(columns)
        return Rows(1, count, length, strides, False, gcd(length, 16))
    after = (1,) * (len(shape) - kept)
    expanded = [
        *full,
        *beside,
        *(tensor.view(*tensor.shape, *after).expand(shape) for tensor in rows),
        *(tensor.expand(shape) for tensor in columns),
    ]
    return _walk(expanded, kept, len(full), apart)


def _walk(tensors: Sequence[torch.Tensor], kept: int, full: int, apart: bool) -> Rows | None:
    if apart:
        rows = [_axis(tensors, 0), *(_merged(tensors, range(1, kept)) or [(1, (0,) * len(tensors))])]
    else:
        rows = _merged(tensors, range(kept))
    columns = _merged(tensors, range(kept, tensors[0].dim()))
    if len(rows) > 2 or len(columns) > 1:
        return None
    none = (1, (0,) * len(tensors))
    (outer, a), (inner, b), (length, c) = [none] * (2 - len(rows)) + rows + (columns or [none])
    strides = [stride for each in zip(a, b, c, strict=True) for stride in each]
    along = all(stride == 1 for stride in c[:full])
    across = not along and b[0] == 1 and inner > 1
    return Rows(
        outer, inner, length, tuple(strides), across, gcd(16, length, *a[:full], *b[:full]) if along else 1
    )


def _axis(tensors: Sequence[torch.Tensor], axis: int) -> tuple[int, tuple[int, ...]]:
    """Size and strides of an axis."""
    return tensors[0].shape[axis], tuple(tensor.stride(axis) for tensor in tensors)


def _merged(tensors: Sequence[torch.Tensor], axes: range) -> list[tuple[int, tuple[int, ...]]]:
    """Size and strides of the fewest axes that walk the tensors along ``axes``."""
    merged: list[tuple[int, tuple[int, ...]]] = []
    for axis in axes:
        size, strides = _axis(tensors, axis)
        if size == 1:
            continue
        if merged and merged[-1][1] == tuple(stride * size for stride in strides):
            merged[-1] = (merged[-1][0] * size, strides)
        else:
            merged.append((size, strides))
    return merged
