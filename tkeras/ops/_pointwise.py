"""Functions of one tensor, element by element."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.ops._convert import convert, floating, is_integer, is_traced, together
from tkeras.ops._op import op, unary

Tensor = torch.Tensor

_BOOL = {torch.bool: torch.int32}


def _imag(x: Tensor) -> Tensor:
    return torch.imag(x) if x.is_complex() else torch.zeros_like(x)


def _keep_bool(function: Any) -> Any:
    return lambda x: x if isinstance(x, Tensor) and x.dtype is torch.bool else function(x)


def _cbrt(x: Any) -> Any:
    return torch.sign(x) * torch.abs(x) ** (1 / 3)


abs = unary("abs", _keep_bool(torch.abs), "``|x|``.")
absolute = unary("absolute", _keep_bool(torch.abs), "``|x|``.")
angle = unary("angle", torch.angle, "Argument of complex numbers; 0 or π for real ones.")
arccos = unary("arccos", torch.acos, "Inverse cosine.")
arccosh = unary("arccosh", torch.acosh, "Inverse hyperbolic cosine.")
arcsin = unary("arcsin", torch.asin, "Inverse sine.")
arcsinh = unary("arcsinh", torch.asinh, "Inverse hyperbolic sine.")
arctan = unary("arctan", torch.atan, "Inverse tangent.")
arctanh = unary("arctanh", torch.atanh, "Inverse hyperbolic tangent.")
bitwise_invert = unary("bitwise_invert", torch.bitwise_not, "Every bit flipped.")
bitwise_not = unary("bitwise_not", torch.bitwise_not, "Every bit flipped.")
cbrt = unary("cbrt", _cbrt, "Cube root.", _BOOL)
ceil = unary("ceil", lambda x: torch.ceil(floating(x)), "The least integer not below, as a float.")
conj = unary("conj", lambda x: torch.conj(x).resolve_conj(), "Complex conjugate.")
conjugate = unary("conjugate", lambda x: torch.conj(x).resolve_conj(), "Complex conjugate.")
copy = unary("copy", lambda x: torch.clone(x) if isinstance(x, Tensor) else x, "A copy.")
cos = unary("cos", torch.cos, "Cosine.")
cosh = unary("cosh", torch.cosh, "Hyperbolic cosine.")
deg2rad = unary("deg2rad", torch.deg2rad, "Degrees to radians.")
erf = unary("erf", torch.erf, "``2/√π ∫₀ˣ exp(-t²) dt``.")
erfc = unary("erfc", torch.erfc, "``1 - erf(x)``.")
erfinv = unary("erfinv", torch.erfinv, "Inverse of :func:`erf`.")
exp = unary("exp", torch.exp, "``eˣ``.")
exp2 = unary("exp2", torch.exp2, "``2ˣ``.")
expm1 = unary("expm1", torch.expm1, "``eˣ - 1``, exact near zero.")
fabs = unary("fabs", lambda x: torch.abs(_real(floating(x))), "``|x|`` as a float.")
floor = unary("floor", lambda x: torch.floor(floating(x)), "The greatest integer not above, as a float.")
i0 = unary("i0", torch.i0, "Modified Bessel function of the first kind, order 0.")
imag = unary("imag", _imag, "Imaginary part.")
isfinite = unary("isfinite", torch.isfinite, "Neither infinite nor NaN.")
isinf = unary("isinf", torch.isinf, "Positive or negative infinity.")
isnan = unary("isnan", torch.isnan, "Not a number.")
isneginf = unary("isneginf", torch.isneginf, "Negative infinity.")
isposinf = unary("isposinf", torch.isposinf, "Positive infinity.")
isreal = unary("isreal", torch.isreal, "Without an imaginary part.")
log = unary("log", torch.log, "Natural logarithm.")
log10 = unary("log10", torch.log10, "Logarithm to base 10.")
log1p = unary("log1p", torch.log1p, "``log(1 + x)``, exact near zero.")
log2 = unary("log2", torch.log2, "Logarithm to base 2.")
logical_not = unary("logical_not", torch.logical_not, "True where zero or False.")
negative = unary("negative", torch.neg, "``-x``.")
rad2deg = unary("rad2deg", torch.rad2deg, "Radians to degrees.")
real = unary("real", torch.real, "Real part.")
reciprocal = unary("reciprocal", torch.reciprocal, "``1 / x``.")
rsqrt = unary("rsqrt", torch.rsqrt, "``1 / √x``.")
sign = unary("sign", torch.sign, "-1, 0 or 1.")
signbit = unary("signbit", torch.signbit, "True where the sign bit is set, -0.0 included.")
sin = unary("sin", torch.sin, "Sine.")
sinc = unary("sinc", torch.sinc, "``sin(πx) / (πx)``, 1 at zero.")
sinh = unary("sinh", torch.sinh, "Hyperbolic sine.")
sqrt = unary("sqrt", torch.sqrt, "Square root.")
square = unary("square", torch.square, "``x²``.", _BOOL)
tan = unary("tan", torch.tan, "Tangent.")
tanh = unary("tanh", torch.tanh, "Hyperbolic tangent.")
trunc = unary("trunc", _keep_bool(torch.trunc), "The integer towards zero.")


def _real(x: Tensor) -> Tensor:
    if isinstance(x, Tensor) and x.is_complex():
        raise TypeError(f"fabs does not support complex inputs. Received: x.dtype={x.dtype}")
    return x


@op()
def round(x: Any, decimals: int = 0) -> Tensor:
    """To ``decimals`` places after the point, halves to even; integers stay integers."""
    x = convert(x)
    if not is_traced(x) and is_integer(x):
        return torch.round(x.double(), decimals=decimals).to(x.dtype) if decimals < 0 else x
    return torch.round(x, decimals=decimals)


@op()
def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """``min(max(x, x_min), x_max)``; the limits are numbers or tensors."""
    x = convert(x)
    if isinstance(x, Tensor):
        if x.dtype is torch.bool:
            x = x.to(torch.int32)
        if not (_is_limit(x_min) and _is_limit(x_max)):
            _, x_min, x_max = together(x, x_min, x_max)
    return torch.clamp(x, x_min, x_max)


def _is_limit(value: Any) -> bool:
    return isinstance(value, (int, float)) or value is None


@op()
def nan_to_num(x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN and infinities replaced, infinities by default by the largest finite numbers."""
    return torch.nan_to_num(convert(x), nan, posinf, neginf)
