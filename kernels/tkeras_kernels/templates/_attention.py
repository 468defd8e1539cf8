"""Attention without its weights in memory, forward (Dao, 2023).

``out = dropout(softmax(query keyᵀ · scale + bias, hidden where mask is 0)) value`` with query (batch, time,
heads, size), key (batch, keys, key heads, size) and value (batch, keys, key heads, value size), of any
strides but 1 along the features; out (batch, time, heads, value size) is contiguous. Query heads are a
multiple ``group`` of the key heads, each of which serves its group. A program holds ROWS queries of a head
and walks the keys KEYS at a time; sizes are padded to powers of two SIZE and VALUE, the least that
``tl.arange`` takes.

Saved, for backward: out, and ``statistics`` (2, batch, heads, time) in float32: the largest score of a row
and one over the sum of its exponentials. Their joint logarithm would lose the sum where the largest score
is huge, as it is in a row that may look nowhere. Dropout saves its seed.

Scores are in units of log 2, since ``exp2`` is what the hardware has: LOG2E is inside ``scale``. A key that
the mask hides has the score FAR = -1e30 and not -inf, so that a row that may look nowhere looks everywhere
alike, as in Keras, where -1e38 is added to the scores and swallows them; for the same reason its scores
keep their gradient. ZEROS gives such a row zeros instead, as Keras' masked softmax does. Where no mask is
given a causal row sees at least its first key, and the keys after it get -inf. Blocks that hold nothing but
later keys are not visited, unless a row of the program has seen nothing until then. Rows whose ``bias`` is
-inf throughout give zeros, as in torch.
"""

import triton
import triton.language as tl

from ._random import kept

FAR = tl.constexpr(-1.0e30)
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def rows_of(base, first, count, row_stride, size, COUNT: tl.constexpr, SIZE: tl.constexpr):
    """The block (COUNT, SIZE) of rows from ``first`` of a matrix (count, size); zeros outside it."""
    row = first + tl.arange(0, COUNT)
    feature = tl.arange(0, SIZE)
    offsets = row.to(tl.int64)[:, None] * row_stride + feature[None, :]
    return tl.load(base + offsets, mask=(row < count)[:, None] & (feature < size)[None, :], other=0.0)


@triton.jit
def over_features(
    a,
    b,
    a_base,
    a_first,
    a_count,
    a_stride,
    b_base,
    b_first,
    b_count,
    b_stride,
    size,
    A: tl.constexpr,
    B: tl.constexpr,
    PART: tl.constexpr,
    SIZE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """``a bᵀ`` (A, B), or with PART the same of blocks that are loaded PART features at a time: wide heads do
    not fit the registers."""
    if PART == 0:
        total = tl.dot(a, tl.trans(b), input_precision=PRECISION)
    else:
        STEP: tl.constexpr = SIZE if SIZE < PART else PART
        total = tl.zeros((A, B), tl.float32)
        for start in range(0, SIZE, STEP):
            left = rows_of(a_base + start, a_first, a_count, a_stride, size - start, A, STEP)
            right = rows_of(b_base + start, b_first, b_count, b_stride, size - start, B, STEP)
            total = tl.dot(left, tl.trans(right), total, input_precision=PRECISION)
    return total


@triton.jit
def _at(base, row, column, row_stride, column_stride, inside, BY_ROW: tl.constexpr, WIDE: tl.constexpr):
    """Values of a broadcast mask or bias; where it is the same for all rows, one row of them."""
    if WIDE:
        row = row.to(tl.int64)
        column = column.to(tl.int64)
    offsets = column * column_stride
    if BY_ROW:
        offsets += row * row_stride
        return tl.load(base + offsets, mask=inside, other=0)
    return tl.load(base + offsets)


@triton.jit
def scores(
    products,
    mask,
    bias,
    strides,
    row,
    column,
    time,
    keys,
    scale,
    CAUSAL: tl.constexpr,
    ZEROS: tl.constexpr,
    MASK_BY_ROW: tl.constexpr,
    BIAS_BY_ROW: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Scores from the products of queries and keys; ``row`` and ``column`` broadcast to their block.

    ``mask`` and ``bias`` point to this head's, or are None; ``strides``: row and column stride of each. WIDE:
    a head's offsets reach 2^31.
    """
    result = products * scale
    inside = (row < time) & (column < keys)
    column_in = tl.minimum(column, keys - 1)
    if bias is not None:
        added = _at(bias, row, column_in, strides[2], strides[3], inside, BIAS_BY_ROW, WIDE)
        result += added.to(tl.float32) * LOG2E
    if CAUSAL:
        result = tl.where(column <= row, result, -float("inf") if mask is None or ZEROS else FAR)
    if mask is not None:
        seen = _at(mask, row, column_in, strides[0], strides[1], inside, MASK_BY_ROW, WIDE)
        result = tl.where(seen != 0, result, -float("inf") if ZEROS else FAR)
    return tl.where(column < keys, result, -float("inf"))


@triton.jit
def head_of(pointer, batch, head, batch_stride, head_stride):
    """``pointer`` moved to a head."""
    return pointer + tl.cast(batch, tl.int64) * batch_stride + tl.cast(head, tl.int64) * head_stride


@triton.jit
def any_lost(largest, first, time, ROWS: tl.constexpr):
    """Whether one of the rows from ``first`` has seen nothing but hidden keys."""
    lost = (largest < 0.5 * FAR) & (first + tl.arange(0, ROWS) < time)
    return tl.max(lost.to(tl.int32), axis=0) > 0


@triton.jit
def survivors(seed, first, row, column, keys, threshold):
    """Which weights dropout keeps; ``first``: offset of the head's weights (batch, heads, time, keys)."""
    return kept(seed, first + row.to(tl.int64) * keys + column.to(tl.int64), threshold)


@triton.jit
def attention(
    query,
    key,
    value,
    mask,
    bias,
    seed,
    out,
    statistics,
    strides,
    extra_strides,
    heads,
    group,
    time,
    keys,
    size,
    value_size,
    scale,
    threshold,
    enlarge,
    CAUSAL: tl.constexpr,
    ZEROS: tl.constexpr,
    MASK_BY_ROW: tl.constexpr,
    BIAS_BY_ROW: tl.constexpr,
    WIDE: tl.constexpr,
    THIN: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    KEYS: tl.constexpr,
    SIZE: tl.constexpr,
    VALUE: tl.constexpr,
    PART: tl.constexpr,
):
    """``strides``: batch, time and head stride of query, key and value; ``extra_strides``: batch, head, row
    and column stride of mask, then bias. THIN: drop out, and multiply what is kept by ``enlarge``."""
    tiles = tl.cdiv(time, ROWS)
    tile = tl.program_id(0) % tiles
    if CAUSAL:
        tile = tiles - 1 - tile
    each = tl.program_id(0) // tiles
    batch = each // heads
    head = each % heads
    first = tile * ROWS
    row = (first + tl.arange(0, ROWS))[:, None]
    q_base = head_of(query, batch, head, strides[0], strides[2])
    k_base = head_of(key, batch, head // group, strides[3], strides[5])
    v_base = head_of(value, batch, head // group, strides[6], strides[8])
    if mask is not None:
        mask = head_of(mask, batch, head, extra_strides[0], extra_strides[1])
    if bias is not None:
        bias = head_of(bias, batch, head, extra_strides[4], extra_strides[5])
    along = (extra_strides[2], extra_strides[3], extra_strides[6], extra_strides[7])
    weights = tl.cast(each, tl.int64) * time * keys
    q = None
    if PART == 0:
        q = rows_of(q_base, first, time, strides[1], size, ROWS, SIZE)
    largest = tl.full((ROWS,), -float("inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    result = tl.zeros((ROWS, VALUE), tl.float32)
    begin, end = 0, keys
    if CAUSAL:
        end = tl.minimum(keys, first + ROWS)
    for _ in tl.static_range(2 if CAUSAL and mask is not None and not ZEROS else 1):
        for start in range(begin, end, KEYS):
            column = (start + tl.arange(0, KEYS))[None, :]
            k = None
            if PART == 0:
                k = rows_of(k_base, start, keys, strides[4], size, KEYS, SIZE)
            products = over_features(
                q, k, q_base, first, time, strides[1], k_base, start, keys, strides[4], size, ROWS, KEYS,
                PART, SIZE, PRECISION,
            )  # fmt: skip
            s = scores(
                products,
                mask,
                bias,
                along,
                row,
                column,
                time,
                keys,
                scale,
                CAUSAL,
                ZEROS,
                MASK_BY_ROW,
                BIAS_BY_ROW,
                WIDE,
            )
            now = tl.maximum(largest, tl.max(s, axis=1))
            safe = tl.where(now == -float("inf"), 0.0, now)
            weight = tl.exp2(s - safe[:, None])
            shrink = tl.exp2(largest - safe)
            total = total * shrink + tl.sum(weight, axis=1)
            if THIN:
                weight = tl.where(survivors(seed, weights, row, column, keys, threshold), weight, 0.0)
            v = rows_of(v_base, start, keys, strides[7], value_size, KEYS, VALUE)
            result = tl.dot(weight.to(v.dtype), v, result * shrink[:, None], input_precision=PRECISION)
            largest = now
        if CAUSAL and mask is not None and not ZEROS:
            begin = tl.cdiv(end, KEYS) * KEYS
            end = tl.where(any_lost(largest, first, time, ROWS), keys, end)
    inverse = tl.where(total == 0.0, 0.0, 1.0 / total)
    result = result * inverse[:, None]
    if THIN:
        result = result * enlarge
    rows = first + tl.arange(0, ROWS)
    feature = tl.arange(0, VALUE)
    if statistics is not None:
        at = tl.cast(each, tl.int64) * time + rows
        all_rows = tl.cast(tl.num_programs(0) // tiles, tl.int64) * time
        tl.store(statistics + at, tl.where(largest == -float("inf"), 0.0, largest), mask=rows < time)
        tl.store(statistics + all_rows + at, inverse, mask=rows < time)
    offsets = ((tl.cast(batch, tl.int64) * time + rows) * heads + head)[:, None] * value_size + feature[
        None, :
    ]
    inside = (rows < time)[:, None] & (feature < value_size)[None, :]
    tl.store(out + offsets, result.to(out.dtype.element_ty), mask=inside)
