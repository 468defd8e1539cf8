"""One pointwise step over many tensors in one launch, and sums of an expression over each of them.

There are A arrays of N tensors: parameters, their states, their gradients. Tensor t of every array has the
same number of elements. Programs take chunks of BLOCK elements; what a chunk is, and where its memory is,
stands in tables that the host made:

* ``table`` (A + 2, N) int64: addresses; then sizes; then, for tensors whose addresses all are multiples of
  16, the first element after the whole chunks, 0 for others.
* ``chunks`` (C, 2) int32: tensor, number of the chunk in it.
* ``starts`` (N + 1,) int32: first chunk of each tensor.

A whole chunk is loaded without a mask, in vectors of 16 bytes; the last chunk of a tensor, and every chunk of
one that is not aligned, by elements.
"""

import triton
import triton.language as tl


@triton.jit
def _chunk(pointers, lane, mask, values, FN: tl.constexpr, WRITTEN: tl.constexpr, SUMS: tl.constexpr, sums):
    loaded = ()
    for a in tl.static_range(len(pointers)):
        if mask is None:
            loaded += (tl.load(pointers[a] + lane).to(tl.float32),)
        else:
            loaded += (tl.load(pointers[a] + lane, mask=mask, other=0.0).to(tl.float32),)
    found = FN(*loaded, *values)
    if WRITTEN + SUMS == 1:
        found = (found,)
    for a in tl.static_range(WRITTEN):
        tl.store(pointers[a] + lane, found[a].to(pointers[a].dtype.element_ty), mask=mask)
    for s in tl.static_range(SUMS):
        value = found[WRITTEN + s]
        if mask is not None:
            value = tl.where(mask, value, 0.0)
        tl.store(sums + s, tl.sum(value, 0))


@triton.jit
def multitensor(
    table,
    chunks,
    likes,
    scalars,
    each,
    sums,
    count,
    FN: tl.constexpr,
    WRITTEN: tl.constexpr,
    SUMS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """``FN(*arrays, *scalars, *each)``: WRITTEN new values of the first arrays, then SUMS values to sum.

    ``likes``: a tensor of each array's dtype, which is not read. ``scalars``: one value each for the whole
    launch. ``each``: (N,), one value a tensor. ``sums``: (C, SUMS) float32, or None.
    """
    program = tl.program_id(0)
    tensor = tl.load(chunks + 2 * program)
    start = tl.cast(tl.load(chunks + 2 * program + 1), tl.int64) * BLOCK
    pointers = ()
    for a in tl.static_range(len(likes)):
        pointers += (tl.load(table + a * count + tensor).to(likes[a].dtype) + start,)
    size = tl.load(table + len(likes) * count + tensor)
    whole = tl.load(table + (len(likes) + 1) * count + tensor)
    values = ()
    for i in tl.static_range(len(scalars)):
        values += (tl.load(scalars[i]).to(tl.float32),)
    for i in tl.static_range(len(each)):
        values += (tl.load(each[i] + tensor).to(tl.float32),)
    lane = tl.arange(0, BLOCK)
    out = sums
    if SUMS > 0:
        out = sums + program * SUMS
    if start < whole:
        aligned = ()
        for a in tl.static_range(len(likes)):
            aligned += (tl.multiple_of(pointers[a], 16),)
        _chunk(aligned, lane, None, values, FN, WRITTEN, SUMS, out)
    else:
        _chunk(pointers, lane, start + lane < size, values, FN, WRITTEN, SUMS, out)


@triton.jit
def join(sums, starts, joined, SUMS: tl.constexpr, BLOCK: tl.constexpr):
    """Sums of chunks (C, SUMS) to sums of tensors (N, SUMS), in a fixed order."""
    tensor, kind = tl.program_id(0), tl.program_id(1)
    first, last = tl.load(starts + tensor), tl.load(starts + tensor + 1)
    total = tl.zeros((BLOCK,), tl.float32)
    for chunk in range(first, last, BLOCK):
        number = chunk + tl.arange(0, BLOCK)
        total += tl.load(sums + number * SUMS + kind, mask=number < last, other=0.0)
    tl.store(joined + tensor * SUMS + kind, tl.sum(total, 0))
