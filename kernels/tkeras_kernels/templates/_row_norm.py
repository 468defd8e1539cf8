"""Layer, root-mean-square, deviation and unit normalization of rows, an activation, and the gradients.

``normalize_rows``: ``y = ACTIVATION((x - mean) rstd gamma + beta)``, ``rstd = 1 / sqrt(variance + epsilon)``,
over the columns of a row; without CENTER mean is 0 and variance the mean of squares; without SHIFT the
variance is about the mean, which stays in the result. ``mean`` and ``rstd`` are saved in float32, one a row;
xhat = (x - mean) rstd is computed again when it is needed. The variance is the mean of squared deviations,
never E[x²] - E[x]²: of whole rows (WHOLE) in registers, of longer ones by Welford's recurrence in each lane,
joined at the end (Chan et al., 1979). UNIT: rstd is ``1 / max(sqrt(sum of squares), epsilon)``, saved with a
minus sign where epsilon is the larger, since no gradient goes through the length there.

``normalize_rows_backward``: with ``dz = GRADIENT(xhat gamma + beta, dy)`` and ``g = dz gamma``,
``dx = (g - mean(g) - xhat mean(g xhat)) rstd``. Without SHIFT, where n = x rstd takes the place of xhat in dz
and in the gradient of gamma, ``dx = (g - xhat mean(g n)) rstd``; of UNIT,
``dx = (g - xhat sum(g xhat)) rstd``. Each program takes every so-many-th tile of rows and keeps
``dgamma = sum(dz xhat)`` and ``dbeta = sum(dz)`` of its rows in registers; these partial sums (programs,
columns) are added by another launch, in a fixed order: no atomics, the same bits in every run. Rows that do
not fit are walked twice, and their dgamma and dbeta are ``channel_sums``'.
"""

import triton
import triton.language as tl

from ._rows import even, offsets, place


@triton.jit
def affine(normalized, gamma, beta, k, mask):
    """``normalized gamma + beta`` with parameters (columns,), each of which may be None."""
    if gamma is not None:
        normalized = normalized * tl.load(gamma + k, mask=mask, other=0.0).to(tl.float32)[None, :]
    if beta is not None:
        normalized = normalized + tl.load(beta + k, mask=mask, other=0.0).to(tl.float32)[None, :]
    return normalized


@triton.jit
def joined_moments(count, mean, m2, axis: tl.constexpr, EMPTY: tl.constexpr = False):
    """Count, mean and sum of squared deviations along an axis of parts; an empty part has count and mean 0,
    and with EMPTY all of them may be.

    The mean is taken twice, the second time relative to the first, so that a large one keeps its digits.
    """
    total = tl.sum(count, axis=axis)
    some = total
    if EMPTY:
        some = tl.maximum(total, 1.0)
    first = tl.expand_dims(tl.sum(count * mean, axis=axis) / some, axis)
    most = first + tl.expand_dims(tl.sum(count * (mean - first), axis=axis) / some, axis)
    deviation = mean - most
    squares = tl.sum(m2 + count * deviation * deviation, axis=axis)
    return total, tl.sum(most, axis=axis), squares


@triton.jit
def _whole_moments(value, mask, columns, CENTER: tl.constexpr):
    """Mean and sum of squared deviations of whole rows; 0 and sum of squares without CENTER."""
    middle = tl.zeros((value.shape[0],), tl.float32)
    deviation = value
    if CENTER:
        middle = tl.sum(value, axis=1) / columns
        deviation = tl.where(mask, value - middle[:, None], 0.0)
    return middle, tl.sum(deviation * deviation, axis=1)


@triton.jit
def _walked_moments(
    x,
    i,
    j,
    strides,
    inner,
    columns,
    CENTER: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The same of rows of any length."""
    k = tl.arange(0, COLUMNS).to(tl.int64)
    mean = tl.zeros((ROWS, COLUMNS), tl.float32)
    m2 = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, columns, COLUMNS):
        mask = (j < inner)[:, None] & (k + start < columns)[None, :]
        value = tl.load(x + offsets(i, j, k + start, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
        if CENTER:
            delta = tl.where(mask, value - mean, 0.0)
            mean += delta / tl.cast(start // COLUMNS + 1, tl.float32)
            m2 += delta * (value - mean)
        else:
            m2 += value * value
    if CENTER:
        count = ((columns - k + COLUMNS - 1) // COLUMNS).to(tl.float32)[None, :]
        _, middle, squares = joined_moments(tl.broadcast_to(count, (ROWS, COLUMNS)), mean, m2, 1)
        return middle, squares
    else:
        return tl.zeros((ROWS,), tl.float32), tl.sum(m2, axis=1)


@triton.jit
def _scale(squares, columns, epsilon, UNIT: tl.constexpr):
    """What a row is multiplied by, from its sum of squares; as it is saved, see above."""
    if UNIT:
        length = tl.sqrt(squares)
        return tl.where(length > epsilon, 1.0, -1.0) / tl.maximum(length, epsilon)
    else:
        return tl.rsqrt(squares / columns + epsilon)


@triton.jit
def _normalized(
    value,
    middle,
    scale,
    gamma,
    beta,
    k,
    mask,
    SHIFT: tl.constexpr,
    UNIT: tl.constexpr,
    ACTIVATION: tl.constexpr,
):
    if SHIFT:
        value = value - middle[:, None]
    if UNIT:
        scale = tl.abs(scale)
    result = affine(value * scale[:, None], gamma, beta, k, mask)
    if ACTIVATION is not None:
        result = ACTIVATION(result)
    return result


@triton.jit
def normalize_rows(
    x,
    gamma,
    beta,
    y,
    mean,
    rstd,
    strides,
    inner,
    columns,
    epsilon,
    CENTER: tl.constexpr,
    SHIFT: tl.constexpr,
    UNIT: tl.constexpr,
    ACTIVATION: tl.constexpr,
    WHOLE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of x, then of y. ``gamma``, ``beta``, ``mean`` and ``rstd`` may be None."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    k = tl.arange(0, COLUMNS).to(tl.int64)
    if WHOLE:
        mask = (j < inner)[:, None] & (k < columns)[None, :]
        value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
        middle, squares = _whole_moments(value, mask, columns, CENTER)
        scale = _scale(squares, columns, epsilon, UNIT)
        result = _normalized(value, middle, scale, gamma, beta, k, k < columns, SHIFT, UNIT, ACTIVATION)
        tl.store(y + offsets(i, j, k, strides, 1, EVEN), result.to(y.dtype.element_ty), mask=mask)
    else:
        middle, squares = _walked_moments(x, i, j, strides, inner, columns, CENTER, EVEN, ROWS, COLUMNS)
        scale = _scale(squares, columns, epsilon, UNIT)
        for start in range(0, columns, COLUMNS):
            at = k + start
            mask = (j < inner)[:, None] & (at < columns)[None, :]
            value = tl.load(x + offsets(i, j, at, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
            result = _normalized(value, middle, scale, gamma, beta, at, at < columns, SHIFT, UNIT, ACTIVATION)
            tl.store(y + offsets(i, j, at, strides, 1, EVEN), result.to(y.dtype.element_ty), mask=mask)
    row = i * inner + j
    if mean is not None:
        tl.store(mean + row, middle, mask=j < inner)
    if rstd is not None:
        tl.store(rstd + row, scale, mask=j < inner)


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
    weight,
    shift,
    inner,
    columns,
    SHIFT: tl.constexpr,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
):
    """xhat, what gamma multiplies, and dz of a tile, zero outside, and its mask; weight and shift are
    parameters (columns,) or None."""
    mask = (j < inner)[:, None] & (k < columns)[None, :]
    value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
    given = tl.load(dy + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
    deviation = tl.where(mask, (value - middle[:, None]) * scale[:, None], 0.0)
    normalized = deviation
    if not SHIFT:
        normalized = tl.where(mask, value * scale[:, None], 0.0)
    if GRADIENT is not None:
        before = normalized
        if weight is not None:
            before = before * weight[None, :]
        if shift is not None:
            before = before + shift[None, :]
        given = tl.where(mask, GRADIENT(before, given), 0.0)
    return deviation, normalized, given, mask


@triton.jit
def _parameter(pointer, k, columns):
    if pointer is None:
        return None
    else:
        return tl.load(pointer + k, mask=k < columns, other=0.0).to(tl.float32)


@triton.jit
def _weighted(given, weight):
    if weight is None:
        return given
    else:
        return given * weight[None, :]


@triton.jit
def _statistics(mean, rstd, row, mask, columns, UNIT: tl.constexpr):
    """Mean, scale, and for UNIT whether a gradient goes through the length, 1 or 0."""
    scale = tl.load(rstd + row, mask=mask, other=0.0)
    middle = tl.zeros_like(scale)
    if mean is not None:
        middle = tl.load(mean + row, mask=mask, other=0.0)
    if UNIT:
        return middle, tl.abs(scale), tl.where(scale > 0.0, 1.0, 0.0)
    else:
        return middle, scale, None


@triton.jit
def _tilt(total, columns, free, UNIT: tl.constexpr):
    """The factor of xhat from the sum of g xhat."""
    if UNIT:
        return total * free
    else:
        return total / columns


@triton.jit
def normalize_rows_backward(
    x,
    dy,
    gamma,
    beta,
    mean,
    rstd,
    dx,
    dgamma,
    dbeta,
    strides,
    tiles,
    inner,
    columns,
    SHIFT: tl.constexpr,
    UNIT: tl.constexpr,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Of whole rows. Strides: of x, dy, then dx. ``mean`` is None without centering; ``dx``, ``dgamma`` and
    ``dbeta`` (programs, columns) are None where they are not wanted; ``beta`` is read by GRADIENT alone."""
    columns = even(columns, EVEN)
    k = tl.arange(0, COLUMNS).to(tl.int64)
    weight = _parameter(gamma, k, columns)
    shift = _parameter(beta, k, columns)
    gamma_sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    beta_sums = tl.zeros((ROWS, COLUMNS), tl.float32)
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        i, j = place(tile, inner, ROWS)
        middle, scale, free = _statistics(mean, rstd, i * inner + j, j < inner, columns, UNIT)
        deviation, normalized, given, mask = _differentiated(
            x, dy, i, j, k, strides, middle, scale, weight, shift, inner, columns, SHIFT, GRADIENT, EVEN
        )
        if dgamma is not None:
            gamma_sums += given * normalized
        if dbeta is not None:
            beta_sums += given
        if dx is not None:
            slope = _weighted(given, weight)
            tilt = _tilt(tl.sum(slope * normalized, axis=1), columns, free, UNIT)
            result = slope - deviation * tilt[:, None]
            if mean is not None and SHIFT:
                result -= (tl.sum(slope, axis=1) / columns)[:, None]
            result *= scale[:, None]
            tl.store(dx + offsets(i, j, k, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
    at = tl.cast(tl.program_id(0), tl.int64) * columns + k
    if dgamma is not None:
        tl.store(dgamma + at, tl.sum(gamma_sums, axis=0), mask=k < columns)
    if dbeta is not None:
        tl.store(dbeta + at, tl.sum(beta_sums, axis=0), mask=k < columns)


@triton.jit
def normalize_long_rows_backward(
    x,
    dy,
    gamma,
    beta,
    mean,
    rstd,
    dx,
    strides,
    inner,
    columns,
    SHIFT: tl.constexpr,
    UNIT: tl.constexpr,
    GRADIENT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """dx of rows of any length. Strides: of x, dy, then dx."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    k = tl.arange(0, COLUMNS).to(tl.int64)
    middle, scale, free = _statistics(mean, rstd, i * inner + j, j < inner, columns, UNIT)
    levels = tl.zeros((ROWS, COLUMNS), tl.float32)
    tilts = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, columns, COLUMNS):
        at = k + start
        weight, shift = _parameter(gamma, at, columns), _parameter(beta, at, columns)
        deviation, normalized, given, mask = _differentiated(
            x, dy, i, j, at, strides, middle, scale, weight, shift, inner, columns, SHIFT, GRADIENT, EVEN
        )
        slope = _weighted(given, weight)
        levels += slope
        tilts += slope * normalized
    level = tl.sum(levels, axis=1) / columns
    tilt = _tilt(tl.sum(tilts, axis=1), columns, free, UNIT)
    for start in range(0, columns, COLUMNS):
        at = k + start
        weight, shift = _parameter(gamma, at, columns), _parameter(beta, at, columns)
        deviation, normalized, given, mask = _differentiated(
            x, dy, i, j, at, strides, middle, scale, weight, shift, inner, columns, SHIFT, GRADIENT, EVEN
        )
        result = _weighted(given, weight) - deviation * tilt[:, None]
        if mean is not None and SHIFT:
            result -= level[:, None]
        result *= scale[:, None]
        tl.store(dx + offsets(i, j, at, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
