"""A recurrent cell over time: one program walks all steps of ROWS sequences with the weights on chip.

At each step ``values`` are the cell's pre-activations: ``x + h U + bias`` for each of the first JOINED of its
GATES, x and ``h U + bias`` apart for the others, which the cell combines itself. The next states are
``STEP(*values, *states)``, of which the first is h. With RESET the operand of the last gate is
``RESET(*values before it, h)`` instead of h; that gate is joined.

x (batch, steps, gates * units) is the projected input, kernel (units, gates * units) the recurrent weights,
``starts`` and ``lasts`` the states (batch, units), y the outputs (batch, steps, units) in the order of
computation or the last one (batch, units), ``dropped`` the scaled dropout of h for each gate (gates, batch,
units), mask (batch, steps), 0 where states stay and the output repeats (or is zero: ZEROS).

For the backward the forward keeps ``values`` (batch, steps, values * units) and, for every step, the states
before it and RESET's result, (batch, steps, units). The backward recomputes the cell's inside from them, in
the derivative leaf, and writes dx and du, the gradients of what was projected and of h U. The gradients of
weights and inputs are products over all steps, left to the caller.

States stay in float32 registers and operands of ``tl.dot`` in the dtype of kernel, added in float32. Nothing
that a step writes is read by a later one, and ``num_stages=1`` keeps the loop from being pipelined anyway.
``tl.dot`` wants 16 rows and powers of two: UNITS is padded, and the padding is held at zero unless EVEN says
that there is none, since a leaf of zeros may be anything, NaN included.
"""

import triton
import triton.language as tl


@triton.jit
def _load(pointer, offsets, mask):
    return tl.load(pointer + offsets, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def _store(pointer, offsets, value, mask):
    tl.store(pointer + offsets, value.to(pointer.dtype.element_ty), mask=mask)


@triton.jit
def _weights(
    kernel, inner_stride, outer_stride, gate_stride, units, GATES: tl.constexpr, UNITS: tl.constexpr
):
    """(UNITS, UNITS) for each gate."""
    unit = tl.arange(0, UNITS)
    offsets = unit[:, None] * inner_stride + unit[None, :] * outer_stride
    inside = (unit < units)[:, None] & (unit < units)[None, :]
    tiles = ()
    for gate in tl.static_range(GATES):
        tiles += (tl.load(kernel + offsets + gate * gate_stride, mask=inside, other=0.0),)
    return tiles


@triton.jit
def _loaded_or_zero(pointers, offsets, inside, ROWS: tl.constexpr, UNITS: tl.constexpr):
    """Float32 blocks behind pointers of which some are None."""
    blocks = ()
    for i in tl.static_range(len(pointers)):
        if pointers[i] is None:
            blocks += (tl.zeros((ROWS, UNITS), dtype=tl.float32),)
        else:
            blocks += (_load(pointers[i], offsets, inside),)
    return blocks


@triton.jit
def _masked(kept, blocks):
    """Blocks with zeros where they are not kept."""
    masked = ()
    for i in tl.static_range(len(blocks)):
        masked += (tl.where(kept, blocks[i], 0.0),)
    return masked


@triton.jit
def _select(kept, new, old):
    """The new blocks in the rows that are kept, the old ones in the others."""
    blocks = ()
    for i in tl.static_range(len(old)):
        blocks += (tl.where(kept, new[i], old[i]),)
    return blocks


@triton.jit
def _add_to_first(blocks, more):
    sums = (blocks[0] + more,)
    for i in tl.static_range(1, len(blocks)):
        sums += (blocks[i],)
    return sums


@triton.jit
def _through_reset(found, values, h, left, RESET_BACK: tl.constexpr, GATES: tl.constexpr):
    """The gradients of values and states with those that pass through RESET, whose result has gradient
    ``left``."""
    first = ()
    for i in tl.static_range(GATES - 1):
        first += (values[i],)
    more = RESET_BACK(*first, h, left)
    sums = ()
    for i in tl.static_range(GATES - 1):
        sums += (found[i] + more[i],)
    sums += (found[GATES - 1], found[GATES] + more[GATES - 1])
    for i in tl.static_range(GATES + 1, len(found)):
        sums += (found[i],)
    return sums


@triton.jit
def _by_gate(found, GATES: tl.constexpr, JOINED: tl.constexpr):
    """The gradient of every gate's projected input, and that of its product with h."""
    outer = ()
    inner = ()
    for gate in tl.static_range(GATES):
        if gate < JOINED:
            outer += (found[gate],)
            inner += (found[gate],)
        else:
            outer += (found[2 * gate - JOINED],)
            inner += (found[2 * gate - JOINED + 1],)
    return outer, inner


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
    reset,
    before,
    lasts,
    batch,
    steps,
    units,
    kernel_row,
    kernel_column,
    mask_batch,
    mask_time,
    STEP: tl.constexpr,
    RESET: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
):
    """``saved``, ``reset`` and ``before`` are None where nothing will be differentiated."""
    row = tl.cast(tl.program_id(0), tl.int64) * ROWS + tl.arange(0, ROWS)
    unit = tl.arange(0, UNITS)
    in_row = row < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    weights = _weights(kernel, kernel_row, kernel_column, units * kernel_column, units, GATES, UNITS)
    at_state = row[:, None] * units + unit[None, :]
    states = _loaded_or_zero(starts, at_state, inside, ROWS, UNITS)
    output = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    for t in tl.range(0, steps, num_stages=1):
        time = steps - 1 - t if BACKWARDS else t
        place = (row * steps + time)[:, None]
        h = states[0]
        values = ()
        for gate in tl.static_range(GATES):
            left = h
            if RESET is not None:  # noqa: SIM102 - the tests are made when compiling
                if gate == GATES - 1:
                    left = RESET(*values, h)
                    if not EVEN:
                        left = tl.where(inside, left, 0.0)
                    if reset is not None:
                        _store(reset, place * units + unit[None, :], left, inside)
            if dropped is not None:
                left *= _load(dropped, at_state + gate * batch * units, inside)
            projected = _load(x, place * (GATES * units) + (gate * units + unit)[None, :], inside)
            if gate < JOINED:
                total = projected
            else:
                total = tl.zeros((ROWS, UNITS), dtype=tl.float32)
            if bias is not None:
                total += _load(bias, gate * units + unit, unit < units)[None, :]
            total = tl.dot(left.to(weights[gate].dtype), weights[gate], total, input_precision=PRECISION)
            if gate < JOINED:
                values += (total,)
            else:
                values += (projected, total)
        if saved is not None:
            for i in tl.static_range(len(values)):
                offsets = place * (len(values) * units) + (i * units + unit)[None, :]
                _store(saved, offsets, values[i], inside)
            for i in tl.static_range(len(before)):
                _store(before[i], place * units + unit[None, :], states[i], inside)
        new = STEP(*values, *states)
        if len(lasts) == 1:
            new = (new,)
        if not EVEN:
            new = _masked(inside, new)
        if mask is None:
            states = new
            output = new[0]
        else:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
            output = tl.where(kept[:, None], new[0], 0.0 if ZEROS else output)
            states = _select(kept[:, None], new, states)
        if SEQUENCES:
            _store(y, (row * steps + t)[:, None] * units + unit[None, :], output, inside)
    if not SEQUENCES:
        _store(y, at_state, output, inside)
    for i in tl.static_range(len(lasts)):
        _store(lasts[i], at_state, states[i], inside)


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
    kernel_row,
    kernel_column,
    mask_batch,
    mask_time,
    dy_batch,
    dy_time,
    dy_unit,
    BACK: tl.constexpr,
    RESET_BACK: tl.constexpr,
    GATES: tl.constexpr,
    JOINED: tl.constexpr,
    BACKWARDS: tl.constexpr,
    SEQUENCES: tl.constexpr,
    ZEROS: tl.constexpr,
    PRECISION: tl.constexpr,
    EVEN: tl.constexpr,
    ROWS: tl.constexpr,
    UNITS: tl.constexpr,
):
    """BACK takes values, states and a cotangent for each state; ``du`` is None where it equals ``dx``.

    ``carried`` is the gradient of outputs that repeat an earlier one, on its way to the step that made it.
    """
    row = tl.cast(tl.program_id(0), tl.int64) * ROWS + tl.arange(0, ROWS)
    unit = tl.arange(0, UNITS)
    in_row = row < batch
    inside = in_row[:, None] & (unit < units)[None, :]
    weights = _weights(kernel, kernel_column, kernel_row, units * kernel_column, units, GATES, UNITS)
    at_state = row[:, None] * units + unit[None, :]
    at_dy = row[:, None] * dy_batch + unit[None, :] * dy_unit
    slopes = _loaded_or_zero(dlasts, at_state, inside, ROWS, UNITS)
    carried = tl.zeros((ROWS, UNITS), dtype=tl.float32)
    if dy is not None and not SEQUENCES:
        carried = _load(dy, at_dy, inside)
    VALUES: tl.constexpr = 2 * GATES - JOINED
    for i in tl.range(0, steps, num_stages=1):
        time = i if BACKWARDS else steps - 1 - i
        place = (row * steps + time)[:, None]
        values = ()
        for n in tl.static_range(VALUES):
            values += (_load(saved, place * (VALUES * units) + (n * units + unit)[None, :], inside),)
        states = ()
        for n in tl.static_range(len(before)):
            states += (_load(before[n], place * units + unit[None, :], inside),)
        if dy is not None and SEQUENCES:
            carried += _load(dy, at_dy + tl.cast(steps - 1 - i, tl.int64) * dy_time, inside)
        arrived = _add_to_first(slopes, carried)
        if mask is not None:
            kept = tl.load(mask + row * mask_batch + time * mask_time, mask=in_row, other=0) != 0
            arrived = _masked(kept[:, None], arrived)
        found = BACK(*values, *states, *arrived)
        if not EVEN:
            found = _masked(inside, found)
        if RESET_BACK is not None:
            last = found[GATES - 1].to(weights[0].dtype)
            left = tl.dot(last, weights[GATES - 1], input_precision=PRECISION)
            if dropped is not None:
                left *= _load(dropped, at_state + (GATES - 1) * batch * units, inside)
            found = _through_reset(found, values, states[0], left, RESET_BACK, GATES)
            if not EVEN:
                found = _masked(inside, found)
        outer, inner = _by_gate(found, GATES, JOINED)
        dh = found[VALUES]
        for gate in tl.static_range(GATES):
            at_gate = place * (GATES * units) + (gate * units + unit)[None, :]
            _store(dx, at_gate, outer[gate], inside)
            if du is not None:
                _store(du, at_gate, inner[gate], inside)
            if RESET_BACK is None or gate < GATES - 1:
                left = tl.dot(inner[gate].to(weights[gate].dtype), weights[gate], input_precision=PRECISION)
                if dropped is not None:
                    left *= _load(dropped, at_state + gate * batch * units, inside)
                dh += left
        new = (dh,)
        for n in tl.static_range(1, len(before)):
            new += (found[VALUES + n],)
        if mask is None:
            slopes = new
            carried = tl.zeros((ROWS, UNITS), dtype=tl.float32)
        else:
            slopes = _select(kept[:, None], new, slopes)
            carried = tl.where(kept[:, None] | ZEROS, 0.0, carried)
    for n in tl.static_range(len(dstarts)):
        if dstarts[n] is not None:
            _store(dstarts[n], at_state, slopes[n], inside)
