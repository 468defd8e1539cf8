"""A pointwise function of a tensor and of random numbers: dropout and the layers that add or multiply noise.

``output = FN(x, noise)``, or with GRADIENT ``FN(dy, noise, dy)``: the functions are affine in x, so that
their derivative by x does not read it; without FN the noise itself. Tensors are contiguous, of ``size``
elements. Nothing is saved but the seed: backward draws the same numbers again.

Philox 4x32 with 10 rounds (Salmon et al., 2011) gives four words for a counter; its key is the seed, of 64
bits. Element i takes word i % 4 of counter i // 4, whatever the block: a counter an element would cost four
times as much, more than reading and writing it. Uniform numbers are the upper 24 bits of a word, which
float32 holds exactly, in [0, 1). NORMAL ones are made in pairs of two words (Box & Muller, 1958); the
smallest radius word, 2^-33, ends the tails at 6.8 standard deviations. ``operators/_noise.py`` draws the same
numbers in torch.
"""

import triton
import triton.language as tl

_UNIFORM = tl.constexpr(2.0**-24)
_FRACTION = tl.constexpr(2.0**-32)
_TURN = tl.constexpr(6.283185307179586)


@triton.jit
def _point(word):
    """Cosine and sine of a random angle: two bits choose a quarter of the circle, thirty the place in it.

    The polynomials are those of single precision in Cephes (Moshier), for angles up to pi / 4; those of the
    device have a slow path for large angles, which takes stack.
    """
    x = ((word & 0x3FFFFFFF).to(tl.float32) * _FRACTION - 0.125) * _TURN
    z = x * x
    sine = x + x * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4))
    tail = 4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5)
    cosine = 1.0 - 0.5 * z + z * z * tail
    odd = (word & 0x40000000) != 0
    sign = tl.where((word & 0x80000000) != 0, -1.0, 1.0)
    return sign * tl.where(odd, -sine, cosine), sign * tl.where(odd, cosine, sine)


@triton.jit
def _pair(first, second):
    """Two normal numbers from two words."""
    chance = tl.minimum(first.to(tl.float32) * _FRACTION + 0.5 * _FRACTION, 1.0)
    radius = tl.sqrt(-2.0 * tl.log(chance))
    cosine, sine = _point(second)
    return radius * cosine, radius * sine


@triton.jit
def noise(seed, counter, NORMAL: tl.constexpr):
    """The numbers (4 n,) of counters (n,) in int64."""
    low = counter.to(tl.uint32)
    high = (counter >> 32).to(tl.uint32)
    zero = low * 0
    a, b, c, d = tl.philox(tl.load(seed), low, high, zero, zero)
    if NORMAL:
        p, q = _pair(a, b)
        r, s = _pair(c, d)
    else:
        p, q = (a >> 8).to(tl.float32) * _UNIFORM, (b >> 8).to(tl.float32) * _UNIFORM
        r, s = (c >> 8).to(tl.float32) * _UNIFORM, (d >> 8).to(tl.float32) * _UNIFORM
    return tl.reshape(tl.join(tl.join(p, r), tl.join(q, s)), (4 * counter.shape[0],))


@triton.jit
def noisy_map(
    x,
    output,
    seed,
    size,
    FN: tl.constexpr,
    GRADIENT: tl.constexpr,
    NORMAL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """``x`` is None without FN."""
    start = tl.cast(tl.program_id(0), tl.int64) * BLOCK
    drawn = noise(seed, start // 4 + tl.arange(0, BLOCK // 4), NORMAL)
    offsets = start + tl.arange(0, BLOCK)
    if FN is not None:
        value = tl.load(x + offsets, mask=offsets < size, other=0.0).to(tl.float32)
        if GRADIENT:
            drawn = FN(value, drawn, value)
        else:
            drawn = FN(value, drawn)
    tl.store(output + offsets, drawn.to(output.dtype.element_ty), mask=offsets < size)
