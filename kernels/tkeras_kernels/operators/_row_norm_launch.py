"""Launching the row normalization template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..runtime import launch, target_for
from ..templates._row_tiles import RowTile
from ._channel_norm_launch import row_statistics_sums
from ._reduce_launch import add_parts
from ._row_launch import Rows, as_rows

if TYPE_CHECKING:
    from ..pointwise import Pointwise

_FORWARD_HOLDS, _BACKWARD_HOLDS = 2, 4
"""Values of each element in registers: x and its deviation; x, dy, and the sums for gamma and beta.

Twice as many backward with an activation, whose derivative needs about as many again.
"""
_WARPS = 16
"""Warps a multiprocessor that share the rows of the backward, each keeping sums of its own."""


class Norm(NamedTuple):
    """What is normalized how: (..., columns), parameters (columns,) or None.

    Attributes:
        center: the variance is about the mean, not about 0.
        shift: the mean is subtracted.
        unit: the length is divided by, and at least epsilon.
    """

    gamma: torch.Tensor | None
    beta: torch.Tensor | None
    epsilon: float
    center: bool
    shift: bool
    unit: bool
    activation: Pointwise | None


Statistics = tuple[torch.Tensor | None, torch.Tensor]
Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]


def normalize(x: torch.Tensor, kept: int, norm: Norm, keep: bool) -> tuple[torch.Tensor, Statistics | None]:
    """Normalize over the axes after the first ``kept``; also mean and 1 / standard deviation, to ``keep``."""
    from ..templates._row_norm import normalize_rows as template

    y = torch.empty_like(x)
    rows = as_rows(kept, (x, y))
    if rows is None:
        return normalize(x.contiguous(), kept, norm, keep)
    shape = x.shape[:kept]
    mean = x.new_empty(shape, dtype=torch.float32) if keep and norm.center else None
    rstd = x.new_empty(shape, dtype=torch.float32) if keep else None
    if rows.count:
        tile = rows.tile(x, _FORWARD_HOLDS)
        leaf = None if norm.activation is None else norm.activation.forward_leaf
        kind = {"CENTER": norm.center, "SHIFT": norm.shift, "UNIT": norm.unit}
        constants = rows.constants(tile, **kind, ACTIVATION=leaf, WHOLE=tile.whole)
        sizes = (rows.strides, rows.inner, rows.columns, norm.epsilon)
        arguments = (x, norm.gamma, norm.beta, y, mean, rstd, *sizes)
        launch(template, (rows.tiles(tile),), x, arguments, constants, warps=tile.warps)
    return y, None if rstd is None else (mean, rstd)


def normalize_backward(
    x: torch.Tensor,
    dy: torch.Tensor,
    kept: int,
    norm: Norm,
    statistics: Statistics,
    wants: Sequence[bool],
) -> Gradients:
    """Gradients of x, and flat ones of gamma and beta in float32, each where it is wanted."""
    dx = torch.empty_like(x) if wants[0] else None
    rows = as_rows(kept, (x, dy, x if dx is None else dx))
    if rows is None:
        return normalize_backward(x.contiguous(), dy.contiguous(), kept, norm, statistics, wants)
    if not rows.count:
        zeros = [x.new_zeros(rows.columns, dtype=torch.float32) if want else None for want in wants[1:]]
        return dx, zeros[0], zeros[1]
    tile = _backward_tile(x, rows, norm)
    if tile.whole:
        return _whole(x, dy, rows, norm, statistics, dx, wants)
    if dx is not None:
        _long(x, dy, rows, norm, statistics, dx)
    if not any(wants[1:]):
        return dx, None, None
    means = statistics[0] if norm.shift else None
    sums = row_statistics_sums(x, dy, rows, norm.gamma, norm.beta, (means, statistics[1]), _leaf(norm))
    return dx, sums[0] if wants[1] else None, sums[1] if wants[2] else None


def _backward_tile(x: torch.Tensor, rows: Rows, norm: Norm) -> RowTile:
    return rows.tile(x, _BACKWARD_HOLDS if norm.activation is None else 2 * _BACKWARD_HOLDS)


def _leaf(norm: Norm) -> Any:
    return None if norm.activation is None else norm.activation.gradient_leaf((True,))


def _whole(
    x: torch.Tensor,
    dy: torch.Tensor,
    rows: Rows,
    norm: Norm,
    statistics: Statistics,
    dx: torch.Tensor | None,
    wants: Sequence[bool],
) -> Gradients:
    from ..templates._row_norm import normalize_rows_backward as template

    tile = _backward_tile(x, rows, norm)
    tiles = rows.tiles(tile)
    kinds = sum(wants[1:])
    programs = tiles
    if kinds:
        programs = min(tiles, target_for(x).multiprocessors * max(1, _WARPS // tile.warps))
    parts = x.new_empty((kinds, programs, rows.columns), dtype=torch.float32)
    each = iter(parts)
    dgamma, dbeta = (next(each) if want else None for want in wants[1:])
    sizes = (rows.strides, tiles, rows.inner, rows.columns)
    arguments = (x, dy, norm.gamma, norm.beta, *statistics, dx, dgamma, dbeta, *sizes)
    constants = rows.constants(tile, SHIFT=norm.shift, UNIT=norm.unit, GRADIENT=_leaf(norm))
    launch(template, (programs,), x, arguments, constants, warps=tile.warps)
    sums = iter(add_parts(parts, torch.float32))
    dgamma, dbeta = (next(sums) if want else None for want in wants[1:])
    return dx, dgamma, dbeta


def _long(
    x: torch.Tensor, dy: torch.Tensor, rows: Rows, norm: Norm, statistics: Statistics, dx: torch.Tensor
) -> None:
    from ..templates._row_norm import normalize_long_rows_backward as template

    tile = _backward_tile(x, rows, norm)
    arguments = (x, dy, norm.gamma, norm.beta, *statistics, dx, rows.strides, rows.inner, rows.columns)
    constants = rows.constants(tile, SHIFT=norm.shift, UNIT=norm.unit, GRADIENT=_leaf(norm))
    launch(template, (rows.tiles(tile),), x, arguments, constants, warps=tile.warps)
