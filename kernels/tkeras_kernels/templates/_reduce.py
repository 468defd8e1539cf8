"""Expression, sum over rows, expression: ``outputs = THEN(*(scale * sum(FN(*inputs))))``, and its gradient.

``inputs`` are tensors (outer, inner, columns), see ``_rows``; FN is a leaf on float32 values with one result
a sum, THEN a leaf on the sums of a row. None stands for the identity. ``sums`` and ``outputs`` have one value
a row. Every lane of a tile adds its own column of each step, and the lanes are added at the end: one read of
the row, whatever its length, in a fixed order, so the same bits in every run.

A grid of several programs a row (axis 1) writes unscaled sums (splits, rows), which a second launch adds.

``reduce_maximum`` is the same for the largest value and the number of elements that equal it; its gradient is
shared by these. ``spread_rows`` is the gradient of both: it reads what forward read, and the sums.
"""

import triton
import triton.language as tl

from ._rows import even, offsets, place, row_offsets


@triton.jit
def _tuple(values, count: tl.constexpr):
    """Leaves return one value bare and several as a tuple."""
    if count == 1:
        return (values,)
    else:
        return values


@triton.jit
def _read(inputs, i, j, k, strides, mask, EVEN: tl.constexpr):
    values = ()
    for n in tl.static_range(len(inputs)):
        values += (
            tl.load(inputs[n] + offsets(i, j, k, strides, n, EVEN), mask=mask, other=0.0).to(tl.float32),
        )
    return values


@triton.jit
def _write(pointers, index, values, mask):
    for n in tl.static_range(len(pointers)):
        tl.store(pointers[n] + index, values[n].to(pointers[n].dtype.element_ty), mask=mask)


@triton.jit
def reduce_rows(
    inputs,
    sums,
    outputs,
    strides,
    rows,
    inner,
    columns,
    columns_a_split,
    scale,
    FN: tl.constexpr,
    THEN: tl.constexpr,
    COUNT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """COUNT sums a row. ``sums`` or ``outputs`` may be None; ``columns_a_split`` is a multiple of COLUMNS."""
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    first = tl.program_id(1) * columns_a_split
    totals = ()
    for _ in tl.static_range(COUNT):
        totals += (tl.zeros((ROWS, COLUMNS), tl.float32),)
    for start in range(first, tl.minimum(first + columns_a_split, columns), COLUMNS):
        k = tl.cast(start, tl.int64) + tl.arange(0, COLUMNS)
        mask = (j < inner)[:, None] & (k < columns)[None, :]
        values = _read(inputs, i, j, k, strides, mask, EVEN)
        if FN is not None:
            values = _tuple(FN(*values), COUNT)
        added = ()
        for n in tl.static_range(COUNT):
            added += (totals[n] + tl.where(mask, values[n], 0.0),)
        totals = added
    found = ()
    for n in tl.static_range(COUNT):
        found += (tl.sum(totals[n], axis=1) * scale,)
    row = i * inner + j
    if sums is not None:
        _write(sums, tl.cast(tl.program_id(1), tl.int64) * rows + row, found, j < inner)
    if outputs is not None:
        if THEN is not None:
            found = _tuple(THEN(*found), len(outputs))
        _write(outputs, row, found, j < inner)


@triton.jit
def reduce_maximum(
    inputs,
    sums,
    outputs,
    strides,
    rows,
    inner,
    columns,
    columns_a_split,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``inputs``: values, or maxima and their counts from a split; ``sums``: maxima and counts, in float32.

    A NaN is larger than every number, as it is for torch.
    """
    columns = even(columns, EVEN)
    i, j = place(tl.program_id(0), inner, ROWS)
    first = tl.program_id(1) * columns_a_split
    best = tl.full((ROWS, COLUMNS), float("-inf"), tl.float32)
    ties = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(first, tl.minimum(first + columns_a_split, columns), COLUMNS):
        k = tl.cast(start, tl.int64) + tl.arange(0, COLUMNS)
        mask = (j < inner)[:, None] & (k < columns)[None, :]
        values = _read(inputs, i, j, k, strides, mask, EVEN)
        weight = tl.where(mask, 1.0, 0.0)
        if len(inputs) == 2:
            weight = values[1]
        value = tl.where(mask, values[0], float("-inf"))
        larger = (value > best) | (value != value)
        ties = tl.where(larger, weight, tl.where(value == best, ties + weight, ties))
        best = tl.where((best != best) | ~larger, best, value)
    broken = tl.max((best != best).to(tl.int32), axis=1) > 0
    most = tl.where(broken, float("nan"), tl.max(best, axis=1))
    count = tl.sum(tl.where(best == most[:, None], ties, 0.0), axis=1)
    row = i * inner + j
    if sums is not None:
        _write(sums, tl.cast(tl.program_id(1), tl.int64) * rows + row, (most, count), j < inner)
    if outputs is not None:
        _write(outputs, row, (most,), j < inner)


@triton.jit
def spread_rows(
    inputs,
    sums,
    gradients,
    outputs,
    strides,
    inner,
    columns,
    scale,
    GRADIENT: tl.constexpr,
    THEN_GRADIENT: tl.constexpr,
    MAXIMUM: tl.constexpr,
    COUNT: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``outputs = GRADIENT(*inputs, *(scale * THEN_GRADIENT(*sums, *gradients)))``, shaped like the inputs.

    Strides: of ``inputs`` (None where GRADIENT reads nothing), then ``outputs``, then ``gradients``, which
    have one value a row, as ``sums`` has.
    """
    columns = even(columns, EVEN)
    steps = tl.cdiv(columns, COLUMNS)
    i, j = place(tl.program_id(0) // steps, inner, ROWS)
    k = tl.cast(tl.program_id(0) % steps, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    mask = (j < inner)[:, None] & (k < columns)[None, :]
    row = i * inner + j
    read: tl.constexpr = 0 if inputs is None else len(inputs)
    known = ()
    if sums is not None:
        for n in tl.static_range(len(sums)):
            known += (tl.load(sums[n] + row, mask=j < inner, other=1.0),)
    given = ()
    for n in tl.static_range(len(gradients)):
        at = row_offsets(i, j, strides, read + len(outputs) + n)
        given += (tl.load(gradients[n] + at, mask=j < inner, other=0.0).to(tl.float32),)
    if THEN_GRADIENT is not None:
        given = _tuple(THEN_GRADIENT(*known, *given), COUNT)
    wide = ()
    for n in tl.static_range(COUNT):
        wide += (tl.broadcast_to((given[n] * scale)[:, None], (ROWS, COLUMNS)),)
    if inputs is None:
        found = wide
    else:
        values = _read(inputs, i, j, k, strides, mask, EVEN)
        if MAXIMUM:
            chosen = values[0] == known[0][:, None]
            found = (tl.where(chosen, wide[0] / known[1][:, None], 0.0),)
        else:
            found = _tuple(GRADIENT(*values, *wide), len(outputs))
    for n in tl.static_range(len(outputs)):
        at = offsets(i, j, k, strides, read + n, EVEN)
        tl.store(outputs[n] + at, found[n].to(outputs[n].dtype.element_ty), mask=mask)
