"""A recurrent cell, one launch a step: for weights that do not fit on chip.

What is computed, the layouts and what is kept are those of ``templates/_scan``; ``t`` is the step of the
computation. A program owns ROWS sequences and UNITS units of every gate. It multiplies h, INNER units at a
time, with its columns of the recurrent kernel and ends the step for its units in registers. Operands of the
last LATER gates need whole rows of the gates before, which is a launch of its own: PHASE is 0 for a whole
step, 1 for what comes before the operands, 2 for the rest.

The states go from ``states`` to ``news`` (sets, batch, units) in float32; ``output`` holds the output that
masked steps repeat. Backward, a launch multiplies the gradients of the products of the step after with the
transposed kernel, which completes ``slopes``, the gradients of the states, and differentiates its own step;
``slopes`` is then overwritten by the part for the step before that needs no product. PHASE 3 only completes
them, into ``dstarts``. ``scratch`` (sets, batch, (GATES + EXTRAS + states) * units) carries a step's
gradients from phase 1 to phase 2 in float32.

Nothing that a launch writes is read by another program of it, so the loop over INNER may be pipelined.

UNITS is 16, the fewest that tensor cores take: reading the weights bounds a step, and more programs read them
faster. ROWS is the batch up to 64, so that they are read once; with 128 the backward takes 254 registers.
INNER is 128 bytes of a row of h, a line of the cache.
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
    operands_of,
    select,
    slice_of,
    store,
    store_columns,
    store_each,
    through_operands,
    time_of,
)


@triton.jit
def _place(batch, ROWS: tl.constexpr, UNITS: tl.constexpr):
    """Set, rows within it, and units of this program."""
    of_set = tl.cast(tl.program_id(2), tl.int64)
    member = tl.cast(tl.program_id(0), tl.int64) * ROWS + tl.arange(0, ROWS)
    return of_set, member, tl.program_id(1) * UNITS + tl.arange(0, UNITS)


@triton.jit(do_not_specialize=["t"])
def step_forward(
    x,
    kernel,
    bias,
    states,
    news,
    mask,
    dropped,
    y,
    output,
    saved,
    operands,
    before,
    t,
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
    OPERANDS: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    EXTRAS: tl.constexpr,
    LATER: tl.constexpr,
    APART: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    PHASE: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    INNER: tl.constexpr,
):
    """``before`` is None where nothing will be differentiated; ``saved`` too, unless phases hand it on."""
    of_set, member, unit = _place(batch, ROWS, UNITS)
    row, in_row = of_set * batch + member, member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    kernel += of_set * kernel_set
    FIRST: tl.constexpr = GATES - LATER
    FROM: tl.constexpr = FIRST if PHASE == 2 else 0
    TO: tl.constexpr = FIRST if PHASE == 1 else GATES
    time = time_of(t, steps, BACKWARDS, of_set)
    at_row = row * steps + time
    place = at_row[:, None]
    at_state = row[:, None] * units + unit[None, :]
    a_gate = tl.cast(tl.num_programs(2), tl.int64) * batch * units
    from_x = (of_set * x_set + (member * steps + time) * x_row)[:, None]
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    totals = ()
    for gate in tl.static_range(FROM, TO):
        if gate < JOINED:
            total = load(x, from_x + (gate * units + unit)[None, :], inside)
        else:
            total = zero
        if bias is not None:
            total += load(bias, (of_set * GATES + gate) * units + unit, unit < units)[None, :]
        totals += (total,)
    for k in tl.range(0, units, INNER):
        inner = k + tl.arange(0, INNER)
        in_left = in_row[:, None] & (inner < units)[None, :]
        in_right = (inner < units)[:, None] & (unit < units)[None, :]
        at_left = row[:, None] * units + inner[None, :]
        if PHASE != 2:
            h = load(states[0], at_left, in_left)
        sums = ()
        for gate in tl.static_range(FROM, TO):
            if PHASE == 2:
                left = load(operands[gate - FIRST], place * units + inner[None, :], in_left)
            else:
                left = h
            if dropped is not None:
                left *= load(dropped, at_left + gate * a_gate, in_left)
            column = (gate * units + unit) * kernel_column
            right = tl.load(kernel + inner[:, None] * kernel_row + column[None, :], mask=in_right, other=0.0)
            sums += (tl.dot(left.to(right.dtype), right, totals[gate - FROM], input_precision=PRECISION),)
        totals = sums
    old = load_each(states, at_state, inside, zero, -1)
    extras = load_columns(x, from_x, unit, units, inside, JOINED, EXTRAS)
    at_saved = place * ((GATES + EXTRAS) * units)
    if PHASE == 1:
        store_columns(saved, at_saved, unit, units, totals, inside)
        own = operands_of(totals, extras, old, OPERANDS, LATER)
        for i in tl.static_range(LATER):
            store(operands[i], place * units + unit[None, :], own[i], inside)
    else:
        values = load_columns(saved, at_saved, unit, units, inside, 0, FROM) + totals
        if before is not None:
            store_columns(saved, at_saved, unit, units, values + extras, inside)
            store_each(before, place * units + unit[None, :], old, inside, -1)
        new = STEP(*values, *extras, *old)
        if len(states) + APART == 1:
            new = (new,)
        now = new[len(states) if APART else 0]
        if mask is not None:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
            now = tl.where(kept[:, None], now, 0.0 if ZEROS else load(output, at_state, inside))
            new = select(kept[:, None], new, old)
            store(output, at_state, now, inside)
        store_each(news, at_state, new, inside, -1)
        if SEQUENCES:
            store(y, (row * steps + t)[:, None] * units + unit[None, :], now, inside)
        elif t == steps - 1:
            store(y, at_state, now, inside)


@triton.jit
def _products(
    products,
    rows,
    in_row,
    kernel,
    unit,
    units,
    bound,
    dropped,
    at_dropped,
    inside,
    kernel_row,
    kernel_column,
    PRECISION: tl.constexpr,
    GATE: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    INNER: tl.constexpr,
):
    """The gradient of what a gate multiplied: its gradients, in the rows at ``rows``, times the transposed
    kernel."""
    left = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    for k in tl.range(0, bound, INNER):
        inner = k + tl.arange(0, INNER)
        in_left = in_row[:, None] & (inner < units)[None, :]
        in_right = (inner < units)[:, None] & (unit < units)[None, :]
        column = GATE * units + inner
        slope = tl.load(products + rows[:, None] + column[None, :], mask=in_left, other=0.0)
        at_right = column[:, None] * kernel_column + unit[None, :] * kernel_row
        right = tl.load(kernel + at_right, mask=in_right, other=0.0)
        left = tl.dot(slope, right, left, input_precision=PRECISION)
    if dropped is not None:
        left *= load(dropped, at_dropped, inside)
    return left


@triton.jit(do_not_specialize=["t"])
def step_backward(
    saved,
    before,
    kernel,
    mask,
    dropped,
    dy,
    slopes,
    carried,
    scratch,
    dx,
    du,
    dstarts,
    t,
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
    OPERANDS_BACK: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    EXTRAS: tl.constexpr,
    LATER: tl.constexpr,
    APART: tl.constexpr,
    STARTS: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    PHASE: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
    INNER: tl.constexpr,
):
    """``carried`` is the gradient of outputs that repeat an earlier one, None where none do; ``du`` is None
    where it equals ``dx``."""
    of_set, member, unit = _place(batch, ROWS, UNITS)
    row, in_row = of_set * batch + member, member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    kernel += of_set * kernel_set
    FIRST: tl.constexpr = GATES - LATER
    VALUES: tl.constexpr = GATES + EXTRAS
    STATES: tl.constexpr = len(slopes)
    at_state = row[:, None] * units + unit[None, :]
    a_gate = tl.cast(tl.num_programs(2), tl.int64) * batch * units
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    time = time_of(t, steps, BACKWARDS, of_set)
    place = (row * steps + time)[:, None]
    to_x = of_set * x_set + (member * steps + time) * x_row
    before_of_step = load_each(slopes, at_state, inside, zero, -1)
    if PHASE != 2:
        after = time_of(t + 1, steps, BACKWARDS, of_set)
        bound = tl.where(t + 1 < steps, units, 0)
        left = zero
        for gate in tl.static_range(FIRST):
            if du is None:
                products, rows = dx, of_set * x_set + (member * steps + after) * x_row
            else:
                products, rows = du, (row * steps + after) * (GATES * units)
            left += _products(
                products, rows, in_row, kernel, unit, units, bound, dropped, at_state + gate * a_gate, inside,
                kernel_row, kernel_column, PRECISION, gate, ROWS, UNITS, INNER,
            )  # fmt: skip
        before_of_step = add_to_first(before_of_step, left)
    if PHASE == 3:
        store_each(dstarts, at_state, before_of_step, inside, STARTS)
    else:
        values = load_columns(saved, place * (VALUES * units), unit, units, inside, 0, VALUES)
        states = load_each(before, place * units + unit[None, :], inside, zero, -1)
        kept = None
        if mask is not None:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
        if PHASE == 2:
            at_found = row[:, None] * ((VALUES + STATES) * units)
            found = load_columns(scratch, at_found, unit, units, inside, 0, VALUES + STATES)
            lefts = ()
            for gate in tl.static_range(FIRST, GATES):
                if du is None:
                    products, rows = dx, to_x
                else:
                    products, rows = du, (row * steps + time) * (GATES * units)
                lefts += (
                    _products(
                        products, rows, in_row, kernel, unit, units, units, dropped, at_state + gate * a_gate,
                        inside, kernel_row, kernel_column, PRECISION, gate, ROWS, UNITS, INNER,
                    ),
                )  # fmt: skip
            first, extras = slice_of(values, 0, FIRST), slice_of(values, GATES, VALUES)
            found = through_operands(found, first, extras, states, lefts, OPERANDS_BACK, FIRST, GATES)
        else:
            repeated = zero
            if carried is not None:
                repeated = load(carried, at_state, inside)
            if dy is not None and SEQUENCES:
                at_dy = row[:, None] * dy_batch + unit[None, :] * dy_unit
                repeated += load(dy, at_dy + tl.cast(t, tl.int64) * dy_time, inside)
            if APART:
                arrived = append(before_of_step, repeated)
            else:
                arrived = add_to_first(before_of_step, repeated)
            if mask is not None:
                arrived = masked(kept[:, None], arrived)
            found = BACK(*values, *states, *arrived)
            if carried is not None:
                if mask is None:
                    repeated = zero
                else:
                    repeated = tl.where(kept[:, None] | ZEROS, 0.0, repeated)
                store(carried, at_state, repeated, inside)
        if PHASE == 1:
            at_found = row[:, None] * ((VALUES + STATES) * units)
            store_columns(scratch, at_found, unit, units, found, inside)
            store(slopes[0], at_state, before_of_step[0], inside)
        outer = slice_of(found, 0, JOINED) + slice_of(found, GATES, VALUES)
        store_columns(dx, to_x[:, None], unit, units, outer, inside)
        if du is not None:
            store_columns(du, place * (GATES * units), unit, units, slice_of(found, 0, GATES), inside)
        if PHASE != 1:
            new = slice_of(found, VALUES, VALUES + STATES)
            if mask is not None:
                new = select(kept[:, None], new, before_of_step)
            for n in tl.static_range(STATES):
                store(slopes[n], at_state, new[n], inside)
