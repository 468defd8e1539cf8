"""Convolution of every channel by itself, channels last, up to three spatial axes: no matrix product.

``depthwise``: ``out[p, q] = EPILOGUE(sum over taps t of PROLOGUE(saved, a)[p seen through t, c] * b[t, r] +
bias[q] + residual[p, q])`` with a (batch, depth, height, width, channels of a) by its strides, b (taps,
channels * multiplier) contiguous, out (batch, depth', height', width', columns) contiguous. Forward, out has
columns = channels * multiplier and c = q // multiplier, r = q. BACK, the gradient of the input, out has
columns = channels, and the sum runs over the multiplier results c = r = q * multiplier + m of a channel as
well. Pixels, taps and phases of a stride are those of ``_conv``. ``before`` and ``saved`` too.

``depthwise_kernel_gradient``: ``out[split, t, q] = sum over pixels p of a[p seen through t, c] * dz[p, q]``
and ``bias_out[split, q]`` with ``dz = PROLOGUE(saved, dy)``, dy (rows, columns) contiguous. A program takes
one tap, so that it holds one tile of sums; the taps of a tile run side by side and find dy in the L2 cache.
The caller adds the splits, in a fixed order.

Everything is added in float32; a program holds ROWS pixels of COLUMNS channels, COLUMNS running along memory.
"""

import triton
import triton.language as tl

from ._conv_gather import (
    differentiated,
    ended,
    inside,
    number_of,
    offset,
    phases,
    pixel,
    taps_at,
    target_pixel,
    window_offsets,
)


@triton.jit
def depthwise(
    a,
    saved,
    b,
    bias,
    residual,
    out,
    before,
    strides,
    axes,
    batch,
    columns,
    multiplier,
    PROLOGUE: tl.constexpr,
    EPILOGUE: tl.constexpr,
    BACK: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    d, h, w = phases(axes, tl.program_id(1))
    across = tl.cdiv(columns, COLUMNS)
    tile_row = tl.program_id(0) // across
    column = (tl.program_id(0) % across) * COLUMNS + tl.arange(0, COLUMNS)
    if WIDE:
        tile_row = tl.cast(tile_row, tl.int64)
    here = batch * d[1] * h[1] * w[1]
    row = tile_row * ROWS + tl.arange(0, ROWS)
    in_row = row < here
    in_column = column < columns
    n, x, y, z = pixel(row, d[1], h[1], w[1])
    a_z = z * axes[3] + d[4]
    a_y = y * axes[13] + h[4]
    a_x = x * axes[23] + w[4]
    base = n * strides[0] + offset(a_z, a_y, a_x, strides, WIDE)
    if BACK:
        terms = multiplier
        channel = column * multiplier
        length = columns * multiplier
    else:
        terms = 1
        channel = column // multiplier
        length = columns
    taps = tl.where(tile_row * ROWS < here, d[3] * h[3] * w[3], 0)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for index in range(taps * terms):
        tap = index // terms
        term = index % terms
        j_z, j_y, j_x = taps_at(tap, h, w)
        seen = inside(a_z + j_z * axes[4], a_y + j_y * axes[14], a_x + j_x * axes[24], axes)
        mask = (seen & in_row)[:, None] & in_column[None, :]
        move = offset(j_z * axes[4], j_y * axes[14], j_x * axes[24], strides, WIDE)
        offsets = (base + move)[:, None] + ((channel + term) * strides[4])[None, :]
        left = tl.load(a + offsets, mask=mask, other=0.0)
        if PROLOGUE is not None:
            left = differentiated(left, saved, offsets, mask, PROLOGUE)
        number = number_of(j_z, j_y, j_x, d, h, w, axes, WIDE)
        if BACK:
            weight = number * length + channel + term
        else:
            weight = number * length + column
        right = tl.load(b + weight, mask=in_column, other=0.0)
        total += left.to(tl.float32) * right.to(tl.float32)[None, :]
    offsets = target_pixel(n, z, y, x, d, h, w, axes)[:, None] * columns + column[None, :]
    mask = in_row[:, None] & in_column[None, :]
    total = ended(total, bias, residual, before, column, in_column, offsets, mask)
    if EPILOGUE is not None:
        total = EPILOGUE(total)
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def depthwise_kernel_gradient(
    a,
    saved,
    dy,
    out,
    bias_out,
    strides,
    axes,
    rows,
    columns,
    multiplier,
    rows_a_split,
    PROLOGUE: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``rows_a_split`` is a multiple of ROWS; the programs of the first tap write ``bias_out``."""
    taps = axes[2] * axes[12] * axes[22]
    tap = tl.program_id(0) % taps
    split = tl.program_id(1)
    if WIDE:
        split = tl.cast(split, tl.int64)
    column = (tl.program_id(0) // taps) * COLUMNS + tl.arange(0, COLUMNS)
    in_column = column < columns
    j_z, j_y, j_x = window_offsets(tap, axes)
    channel = (column // multiplier) * strides[4]
    first = split * rows_a_split
    step = tl.arange(0, ROWS)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    sums = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for start in range(0, rows_a_split, ROWS):
        row = first + start + step
        in_row = row < rows
        n, x, y, z = pixel(row, axes[1], axes[11], axes[21])
        a_z = z * axes[3] + j_z
        a_y = y * axes[13] + j_y
        a_x = x * axes[23] + j_x
        offsets = (n * strides[0] + offset(a_z, a_y, a_x, strides, WIDE))[:, None] + channel[None, :]
        seen = inside(a_z, a_y, a_x, axes) & in_row
        left = tl.load(a + offsets, mask=seen[:, None] & in_column[None, :], other=0.0)
        dy_offsets = row[:, None] * columns + column[None, :]
        mask = in_row[:, None] & in_column[None, :]
        right = tl.load(dy + dy_offsets, mask=mask, other=0.0)
        if PROLOGUE is not None:
            right = differentiated(right, saved, dy_offsets, mask, PROLOGUE)
        total += left.to(tl.float32) * right.to(tl.float32)
        if bias_out is not None:
            sums += right.to(tl.float32)
    place = (split * taps + tap) * columns + column
    tl.store(out + place, tl.sum(total, axis=0).to(out.dtype.element_ty), mask=in_column)
    if bias_out is not None:  # noqa: SIM102 - the outer test is made when compiling
        if tap == 0:
            bias = tl.sum(sums, axis=0).to(bias_out.dtype.element_ty)
            tl.store(bias_out + split * columns + column, bias, mask=in_column)
