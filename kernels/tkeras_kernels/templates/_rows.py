"""Where rows lie in memory, for every template that works row by row.

A tensor is seen as (outer, inner, columns), with a stride each in elements; a row is one (outer, inner), and
what is reduced is columns. A softmax over the last axis has one outer and unit column stride, one over the
channels of (N, C, H, W) has N outers, H W inners of unit stride and C columns. A tile is ROWS rows of one
outer, so that its memory runs without gaps along whichever of the two axes has unit stride.

EVEN is a power of two that divides columns and the strides between rows where memory runs along the rows,
else 1. Triton knows of divisibility by 16 alone, which rows of 1000 lack; 8 makes 16-byte loads of them.

Values that are one a row are indexed by outer · inner + the inner index. Offsets are int64: outer times its
stride passes 2^31.
"""

import triton
import triton.language as tl


@triton.jit
def place(tile, inner, ROWS: tl.constexpr):
    """The outer index of a tile, and the inner indices (ROWS,) of its rows, which may reach beyond
    ``inner``."""
    across = tl.cdiv(inner, ROWS)
    i = tl.cast(tile // across, tl.int64)
    j = tl.cast(tile % across, tl.int64) * ROWS + tl.arange(0, ROWS)
    return i, j


@triton.jit
def even(value, EVEN: tl.constexpr):
    """``value``, a multiple of EVEN, in a form that shows it; ``tl.multiple_of`` is lost on an argument."""
    if EVEN > 1:
        return value // EVEN * EVEN
    else:
        return value


@triton.jit
def offsets(i, j, k, strides, n: tl.constexpr, EVEN: tl.constexpr):
    """Offsets (ROWS, COLUMNS) into the tensor whose strides are the n-th three."""
    along = even(i * strides[3 * n] + j * strides[3 * n + 1], EVEN)
    return along[:, None] + (k * strides[3 * n + 2])[None, :]


@triton.jit
def row_offsets(i, j, strides, n: tl.constexpr):
    """Offsets (ROWS,) into a tensor of one value a row whose strides are the n-th three."""
    return i * strides[3 * n] + j * strides[3 * n + 1]
