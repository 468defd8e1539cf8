"""What the scan templates share: blocks of float32 behind pointers, and tuples of them."""

import triton
import triton.language as tl


@triton.jit
def load(pointer, offsets, mask):
    return tl.load(pointer + offsets, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def store(pointer, offsets, value, mask):
    tl.store(pointer + offsets, value.to(pointer.dtype.element_ty), mask=mask)


@triton.jit
def time_of(t, steps, BACKWARDS: tl.constexpr, SET):
    """Where in memory the step ``t`` of the computation is; bit SET of BACKWARDS says from which end."""
    time = t
    if BACKWARDS != 0:
        flip = (tl.cast(BACKWARDS, tl.int64) >> SET) & 1
        time = t + flip * (steps - 1 - 2 * t)
    return time


@triton.jit
def load_each(pointers, offsets, inside, zero, PRESENT: tl.constexpr):
    """The blocks behind pointers, ``zero`` where the bit of PRESENT is not set."""
    blocks = ()
    for i in tl.static_range(len(pointers)):
        if (PRESENT >> i) & 1:
            blocks += (load(pointers[i], offsets, inside),)
        else:
            blocks += (zero,)
    return blocks


@triton.jit
def store_each(pointers, offsets, blocks, inside, PRESENT: tl.constexpr):
    """Store the blocks whose bit of PRESENT is set."""
    for i in tl.static_range(len(pointers)):
        if (PRESENT >> i) & 1:
            store(pointers[i], offsets, blocks[i], inside)


@triton.jit
def load_columns(pointer, row, unit, units, inside, FIRST: tl.constexpr, COUNT: tl.constexpr):
    """COUNT blocks beside each other behind the offsets ``row``, from block FIRST on."""
    blocks = ()
    for i in tl.static_range(COUNT):
        blocks += (load(pointer, row + ((FIRST + i) * units + unit)[None, :], inside),)
    return blocks


@triton.jit
def store_columns(pointer, row, unit, units, blocks, inside):
    for i in tl.static_range(len(blocks)):
        store(pointer, row + (i * units + unit)[None, :], blocks[i], inside)


@triton.jit
def slice_of(blocks, FIRST: tl.constexpr, LAST: tl.constexpr):
    part = ()
    for i in tl.static_range(FIRST, LAST):
        part += (blocks[i],)
    return part


@triton.jit
def masked(kept, blocks):
    """Blocks with zeros where they are not kept."""
    found = ()
    for i in tl.static_range(len(blocks)):
        found += (tl.where(kept, blocks[i], 0.0),)
    return found


@triton.jit
def select(kept, new, old):
    """The new blocks in the rows that are kept, the old ones in the others."""
    blocks = ()
    for i in tl.static_range(len(old)):
        blocks += (tl.where(kept, new[i], old[i]),)
    return blocks


@triton.jit
def append(blocks, more):
    longer = blocks
    longer += (more,)
    return longer


@triton.jit
def add_to_first(blocks, more):
    sums = (blocks[0] + more,)
    for i in tl.static_range(1, len(blocks)):
        sums += (blocks[i],)
    return sums


@triton.jit
def operands_of(values, extras, states, OPERANDS: tl.constexpr, LATER: tl.constexpr):
    """What the last LATER gates multiply, from the values of the gates before them."""
    found = OPERANDS(*values, *extras, *states)
    if LATER == 1:
        found = (found,)
    return found


@triton.jit
def through_operands(
    found,
    values,
    extras,
    states,
    lefts,
    OPERANDS_BACK: tl.constexpr,
    FIRST: tl.constexpr,
    GATES: tl.constexpr,
):
    """The gradients of gates, extras and states with those that pass through the operands, whose own
    gradients are ``lefts``."""
    more = OPERANDS_BACK(*values, *extras, *states, *lefts)
    if len(values) + len(extras) + len(states) == 1:
        more = (more,)
    sums = ()
    for i in tl.static_range(len(found)):
        if i < FIRST:
            sums += (found[i] + more[i],)
        elif i < GATES:
            sums += (found[i],)
        else:
            sums += (found[i] + more[i - (GATES - FIRST)],)
    return sums
