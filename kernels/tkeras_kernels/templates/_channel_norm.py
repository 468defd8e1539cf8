"""Batch and group normalization: statistics down the rows, for each channel or each group of channels.

A tensor is (outer, inner, columns), see ``_rows``, with channels as columns; both memory orders are walked
along their unit stride. Rows belong to samples: a batch normalization has one sample of all tiles, a group
normalization one an outer. Statistics are (samples, groups) in float32, groups of ``width`` neighbouring
channels; a batch normalization has groups of one.

Forward: ``channel_moments`` gives count, mean and sum of squared deviations of parts of the rows, by
Welford's recurrence in each lane of a tile; ``join_moments`` joins parts, and the channels of a group (Chan
et al., 1979); ``channel_normalize`` applies ``ACTIVATION((x - mean) rstd gamma + beta)``. The mean is
subtracted first: folded into a shift it would cost the digits that a large mean takes.

Backward, with ``dz = GRADIENT(xhat gamma + beta, dy)``: ``channel_sums`` gives parts of sum(dz xhat) and
sum(dz), which another launch adds, and ``channel_backward``
``dx = (dz gamma - (sum(dz gamma) + xhat sum(dz gamma xhat)) / n) rstd``. A program adds its own tiles in
order: no atomics, the same bits in every run.

FIXED: the statistics are the moving ones: constants, given as mean and variance.

``weights``, where they are not None, are 0 or 1, of the shape of x or broadcast to it by strides of 0. Rows
of weight 0 have no part in the statistics, and none of the gradient goes to them through those. As in Keras,
squared deviations are divided by the count + SLACK, so that a channel of no rows has variance 0; in a mean
that is less than its rounding.
"""

import triton
import triton.language as tl

from ._row_norm import affine, joined_moments
from ._rows import even, offsets, place

SLACK = tl.constexpr(1e-7)


@triton.jit
def _share(columns, programs, COLUMNS: tl.constexpr):
    """This program's channels, its number among those that share a sample's rows, and its sample."""
    across = tl.cdiv(columns, COLUMNS)
    pid = tl.program_id(0)
    k = tl.cast(pid % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    return k, (pid // across) % programs, tl.cast(pid // across // programs, tl.int64)


@triton.jit
def channel_moments(
    x,
    weights,
    parts,
    strides,
    tiles,
    inner,
    columns,
    programs,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``parts`` (samples, programs, 3, columns): count, mean, squared deviations; ``tiles`` a sample.

    Strides: of x, then the weights.
    """
    columns = even(columns, EVEN)
    k, program, sample = _share(columns, programs, COLUMNS)
    count = tl.zeros((ROWS, 1), tl.float32)
    if weights is not None:
        count = tl.zeros((ROWS, COLUMNS), tl.float32)
    mean = tl.zeros((ROWS, COLUMNS), tl.float32)
    m2 = tl.zeros((ROWS, COLUMNS), tl.float32)
    for tile in range(program, tiles, programs):
        i, j = place(sample * tiles + tile, inner, ROWS)
        mask = (j < inner)[:, None] & (k < columns)[None, :]
        value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
        if weights is not None:
            counted = tl.load(weights + offsets(i, j, k, strides, 1, 1), mask=mask, other=0) != 0
            count += tl.where(counted, 1.0, 0.0)
            delta = tl.where(counted, value - mean, 0.0)
            value = tl.where(counted, value, mean)
        else:
            count += tl.where(j < inner, 1.0, 0.0)[:, None]
            delta = tl.where(mask, value - mean, 0.0)
        mean += delta * (1.0 / tl.maximum(count, 1.0))
        m2 += delta * (value - mean)
    counts = tl.broadcast_to(count, (ROWS, COLUMNS))
    total, middle, squares = joined_moments(counts, mean, m2, 0, weights is not None)
    at = parts + (sample * programs + program) * 3 * columns + k
    tl.store(at, total, mask=k < columns)
    tl.store(at + columns, middle, mask=k < columns)
    tl.store(at + 2 * columns, squares, mask=k < columns)


@triton.jit
def _parts(parts, group, part, count, groups, width, columns, programs):
    """Count, mean and squared deviations (groups, parts); empty beyond the last."""
    mask = (group < count)[:, None] & (part < programs * width)[None, :]
    channel = (group % groups * width)[:, None] + (part % width)[None, :]
    row = (group // groups * programs)[:, None] + (part // width)[None, :]
    at = parts + row * 3 * columns + channel
    sizes = tl.load(at, mask=mask, other=0.0)
    means = tl.load(at + columns, mask=mask, other=0.0)
    return sizes, means, tl.load(at + 2 * columns, mask=mask, other=0.0)


@triton.jit
def join_moments(
    parts,
    mean,
    rstd,
    moving_mean,
    moving_variance,
    new_mean,
    new_variance,
    shares,
    count,
    groups,
    width,
    columns,
    programs,
    epsilon,
    rate,
    WHOLE: tl.constexpr,
    GROUPS: tl.constexpr,
    PARTS: tl.constexpr,
):
    """``count`` groups in all, ``groups`` a sample; WHOLE: PARTS covers programs times width, else these are
    walked, each lane joining its own.

    The moving statistics, which may be None, go towards the new ones by ``rate``. ``shares``, 1 / (count +
    SLACK) of each group, is None but for weighted rows.
    """
    group = tl.cast(tl.program_id(0), tl.int64) * GROUPS + tl.arange(0, GROUPS)
    part = tl.arange(0, PARTS)
    if WHOLE:
        sizes, means, squares = _parts(parts, group, part, count, groups, width, columns, programs)
    else:
        sizes = tl.zeros((GROUPS, PARTS), tl.float32)
        means = tl.zeros((GROUPS, PARTS), tl.float32)
        squares = tl.zeros((GROUPS, PARTS), tl.float32)
        for start in range(0, programs * width, PARTS):
            more, mean_of, squares_of = _parts(
                parts, group, part + start, count, groups, width, columns, programs
            )
            total = sizes + more
            delta = mean_of - means
            share = more / tl.maximum(total, 1.0)
            means += delta * share
            squares += squares_of + delta * delta * sizes * share
            sizes = total
    total, middle, deviation = joined_moments(sizes, means, squares, 1, shares is not None)
    inside = group < count
    if shares is not None:
        share = 1.0 / (total + SLACK)
        variance = deviation * share
        tl.store(shares + group, share, mask=inside)
    else:
        variance = deviation / total
    tl.store(mean + group, middle, mask=inside)
    tl.store(rstd + group, tl.rsqrt(variance + epsilon), mask=inside)
    if moving_mean is not None:
        old = tl.load(moving_mean + group, mask=inside, other=0.0).to(tl.float32)
        tl.store(new_mean + group, (old + (middle - old) * rate).to(new_mean.dtype.element_ty), mask=inside)
        old = tl.load(moving_variance + group, mask=inside, other=0.0).to(tl.float32)
        moved = (old + (variance - old) * rate).to(new_variance.dtype.element_ty)
        tl.store(new_variance + group, moved, mask=inside)


@triton.jit
def _statistics(mean, rstd, at, mask, epsilon, FIXED: tl.constexpr):
    """Mean and 1 / standard deviation (columns,)."""
    middle = tl.load(mean + at, mask=mask, other=0.0).to(tl.float32)
    scale = tl.load(rstd + at, mask=mask, other=1.0).to(tl.float32)
    if FIXED:
        scale = tl.rsqrt(scale + epsilon)
    return middle, scale


@triton.jit
def channel_normalize(
    x,
    gamma,
    beta,
    mean,
    rstd,
    y,
    strides,
    inner,
    columns,
    groups,
    width,
    epsilon,
    FIXED: tl.constexpr,
    ACTIVATION: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of x, then y. ``groups``: from the statistics of one outer to those of the next, or 0."""
    columns = even(columns, EVEN)
    across = tl.cdiv(columns, COLUMNS)
    i, j = place(tl.program_id(0) // across, inner, ROWS)
    k = tl.cast(tl.program_id(0) % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    inside = k < columns
    mask = (j < inner)[:, None] & inside[None, :]
    middle, scale = _statistics(mean, rstd, i * groups + k // width, inside, epsilon, FIXED)
    value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
    result = affine((value - middle[None, :]) * scale[None, :], gamma, beta, k, inside)
    if ACTIVATION is not None:
        result = ACTIVATION(result)
    tl.store(y + offsets(i, j, k, strides, 1, EVEN), result.to(y.dtype.element_ty), mask=mask)


@triton.jit
def _differentiated(
    x,
    dy,
    i,
    j,
    k,
    strides,
    middle,
    scale,
    gamma,
    beta,
    inner,
    columns,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
):
    """xhat and dz of a tile, zero outside, and its mask; middle and scale broadcast over it."""
    mask = (j < inner)[:, None] & (k < columns)[None, :]
    value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
    given = tl.load(dy + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
    normalized = tl.where(mask, (value - middle) * scale, 0.0)
    if GRADIENT is not None:
        before = affine(normalized, gamma, beta, k, k < columns)
        given = tl.where(mask, GRADIENT(before, given), 0.0)
    return normalized, given, mask


@triton.jit
def channel_sums(
    x,
    dy,
    gamma,
    beta,
    mean,
    rstd,
    parts,
    strides,
    tiles,
    inner,
    columns,
    programs,
    groups,
    width,
    epsilon,
    FIXED: tl.constexpr,
    BY_ROW: tl.constexpr,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``parts`` (samples, programs, 2, columns): sums of dz xhat and of dz. Strides: of x, then dy.

    BY_ROW: statistics are one a row, those of ``normalize_rows``, and ``mean`` may be None.
    """
    columns = even(columns, EVEN)
    k, program, sample = _share(columns, programs, COLUMNS)
    inside = k < columns
    tilts = tl.zeros((ROWS, COLUMNS), tl.float32)
    levels = tl.zeros((ROWS, COLUMNS), tl.float32)
    if not BY_ROW:
        middle, scale = _statistics(mean, rstd, sample * groups + k // width, inside, epsilon, FIXED)
        middle, scale = middle[None, :], scale[None, :]
    for tile in range(program, tiles, programs):
        i, j = place(sample * tiles + tile, inner, ROWS)
        if BY_ROW:
            scale = tl.load(rstd + i * inner + j, mask=j < inner, other=0.0)[:, None]
            middle = tl.zeros_like(scale)
            if mean is not None:
                middle = tl.load(mean + i * inner + j, mask=j < inner, other=0.0)[:, None]
        normalized, given, _ = _differentiated(
            x, dy, i, j, k, strides, middle, scale, gamma, beta, inner, columns, GRADIENT, EVEN
        )
        tilts += given * normalized
        levels += given
    at = parts + (sample * programs + program) * 2 * columns + k
    tl.store(at, tl.sum(tilts, axis=0), mask=inside)
    tl.store(at + columns, tl.sum(levels, axis=0), mask=inside)


@triton.jit
def channel_backward(
    x,
    dy,
    gamma,
    beta,
    mean,
    rstd,
    sums,
    weights,
    shares,
    dx,
    strides,
    inner,
    columns,
    groups,
    width,
    epsilon,
    share,
    FIXED: tl.constexpr,
    GROUPED: tl.constexpr,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of x, dy, dx, then the weights. ``share`` is 1 / n, with weights ``shares`` (columns,) are;
    ``sums`` (samples, 2, groups), of dz xhat and of dz, are multiplied by gamma already where GROUPED; None
    where FIXED."""
    columns = even(columns, EVEN)
    across = tl.cdiv(columns, COLUMNS)
    i, j = place(tl.program_id(0) // across, inner, ROWS)
    k = tl.cast(tl.program_id(0) % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    inside = k < columns
    middle, scale = _statistics(mean, rstd, i * groups + k // width, inside, epsilon, FIXED)
    middle, scale = middle[None, :], scale[None, :]
    normalized, given, mask = _differentiated(
        x, dy, i, j, k, strides, middle, scale, gamma, beta, inner, columns, GRADIENT, EVEN
    )
    weight = tl.full((COLUMNS,), 1.0, tl.float32)
    if gamma is not None:
        weight = tl.load(gamma + k, mask=inside, other=0.0).to(tl.float32)
    result = given * weight[None, :]
    if not FIXED:
        kinds = columns // width
        at = sums + i * groups * 2 + k // width
        if shares is not None:
            share = tl.load(shares + k, mask=inside, other=0.0)
        tilt = tl.load(at, mask=inside, other=0.0) * share
        level = tl.load(at + kinds, mask=inside, other=0.0) * share
        if not GROUPED:
            tilt, level = tilt * weight, level * weight
        through = level[None, :] + normalized * tilt[None, :]
        if weights is not None:
            counted = tl.load(weights + offsets(i, j, k, strides, 3, 1), mask=mask, other=0) != 0
            through = tl.where(counted, through, 0.0)
        result -= through
    result *= scale
    tl.store(dx + offsets(i, j, k, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
