"""Matrix products with leaf functions around them.

``product``: ``out = EPILOGUE(PROLOGUE(saved, a) @ b + bias)`` with a (rows, inner), b (inner, columns), bias
(columns,), out (rows, columns). It is the forward of a dense layer, and with the derivative of the activation
as PROLOGUE and the kernel's strides exchanged the gradient of its input. ``before`` receives the value before
EPILOGUE where the derivative needs that; where it needs the output, out is what is saved.

``weight_gradient``: ``out = aᵀ @ dz`` and ``bias_out = sum(dz)`` with ``dz = PROLOGUE(saved, dy)``, a (rows,
inner), dy (rows, columns), out (splits, inner, columns), bias_out (splits, columns). Each split sums its own
range of rows; the caller adds the splits, in a fixed order, so no atomics and the same bits in every run.

Operands reach ``tl.dot`` in their own dtype and are added in float32. Offsets are int64: rows times columns
passes 2^31. Tiles outside a matrix load zeros, and PROLOGUE's result is masked again, since a derivative of
zeros may be anything. GROUP = 8 rows of tiles run together so that their columns of b stay in the L2 cache.
"""

import triton
import triton.language as tl


@triton.jit
def _tile(rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr, GROUP: tl.constexpr):
    """Row and column of this program's tile."""
    pid = tl.program_id(0)
    down = tl.cdiv(rows, ROWS)
    band = GROUP * tl.cdiv(columns, COLUMNS)
    first = (pid // band) * GROUP
    height = tl.minimum(down - first, GROUP)
    return first + (pid % band) % height, (pid % band) // height


@triton.jit
def _differentiated(value, saved, offsets, mask, PROLOGUE: tl.constexpr):
    """``PROLOGUE(saved, value)`` where the mask is set and zero elsewhere, in the dtype of ``value``."""
    wide = value.to(tl.float32)
    if saved is None:
        result = PROLOGUE(wide)
    else:
        result = PROLOGUE(tl.load(saved + offsets, mask=mask, other=0.0).to(tl.float32), wide)
    return tl.where(mask, result, 0.0).to(value.dtype)


@triton.jit
def product(
    a,
    saved,
    b,
    bias,
    out,
    before,
    rows,
    columns,
    inner,
    a_row,
    a_inner,
    saved_row,
    b_inner,
    b_column,
    PROLOGUE: tl.constexpr,
    EPILOGUE: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    """``saved`` (rows, inner) has unit column stride; ``out`` and ``before`` are contiguous; absent ones are
    None."""
    tile_row, tile_column = _tile(rows, columns, ROWS, COLUMNS, GROUP)
    row = tl.cast(tile_row, tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.cast(tile_column, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    step = tl.arange(0, INNER).to(tl.int64)
    a_offsets = row[:, None] * a_row + step[None, :] * a_inner
    saved_offsets = row[:, None] * saved_row + step[None, :]
    b_offsets = step[:, None] * b_inner + column[None, :] * b_column
    in_row = (row < rows)[:, None]
    in_column = (column < columns)[None, :]
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for start in range(0, inner, INNER):
        in_step = step < inner - start
        mask = in_row & in_step[None, :]
        left = tl.load(a + a_offsets, mask=mask, other=0.0)
        if PROLOGUE is not None:
            left = _differentiated(left, saved, saved_offsets, mask, PROLOGUE)
        right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column, other=0.0)
        total = tl.dot(left, right, total, input_precision=PRECISION)
        a_offsets += tl.cast(a_inner, tl.int64) * INNER
        saved_offsets += INNER
        b_offsets += tl.cast(b_inner, tl.int64) * INNER
    if bias is not None:
        total += tl.load(bias + column, mask=column < columns, other=0.0).to(tl.float32)[None, :]
    offsets = row[:, None] * columns + column[None, :]
    mask = in_row & in_column
    if before is not None:
        tl.store(before + offsets, total.to(before.dtype.element_ty), mask=mask)
    if EPILOGUE is not None:
        total = EPILOGUE(total)
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def weight_gradient(
    a,
    saved,
    dy,
    out,
    bias_out,
    rows,
    columns,
    inner,
    rows_a_split,
    a_row,
    a_inner,
    saved_row,
    dy_row,
    dy_column,
    PROLOGUE: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Here ROWS and COLUMNS tile ``out`` (inner, columns) and INNER steps through the rows of ``a`` and
    ``dy``.

    ``rows_a_split`` is a multiple of INNER. The programs of the first row of tiles write ``bias_out``.
    """
    tile_row, tile_column = _tile(inner, columns, ROWS, COLUMNS, GROUP)
    split = tl.cast(tl.program_id(1), tl.int64)
    across = tl.cast(tile_row, tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.cast(tile_column, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    first = split * rows_a_split
    step = first + tl.arange(0, INNER)
    a_offsets = across[:, None] * a_inner + step[None, :] * a_row
    saved_offsets = step[:, None] * saved_row + column[None, :]
    dy_offsets = step[:, None] * dy_row + column[None, :] * dy_column
    in_across = (across < inner)[:, None]
    in_column = (column < columns)[None, :]
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    sums = tl.zeros((INNER, COLUMNS), dtype=tl.float32)
    for start in range(0, rows_a_split, INNER):
        in_step = step < rows - start
        mask = in_step[:, None] & in_column
        left = tl.load(a + a_offsets, mask=in_across & in_step[None, :], other=0.0)
        right = tl.load(dy + dy_offsets, mask=mask, other=0.0)
        if PROLOGUE is not None:
            right = _differentiated(right, saved, saved_offsets, mask, PROLOGUE)
        total = tl.dot(left, right, total, input_precision=PRECISION)
        if bias_out is not None:
            sums += right.to(tl.float32)
        a_offsets += tl.cast(a_row, tl.int64) * INNER
        saved_offsets += tl.cast(saved_row, tl.int64) * INNER
        dy_offsets += tl.cast(dy_row, tl.int64) * INNER
    offsets = (split * inner + across)[:, None] * columns + column[None, :]
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=in_across & in_column)
    if bias_out is not None:  # noqa: SIM102 - the outer test is made when compiling
        if tile_row == 0:
            bias = tl.sum(sums, axis=0)
            tl.store(
                bias_out + split * columns + column, bias.to(bias_out.dtype.element_ty), mask=column < columns
            )
