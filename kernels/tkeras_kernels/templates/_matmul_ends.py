"""What comes before and after the matrix products of ``_matmul.py``.

``end`` is applied to a tile of sums: ``out = residual + dropout(EPILOGUE(total + bias))``, the order of a
transformer's ``x + dropout(dense(x))``. It saves the value before EPILOGUE in ``keep``, or with KEEP_OUTPUT
the one after it, which dropout and residual hide. Dropout saves its seed alone.

``differentiated`` is its reverse up to the sums: dropout again, then PROLOGUE, the derivative of EPILOGUE.

``finish``: ``end`` of the sum of ``parts`` (parts, rows, columns) in their order. ``differentiate``:
``differentiated`` of a whole gradient, for matrices so wide that computing it again in every tile costs
more than one pass over memory.
"""

import triton
import triton.language as tl

from ._random import kept


@triton.jit
def differentiated(
    value,
    saved,
    offsets,
    seed,
    thin_offsets,
    threshold,
    enlarge,
    mask,
    PROLOGUE: tl.constexpr,
    THIN: tl.constexpr,
):
    """``PROLOGUE(saved, dropout(value))`` where the mask is set, else zero, in the dtype of ``value``."""
    wide = value.to(tl.float32)
    if THIN:
        wide = tl.where(kept(seed, thin_offsets, threshold), wide * enlarge, 0.0)
    if PROLOGUE is not None:
        if saved is None:
            wide = PROLOGUE(wide)
        else:
            wide = PROLOGUE(tl.load(saved + offsets, mask=mask, other=0.0).to(tl.float32), wide)
    return tl.where(mask, wide, 0.0).to(value.dtype)


@triton.jit
def end(
    total,
    bias,
    residual,
    seed,
    out,
    keep,
    first,
    row,
    column,
    rows,
    columns,
    residual_row,
    threshold,
    enlarge,
    EPILOGUE: tl.constexpr,
    KEEP_OUTPUT: tl.constexpr,
    THIN: tl.constexpr,
):
    """Finish a tile and store it; ``first``: offset of its matrix in ``out``."""
    mask = (row < rows)[:, None] & (column < columns)[None, :]
    offsets = first + row[:, None] * columns + column[None, :]
    if bias is not None:
        total += tl.load(bias + column, mask=column < columns, other=0.0).to(tl.float32)[None, :]
    if keep is not None:  # noqa: SIM102 - tests made when compiling
        if not KEEP_OUTPUT:
            tl.store(keep + offsets, total.to(keep.dtype.element_ty), mask=mask)
    if EPILOGUE is not None:
        total = EPILOGUE(total)
    if keep is not None:  # noqa: SIM102
        if KEEP_OUTPUT:
            tl.store(keep + offsets, total.to(keep.dtype.element_ty), mask=mask)
    if THIN:
        total = tl.where(kept(seed, offsets, threshold), total * enlarge, 0.0)
    if residual is not None:
        beside = row[:, None] * residual_row + column[None, :]
        total += tl.load(residual + beside, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def finish(
    parts,
    bias,
    residual,
    seed,
    out,
    keep,
    rows,
    columns,
    count,
    residual_row,
    threshold,
    enlarge,
    EPILOGUE: tl.constexpr,
    KEEP_OUTPUT: tl.constexpr,
    THIN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    across = tl.cdiv(columns, COLUMNS)
    row = tl.cast(tl.program_id(0) // across, tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.cast(tl.program_id(0) % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    mask = (row < rows)[:, None] & (column < columns)[None, :]
    offsets = row[:, None] * columns + column[None, :]
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for part in range(count):
        total += tl.load(parts + tl.cast(part, tl.int64) * rows * columns + offsets, mask=mask, other=0.0)
    end(
        total, bias, residual, seed, out, keep, 0, row, column, rows, columns, residual_row, threshold,
        enlarge, EPILOGUE, KEEP_OUTPUT, THIN,
    )  # fmt: skip


@triton.jit
def differentiate(
    dy,
    saved,
    seed,
    out,
    size,
    threshold,
    enlarge,
    PROLOGUE: tl.constexpr,
    THIN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """``dy``, ``saved`` and ``out`` are contiguous, with ``size`` elements."""
    offsets = tl.cast(tl.program_id(0), tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < size
    value = tl.load(dy + offsets, mask=mask, other=0.0)
    result = differentiated(value, saved, offsets, seed, offsets, threshold, enlarge, mask, PROLOGUE, THIN)
    tl.store(out + offsets, result, mask=mask)
