"""A recurrent cell over time by a grid that stays resident: every program keeps its share of the weights.

What is computed, the layouts and what is kept are those of ``templates/_scan``, for cells whose gates all
multiply h (no LATER) and without recurrent dropout. A program owns UNITS units of every gate for ROWS
sequences. Forward it multiplies h with its columns of the recurrent kernel, the gates of a unit beside each
other, in ONE ``tl.dot`` (ROWS, HIDDEN) x (HIDDEN, PACKED * UNITS): separate dots would keep a copy of h in
registers for each gate. Backward it multiplies the gradients of each gate with its columns of the transposed
kernel. Both loads of weights come before the loop over time, so they stay in shared memory.

Programs hand h on through ``exchange`` (2, sets, batch, units): a step reads one half and writes the other,
so that one barrier a step is enough. Backward they hand on du, whose steps all have places of their own. The
barrier counts arrivals in ``counters``, one for the programs that share rows and set, zero at the launch:
each adds 1 with release order after its stores, and waits with acquire order for as many as there are
programs, times the steps done. What another program wrote is read past the first-level cache (``.cg``). The
grid has to be launched cooperatively, with no more programs than fit on the device at once: else the barrier
never opens.

UNITS is the fewest that give every multiprocessor a program (16 columns at least, for tensor cores): a step
waits for the slowest, and each holds HIDDEN * GATES * UNITS weights. ROWS is the batch, up to 64 forward and
32 backward, where 64 spill. HIDDEN is all units, a power of two as ``tl.dot`` wants it; PACKED is GATES
likewise.
"""

import triton
import triton.language as tl

from ._scan_parts import (
    add_to_first,
    append,
    load,
    load_columns,
    load_each,
    masked,
    select,
    slice_of,
    store,
    store_columns,
    store_each,
    time_of,
)


@triton.jit
def _load_shared(pointer, offsets, mask):
    return tl.load(pointer + offsets, mask=mask, other=0.0, cache_modifier=".cg")


@triton.jit
def _barrier(counter, target):
    """Wait until every program that shares ``counter`` has come here ``target / programs`` times."""
    tl.debug_barrier()
    tl.atomic_add(counter, 1, sem="release", scope="gpu")
    while tl.atomic_add(counter, 0, sem="acquire", scope="gpu") < target:
        pass
    tl.debug_barrier()


@triton.jit
def _unpacked(total, GATES: tl.constexpr, PACKED: tl.constexpr, ROWS: tl.constexpr, UNITS: tl.constexpr):
    """(ROWS, UNITS) for each gate of (ROWS, UNITS * PACKED)."""
    if PACKED == 1:
        found = (total,)
    elif PACKED == 2:
        first, second = tl.split(tl.reshape(total, (ROWS, UNITS, 2)))
        found = (first, second)
    else:
        even, odd = tl.split(tl.reshape(total, (ROWS, UNITS, 2, 2)))
        first, third = tl.split(even)
        second, fourth = tl.split(odd)
        found = (first, second, third, fourth)
    return slice_of(found, 0, GATES)


@triton.jit
def grid_forward(
    x,
    kernel,
    bias,
    starts,
    mask,
    exchange,
    counters,
    y,
    saved,
    before,
    lasts,
    batch,
    steps,
    units,
    x_set,
    x_row,
    kernel_set,
    kernel_row,
    kernel_column,
    mask_batch,
    mask_time,
    STEP: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    EXTRAS: tl.constexpr,
    APART: tl.constexpr,
    STARTS: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    PACKED: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    HIDDEN: tl.constexpr,
):
    """``exchange`` holds the first h in its first half; ``saved`` and ``before`` may be None."""
    of_set = tl.cast(tl.program_id(2), tl.int64)
    member = tl.cast(tl.program_id(1), tl.int64) * ROWS + tl.arange(0, ROWS)
    row = of_set * batch + member
    unit = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    in_row = member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    hidden = tl.arange(0, HIDDEN)
    column = tl.arange(0, UNITS * PACKED)
    of_unit, of_gate = tl.program_id(0) * UNITS + column // PACKED, column % PACKED
    at_weights = hidden[:, None] * kernel_row + (of_gate * units + of_unit)[None, :] * kernel_column
    held = (hidden < units)[:, None] & ((of_unit < units) & (of_gate < GATES))[None, :]
    weights = tl.load(kernel + of_set * kernel_set + at_weights, mask=held, other=0.0)
    at_state = row[:, None] * units + unit[None, :]
    at_left = row[:, None] * units + hidden[None, :]
    in_left = in_row[:, None] & (hidden < units)[None, :]
    half = tl.cast(tl.num_programs(2), tl.int64) * batch * units
    counter = counters + of_set * tl.num_programs(1) + tl.program_id(1)
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    states = load_each(starts, at_state, inside, zero, STARTS)
    output = zero
    for t in tl.range(0, steps, num_stages=1):
        time = time_of(t, steps, BACKWARDS, of_set)
        place = (row * steps + time)[:, None]
        from_x = (of_set * x_set + (member * steps + time) * x_row)[:, None]
        read = tl.cast(t % 2, tl.int64) * half
        h = _load_shared(exchange + read, at_left, in_left)
        products = _unpacked(tl.dot(h, weights, input_precision=PRECISION), GATES, PACKED, ROWS, UNITS)
        values = ()
        for gate in tl.static_range(GATES):
            total = products[gate]
            if gate < JOINED:
                total += load(x, from_x + (gate * units + unit)[None, :], inside)
            if bias is not None:
                total += load(bias, (of_set * GATES + gate) * units + unit, unit < units)[None, :]
            values += (total,)
        extras = load_columns(x, from_x, unit, units, inside, JOINED, EXTRAS)
        if saved is not None:
            store_columns(saved, place * ((GATES + EXTRAS) * units), unit, units, values + extras, inside)
            store_each(before, place * units + unit[None, :], states, inside, -1)
        new = STEP(*values, *extras, *states)
        if len(lasts) + APART == 1:
            new = (new,)
        now = new[len(lasts) if APART else 0]
        if mask is None:
            states = slice_of(new, 0, len(lasts))
            output = now
        else:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
            output = tl.where(kept[:, None], now, 0.0 if ZEROS else output)
            states = select(kept[:, None], new, states)
        if SEQUENCES:
            store(y, (row * steps + t)[:, None] * units + unit[None, :], output, inside)
        if t + 1 < steps:
            store(exchange + (half - read), at_state, states[0], inside)
            _barrier(counter, tl.num_programs(0) * (t + 1))
    if not SEQUENCES:
        store(y, at_state, output, inside)
    store_each(lasts, at_state, states, inside, -1)


@triton.jit
def _products(
    du,
    rows,
    in_left,
    hidden,
    weights,
    units,
    PRECISION: tl.constexpr,
    GATES: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
):
    """The gradient of h from those of the products of the step after."""
    left = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    for gate in tl.static_range(GATES):
        slope = _load_shared(du, rows[:, None] + (gate * units + hidden)[None, :], in_left)
        left = tl.dot(slope, weights[gate], left, input_precision=PRECISION)
    return left


@triton.jit
def grid_backward(
    saved,
    before,
    kernel,
    mask,
    counters,
    dy,
    dlasts,
    dx,
    du,
    dstarts,
    batch,
    steps,
    units,
    x_set,
    x_row,
    kernel_set,
    kernel_row,
    kernel_column,
    mask_batch,
    mask_time,
    dy_batch,
    dy_time,
    dy_unit,
    BACK: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    EXTRAS: tl.constexpr,
    APART: tl.constexpr,
    STARTS: tl.constexpr,
    SLOPES: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    HIDDEN: tl.constexpr,
):
    """``du`` is never None here: the programs read it."""
    of_set = tl.cast(tl.program_id(2), tl.int64)
    member = tl.cast(tl.program_id(1), tl.int64) * ROWS + tl.arange(0, ROWS)
    row = of_set * batch + member
    unit = tl.program_id(0) * UNITS + tl.arange(0, UNITS)
    in_row = member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    hidden = tl.arange(0, HIDDEN)
    in_left = in_row[:, None] & (hidden < units)[None, :]
    held = (hidden < units)[:, None] & (unit < units)[None, :]
    weights = ()
    for gate in tl.static_range(GATES):
        at_weights = (gate * units + hidden)[:, None] * kernel_column + unit[None, :] * kernel_row
        weights += (tl.load(kernel + of_set * kernel_set + at_weights, mask=held, other=0.0),)
    at_state = row[:, None] * units + unit[None, :]
    at_dy = row[:, None] * dy_batch + unit[None, :] * dy_unit
    counter = counters + of_set * tl.num_programs(1) + tl.program_id(1)
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    slopes = load_each(dlasts, at_state, inside, zero, SLOPES)
    carried = zero
    if dy is not None and not SEQUENCES:
        carried = load(dy, at_dy, inside)
    VALUES: tl.constexpr = GATES + EXTRAS
    for i in tl.range(0, steps, num_stages=1):
        time = time_of(steps - 1 - i, steps, BACKWARDS, of_set)
        place = (row * steps + time)[:, None]
        values = load_columns(saved, place * (VALUES * units), unit, units, inside, 0, VALUES)
        states = load_each(before, place * units + unit[None, :], inside, zero, -1)
        if dy is not None and SEQUENCES:
            carried += load(dy, at_dy + tl.cast(steps - 1 - i, tl.int64) * dy_time, inside)
        if APART:
            arrived = append(slopes, carried)
        else:
            arrived = add_to_first(slopes, carried)
        if mask is not None:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
            arrived = masked(kept[:, None], arrived)
        found = BACK(*values, *states, *arrived)
        outer = slice_of(found, 0, JOINED) + slice_of(found, GATES, VALUES)
        to_x = (of_set * x_set + (member * steps + time) * x_row)[:, None]
        store_columns(dx, to_x, unit, units, outer, inside)
        store_columns(du, place * (GATES * units), unit, units, slice_of(found, 0, GATES), inside)
        _barrier(counter, tl.num_programs(0) * (i + 1))
        rows = (row * steps + time) * (GATES * units)
        left = _products(du, rows, in_left, hidden, weights, units, PRECISION, GATES, ROWS, UNITS)
        new = add_to_first(slice_of(found, VALUES, VALUES + len(before)), left)
        if mask is None:
            slopes = new
            carried = zero
        else:
            slopes = select(kept[:, None], new, slopes)
            carried = tl.where(kept[:, None] | ZEROS, 0.0, carried)
    store_each(dstarts, at_state, slopes, inside, STARTS)
