"""Functions that Triton has only in libdevice, written in its language, so that the interpreter has them too.

Float32 in, float32 out. Near 0, where the plain formula cancels, a polynomial stands in; its coefficients
minimise the largest relative error over the range in float64 (expm1 and tanh 4e-9, log1p 5e-9).
"""
# pyright: reportGeneralTypeIssues=false

import triton
import triton.language as tl


@triton.jit
def _split_exp(x):
    """e**x = 2**n (1 + q): 2**n and q, with 1 + q = e**r for |r| <= ln 2 / 2."""
    x = tl.where(x < -150.0, -150.0, x)
    n = tl.minimum(tl.floor(1.44269504 * x + 0.5), 127.0)
    r = (x - 0.693359375 * n) + 0.000212194440 * n
    p = 0.000198498102 * r + 0.00139961768
    p = p * r + 0.00833357904
    p = p * r + 0.0416653586
    p = p * r + 0.16666664
    p = p * r + 0.500000039
    return tl.exp2(n), p * r * r + r


@triton.jit
def exp(x):
    """tl.exp alone loses about |x| units in the last place on a GPU."""
    scale, q = _split_exp(x)
    return scale * q + scale


@triton.jit
def expm1(x):
    scale, q = _split_exp(x)
    return scale * q + (scale - 1.0)


@triton.jit
def _log1p_unit(x):
    """log(1 + x) = 2 atanh(s) = x - s (x - 2 s² p), with s = x / (2 + x), for -1/2 <= x <= 1."""
    s = x / (x + 2.0)
    z = s * s
    p = 0.14012233 * z + 0.1399957
    p = p * z + 0.2001085
    p = p * z + 0.33333207
    return x - s * (x - 2.0 * z * p)


@triton.jit
def log1p(x):
    small = (x >= -0.5) & (x <= 1.0)
    return tl.where(small, _log1p_unit(tl.where(small, x, 0.0)), tl.log(x + 1.0))


@triton.jit
def tanh(x):
    small = tl.abs(x) < 0.625
    t = tl.where(small, x, 0.0)
    z = t * t
    p = -0.00571704 * z + 0.02065058
    p = p * z - 0.0537435
    p = p * z + 0.13331491
    p = p * z - 0.33333284
    e = tl.exp(-2.0 * tl.abs(x))
    r = 1.0 - 2.0 * e / (1.0 + e)
    return tl.where(small, p * z * t + t, tl.where(x < 0.0, -r, r))


@triton.jit
def sigmoid(x):
    e = tl.exp(-tl.abs(x))
    return tl.where(x >= 0.0, 1.0, e) / (1.0 + e)


@triton.jit
def softplus(x):
    return tl.maximum(x, 0.0) + _log1p_unit(tl.exp(-tl.abs(x)))


@triton.jit
def log_sigmoid(x):
    return tl.minimum(x, 0.0) - _log1p_unit(tl.exp(-tl.abs(x)))


@triton.jit
def sign(x):
    return tl.where(x > 0.0, 1.0, tl.where(x < 0.0, -1.0, 0.0))


@triton.jit
def pow(x, y):
    """x**y by exp(y log|x|): about |y log x| / 2**24 relative error; NaN for negative x and fractional y."""
    r = tl.exp(y * tl.log(tl.abs(x)))
    whole = tl.floor(y) == y
    odd = tl.floor(0.5 * y) * 2.0 != y
    negative = tl.where(whole, tl.where(odd, -r, r), float("nan"))
    return tl.where(y == 0.0, 1.0, tl.where(x < 0.0, negative, r))
