"""Any pointwise function over broadcast inputs: ``outputs = FN(*inputs)``, element by element.

``inputs`` and ``outputs`` are tuples of pointers, ``FN`` is a leaf on float32 values. Values are widened on
load and narrowed on store. Nothing is saved here; the operator keeps what the derivative needs.

``map_flat`` serves arguments that all have the layout of the result: one row of ``size`` elements.
``map_rows`` serves broadcasting and gaps: the result is (outer, middle, inner, columns), contiguous, and
every input has four strides, 0 where it is broadcast. Only the row index is divided, once for each row of a
tile.
"""

import triton
import triton.language as tl


@triton.jit
def load(pointers, offsets, mask):
    """The values at ``offsets`` behind each pointer, as float32."""
    values = ()
    for i in tl.static_range(len(pointers)):
        values += (tl.load(pointers[i] + offsets, mask=mask, other=0.0).to(tl.float32),)
    return values


@triton.jit
def store(pointers, offsets, values, mask):
    """Store one value, or a tuple of them, behind the pointers."""
    if len(pointers) == 1:
        tl.store(pointers[0] + offsets, values.to(pointers[0].dtype.element_ty), mask=mask)
    else:
        for i in tl.static_range(len(pointers)):
            tl.store(pointers[i] + offsets, values[i].to(pointers[i].dtype.element_ty), mask=mask)


@triton.jit
def map_flat(inputs, outputs, size, FN: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr):
    """WIDE: offsets reach 2^31."""
    start = tl.program_id(0)
    if WIDE:
        start = tl.cast(start, tl.int64)
    offsets = start * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < size
    store(outputs, offsets, FN(*load(inputs, offsets, mask)), mask)


@triton.jit
def map_rows(
    inputs,
    outputs,
    strides,
    rows,
    columns,
    middle,
    inner,
    FN: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``strides``: outer, middle, inner and column stride of the first input, then of the next, in
    elements."""
    tile = tl.program_id(0)
    if WIDE:
        tile = tl.cast(tile, tl.int64)
    across = tl.cdiv(columns, COLUMNS)
    row = (tile // across) * ROWS + tl.arange(0, ROWS)
    column = (tile % across) * COLUMNS + tl.arange(0, COLUMNS)
    mask = (row < rows)[:, None] & (column < columns)[None, :]
    k = row % inner
    j = (row // inner) % middle
    i = row // inner // middle
    values = ()
    for n in tl.static_range(len(inputs)):
        along = i * strides[4 * n] + j * strides[4 * n + 1] + k * strides[4 * n + 2]
        offsets = along[:, None] + (column * strides[4 * n + 3])[None, :]
        values += (tl.load(inputs[n] + offsets, mask=mask, other=0.0).to(tl.float32),)
    store(outputs, row[:, None] * columns + column[None, :], FN(*values), mask)
