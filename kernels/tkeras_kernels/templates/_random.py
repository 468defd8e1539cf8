"""The random bits of dropout: Philox 4x32 with 10 rounds (Salmon et al., 2011).

The key is a seed of 64 bits and the counter an element's offset in the contiguous tensor that is dropped
from, so that forward and backward draw the same bits whatever tiles they walk in, and only the seed is
kept. ``operators/_random.py`` draws the same bits in torch.
"""

import triton
import triton.language as tl


@triton.jit
def kept(seed, offsets, threshold):
    """Whether each element is kept.

    ``seed`` points to an int64; ``offsets`` is an int64 block; ``threshold`` is an int32 that the first of an
    element's four words, read as int32, must reach.
    """
    low = offsets.to(tl.uint32)
    high = (offsets >> 32).to(tl.uint32)
    zero = low * 0
    word, _, _, _ = tl.philox(tl.load(seed), low, high, zero, zero)
    return word.to(tl.int32, bitcast=True) >= threshold
