"""Matrix products by programs that stay, with operands fetched by TMA.

``product_persistent`` computes what ``product`` of ``_matmul.py`` does without START, batches and splits:
``out = END(a @ b)`` with a (rows, inner) and b (inner, columns) as tensor descriptors of the host, whose
blocks are (ROWS, INNER) and (INNER, COLUMNS). There are as many programs as multiprocessors; each takes
every so-many-th tile, so that a tile's END overlaps with the loads of the next. Parts of a block outside a
matrix arrive as zeros.

TMA wants rows of 16-byte multiples, 16-byte aligned, with unit stride within them: the launch checks it.
The kernel exists for sm_90 and later, and is used where a row of the tile table says ``persistent``: none
does until one has been timed.
"""

import triton
import triton.language as tl

from ._matmul import tile_at
from ._matmul_ends import end


@triton.jit
def product_persistent(
    a,
    b,
    bias,
    residual,
    seed,
    out,
    keep,
    rows,
    columns,
    inner,
    residual_row,
    threshold,
    enlarge,
    EPILOGUE: tl.constexpr,
    KEEP_OUTPUT: tl.constexpr,
    THIN_OUT: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    tiles = tl.cdiv(rows, ROWS) * tl.cdiv(columns, COLUMNS)
    for place in tl.range(tl.program_id(0), tiles, tl.num_programs(0), flatten=True):
        tile_row, tile_column = tile_at(place, rows, columns, ROWS, COLUMNS, GROUP)
        total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
        for start in range(0, inner, INNER):
            left = a.load([tile_row * ROWS, start])
            right = b.load([start, tile_column * COLUMNS])
            total = tl.dot(left, right, total, input_precision=PRECISION)
        row = tl.cast(tile_row, tl.int64) * ROWS + tl.arange(0, ROWS)
        column = tl.cast(tile_column, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
        end(
            total, bias, residual, seed, out, keep, 0, row, column, rows, columns, residual_row, threshold,
            enlarge, EPILOGUE, KEEP_OUTPUT, THIN_OUT,
        )  # fmt: skip
