"""Launching the channel normalization template: batch and group normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..pointwise import pointwise
from ..runtime import launch, target_for
from ..templates._row_tiles import RowTile, choose_channels, power_of_two
from ._reduce_launch import Reduction, add_parts, reduce
from ._row_launch import Rows, as_rows

if TYPE_CHECKING:
    from ..pointwise import Pointwise

_PROGRAMS = 4
"""Programs a multiprocessor that take statistics, each of 8 warps."""
MOST_CHANNELS = 4096
"""Parts that one program joins at a time, each channel of a group one or more: 16 a thread of 8 warps."""


class ChannelNorm(NamedTuple):
    """What is normalized how: (..., channels), parameters (channels,) or None.

    ``groups``: how many share statistics of one sample each; 0 where the whole batch is one sample and every
    channel a group. ``fixed``: the statistics are constants, mean and variance. ``weights``: 0 or 1, of the
    shape of what is normalized; taking statistics then writes ``shares`` (channels,), which the gradient
    reads.
    """

    gamma: torch.Tensor | None
    beta: torch.Tensor | None
    epsilon: float
    activation: Pointwise | None
    groups: int = 0
    fixed: bool = False
    weights: torch.Tensor | None = None
    shares: torch.Tensor | None = None


Statistics = tuple[torch.Tensor, torch.Tensor]


class _Plan(NamedTuple):
    """How rows are shared: samples, tiles a sample, channels a group, and groups an outer."""

    rows: Rows
    tile: RowTile
    samples: int
    tiles: int
    width: int
    groups: int

    @property
    def across(self) -> int:
        return -(-self.rows.columns // self.tile.columns)

    @property
    def every(self) -> int:
        """Programs of a kernel that takes one tile each."""
        return self.samples * self.tiles * self.across


def _plan(tensors: Sequence[torch.Tensor], norm: ChannelNorm) -> _Plan | None:
    """Rows of tensors of one shape, (..., channels), or (samples, ..., channels) for groups."""
    first = tensors[0]
    weights = () if norm.weights is None else (norm.weights,)
    rows = as_rows(first.dim() - 1, tensors, apart=bool(norm.groups), beside=weights)
    if rows is None:
        return None
    tile = choose_channels(target_for(first), rows.inner, rows.columns, rows.across)
    tiles = rows.tiles(tile)
    if not norm.groups:
        return _Plan(rows, tile, 1, tiles, 1, 0)
    return _Plan(rows, tile, rows.outer, tiles // rows.outer, rows.columns // norm.groups, norm.groups)


def _contiguous(norm: ChannelNorm) -> ChannelNorm:
    return norm if norm.weights is None else norm._replace(weights=norm.weights.contiguous())


def _programs(on: torch.Tensor, plan: _Plan) -> int:
    """Programs that share the rows of a sample: enough for the device, few enough to be joined at once."""
    wanted = _PROGRAMS * target_for(on).multiprocessors // (plan.across * plan.samples)
    return max(1, min(wanted, plan.tiles, MOST_CHANNELS // plan.width))


def statistics_of(
    x: torch.Tensor, norm: ChannelNorm, moving: Statistics | None = None, rate: float = 0.0
) -> tuple[Statistics, Statistics | None]:
    """Mean and 1 / standard deviation, (samples, groups) float32, and the moving ones moved by ``rate``."""
    from ..templates._channel_norm import channel_moments

    plan = _plan((x,), norm)
    if plan is None:
        return statistics_of(x.contiguous(), _contiguous(norm), moving, rate)
    rows, tile = plan.rows, plan.tile
    programs = _programs(x, plan)
    parts = x.new_empty((plan.samples, programs, 3, rows.columns), dtype=torch.float32)
    grid = (plan.samples * programs * plan.across,)
    arguments = (x, norm.weights, parts, rows.strides, plan.tiles, rows.inner, rows.columns, programs)
    launch(channel_moments, grid, x, arguments, rows.constants(tile), warps=tile.warps)
    return join_parts(parts, plan.width, norm.epsilon, moving, rate, norm.shares)


def join_parts(
    parts: torch.Tensor,
    width: int,
    epsilon: float,
    moving: Statistics | None = None,
    rate: float = 0.0,
    shares: torch.Tensor | None = None,
) -> tuple[Statistics, Statistics | None]:
    """:func:`statistics_of` from ``parts`` (samples, programs, 3, channels): count, mean, squared deviations.

    Args:
        width: channels a group.
        shares: (channels,) to write to, for weighted rows alone.
    """
    from ..templates._channel_norm import join_moments

    samples, programs, _, columns = parts.shape
    groups = columns // width
    mean, rstd = parts.new_empty((2, samples, groups))
    new = None if moving is None else (torch.empty_like(moving[0]), torch.empty_like(moving[1]))
    wide = min(power_of_two(programs * width), MOST_CHANNELS)
    high = max(1, min(power_of_two(groups * samples), MOST_CHANNELS // wide))
    count = samples * groups
    sizes = (count, groups, width, columns, programs, epsilon, rate)
    given = (None, None, None, None) if moving is None or new is None else (*moving, *new)
    constants = {"WHOLE": programs * width <= wide, "GROUPS": high, "PARTS": wide}
    arguments = (parts, mean, rstd, *given, shares, *sizes)
    launch(join_moments, (-(-count // high),), parts, arguments, constants, warps=8)
    return (mean, rstd), new


def normalize(x: torch.Tensor, norm: ChannelNorm, statistics: Statistics) -> torch.Tensor:
    """``activation((x - mean) rstd gamma + beta)``."""
    from ..templates._channel_norm import channel_normalize as template

    y = torch.empty_like(x)
    plan = _plan((x, y), norm._replace(weights=None))
    if plan is None:
        return normalize(x.contiguous(), norm, statistics)
    rows, tile = plan.rows, plan.tile
    leaf = None if norm.activation is None else norm.activation.forward_leaf
    sizes = (rows.strides, rows.inner, rows.columns, plan.groups, plan.width, norm.epsilon)
    arguments = (x, norm.gamma, norm.beta, *statistics, y, *sizes)
    constants = rows.constants(tile, FIXED=norm.fixed, ACTIVATION=leaf)
    launch(template, (plan.every,), x, arguments, constants, warps=tile.warps)
    return y


def normalize_backward(
    x: torch.Tensor,
    dy: torch.Tensor,
    norm: ChannelNorm,
    statistics: Statistics,
    wants_input: bool,
    wants_parameters: bool,
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Gradients of x, and (2, channels) of gamma and beta in float32, each where it is wanted."""
    dx = torch.empty_like(x) if wants_input else None
    plan = _plan((x, dy, x if dx is None else dx), norm)
    if plan is None:
        return normalize_backward(
            x.contiguous(), dy.contiguous(), _contiguous(norm), statistics, wants_input, wants_parameters
        )
    sums = None
    if wants_parameters or not norm.fixed:
        leaf = None if norm.activation is None else norm.activation.gradient_leaf((True,))
        sums = _sums(x, dy, plan, norm.gamma, norm.beta, statistics, leaf, norm.epsilon, norm.fixed)
    if dx is not None:
        _backward(x, dy, plan, norm, statistics, _grouped(sums, plan, norm), dx)
    if sums is None or not wants_parameters:
        return dx, None
    return dx, sums[0] if plan.samples == 1 else add_parts(sums.flatten(1)[None], torch.float32).view(2, -1)


def _times(a: Any, b: Any) -> Any:
    return a * b


def _grouped(sums: torch.Tensor | None, plan: _Plan, norm: ChannelNorm) -> torch.Tensor | None:
    """Sums (samples, 2, channels) as ``channel_backward`` takes them: of each group, weighted by gamma."""
    if sums is None or not norm.groups:
        return sums
    apart = sums.unflatten(2, (norm.groups, plan.width))
    if norm.gamma is None:
        tensors, reduction = [apart], Reduction()
    else:
        weights = norm.gamma.reshape(norm.groups, plan.width).expand(apart.shape)
        tensors, reduction = [apart, weights], Reduction(pointwise(_times, arity=2).forward_leaf)
    return reduce(tensors, 3, reduction, [torch.float32])[0][0]


def _backward(
    x: torch.Tensor,
    dy: torch.Tensor,
    plan: _Plan,
    norm: ChannelNorm,
    statistics: Statistics,
    sums: torch.Tensor | None,
    dx: torch.Tensor,
) -> None:
    from ..templates._channel_norm import channel_backward as template

    rows, tile = plan.rows, plan.tile
    leaf = None if norm.activation is None else norm.activation.gradient_leaf((True,))
    share = plan.samples / (rows.count * plan.width)
    sizes = (rows.strides, rows.inner, rows.columns, plan.groups, plan.width, norm.epsilon, share)
    weighted = (norm.weights, norm.shares)
    given = (x, dy, norm.gamma, norm.beta, *statistics, None if norm.fixed else sums, *weighted)
    arguments = (*given, dx, *sizes)
    constants = rows.constants(tile, FIXED=norm.fixed, GROUPED=bool(norm.groups), GRADIENT=leaf)
    launch(template, (plan.every,), x, arguments, constants, warps=tile.warps)


def row_statistics_sums(
    x: torch.Tensor,
    dy: torch.Tensor,
    rows: Rows,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    statistics: tuple[torch.Tensor | None, torch.Tensor],
    gradient: Any,
) -> torch.Tensor:
    """Gradients (2, columns) of gamma and beta where every row has statistics of its own."""
    tile = choose_channels(target_for(x), rows.inner, rows.columns, rows.across)
    plan = _Plan(rows, tile, 1, rows.tiles(tile), 1, 0)
    return _sums(x, dy, plan, gamma, beta, statistics, gradient, 0.0, fixed=False, by_row=True)[0]


def _sums(
    x: torch.Tensor,
    dy: torch.Tensor,
    plan: _Plan,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    statistics: tuple[torch.Tensor | None, torch.Tensor],
    gradient: Any,
    epsilon: float,
    fixed: bool,
    by_row: bool = False,
) -> torch.Tensor:
    """Sums (samples, 2, channels) of dz xhat and of dz."""
    from ..templates._channel_norm import channel_sums as template

    rows, tile = plan.rows, plan.tile
    programs = _programs(x, plan)
    parts = x.new_empty((plan.samples, programs, 2 * rows.columns), dtype=torch.float32)
    sizes = (plan.tiles, rows.inner, rows.columns, programs, plan.groups, plan.width, epsilon)
    arguments = (x, dy, gamma, beta, *statistics, parts, rows.strides, *sizes)
    constants = rows.constants(tile, FIXED=fixed, BY_ROW=by_row, GRADIENT=gradient)
    grid = (plan.samples * programs * plan.across,)
    launch(template, grid, x, arguments, constants, warps=tile.warps)
    joined = parts[:, 0] if programs == 1 else add_parts(parts, torch.float32)
    return joined.view(plan.samples, 2, rows.columns)
