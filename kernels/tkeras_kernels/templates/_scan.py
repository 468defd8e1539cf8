"""A recurrent cell over time: one program walks all steps of ROWS sequences with the weights on chip.

A cell has GATES products with its states. The value of each of the first JOINED gates is ``x + h U + bias``,
of the others ``h U + bias``; EXTRAS more values are columns of x alone. The next states are
``STEP(*gates, *extras, *states)``, of which the first is h and, unless an own one follows them (APART), the
output. The last LATER gates multiply ``OPERANDS(*gates before, *extras, *states)`` instead of h.

x (sets, batch, steps, (JOINED + EXTRAS) * units) is the projected input, kernel (sets, UNITS, GATES, UNITS)
the recurrent weights, padded with zeros, ``starts`` and ``lasts`` the states (sets, batch, units), y the
outputs (sets, batch, steps, units) in the order of computation or the last one (sets, batch, units),
``dropped`` the scaled dropout of each gate's operand (GATES, sets, batch, units), mask (sets, batch, steps),
0 where states stay and the output repeats (or is zero: ZEROS). Sets are sequences with weights of their own,
such as both directions of a layer: bit s of BACKWARDS says that set s runs from its last step to the first.

For the backward the forward keeps ``values`` (sets, batch, steps, (GATES + EXTRAS) * units) and, for every
step, the states before it and the operands, (sets, batch, steps, units) each. The backward recomputes the
cell's inside from them, in the derivative leaf, and writes dx and du, the gradients of x and of the products.
The gradients of weights and inputs are products over all steps, left to the caller.

States stay in float32 registers and operands of ``tl.dot`` in the dtype of kernel, added in float32. Nothing
that a step writes is read by a later one, and ``num_stages=1`` keeps the loop from being pipelined anyway.
ROWS is 16, what ``tl.dot`` takes at least: all rows of a program wait for each other, and with 64 rows the
cell's temporaries spill. ``tl.dot`` wants powers of two: UNITS is padded, and the padding is held at zero
unless EVEN says that there is none, since a leaf of zeros may be anything, NaN included. The weights are
padded in memory, where a copy of them costs little: loading them past a mask, one by one, spilled.
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
def _weights(kernel, inner_stride, outer_stride, gate_stride, GATES: tl.constexpr, UNITS: tl.constexpr):
    """(UNITS, UNITS) for each gate."""
    unit = tl.arange(0, UNITS)
    offsets = unit[:, None] * inner_stride + unit[None, :] * outer_stride
    tiles = ()
    for gate in tl.static_range(GATES):
        tiles += (tl.load(kernel + offsets + gate * gate_stride),)
    return tiles


@triton.jit
def scan_forward(
    x,
    kernel,
    bias,
    starts,
    mask,
    dropped,
    y,
    saved,
    operands,
    before,
    lasts,
    batch,
    steps,
    units,
    x_set,
    x_row,
    kernel_set,
    kernel_row,
    kernel_gate,
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
    STARTS: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
):
    """``saved``, ``operands`` and ``before`` are None where nothing will be differentiated."""
    of_set = tl.cast(tl.program_id(1), tl.int64)
    member = tl.cast(tl.program_id(0), tl.int64) * ROWS + tl.arange(0, ROWS)
    row = of_set * batch + member
    unit = tl.arange(0, UNITS)
    in_row = member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    kernel += of_set * kernel_set
    weights = _weights(kernel, kernel_row, kernel_column, kernel_gate, GATES, UNITS)
    at_state = row[:, None] * units + unit[None, :]
    a_gate = tl.cast(tl.num_programs(1), tl.int64) * batch * units
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    states = load_each(starts, at_state, inside, zero, STARTS)
    output = zero
    for t in tl.range(0, steps, num_stages=1):
        time = time_of(t, steps, BACKWARDS, of_set)
        place = (row * steps + time)[:, None]
        from_x = (of_set * x_set + (member * steps + time) * x_row)[:, None]
        extras = load_columns(x, from_x, unit, units, inside, JOINED, EXTRAS)
        values = ()
        own = ()
        for gate in tl.static_range(GATES):
            if gate < GATES - LATER:
                left = states[0]
            else:
                if gate == GATES - LATER:
                    own = operands_of(values, extras, states, OPERANDS, LATER)
                    if not EVEN:
                        own = masked(inside, own)
                    if operands is not None:
                        for i in tl.static_range(LATER):
                            store(operands[i], place * units + unit[None, :], own[i], inside)
                left = own[gate - (GATES - LATER)]
            if dropped is not None:
                left *= load(dropped, at_state + gate * a_gate, inside)
            if gate < JOINED:
                total = load(x, from_x + (gate * units + unit)[None, :], inside)
            else:
                total = zero
            if bias is not None:
                total += load(bias, (of_set * GATES + gate) * units + unit, unit < units)[None, :]
            values += (tl.dot(left.to(weights[gate].dtype), weights[gate], total, input_precision=PRECISION),)
        if saved is not None:
            store_columns(saved, place * ((GATES + EXTRAS) * units), unit, units, values + extras, inside)
            store_each(before, place * units + unit[None, :], states, inside, -1)
        new = STEP(*values, *extras, *states)
        if len(lasts) + APART == 1:
            new = (new,)
        if not EVEN:
            new = masked(inside, new)
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
    if not SEQUENCES:
        store(y, at_state, output, inside)
    store_each(lasts, at_state, states, inside, -1)


@triton.jit
def scan_backward(
    saved,
    before,
    kernel,
    mask,
    dropped,
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
    kernel_gate,
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
    SLOPES: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
):
    """BACK takes gates, extras, states and a cotangent for each result of STEP; ``dx`` lies as x did;
    ``du`` is None where it equals ``dx``.

    ``carried`` is the gradient of outputs that repeat an earlier one, on its way to the step that made it.
    """
    of_set = tl.cast(tl.program_id(1), tl.int64)
    member = tl.cast(tl.program_id(0), tl.int64) * ROWS + tl.arange(0, ROWS)
    row = of_set * batch + member
    unit = tl.arange(0, UNITS)
    in_row = member < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    kernel += of_set * kernel_set
    weights = _weights(kernel, kernel_column, kernel_row, kernel_gate, GATES, UNITS)
    at_state = row[:, None] * units + unit[None, :]
    a_gate = tl.cast(tl.num_programs(1), tl.int64) * batch * units
    at_dy = row[:, None] * dy_batch + unit[None, :] * dy_unit
    zero = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    slopes = load_each(dlasts, at_state, inside, zero, SLOPES)
    carried = zero
    if dy is not None and not SEQUENCES:
        carried = load(dy, at_dy, inside)
    FIRST: tl.constexpr = GATES - LATER
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
        if not EVEN:
            found = masked(inside, found)
        if LATER > 0:
            lefts = ()
            for gate in tl.static_range(FIRST, GATES):
                left = tl.dot(found[gate].to(weights[gate].dtype), weights[gate], input_precision=PRECISION)
                if dropped is not None:
                    left *= load(dropped, at_state + gate * a_gate, inside)
                lefts += (left,)
            first, extras = slice_of(values, 0, FIRST), slice_of(values, GATES, VALUES)
            found = through_operands(found, first, extras, states, lefts, OPERANDS_BACK, FIRST, GATES)
            if not EVEN:
                found = masked(inside, found)
        outer = slice_of(found, 0, JOINED) + slice_of(found, GATES, VALUES)
        to_x = (of_set * x_set + (member * steps + time) * x_row)[:, None]
        store_columns(dx, to_x, unit, units, outer, inside)
        if du is not None:
            store_columns(du, place * (GATES * units), unit, units, slice_of(found, 0, GATES), inside)
        dh = found[VALUES]
        for gate in tl.static_range(FIRST):
            left = tl.dot(found[gate].to(weights[gate].dtype), weights[gate], input_precision=PRECISION)
            if dropped is not None:
                left *= load(dropped, at_state + gate * a_gate, inside)
            dh += left
        new = (dh,)
        new += slice_of(found, VALUES + 1, VALUES + len(before))
        if mask is None:
            slopes = new
            carried = zero
        else:
            slopes = select(kept[:, None], new, slopes)
            carried = tl.where(kept[:, None] | ZEROS, 0.0, carried)
    store_each(dstarts, at_state, slopes, inside, STARTS)
