"""Convolution as a matrix product whose left operand is gathered (implicit GEMM), channels last, up to three
spatial axes; fewer axes have size 1, which folds away when compiling.

``convolve``: ``out = EPILOGUE(gather(PROLOGUE(saved, a)) @ b + bias + residual)`` with a (batch, depth,
height, width, groups * inner) by its strides, b a kernel (taps, inner, columns) of one group by its strides,
out (batch, depth', height', width', groups * columns) contiguous. Row r of the gathered matrix is a pixel of
out, column (tap, channel) the element of ``a`` that this tap sees there, zero outside ``a``.

Along one axis the q-th pixel of out that a program row stands for is ``first + spread * q``, and its j-th tap
is tap ``start + cycle * j`` of the kernel and reads ``a`` at ``scale * q + origin + step * j``: see ``along``
in ``_conv_gather``. A convolution has spread = cycle = 1, scale = stride and step = dilation. Its gradient
with respect to the input, which is the transposed convolution, has spread = stride, scale = 1 and step =
-dilation / gcd(stride, dilation): pixels of the same remainder modulo the stride see the same taps (every
cycle-th), so each remainder is a phase with programs of its own (second axis of the grid, with the groups)
and no tap is tried in vain.

``before`` receives the value before EPILOGUE where the derivative needs that; where it needs the output, out
is what is saved. ``saved`` lies as ``a`` does, so that both share offsets. ``statistics`` (row tiles, 3,
groups * columns) receives count, mean and squared deviations of each tile as it is stored, for
``join_moments`` of ``_channel_norm``: the sums that a batch normalization begins with, without another pass
over the pixels.

``kernel_gradient``: ``out = gather(a)ᵀ @ dz`` and ``bias_out = sum(dz)`` with ``dz = PROLOGUE(saved, dy)``,
dy (rows, groups * columns) contiguous, out (splits, taps, inner, groups * columns), bias_out (splits, groups
* columns). Each split sums its own range of pixels; the caller adds the splits in a fixed order, so no
atomics and the same bits in every run.

FLAT walks (tap, channel) as one axis, for fewer channels than the 16 that ``tl.dot`` takes at least: a first
layer of 3 channels then wastes nothing. Otherwise a step stays inside one tap, its address is one scalar
added to the row's, and channels are read 16 bytes at a time. WIDE: offsets reach 2^31. GROUP = 8 rows of
tiles run together so that their columns of b stay in the L2 cache. Operands reach ``tl.dot`` in their own
dtype and are added in float32; PROLOGUE's result is masked again, since a derivative of zeros may be
anything.
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
    store_moments,
    taps_at,
    target_pixel,
    window_offsets,
)
from ._matmul import tile_at


@triton.jit
def convolve(
    a,
    saved,
    b,
    bias,
    residual,
    out,
    before,
    statistics,
    strides,
    axes,
    batch,
    rows,
    inner,
    columns,
    groups,
    b_tap,
    b_inner,
    b_column,
    b_group,
    PROLOGUE: tl.constexpr,
    EPILOGUE: tl.constexpr,
    PRECISION: tl.constexpr,
    FLAT: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    """``rows``: pixels of the largest phase. Absent tensors are None."""
    count = axes[6] * axes[16] * axes[26]
    group = tl.program_id(1) // count
    d, h, w = phases(axes, tl.program_id(1) % count)
    tile_row, tile_column = tile_at(tl.program_id(0), rows, columns, ROWS, COLUMNS, GROUP)
    if WIDE:
        tile_row = tl.cast(tile_row, tl.int64)
        group = tl.cast(group, tl.int64)
    here = batch * d[1] * h[1] * w[1]
    row = tile_row * ROWS + tl.arange(0, ROWS)
    column = tile_column * COLUMNS + tl.arange(0, COLUMNS)
    in_row = row < here
    in_column = column < columns
    n, x, y, z = pixel(row, d[1], h[1], w[1])
    a_z = z * axes[3] + d[4]
    a_y = y * axes[13] + h[4]
    a_x = x * axes[23] + w[4]
    base = n * strides[0] + offset(a_z, a_y, a_x, strides, WIDE) + group * inner * strides[4]
    b_base = group * b_group + column * b_column
    step = tl.arange(0, INNER)
    # A tile past the end of a short phase multiplies nothing.
    taps = tl.where(tile_row * ROWS < here, d[3] * h[3] * w[3], 0)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    if FLAT:
        for start in range(0, taps * inner, INNER):
            tap = (start + step) // inner
            channel = (start + step) % inner
            j_z, j_y, j_x = taps_at(tap, h, w)
            see_z = a_z[:, None] + (j_z * axes[4])[None, :]
            see_y = a_y[:, None] + (j_y * axes[14])[None, :]
            see_x = a_x[:, None] + (j_x * axes[24])[None, :]
            in_step = tap < taps
            mask = inside(see_z, see_y, see_x, axes) & in_row[:, None] & in_step[None, :]
            move = offset(j_z * axes[4], j_y * axes[14], j_x * axes[24], strides, WIDE)
            offsets = base[:, None] + (move + channel * strides[4])[None, :]
            left = tl.load(a + offsets, mask=mask, other=0.0)
            if PROLOGUE is not None:
                left = differentiated(left, saved, offsets, mask, PROLOGUE)
            number = number_of(j_z, j_y, j_x, d, h, w, axes, WIDE)
            b_offsets = (number * b_tap + channel * b_inner)[:, None] + b_base[None, :]
            right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column[None, :], other=0.0)
            total = tl.dot(left, right, total, input_precision=PRECISION)
    else:
        blocks = tl.cdiv(inner, INNER)
        for index in range(taps * blocks):
            tap = index // blocks
            channel = (index % blocks) * INNER + step
            j_z, j_y, j_x = taps_at(tap, h, w)
            seen = inside(a_z + j_z * axes[4], a_y + j_y * axes[14], a_x + j_x * axes[24], axes)
            in_step = channel < inner
            mask = (seen & in_row)[:, None] & in_step[None, :]
            move = offset(j_z * axes[4], j_y * axes[14], j_x * axes[24], strides, WIDE)
            offsets = (base + move)[:, None] + (channel * strides[4])[None, :]
            left = tl.load(a + offsets, mask=mask, other=0.0)
            if PROLOGUE is not None:
                left = differentiated(left, saved, offsets, mask, PROLOGUE)
            number = number_of(j_z, j_y, j_x, d, h, w, axes, WIDE)
            b_offsets = (number * b_tap + channel * b_inner)[:, None] + b_base[None, :]
            right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column[None, :], other=0.0)
            total = tl.dot(left, right, total, input_precision=PRECISION)
    across = group * columns + column
    offsets = target_pixel(n, z, y, x, d, h, w, axes)[:, None] * (groups * columns) + across[None, :]
    mask = in_row[:, None] & in_column[None, :]
    total = ended(total, bias, residual, before, across, in_column, offsets, mask)
    if statistics is not None:
        value = total.to(out.dtype.element_ty).to(tl.float32)
        at = statistics + tile_row * 3 * groups * columns + across
        store_moments(value, tl.minimum(here - tile_row * ROWS, ROWS), mask, at, groups * columns, in_column)
    if EPILOGUE is not None:
        total = EPILOGUE(total)
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def kernel_gradient(
    a,
    saved,
    dy,
    out,
    bias_out,
    strides,
    axes,
    rows,
    inner,
    columns,
    groups,
    rows_a_split,
    PROLOGUE: tl.constexpr,
    PRECISION: tl.constexpr,
    FLAT: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Here ROWS and COLUMNS tile the kernel, (tap, channel) by columns, and INNER steps through the pixels.

    ``rows`` counts the pixels of ``dy``; ``rows_a_split`` is a multiple of INNER. The programs of the first
    row of tiles write ``bias_out``.
    """
    taps = axes[2] * axes[12] * axes[22]
    blocks = tl.cdiv(inner, ROWS)
    if FLAT:
        down = taps * inner
    else:
        down = taps * blocks * ROWS
    tile_row, tile_column = tile_at(tl.program_id(0), down, columns, ROWS, COLUMNS, GROUP)
    group = tl.program_id(1) % groups
    split = tl.program_id(1) // groups
    if WIDE:
        group = tl.cast(group, tl.int64)
        split = tl.cast(split, tl.int64)
    column = tile_column * COLUMNS + tl.arange(0, COLUMNS)
    across = group * columns + column
    in_column = column < columns
    if FLAT:
        number = tile_row * ROWS + tl.arange(0, ROWS)
        tap = number // inner
        channel = number % inner
        in_inner = tap < taps
    else:
        tap = tile_row // blocks
        channel = (tile_row % blocks) * ROWS + tl.arange(0, ROWS)
        in_inner = channel < inner
    j_z, j_y, j_x = window_offsets(tap, axes)
    first = split * rows_a_split
    step = tl.arange(0, INNER)
    total = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    sums = tl.zeros((INNER, COLUMNS), dtype=tl.float32)
    channel_offsets = group * inner * strides[4] + channel * strides[4]
    if FLAT:
        channel_offsets += offset(j_z, j_y, j_x, strides, WIDE)
    for start in range(0, rows_a_split, INNER):
        row = first + start + step
        in_row = row < rows
        n, x, y, z = pixel(row, axes[1], axes[11], axes[21])
        a_z = z * axes[3]
        a_y = y * axes[13]
        a_x = x * axes[23]
        if FLAT:
            see_z = j_z[:, None] + a_z[None, :]
            see_y = j_y[:, None] + a_y[None, :]
            see_x = j_x[:, None] + a_x[None, :]
            seen = inside(see_z, see_y, see_x, axes) & in_row[None, :]
        else:
            a_z += j_z
            a_y += j_y
            a_x += j_x
            seen = (inside(a_z, a_y, a_x, axes) & in_row)[None, :]
        offsets = channel_offsets[:, None] + (n * strides[0] + offset(a_z, a_y, a_x, strides, WIDE))[None, :]
        left = tl.load(a + offsets, mask=in_inner[:, None] & seen, other=0.0)
        dy_offsets = row[:, None] * (groups * columns) + across[None, :]
        mask = in_row[:, None] & in_column[None, :]
        right = tl.load(dy + dy_offsets, mask=mask, other=0.0)
        if PROLOGUE is not None:
            right = differentiated(right, saved, dy_offsets, mask, PROLOGUE)
        total = tl.dot(left, right, total, input_precision=PRECISION)
        if bias_out is not None:
            sums += right.to(tl.float32)
    offsets = ((split * taps + tap) * inner + channel)[:, None] * (groups * columns) + across[None, :]
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=in_inner[:, None] & in_column[None, :])
    if bias_out is not None:  # noqa: SIM102 - the outer test is made when compiling
        if tile_row == 0:
            bias = tl.sum(sums, axis=0)
            to = bias_out + split * (groups * columns) + across
            tl.store(to, bias.to(bias_out.dtype.element_ty), mask=in_column)
