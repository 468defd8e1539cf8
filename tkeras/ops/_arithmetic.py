"""Functions of two tensors that broadcast together, element by element."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, floating, is_integer, promoted, result_type
from tkeras.ops._op import binary, op, operands

Tensor = torch.Tensor

_BOOL = {torch.bool: torch.int32}


def _subtract(x1: Any, x2: Any) -> Tensor:
    first, second = getattr(x1, "dtype", None), getattr(x2, "dtype", None)
    if first is not second and torch.bool in (first, second):  # torch subtracts no bools
        x1, x2 = promoted(x1, x2)
    return torch.sub(x1, x2)


def _heaviside(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.heaviside(x1, x2) if x1.dtype is torch.bool else torch.heaviside(floating(x1), floating(x2))


def _divide_no_nan(x1: Tensor, x2: Tensor) -> Tensor:
    if isinstance(x2, (int, float)):
        return x1 / x2 if x2 else x1 * 0
    zero = x2 == 0
    return torch.where(zero, 0, x1 / torch.where(zero, 1, x2))


def _ldexp(x1: Tensor, x2: Tensor) -> Tensor:
    if not isinstance(x2, int) and (x2.is_floating_point() or x2.is_complex() or x2.dtype is torch.bool):
        raise TypeError(f"ldexp exponent must be an integer type. Received: x2 dtype={x2.dtype}")
    x1 = floating(x1)
    return torch.ldexp(x1, convert(x2, None, x1)).to(x1.dtype)


def _nextafter(x1: Tensor, x2: Tensor) -> Tensor:
    wide = torch.nextafter(x1.double(), x2.double())
    return wide.to(result_type(x1.dtype, x2.dtype, float))


add = binary("add", torch.add, "``x1 + x2``.")
arctan2 = binary("arctan2", torch.atan2, "The angle of the point (x2, x1), in (-π, π].", same=(float,))
divide = binary("divide", torch.div, "``x1 / x2``, a float.")
divide_no_nan = binary(
    "divide_no_nan", _divide_no_nan, "``x1 / x2``, zero where ``x2`` is zero.", same=(float,)
)
equal = binary("equal", torch.eq, "``x1 == x2``.")
floor_divide = binary("floor_divide", torch.floor_divide, "``x1 / x2`` rounded down.", same=())
fmax = binary("fmax", torch.fmax, "The larger; the other one where one is NaN.", same=())
fmin = binary("fmin", torch.fmin, "The smaller; the other one where one is NaN.", same=())
fmod = binary("fmod", torch.fmod, "Remainder with the sign of ``x1``.", _BOOL, same=())
gcd = binary("gcd", torch.gcd, "Greatest common divisor.", same=())
greater = binary("greater", torch.gt, "``x1 > x2``.")
greater_equal = binary("greater_equal", torch.ge, "``x1 >= x2``.")
heaviside = binary("heaviside", _heaviside, "0 below zero, 1 above, ``x2`` at zero.", same=())
hypot = binary("hypot", torch.hypot, "``√(x1² + x2²)``.", same=(float,))
lcm = binary("lcm", torch.lcm, "Least common multiple.", same=())
ldexp = binary("ldexp", _ldexp, "``x1 · 2^x2``.")
less = binary("less", torch.lt, "``x1 < x2``.")
less_equal = binary("less_equal", torch.le, "``x1 <= x2``.")
logaddexp = binary("logaddexp", torch.logaddexp, "``log(e^x1 + e^x2)``.", same=(float,))
logaddexp2 = binary("logaddexp2", torch.logaddexp2, "``log2(2^x1 + 2^x2)``.", same=(float,))
logical_and = binary("logical_and", torch.logical_and, "True where both are.", same=())
logical_or = binary("logical_or", torch.logical_or, "True where one is.", same=())
logical_xor = binary("logical_xor", torch.logical_xor, "True where exactly one is.", same=())
maximum = binary("maximum", torch.maximum, "The larger; NaN where one is NaN.", same=())
minimum = binary("minimum", torch.minimum, "The smaller; NaN where one is NaN.", same=())
mod = binary("mod", torch.remainder, "Remainder with the sign of ``x2``.", _BOOL, same=())
multiply = binary("multiply", torch.mul, "``x1 · x2``.")
nextafter = binary(
    "nextafter", _nextafter, "The next number of float64 after ``x1`` towards ``x2``.", same=()
)
not_equal = binary("not_equal", torch.ne, "``x1 != x2``.")
power = binary("power", torch.pow, "``x1`` to the power ``x2``.")
subtract = binary("subtract", _subtract, "``x1 - x2``.")
true_divide = binary("true_divide", torch.div, "``x1 / x2``, a float.")


def _bitwise(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    x, y = operands(x, y)
    return convert(x), y


@op()
def bitwise_and(x: Any, y: Any) -> Tensor:
    """Bits that both have."""
    return torch.bitwise_and(*_bitwise(x, y))


@op()
def bitwise_or(x: Any, y: Any) -> Tensor:
    """Bits that one has."""
    return torch.bitwise_or(*_bitwise(x, y))


@op()
def bitwise_xor(x: Any, y: Any) -> Tensor:
    """Bits that exactly one has."""
    return torch.bitwise_xor(*_bitwise(x, y))


@op()
def bitwise_left_shift(x: Any, y: Any) -> Tensor:
    """``x · 2^y``."""
    return torch.bitwise_left_shift(*_bitwise(x, y))


@op()
def bitwise_right_shift(x: Any, y: Any) -> Tensor:
    """``x / 2^y`` rounded down."""
    return torch.bitwise_right_shift(*_bitwise(x, y))


@op()
def left_shift(x: Any, y: Any) -> Tensor:
    """``x · 2^y``."""
    return torch.bitwise_left_shift(*_bitwise(x, y))


@op()
def right_shift(x: Any, y: Any) -> Tensor:
    """``x / 2^y`` rounded down."""
    return torch.bitwise_right_shift(*_bitwise(x, y))


@op()
def isclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """``|x1 - x2| <= atol + rtol · |x2|``; integers must be equal."""
    x1, x2 = promoted(x1, x2)
    return torch.eq(x1, x2) if is_integer(x1) else torch.isclose(x1, x2, rtol, atol, equal_nan)


@op()
def allclose(x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether all elements are close, as :func:`isclose` means it."""
    return torch.all(isclose(x1, x2, rtol, atol, equal_nan))


def _where_spec(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    return KerasTensor((len(condition.shape), None), "int64") if x1 is None and x2 is None else None


@op(spec=_where_spec)
def where(condition: Any, x1: Any = None, x2: Any = None) -> Tensor:
    """``x1`` where ``condition``, else ``x2``; without both, the indices (rank, count) of what is True."""
    if (x1 is None) != (x2 is None):
        raise ValueError(
            "`x1` and `x2` either both should be `None` or both should have non-None value. "
            f"Received: x1={x1}, x2={x2}"
        )
    condition = convert(condition)
    if isinstance(condition, Tensor) and condition.dtype is not torch.bool:
        condition = condition.bool()
    if x1 is None:
        return torch.stack(torch.where(condition))
    return torch.where(condition, *operands(x1, x2))
