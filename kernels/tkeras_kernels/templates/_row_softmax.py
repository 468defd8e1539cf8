"""Softmax and its logarithm over rows, and their gradients.

``softmax``: ``y = exp(x - m) / s`` with ``m`` the largest of a row and ``s = sum(exp(x - m))``, or
``y = x - m - log(s)`` where LOG. ``softmax_backward``: ``dx = y (dy - sum(y dy))``, or
``dx = dy - exp(y) sum(dy)``. Only y is saved. Tensors are (outer, inner, columns), see ``_rows``.

WHOLE: a tile holds whole rows, which are read once. Otherwise the row is walked twice: first each lane keeps
the largest value it met and the sum relative to that, one exponential an element (``online``), and the lanes
are joined at the end; then the result is written. A row of -inf alone gives NaN, as in torch.
"""

import triton
import triton.language as tl

from ._rows import even, offsets, place

LOWEST = tl.constexpr(-3.4028234663852886e38)
"""Where maxima start: finite, since -inf minus itself is NaN."""


@triton.jit
def online(x, m, s):
    """The largest value and the sum of exp(· - largest) after one more value."""
    e = tl.exp(-tl.abs(x - m))
    return tl.maximum(m, x), tl.where(x > m, s * e + 1.0, s + e)


@triton.jit
def joined(m, s):
    """Largest value and sum of exp(· - largest) of a row from those of its lanes."""
    most = tl.max(m, axis=1)
    return most, tl.sum(s * tl.exp(m - most[:, None]), axis=1)


@triton.jit
def settled(x):
    """Largest value and sum of exp(· - largest) of whole rows."""
    most = tl.maximum(tl.max(x, axis=1), LOWEST)
    return most, tl.sum(tl.exp(x - most[:, None]), axis=1)


@triton.jit
def walked(
    x,
    i,
    j,
    strides,
    n: tl.constexpr,
    inner,
    columns,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Largest value and sum of exp(· - largest) of rows of any length; the n-th strides are those of x."""
    k = tl.arange(0, COLUMNS).to(tl.int64)
    m = tl.full((ROWS, COLUMNS), LOWEST, tl.float32)
    s = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, columns, COLUMNS):
        mask = (j < inner)[:, None] & (k + start < columns)[None, :]
        value = tl.load(x + offsets(i, j, k + start, strides, n, EVEN), mask=mask, other=float("-inf"))
        m, s = online(value.to(tl.float32), m, s)
    return joined(m, s)


@triton.jit
def _finish(x, most, total, LOG: tl.constexpr):
    if LOG:
        return (x - most[:, None]) - tl.log(total)[:, None]
    else:
        return tl.exp(x - most[:, None]) * (1.0 / total)[:, None]


@triton.jit
def softmax(
    x,
    y,
    strides,
    inner,
    columns,
    LOG: tl.constexpr,
    WHOLE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of x, then of y."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    in_row = (j < inner)[:, None]
    k = tl.arange(0, COLUMNS).to(tl.int64)
    if WHOLE:
        mask = in_row & (k < columns)[None, :]
        value = tl.load(x + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=float("-inf")).to(tl.float32)
        most, total = settled(value)
        result = _finish(value, most, total, LOG)
        tl.store(y + offsets(i, j, k, strides, 1, EVEN), result.to(y.dtype.element_ty), mask=mask)
    else:
        most, total = walked(x, i, j, strides, 0, inner, columns, EVEN, ROWS, COLUMNS)
        for start in range(0, columns, COLUMNS):
            at = k + start
            mask = in_row & (at < columns)[None, :]
            value = tl.load(x + offsets(i, j, at, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
            result = _finish(value, most, total, LOG)
            tl.store(y + offsets(i, j, at, strides, 1, EVEN), result.to(y.dtype.element_ty), mask=mask)


@triton.jit
def _weighed(y, dy, LOG: tl.constexpr):
    """What a row sums in the gradient."""
    if LOG:
        return dy
    else:
        return y * dy


@triton.jit
def _gradient(y, dy, total, LOG: tl.constexpr):
    if LOG:
        return dy - tl.exp(y) * total[:, None]
    else:
        return y * (dy - total[:, None])


@triton.jit
def softmax_backward(
    y,
    dy,
    dx,
    strides,
    inner,
    columns,
    LOG: tl.constexpr,
    WHOLE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of y, dy, then dx."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    in_row = (j < inner)[:, None]
    k = tl.arange(0, COLUMNS).to(tl.int64)
    if WHOLE:
        mask = in_row & (k < columns)[None, :]
        out = tl.load(y + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
        given = tl.load(dy + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
        total = tl.sum(_weighed(out, given, LOG), axis=1)
        result = _gradient(out, given, total, LOG)
        tl.store(dx + offsets(i, j, k, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
    else:
        sums = tl.zeros((ROWS, COLUMNS), tl.float32)
        for start in range(0, columns, COLUMNS):
            at = k + start
            mask = in_row & (at < columns)[None, :]
            given = tl.load(dy + offsets(i, j, at, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
            if LOG:
                sums += given
            else:
                out = tl.load(y + offsets(i, j, at, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
                sums += out * given
        total = tl.sum(sums, axis=1)
        for start in range(0, columns, COLUMNS):
            at = k + start
            mask = in_row & (at < columns)[None, :]
            out = tl.load(y + offsets(i, j, at, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
            given = tl.load(dy + offsets(i, j, at, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
            result = _gradient(out, given, total, LOG)
            tl.store(dx + offsets(i, j, at, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
