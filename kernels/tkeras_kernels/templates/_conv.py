"""Convolution as a matrix product whose left operand is gathered (implicit GEMM), channels last, up to three
spatial axes; fewer axes have size 1, which folds away when compiling.

``convolve``: ``out = EPILOGUE(gather(PROLOGUE(saved, a)) @ b + bias + residual)`` with a (batch, depth,
height, width, groups * inner) by its strides, b a kernel (taps, inner, columns) of one group by its strides,
out (batch, depth', height', width', groups * columns) contiguous. Row r of the gathered matrix is a pixel of
out, column (tap, channel) the element of ``a`` that this tap sees there, zero outside ``a``.

Along one axis the q-th pixel of out that a program row stands for is ``first + spread * q``, and its j-th tap
is tap ``start + cycle * j`` of the kernel and reads ``a`` at ``scale * q + origin + step * j``: see
``along``. A convolution has spread = cycle = 1, scale = stride and step = dilation. Its gradient with respect
to the input, which is the transposed convolution, has spread = stride, scale = 1 and step = -dilation /
gcd(stride, dilation): pixels of the same remainder modulo the stride see the same taps (every cycle-th), so
each remainder is a phase with programs of its own (second axis of the grid, with the groups) and no tap is
tried in vain.

``before`` receives the value before EPILOGUE where the derivative needs that; where it needs the output, out
is what is saved. ``saved`` lies as ``a`` does, so that both share offsets. ``statistics`` (2, row tiles,
groups * columns) receives mean and sum of squared deviations of the rows of each tile as they are stored.

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

from ._matmul import _differentiated, _tile


@triton.jit
def along(axes, FIRST: tl.constexpr, phase):
    """(first pixel, pixels, first tap, taps, origin) of a phase; ``axes`` as ``operators/_conv_plan`` makes
    it.

    ``phase = u + cycle * v``: tap u sees pixels of the remainder ``u * dilation - shift``; no tap sees those
    v > 0 beside them.
    """
    target = axes[FIRST + 1]
    spread = axes[FIRST + 6]
    cycle = axes[FIRST + 7]
    u = phase % cycle
    v = phase // cycle
    first = (u * axes[FIRST + 8] + v + axes[FIRST + 9]) % spread
    pixels = (target - first + spread - 1) // spread
    taps = tl.where(v == 0, (axes[FIRST + 2] - u + cycle - 1) // cycle, 0)
    origin = (first + axes[FIRST + 5] - u * axes[FIRST + 8]) // spread
    return first, pixels, u, taps, origin


@triton.jit
def phases(axes, which):
    """``along`` for the three axes of a phase of the whole."""
    d = along(axes, 0, which // (axes[16] * axes[26]))
    h = along(axes, 10, (which // axes[26]) % axes[16])
    w = along(axes, 20, which % axes[26])
    return d, h, w


@triton.jit
def pixel(row, depth, height, width):
    """(image, z, y, x) of a row; the coordinates fit int32 whatever the row."""
    x = row % width
    y = (row // width) % height
    z = (row // width // height) % depth
    return row // width // height // depth, x.to(tl.int32), y.to(tl.int32), z.to(tl.int32)


@triton.jit
def offset(z, y, x, strides, WIDE: tl.constexpr):
    """Elements from the first pixel of an image to (z, y, x)."""
    if WIDE:
        z = tl.cast(z, tl.int64)
        y = tl.cast(y, tl.int64)
        x = tl.cast(x, tl.int64)
    return z * strides[1] + y * strides[2] + x * strides[3]


@triton.jit
def inside(z, y, x, axes):
    """Whether (z, y, x) is a pixel of ``a``."""
    return (z >= 0) & (z < axes[0]) & (y >= 0) & (y < axes[10]) & (x >= 0) & (x < axes[20])


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
    tile_row, tile_column = _tile(rows, columns, ROWS, COLUMNS, GROUP)
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
            j_x = tap % w[3]
            j_y = (tap // w[3]) % h[3]
            j_z = tap // w[3] // h[3]
            see_z = a_z[:, None] + (j_z * axes[4])[None, :]
            see_y = a_y[:, None] + (j_y * axes[14])[None, :]
            see_x = a_x[:, None] + (j_x * axes[24])[None, :]
            in_step = tap < taps
            mask = inside(see_z, see_y, see_x, axes) & in_row[:, None] & in_step[None, :]
            move = offset(j_z * axes[4], j_y * axes[14], j_x * axes[24], strides, WIDE)
            offsets = base[:, None] + (move + channel * strides[4])[None, :]
            left = tl.load(a + offsets, mask=mask, other=0.0)
            if PROLOGUE is not None:
                left = _differentiated(left, saved, offsets, mask, PROLOGUE)
            number = ((d[2] + j_z * axes[7]) * axes[12] + h[2] + j_y * axes[17]) * axes[22]
            number += w[2] + j_x * axes[27]
            if WIDE:
                number = tl.cast(number, tl.int64)
            b_offsets = (number * b_tap + channel * b_inner)[:, None] + b_base[None, :]
            right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column[None, :], other=0.0)
            total = tl.dot(left, right, total, input_precision=PRECISION)
    else:
        blocks = tl.cdiv(inner, INNER)
        for index in range(taps * blocks):
            tap = index // blocks
            channel = (index % blocks) * INNER + step
            j_x = tap % w[3]
            j_y = (tap // w[3]) % h[3]
            j_z = tap // w[3] // h[3]
            seen = inside(a_z + j_z * axes[4], a_y + j_y * axes[14], a_x + j_x * axes[24], axes)
            in_step = channel < inner
            mask = (seen & in_row)[:, None] & in_step[None, :]
            move = offset(j_z * axes[4], j_y * axes[14], j_x * axes[24], strides, WIDE)
            offsets = (base + move)[:, None] + (channel * strides[4])[None, :]
            left = tl.load(a + offsets, mask=mask, other=0.0)
            if PROLOGUE is not None:
                left = _differentiated(left, saved, offsets, mask, PROLOGUE)
            number = ((d[2] + j_z * axes[7]) * axes[12] + h[2] + j_y * axes[17]) * axes[22]
            number += w[2] + j_x * axes[27]
            if WIDE:
                number = tl.cast(number, tl.int64)
            b_offsets = (number * b_tap + channel * b_inner)[:, None] + b_base[None, :]
            right = tl.load(b + b_offsets, mask=in_step[:, None] & in_column[None, :], other=0.0)
            total = tl.dot(left, right, total, input_precision=PRECISION)
    across = group * columns + column
    if bias is not None:
        total += tl.load(bias + across, mask=in_column, other=0.0).to(tl.float32)[None, :]
    place = (n * axes[1] + z * axes[6] + d[0]) * axes[11] + y * axes[16] + h[0]
    place = place * axes[21] + x * axes[26] + w[0]
    offsets = place[:, None] * (groups * columns) + across[None, :]
    mask = in_row[:, None] & in_column[None, :]
    if residual is not None:
        total += tl.load(residual + offsets, mask=mask, other=0.0).to(tl.float32)
    if before is not None:
        tl.store(before + offsets, total.to(before.dtype.element_ty), mask=mask)
    if statistics is not None:
        value = total.to(out.dtype.element_ty).to(tl.float32)
        number = tl.minimum(here - tile_row * ROWS, ROWS).to(tl.float32)
        mean = tl.sum(tl.where(mask, value, 0.0), axis=0) / number
        away = tl.where(mask, value - mean[None, :], 0.0)
        tile = tile_row * (groups * columns) + across
        tl.store(statistics + tile, mean, mask=in_column)
        tiles = tl.cdiv(rows, ROWS)
        tl.store(statistics + tiles * (groups * columns) + tile, tl.sum(away * away, axis=0), mask=in_column)
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
    tile_row, tile_column = _tile(down, columns, ROWS, COLUMNS, GROUP)
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
    j_x = (tap % axes[22]) * axes[24] + axes[25]
    j_y = (tap // axes[22] % axes[12]) * axes[14] + axes[15]
    j_z = (tap // axes[22] // axes[12]) * axes[4] + axes[5]
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
            right = _differentiated(right, saved, dy_offsets, mask, PROLOGUE)
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
