"""Kernels around a leaf, for tests; this imports Triton, so the mode must be chosen before."""

import triton
import triton.language as tl


@triton.jit
def map_kernel(inputs, outputs, n, LEAF: tl.constexpr, B: tl.constexpr):
    offsets = tl.arange(0, B)
    mask = offsets < n
    values = ()
    for i in tl.static_range(len(inputs)):
        values = values + (tl.load(inputs[i] + offsets, mask=mask, other=1.0),)  # noqa: RUF005
    results = LEAF(*values)
    if len(outputs) == 1:
        tl.store(outputs[0] + offsets, results, mask=mask)
    else:
        for i in tl.static_range(len(outputs)):
            tl.store(outputs[i] + offsets, results[i], mask=mask)


@triton.jit
def update_kernel(p, g, lr, step, m, v, n, LEAF: tl.constexpr, B: tl.constexpr):
    offsets = tl.arange(0, B)
    mask = offsets < n
    state = tl.load(m + offsets, mask=mask), tl.load(v + offsets, mask=mask)
    new = LEAF(tl.load(p + offsets, mask=mask), tl.load(g + offsets, mask=mask), lr, step, *state)
    tl.store(p + offsets, new[0], mask=mask)
    tl.store(m + offsets, new[1], mask=mask)
    tl.store(v + offsets, new[2], mask=mask)
