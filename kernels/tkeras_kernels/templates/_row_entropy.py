"""Softmax cross-entropy of rows of logits, one loss a row, and its gradient.

``cross_entropy``: ``loss = sum(label) log(s) - sum(label (x - m))`` with ``m`` the largest logit of a row and
``s = sum(exp(x - m))``; for class numbers ``loss = log(s) - (x[label] - m)``. Logits are read once, whatever
the number of classes: whole rows are held in registers (WHOLE), longer ones are walked with the online
logsumexp of ``_row_softmax``.

``stats`` (3, rows) keeps m, log(s) and sum(label) in float32, (2, rows) for class numbers: logsumexp as the
two terms it is made of. Their sum alone would cost every probability \\|m\\| / 2^24 of its value.

``cross_entropy_backward``: ``dx = dy (exp(x - m - log(s)) sum(label) - label)``, ``dlabel = dy (m + log(s) -
x)``.

A class number outside [0, classes) reads nothing and gives NaN; IGNORED gives a loss and gradient of zero.
"""

import triton
import triton.language as tl

from ._row_softmax import LOWEST, joined, online, settled, walked
from ._rows import even, offsets, place, row_offsets

IGNORED = tl.constexpr(-100)
"""The class number that torch.nn.functional.cross_entropy leaves out by default."""


@triton.jit
def _sparse_loss(x, labels, most, logarithm, i, j, strides, inner, columns):
    """From the logit of each row's class."""
    label = tl.load(labels + row_offsets(i, j, strides, 0), mask=j < inner, other=0).to(tl.int64)
    valid = (label >= 0) & (label < columns)
    at = row_offsets(i, j, strides, 1) + tl.where(valid, label, 0) * strides[5]
    logit = tl.load(x + at, mask=valid & (j < inner), other=float("nan")).to(tl.float32)
    return tl.where(label == IGNORED, 0.0, logarithm - (logit - most))


@triton.jit
def _read(x, labels, i, j, k, strides, inner, columns, EVEN: tl.constexpr):
    """Logits and labels of a tile, and its mask; what lies outside has logit -inf and label 0."""
    mask = (j < inner)[:, None] & (k < columns)[None, :]
    value = tl.load(x + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=float("-inf")).to(tl.float32)
    label = tl.load(labels + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
    return value, label, mask


@triton.jit
def _score(value, label, largest, mask):
    """``label (x - largest)``, and zero outside, where that would be 0 · inf."""
    return tl.where(mask, label * (value - largest), 0.0)


@triton.jit
def _moved(weight, before, now):
    """What a sum of ``label (x - before)`` changes by when it is taken relative to ``now``."""
    return tl.where(weight == 0.0, 0.0, weight * (before - now))


@triton.jit
def _dense(
    x,
    labels,
    i,
    j,
    strides,
    inner,
    columns,
    EVEN: tl.constexpr,
    WHOLE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """m, s, sum(label) and sum(label (x - m)) of each row."""
    k = tl.arange(0, COLUMNS).to(tl.int64)
    if WHOLE:
        value, label, mask = _read(x, labels, i, j, k, strides, inner, columns, EVEN)
        most, total = settled(value)
        weight = tl.sum(label, axis=1)
        score = tl.sum(_score(value, label, most[:, None], mask), axis=1)
    else:
        m = tl.full((ROWS, COLUMNS), LOWEST, tl.float32)
        s = tl.zeros((ROWS, COLUMNS), tl.float32)
        weights = tl.zeros((ROWS, COLUMNS), tl.float32)
        scores = tl.zeros((ROWS, COLUMNS), tl.float32)
        for start in range(0, columns, COLUMNS):
            value, label, mask = _read(x, labels, i, j, k + start, strides, inner, columns, EVEN)
            before = m
            m, s = online(value, m, s)
            scores += _moved(weights, before, m) + _score(value, label, m, mask)
            weights += label
        most, total = joined(m, s)
        weight = tl.sum(weights, axis=1)
        score = tl.sum(scores + _moved(weights, m, most[:, None]), axis=1)
    return most, total, weight, score


@triton.jit
def cross_entropy(
    labels,
    x,
    loss,
    stats,
    strides,
    rows,
    inner,
    columns,
    SPARSE: tl.constexpr,
    WHOLE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of labels, class numbers a row where SPARSE, else like x; then of x. ``stats`` may be None."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    row = i * inner + j
    if SPARSE:
        if WHOLE:
            k = tl.arange(0, COLUMNS).to(tl.int64)
            mask = (j < inner)[:, None] & (k < columns)[None, :]
            value = tl.load(x + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=float("-inf"))
            most, total = settled(value.to(tl.float32))
        else:
            most, total = walked(x, i, j, strides, 1, inner, columns, EVEN, ROWS, COLUMNS)
        logarithm = tl.log(total)
        result = _sparse_loss(x, labels, most, logarithm, i, j, strides, inner, columns)
    else:
        most, total, weight, score = _dense(
            x, labels, i, j, strides, inner, columns, EVEN, WHOLE, ROWS, COLUMNS
        )
        logarithm = tl.log(total)
        result = weight * logarithm - score
        if stats is not None:
            tl.store(stats + 2 * rows + row, weight, mask=j < inner)
    if stats is not None:
        tl.store(stats + row, most, mask=j < inner)
        tl.store(stats + rows + row, logarithm, mask=j < inner)
    tl.store(loss + row, result.to(loss.dtype.element_ty), mask=j < inner)


@triton.jit
def cross_entropy_backward(
    labels,
    x,
    stats,
    dy,
    dx,
    dlabels,
    strides,
    rows,
    inner,
    columns,
    SPARSE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of labels, x, dx, dlabels, then dy, one value a row. ``dx`` or ``dlabels`` may be None."""
    columns = even(columns, EVEN)
    steps = tl.cdiv(columns, COLUMNS)
    i, j = place(tl.program_id(0) // steps, inner, ROWS)
    k = tl.cast(tl.program_id(0) % steps, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    in_row = j < inner
    mask = in_row[:, None] & (k < columns)[None, :]
    row = i * inner + j
    most = tl.load(stats + row, mask=in_row, other=0.0)
    logarithm = tl.load(stats + rows + row, mask=in_row, other=0.0)
    given = tl.load(dy + row_offsets(i, j, strides, 4), mask=in_row, other=0.0).to(tl.float32)
    value = tl.load(x + offsets(i, j, k, strides, 1, EVEN), mask=mask, other=0.0).to(tl.float32)
    score = (value - most[:, None]) - logarithm[:, None]
    if SPARSE:
        label = tl.load(labels + row_offsets(i, j, strides, 0), mask=in_row, other=0).to(tl.int64)
        valid = (label >= 0) & (label < columns)
        given = tl.where(label == IGNORED, 0.0, tl.where(valid, given, float("nan")))
        slope = tl.exp(score) - tl.where(k[None, :] == label[:, None], 1.0, 0.0)
        result = tl.where((label == IGNORED)[:, None], 0.0, slope * given[:, None])
        tl.store(dx + offsets(i, j, k, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
    else:
        if dx is not None:
            weight = tl.load(stats + 2 * rows + row, mask=in_row, other=0.0)
            label = tl.load(labels + offsets(i, j, k, strides, 0, EVEN), mask=mask, other=0.0).to(tl.float32)
            result = (tl.exp(score) * weight[:, None] - label) * given[:, None]
            tl.store(dx + offsets(i, j, k, strides, 2, EVEN), result.to(dx.dtype.element_ty), mask=mask)
        if dlabels is not None:
            result = -score * given[:, None]
            tl.store(
                dlabels + offsets(i, j, k, strides, 3, EVEN), result.to(dlabels.dtype.element_ty), mask=mask
            )
