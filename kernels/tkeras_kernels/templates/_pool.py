"""Maximum and average of windows, fixed or adaptive, in one to three dimensions, and the gradients.

Tensors are (samples, depth, height, width, channels) with any strides; fewer dimensions have axes of size 1.
A tile is ROWS positions, counted through samples and axes, by COLUMNS channels, so memory is read in runs
whichever of the two has unit stride. Window ``o`` of an axis starts at ``o STRIDE - PAD`` and has K elements,
of which those outside the axis do not count; an adaptive one reaches from ``floor(o size / outputs)`` to
``ceil((o + 1) size / outputs)``, K being the longest.

Forward walks the elements of a window, and saves of a maximum which element it was, counted through the
window: one byte an output for up to 255 elements. The first of equal elements is taken, and NaN wins, as in
torch. Backward walks, for each input, the outputs whose windows hold it: a gather, in a fixed order, without
atomics, so the same bits in every run. Nothing is saved of an average.

UNROLLED windows of up to 16 elements (4 x 4) have their loads in flight together; larger ones would make the
code long, and are walked in a loop.
"""

import triton
import triton.language as tl

from ._rows import even


@triton.jit
def _window(
    o, size, outputs, K: tl.constexpr, STRIDE: tl.constexpr, PAD: tl.constexpr, ADAPTIVE: tl.constexpr
):
    """Where window ``o`` begins, and its ends within the axis."""
    if ADAPTIVE:
        first = o * size // outputs
        return first, first, ((o + 1) * size + outputs - 1) // outputs
    else:
        first = o * STRIDE - PAD
        return first, tl.maximum(first, 0), tl.minimum(first + K, size)


@triton.jit
def _covering(
    i, size, outputs, K: tl.constexpr, STRIDE: tl.constexpr, PAD: tl.constexpr, ADAPTIVE: tl.constexpr
):
    """The outputs, first and one after the last, whose windows hold ``i``."""
    if ADAPTIVE:
        return i * outputs // size, ((i + 1) * outputs + size - 1) // size
    else:
        return tl.maximum(i + PAD - K + STRIDE, 0) // STRIDE, tl.minimum((i + PAD) // STRIDE + 1, outputs)


@triton.jit
def _place(tile, depth, height, width, WIDE: tl.constexpr, ROWS: tl.constexpr):
    """Positions of a tile (ROWS,), and their samples, depths, heights and widths. WIDE: they reach 2^31."""
    if WIDE:
        tile = tl.cast(tile, tl.int64)
    position = tile * ROWS + tl.arange(0, ROWS)
    w = position % width
    h = position // width % height
    d = position // width // height % depth
    return position, position // width // height // depth, d, h, w


@triton.jit
def _offsets(n, d, h, w, k, strides, t: tl.constexpr, EVEN: tl.constexpr):
    """Offsets (ROWS, COLUMNS) into the tensor whose strides are the t-th five."""
    along = tl.cast(n, tl.int64) * strides[5 * t] + tl.cast(d, tl.int64) * strides[5 * t + 1]
    along += tl.cast(h, tl.int64) * strides[5 * t + 2] + tl.cast(w, tl.int64) * strides[5 * t + 3]
    return even(along, EVEN)[:, None] + (k * strides[5 * t + 4])[None, :]


@triton.jit
def _take(x, best, found, tap, offset, mask, MAXIMUM: tl.constexpr):
    """The maximum so far and its element, or the sum so far."""
    value = tl.load(x + offset, mask=mask, other=0.0).to(tl.float32)
    if MAXIMUM:
        larger = mask & ((value > best) | (value != value) | (found < 0))
        return tl.where(larger, value, best), tl.where(larger, tap, found)
    else:
        return best + value, found


@triton.jit
def pool(
    x,
    y,
    index,
    strides,
    positions,
    channels,
    depth,
    height,
    width,
    out_depth,
    out_height,
    out_width,
    KD: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SD: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    PD: tl.constexpr,
    PH: tl.constexpr,
    PW: tl.constexpr,
    ADAPTIVE: tl.constexpr,
    MAXIMUM: tl.constexpr,
    UNROLLED: tl.constexpr,
    WIDE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of x, then y, which ``index`` shares; it may be None. ``positions`` of y."""
    channels = even(channels, EVEN)
    across = tl.cdiv(channels, COLUMNS)
    position, n, od, oh, ow = _place(tl.program_id(0) // across, out_depth, out_height, out_width, WIDE, ROWS)
    k = tl.cast(tl.program_id(0) % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (position < positions)[:, None] & (k < channels)[None, :]
    d, from_d, to_d = _window(od, depth, out_depth, KD, SD, PD, ADAPTIVE)
    h, from_h, to_h = _window(oh, height, out_height, KH, SH, PH, ADAPTIVE)
    w, from_w, to_w = _window(ow, width, out_width, KW, SW, PW, ADAPTIVE)
    best = tl.full((ROWS, COLUMNS), float("-inf") if MAXIMUM else 0.0, tl.float32)
    found = tl.full((ROWS, COLUMNS), -1, tl.int32)
    if UNROLLED:
        for tap in tl.static_range(KD * KH * KW):
            i, j, m = d + tap // (KH * KW), h + tap // KW % KH, w + tap % KW
            there = (i >= from_d) & (i < to_d) & (j >= from_h) & (j < to_h) & (m >= from_w) & (m < to_w)
            offset = _offsets(n, i, j, m, k, strides, 0, EVEN)
            best, found = _take(x, best, found, tap, offset, inside & there[:, None], MAXIMUM)
    else:
        for tap in range(KD * KH * KW):
            i, j, m = d + tap // (KH * KW), h + tap // KW % KH, w + tap % KW
            there = (i >= from_d) & (i < to_d) & (j >= from_h) & (j < to_h) & (m >= from_w) & (m < to_w)
            offset = _offsets(n, i, j, m, k, strides, 0, EVEN)
            best, found = _take(x, best, found, tap, offset, inside & there[:, None], MAXIMUM)
    if not MAXIMUM:
        best *= (1.0 / ((to_d - from_d) * (to_h - from_h) * (to_w - from_w)).to(tl.float32))[:, None]
    at = _offsets(n, od, oh, ow, k, strides, 1, EVEN)
    tl.store(y + at, best.to(y.dtype.element_ty), mask=inside)
    if index is not None:
        tl.store(index + at, found.to(index.dtype.element_ty), mask=inside)


@triton.jit
def pool_backward(
    dy,
    index,
    dx,
    strides,
    positions,
    channels,
    depth,
    height,
    width,
    out_depth,
    out_height,
    out_width,
    KD: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SD: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    PD: tl.constexpr,
    PH: tl.constexpr,
    PW: tl.constexpr,
    TD: tl.constexpr,
    TH: tl.constexpr,
    TW: tl.constexpr,
    ADAPTIVE: tl.constexpr,
    MAXIMUM: tl.constexpr,
    WIDE: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Strides: of dy, ``index`` (or dy again) and dx. ``positions`` of dx. TD, TH, TW: the most windows of an
    axis that hold one element."""
    channels = even(channels, EVEN)
    across = tl.cdiv(channels, COLUMNS)
    position, n, d, h, w = _place(tl.program_id(0) // across, depth, height, width, WIDE, ROWS)
    k = tl.cast(tl.program_id(0) % across, tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (position < positions)[:, None] & (k < channels)[None, :]
    from_d, to_d = _covering(d, depth, out_depth, KD, SD, PD, ADAPTIVE)
    from_h, to_h = _covering(h, height, out_height, KH, SH, PH, ADAPTIVE)
    from_w, to_w = _covering(w, width, out_width, KW, SW, PW, ADAPTIVE)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for tap in range(TD * TH * TW):
        od, oh, ow = from_d + tap // (TH * TW), from_h + tap // TW % TH, from_w + tap % TW
        there = (od < to_d) & (oh < to_h) & (ow < to_w)
        mask = inside & there[:, None]
        value = tl.load(dy + _offsets(n, od, oh, ow, k, strides, 0, EVEN), mask=mask, other=0.0).to(
            tl.float32
        )
        first_d, start_d, end_d = _window(od, depth, out_depth, KD, SD, PD, ADAPTIVE)
        first_h, start_h, end_h = _window(oh, height, out_height, KH, SH, PH, ADAPTIVE)
        first_w, start_w, end_w = _window(ow, width, out_width, KW, SW, PW, ADAPTIVE)
        if MAXIMUM:
            offset = _offsets(n, od, oh, ow, k, strides, 1, EVEN)
            place = ((d - first_d) * KH + h - first_h) * KW + w - first_w
            chosen = tl.load(index + offset, mask=mask, other=0)
            total += tl.where(chosen.to(tl.int32) == place[:, None], value, 0.0)
        else:
            count = (end_d - start_d) * (end_h - start_h) * (end_w - start_w)
            total += value * (1.0 / tl.where(there, count, 1).to(tl.float32))[:, None]
    at = _offsets(n, d, h, w, k, strides, 2, EVEN)
    tl.store(dx + at, total.to(dx.dtype.element_ty), mask=inside)
