"""Rows of a table by number, and the gradient of the table.

``gather_rows``: ``y[i] = table[ids[i]]`` for ``count`` ids and rows of ``width`` elements. A number outside
the table reads nothing and gives a row of NaN.

The gradient of a row is the sum of ``dy`` over the places that asked for it. The ids arrive sorted, with
``order`` the places they come from, so that equal ids are neighbours; no atomics, the same bits in every run.
``add_segments``: one program a place of the sorted ids (and COLUMNS of the width) that works where a piece
begins: equal ids up to the end of their chunk of CHUNK places. It adds the rows of its piece, and writes the
sum to ``table`` where that is all of the id, else to ``parts`` (2 chunks, width): slot 0 for the piece at the
front of the chunk, 1 for the one at its end. ``join_segments``: one program a chunk in whose course an id
begins that goes on beyond it; it adds the parts. A number outside the table is skipped.

Ids may be few and frequent, as padding is: CHUNK is near the square root of ``count``, so that neither kernel
has a program of more than about that many steps. A tile of ROWS by COLUMNS has 8 elements a thread.
"""

import triton
import triton.language as tl

from ._rows import even


@triton.jit
def gather_rows(
    ids,
    table,
    y,
    count,
    rows,
    width,
    pitch,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``pitch``: elements from one row of the table to the next. EVEN divides it and the width."""
    width = even(width, EVEN)
    across = tl.cdiv(width, COLUMNS)
    place = tl.cast(tl.program_id(0) // across, tl.int64) * ROWS + tl.arange(0, ROWS)
    k = tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.load(ids + place, mask=place < count, other=0).to(tl.int64)
    known = (row >= 0) & (row < rows)
    inside = (place < count)[:, None] & (k < width)[None, :]
    at = even(row * pitch, EVEN)[:, None] + k[None, :]
    value = tl.load(table + at, mask=inside & known[:, None], other=float("nan"))
    tl.store(y + even(place * width, EVEN)[:, None] + k[None, :], value.to(y.dtype.element_ty), mask=inside)


@triton.jit
def add_segments(
    ids,
    order,
    dy,
    table,
    parts,
    count,
    rows,
    width,
    pitch,
    EVEN: tl.constexpr,
    CHUNK: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """``pitch``: elements from one row of ``dy`` to the next; ``table`` receives the gradient."""
    width = even(width, EVEN)
    across = tl.cdiv(width, COLUMNS)
    place = tl.program_id(0) // across
    k = tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.load(ids + place).to(tl.int64)
    begins = row != tl.load(ids + place - 1, mask=place > 0, other=-1).to(tl.int64)
    if (begins | (place % CHUNK == 0)) & (row >= 0) & (row < rows):
        chunk = place // CHUNK
        near = place + tl.arange(0, CHUNK)
        ahead = tl.load(ids + near, mask=near < tl.minimum((chunk + 1) * CHUNK, count), other=-1)
        length = tl.sum((ahead.to(tl.int64) == row).to(tl.int32), axis=0)
        total = tl.zeros((ROWS, COLUMNS), tl.float32)
        for start in range(0, length, ROWS):
            step = start + tl.arange(0, ROWS)
            source = tl.load(order + place + step, mask=step < length, other=0).to(tl.int64)
            mask = (step < length)[:, None] & (k < width)[None, :]
            at = even(source * pitch, EVEN)[:, None] + k[None, :]
            total += tl.load(dy + at, mask=mask, other=0.0).to(tl.float32)
        found = tl.sum(total, axis=0)
        after = place + length
        goes_on = tl.load(ids + after, mask=after < count, other=-1).to(tl.int64) == row
        if begins & (goes_on == 0):
            tl.store(table + row * width + k, found.to(table.dtype.element_ty), mask=k < width)
        else:
            slot = 2 * tl.cast(chunk, tl.int64) + (place % CHUNK != 0).to(tl.int64)
            tl.store(parts + slot * width + k, found, mask=k < width)


@triton.jit
def join_segments(
    ids,
    table,
    parts,
    count,
    rows,
    width,
    CHUNK: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """One program a chunk but the last, and COLUMNS of the width."""
    across = tl.cdiv(width, COLUMNS)
    chunk = tl.program_id(0) // across
    k = tl.program_id(0) % across * COLUMNS + tl.arange(0, COLUMNS)
    front = tl.cast(chunk, tl.int64) * CHUNK
    row = tl.load(ids + front + CHUNK - 1).to(tl.int64)
    at_front = tl.load(ids + front).to(tl.int64) == row
    before = tl.load(ids + front - 1, mask=front > 0, other=-1).to(tl.int64) == row
    following = tl.load(ids + front + CHUNK).to(tl.int64)
    if (following == row) & (before == 0) & (row >= 0) & (row < rows):
        own = 2 * tl.cast(chunk, tl.int64) + (at_front == 0).to(tl.int64)
        total = tl.zeros((ROWS, COLUMNS), tl.float32)
        next = tl.cast(chunk, tl.int64) + 1
        while following == row:
            near = next + tl.arange(0, ROWS)
            same = tl.load(ids + near * CHUNK, mask=near * CHUNK < count, other=-1).to(tl.int64) == row
            at = (2 * near * width)[:, None] + k[None, :]
            total += tl.load(parts + at, mask=same[:, None] & (k < width)[None, :], other=0.0)
            next += ROWS
            following = tl.load(ids + next * CHUNK, mask=next * CHUNK < count, other=-1).to(tl.int64)
        found = tl.load(parts + own * width + k, mask=k < width, other=0.0) + tl.sum(total, axis=0)
        tl.store(table + row * width + k, found.to(table.dtype.element_ty), mask=k < width)
