"""Matrix products with leaf functions around them.

``product``: ``out = END(START(saved, a) @ b)`` with a (batches, rows, inner), b (batches, inner, columns),
out (splits, batches, rows, columns). END is ``end`` of ``_matmul_ends.py``: bias, activation, dropout,
residual. START is dropout of ``a`` and then PROLOGUE, the derivative of an activation. It is the forward of
a dense layer, with START and the kernel's strides exchanged the gradient of its input, and with a batch the
product of two stacks of matrices. With several splits each sums its own part of ``inner`` and ``finish``
adds them and applies END. What the derivative needs is saved in ``keep``, unless it is the output.

``weight_gradient``: ``out = aᵀ @ dz`` and ``bias_out = sum(dz)`` with ``dz = START(saved, dy)``, a (rows,
inner), dy (rows, columns), out (splits, inner, columns), bias_out (splits, columns). Each split sums its
own range of rows; the caller adds the splits, in a fixed order, so no atomics and the same bits in every
run.

Operands reach ``tl.dot`` in their own dtype and are added in float32. Offsets are int64: rows times columns
passes 2^31. Tiles outside a matrix load zeros, and PROLOGUE's result is masked again, since a derivative of
zeros may be anything. GROUP = 8 rows of tiles run together so that their columns of b stay in the L2 cache.
Sizes of tiles: ``_tiles.py``.
"""

import triton
import triton.language as tl

from ._matmul_ends import differentiated, end


@triton.jit
def tile_at(place, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr, GROUP: tl.constexpr):
    """Row and column of the tile that comes ``place``-th."""
    down = tl.cdiv(rows, ROWS)
    band = GROUP * tl.cdiv(columns, COLUMNS)
    first = (place // band) * GROUP
    height = tl.minimum(down - first, GROUP)
    return first + (place % band) % height, (place % band) // height


@triton.jit
def product(
    a,
    saved,
    b,
    bias,
    residual,
    seed,
    out,
    keep,
    rows,
    columns,
    inner,
    inner_a_split,
    a_batch,
    a_row,
    a_inner,
    saved_row,
    b_batch,
    b_inner,
    b_column,
    residual_row,
    threshold,
    enlarge,
    PROLOGUE: tl.constexpr,
    EPILOGUE: tl.constexpr,
    KEEP_OUTPUT: tl.constexpr,
    THIN_A: tl.constexpr,
    THIN_OUT: tl.constexpr,
    STACKED: tl.constexpr,
    SPLIT: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    """``saved`` (rows, inner) has unit column stride, as has ``residual``; ``out`` and ``keep`` are
    contiguous; absent ones are None.

    THIN_A drops out of ``a``, THIN_OUT of the output. STACKED: there is more than one matrix, SPLIT:
    more than one split, of ``inner_a_split`` each, a multiple of INNER.
    """
    place = tl.program_id(0)
    first = tl.cast(0, tl.int64)
    if STACKED:
        tiles = tl.cdiv(rows, ROWS) * tl.cdiv(columns, COLUMNS)
        batch = tl.cast(place // tiles, tl.int64)
        place = place % tiles
        a += batch * a_batch
        b += batch * b_batch
        first += batch * rows * columns
    tile_row, tile_column = tile_at(place, rows, columns, ROWS, COLUMNS, GROUP)
    row = tl.cast(tile_row, tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.cast(tile_column, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    step = tl.arange(0, INNER).to(tl.int64)
    if SPLIT:
        split = tl.cast(tl.program_id(1), tl.int64)
        step += split * inner_a_split
        batches = tl.num_programs(0) // (tl.cdiv(rows, ROWS) * tl.cdiv(columns, COLUMNS))
        first += split * batches * rows * columns
    a_offsets = row[:, None] * a_row + step[None, :] * a_inner
    saved_offsets = row[:, None] * saved_row + step[None, :]
    thin_offsets = row[:, None] * inner + step[None, :]
    b_offsets = step[:, None] * b_inner + column[None, :] * b_column
    in_row = (row < rows)[:, None]
    in_column = (column < columns)[None, :]
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for start in range(0, inner_a_split, INNER):
        in_step = step < inner - start
        mask = in_row & in_step[None, :]
        left = tl.load(a + a_offsets, mask=mask, other=0.0)
        if PROLOGUE is not None or THIN_A:
            left = differentiated(
                left, saved, saved_offsets, seed, thin_offsets, threshold, enlarge, mask, PROLOGUE, THIN_A
            )
        right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column, other=0.0)
        total = tl.dot(left, right, total, input_precision=PRECISION)
        a_offsets += tl.cast(a_inner, tl.int64) * INNER
        saved_offsets += INNER
        thin_offsets += INNER
        b_offsets += tl.cast(b_inner, tl.int64) * INNER
    end(
        total, bias, residual, seed, out, keep, first, row, column, rows, columns, residual_row, threshold,
        enlarge, EPILOGUE, KEEP_OUTPUT, THIN_OUT,
    )  # fmt: skip


@triton.jit
def weight_gradient(
    a,
    saved,
    dy,
    seed,
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
    threshold,
    enlarge,
    PROLOGUE: tl.constexpr,
    THIN: tl.constexpr,
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
    tile_row, tile_column = tile_at(tl.program_id(0), inner, columns, ROWS, COLUMNS, GROUP)
    split = tl.cast(tl.program_id(1), tl.int64)
    across = tl.cast(tile_row, tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.cast(tile_column, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    first = split * rows_a_split
    step = first + tl.arange(0, INNER)
    a_offsets = across[:, None] * a_inner + step[None, :] * a_row
    saved_offsets = step[:, None] * saved_row + column[None, :]
    thin_offsets = step[:, None] * columns + column[None, :]
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
        if PROLOGUE is not None or THIN:
            right = differentiated(
                right, saved, saved_offsets, seed, thin_offsets, threshold, enlarge, mask, PROLOGUE, THIN
            )
        total = tl.dot(left, right, total, input_precision=PRECISION)
        if bias_out is not None:
            sums += right.to(tl.float32)
        a_offsets += tl.cast(a_row, tl.int64) * INNER
        saved_offsets += tl.cast(saved_row, tl.int64) * INNER
        thin_offsets += tl.cast(columns, tl.int64) * INNER
        dy_offsets += tl.cast(dy_row, tl.int64) * INNER
    offsets = (split * inner + across)[:, None] * columns + column[None, :]
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=in_across & in_column)
    if bias_out is not None:  # noqa: SIM102 - the outer test is made when compiling
        if tile_row == 0:
            bias = tl.sum(sums, axis=0)
            tl.store(
                bias_out + split * columns + column, bias.to(bias_out.dtype.element_ty), mask=column < columns
            )
