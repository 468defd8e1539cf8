"""The random bits of dropout: Philox 4x32 with 10 rounds (Salmon et al., 2011).

The key is a seed of 64 bits. Element i of the contiguous tensor that is dropped from takes the upper 24 bits
of word i % 4 of counter i // 4, as in ``_noise.py``: forward and backward draw the same bits whatever tiles
they walk in, a layer of its own drops what it drops inside another kernel, and only the seed is kept.
``operators/_random.py`` draws the same bits in torch.
"""

import triton
import triton.language as tl


@triton.jit
def kept(seed, offsets, threshold):
    """Whether each element is kept.

    ``seed`` points to an int64; ``offsets`` is an int64 block; ``threshold`` is an int32 that the 24 bits of
    an element must reach.
    """
    low = (offsets >> 2).to(tl.uint32)
    high = (offsets >> 34).to(tl.uint32)
    zero = low * 0
    a, b, c, d = tl.philox(tl.load(seed), low, high, zero, zero)
    odd, late = (offsets & 1) != 0, (offsets & 2) != 0
    word = tl.where(late, tl.where(odd, d, c), tl.where(odd, b, a))
    return (word >> 8).to(tl.int32) >= threshold
