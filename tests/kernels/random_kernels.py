"""A kernel that shows the bits of dropout."""

import triton
import triton.language as tl

from tkeras_kernels.templates._random import kept


@triton.jit
def keeps(seed, out, first, threshold, BLOCK: tl.constexpr):
    """``out[i]``: whether the element at offset ``first + i`` is kept."""
    element = tl.arange(0, BLOCK)
    offsets = tl.cast(first, tl.int64) + element
    tl.store(out + element, kept(seed, offsets, threshold).to(tl.int8))
