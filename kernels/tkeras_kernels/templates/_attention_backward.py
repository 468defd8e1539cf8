"""Gradients of attention, without its weights in memory and without atomics: two passes.

Both compute the weights again, ``p = exp2(score - largest) · inverse``, from what forward saved (see
``_attention.py`` for shapes). With ``dp = dout valueᵀ`` (and its dropout) and ``delta = Σ dout · out`` the
gradient of a score is ``ds = p (dp - delta)``.

``query_gradient``: a program holds ROWS queries and walks the keys: ``dquery = ds key · scale``. It also
writes ``delta`` (batch, heads, time), which the other pass reads, and where the bias is differentiated
``ds`` as ``dbias`` (batch, heads, time, keys); the caller sums what was broadcast.

``key_gradients``: a program holds KEYS keys of one key head and walks the queries of every head of its
group, so that their sum is in a fixed order: ``dkey = dsᵀ query · scale`` and ``dvalue = pᵀ dout``. Its
blocks are transposed (keys, rows), so that both products take them as they are.
"""

import triton
import triton.language as tl

from ._attention import FAR, any_lost, head_of, over_features, rows_of, scores, survivors

SCAN = tl.constexpr(512)
"""Rows that are looked at together: two for each thread of 8 warps."""


@triton.jit
def query_gradient(
    query,
    key,
    value,
    mask,
    bias,
    seed,
    out,
    statistics,
    dout,
    dquery,
    delta,
    dbias,
    strides,
    extra_strides,
    heads,
    group,
    time,
    keys,
    size,
    value_size,
    scale,
    natural_scale,
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
    """``out``, ``dout`` and ``dquery`` are contiguous; ``natural_scale`` is ``scale`` without LOG2E."""
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
    wide = heads * value_size
    begun = tl.cast(batch, tl.int64) * time * wide + head * value_size
    q = rows_of(q_base, first, time, strides[1], size, ROWS, SIZE)
    dy = rows_of(dout + begun, first, time, wide, value_size, ROWS, VALUE)
    y = rows_of(out + begun, first, time, wide, value_size, ROWS, VALUE)
    inner = tl.sum(dy.to(tl.float32) * y.to(tl.float32), axis=1)
    rows = first + tl.arange(0, ROWS)
    at = tl.cast(each, tl.int64) * time + rows
    all_rows = tl.cast(tl.num_programs(0) // tiles, tl.int64) * time
    tl.store(delta + at, inner, mask=rows < time)
    largest = tl.load(statistics + at, mask=rows < time, other=0.0)
    inverse = tl.load(statistics + all_rows + at, mask=rows < time, other=0.0)[:, None]
    result = tl.zeros((ROWS, SIZE), tl.float32)
    end = keys
    if CAUSAL and dbias is None:
        end = tl.minimum(keys, first + ROWS)
        if mask is not None and not ZEROS:
            end = tl.where(any_lost(largest, first, time, ROWS), keys, end)
    largest = largest[:, None]
    for start in range(0, end, KEYS):
        column = (start + tl.arange(0, KEYS))[None, :]
        k = rows_of(k_base, start, keys, strides[4], size, KEYS, SIZE)
        v = None
        if PART == 0:
            v = rows_of(v_base, start, keys, strides[7], value_size, KEYS, VALUE)
        products = over_features(
            q, k, q_base, first, time, strides[1], k_base, start, keys, strides[4], size, ROWS, KEYS, PART,
            SIZE, PRECISION,
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
        dp = over_features(
            dy, v, dout + begun, first, time, wide, v_base, start, keys, strides[7], value_size, ROWS, KEYS,
            PART, VALUE, PRECISION,
        )  # fmt: skip
        if THIN:
            keep = survivors(seed, weights, row, column, keys, threshold)
            dp = tl.where(keep, dp * enlarge, 0.0)
        ds = tl.exp2(s - largest) * inverse * (dp - inner[:, None])
        if dbias is not None:
            offsets = weights + row.to(tl.int64) * keys + column
            tl.store(dbias + offsets, ds, mask=(row < time) & (column < keys))
        result = tl.dot(ds.to(k.dtype), k, result, input_precision=PRECISION)
    feature = tl.arange(0, SIZE)
    offsets = ((tl.cast(batch, tl.int64) * time + rows) * heads + head)[:, None] * size + feature[None, :]
    inside = (rows < time)[:, None] & (feature < size)[None, :]
    tl.store(dquery + offsets, (result * natural_scale).to(dquery.dtype.element_ty), mask=inside)


@triton.jit
def first_lost(largest, count):
    """The first of ``count`` rows that saw nothing but hidden keys; ``count`` if none did."""
    found = count
    for start in range(0, count, SCAN):
        rows = start + tl.arange(0, SCAN)
        score = tl.load(largest + rows, mask=rows < count, other=0.0)
        found = tl.minimum(found, tl.min(tl.where(score < 0.5 * FAR, rows, count), axis=0))
    return found


@triton.jit
def key_gradients(
    query,
    key,
    value,
    mask,
    bias,
    seed,
    statistics,
    delta,
    dout,
    dkey,
    dvalue,
    strides,
    extra_strides,
    heads,
    group,
    time,
    keys,
    size,
    value_size,
    scale,
    natural_scale,
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
    """``dout``, ``dkey`` and ``dvalue`` are contiguous; ROWS divides KEYS or is a multiple of it."""
    tiles = tl.cdiv(keys, KEYS)
    tile = tl.program_id(0) % tiles
    each = tl.program_id(0) // tiles
    key_heads = heads // group
    batch = each // key_heads
    key_head = each % key_heads
    first = tile * KEYS
    column = (first + tl.arange(0, KEYS))[:, None]
    k_base = head_of(key, batch, key_head, strides[3], strides[5])
    v_base = head_of(value, batch, key_head, strides[6], strides[8])
    along = (extra_strides[2], extra_strides[3], extra_strides[6], extra_strides[7])
    k = None
    v = None
    if PART == 0:
        k = rows_of(k_base, first, keys, strides[4], size, KEYS, SIZE)
        v = rows_of(v_base, first, keys, strides[7], value_size, KEYS, VALUE)
    dk = tl.zeros((KEYS, SIZE), tl.float32)
    dv = tl.zeros((KEYS, VALUE), tl.float32)
    all_rows = tl.cast(tl.num_programs(0) // tiles, tl.int64) * group * time
    wide = heads * value_size
    begin = 0
    if CAUSAL:
        begin = first // ROWS * ROWS
    for member in range(group):
        head = key_head * group + member
        q_base = head_of(query, batch, head, strides[0], strides[2])
        seen = mask
        if mask is not None:
            seen = head_of(mask, batch, head, extra_strides[0], extra_strides[1])
        added = bias
        if bias is not None:
            added = head_of(bias, batch, head, extra_strides[4], extra_strides[5])
        line = (tl.cast(batch, tl.int64) * heads + head) * time
        begun = tl.cast(batch, tl.int64) * time * wide + head * value_size
        earliest = begin
        if CAUSAL and mask is not None and not ZEROS:
            earliest = first_lost(statistics + line, tl.minimum(begin, time)) // ROWS * ROWS
        for start in range(earliest, time, ROWS):
            rows = start + tl.arange(0, ROWS)
            row = rows[None, :]
            q = rows_of(q_base, start, time, strides[1], size, ROWS, SIZE)
            dy = rows_of(dout + begun, start, time, wide, value_size, ROWS, VALUE)
            largest = tl.load(statistics + line + rows, mask=rows < time, other=0.0)[None, :]
            inverse = tl.load(statistics + all_rows + line + rows, mask=rows < time, other=0.0)[None, :]
            inner = tl.load(delta + line + rows, mask=rows < time, other=0.0)[None, :]
            products = over_features(
                k, q, k_base, first, keys, strides[4], q_base, start, time, strides[1], size, KEYS, ROWS,
                PART, SIZE, PRECISION,
            )  # fmt: skip
            s = scores(
                products,
                seen,
                added,
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
            p = tl.exp2(s - largest) * inverse
            dp = over_features(
                v, dy, v_base, first, keys, strides[7], dout + begun, start, time, wide, value_size, KEYS,
                ROWS, PART, VALUE, PRECISION,
            )  # fmt: skip
            if THIN:
                keep = survivors(seed, line * keys, row, column, keys, threshold)
                dp = tl.where(keep, dp * enlarge, 0.0)
                weight = tl.where(keep, p * enlarge, 0.0)
            else:
                weight = p
            dv = tl.dot(weight.to(dy.dtype), dy, dv, input_precision=PRECISION)
            dk = tl.dot((p * (dp - inner)).to(q.dtype), q, dk, input_precision=PRECISION)
    columns = tl.cast(first, tl.int64) + tl.arange(0, KEYS)
    place = ((tl.cast(batch, tl.int64) * keys + columns) * key_heads + key_head)[:, None]
    inside = (columns < keys)[:, None]
    feature = tl.arange(0, SIZE)[None, :]
    dk = (dk * natural_scale).to(dkey.dtype.element_ty)
    tl.store(dkey + place * size + feature, dk, mask=inside & (feature < size))
    feature = tl.arange(0, VALUE)[None, :]
    inside = inside & (feature < value_size)
    tl.store(dvalue + place * value_size + feature, dv.to(dvalue.dtype.element_ty), mask=inside)
