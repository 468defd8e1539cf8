"""What the convolution templates share: which pixels and taps a program walks, and how its results end.

``axes`` holds ten numbers for each of three axes, as ``operators/_conv_plan`` makes them: 0 source (size of
what is read), 1 target (size of what is made), 2 window, 3 scale, 4 step, 5 shift, 6 spread, 7 cycle, 8
dilation, 9 lead. ``d``, ``h`` and ``w`` are ``along`` of the axes: 0 first pixel, 1 pixels, 2 first tap, 3
taps, 4 origin. ``strides`` are those of the five axes of what is read.
"""

import triton
import triton.language as tl


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
def taps_at(tap, h, w):
    """The place of a phase's ``tap``-th tap along each axis."""
    return tap // w[3] // h[3], (tap // w[3]) % h[3], tap % w[3]


@triton.jit
def number_of(j_z, j_y, j_x, d, h, w, axes, WIDE: tl.constexpr):
    """Which tap of the kernel that is."""
    number = ((d[2] + j_z * axes[7]) * axes[12] + h[2] + j_y * axes[17]) * axes[22] + w[2] + j_x * axes[27]
    if WIDE:
        number = tl.cast(number, tl.int64)
    return number


@triton.jit
def target_pixel(n, z, y, x, d, h, w, axes):
    """Place of a phase's pixel among all that are made."""
    line = (n * axes[1] + z * axes[6] + d[0]) * axes[11] + y * axes[16] + h[0]
    return line * axes[21] + x * axes[26] + w[0]


@triton.jit
def window_offsets(tap, axes):
    """What a tap of the whole kernel adds to the scaled pixels of each axis."""
    j_z = (tap // axes[22] // axes[12]) * axes[4] + axes[5]
    j_y = (tap // axes[22] % axes[12]) * axes[14] + axes[15]
    return j_z, j_y, (tap % axes[22]) * axes[24] + axes[25]


@triton.jit
def differentiated(value, saved, offsets, mask, PROLOGUE: tl.constexpr):
    """``PROLOGUE(saved, value)`` where the mask is set and zero elsewhere, in the dtype of ``value``."""
    wide = value.to(tl.float32)
    if saved is None:
        result = PROLOGUE(wide)
    else:
        result = PROLOGUE(tl.load(saved + offsets, mask=mask, other=0.0).to(tl.float32), wide)
    return tl.where(mask, result, 0.0).to(value.dtype)


@triton.jit
def ended(total, bias, residual, before, column, in_column, offsets, mask):
    """Sums with bias and residual, written to ``before``."""
    if bias is not None:
        total += tl.load(bias + column, mask=in_column, other=0.0).to(tl.float32)[None, :]
    if residual is not None:
        total += tl.load(residual + offsets, mask=mask, other=0.0).to(tl.float32)
    if before is not None:
        tl.store(before + offsets, total.to(before.dtype.element_ty), mask=mask)
    return total


@triton.jit
def store_moments(value, rows, mask, at, columns, in_column):
    """Count, mean and squared deviations of the first ``rows`` rows: three lines of ``columns`` from
    ``at``."""
    count = tl.cast(rows, tl.float32)
    mean = tl.sum(tl.where(mask, value, 0.0), axis=0) / count
    away = tl.where(mask, value - mean[None, :], 0.0)
    tl.store(at, tl.broadcast_to(count, mean.shape), mask=in_column)
    tl.store(at + columns, mean, mask=in_column)
    tl.store(at + 2 * columns, tl.sum(away * away, axis=0), mask=in_column)
