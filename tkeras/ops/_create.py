"""Tensors from sizes and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.signal import windows

from tkeras.config import default_device, torch_dtype
from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, optional_dtype, result_type
from tkeras.ops._op import op, publish
from tkeras.ops._shape import Ints

Tensor = torch.Tensor


def _shape(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)


@op()
def zeros(shape: Ints, dtype: Any = None) -> Tensor:
    """Zeros, by default of ``floatx()``."""
    return torch.zeros(_shape(shape), dtype=torch_dtype(dtype), device=default_device())


@op()
def ones(shape: Ints, dtype: Any = None) -> Tensor:
    """Ones, by default of ``floatx()``."""
    return torch.ones(_shape(shape), dtype=torch_dtype(dtype), device=default_device())


@op()
def empty(shape: Ints, dtype: Any = None) -> Tensor:
    """Elements of any value, by default of ``floatx()``."""
    return torch.empty(_shape(shape), dtype=torch_dtype(dtype), device=default_device())


@op()
def full(shape: Ints, fill_value: Any, dtype: Any = None) -> Tensor:
    """One value everywhere, or a tensor repeated to the shape; by default of ``floatx()``."""
    return torch.broadcast_to(convert(fill_value, torch_dtype(dtype)), _shape(shape)).clone()


@op()
def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros of the shape and by default the type of ``x``."""
    return torch.zeros_like(convert(x), dtype=optional_dtype(dtype))


@op()
def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones of the shape and by default the type of ``x``."""
    return torch.ones_like(convert(x), dtype=optional_dtype(dtype))


@op()
def empty_like(x: Any, dtype: Any = None) -> Tensor:
    """Elements of any value, of the shape and by default the type of ``x``."""
    return torch.empty_like(convert(x), dtype=optional_dtype(dtype))


@op()
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """One value, or a tensor repeated, of the shape and by default the type of ``x``."""
    x = convert(x)
    return torch.broadcast_to(convert(fill_value, optional_dtype(dtype) or x.dtype, x), x.shape).clone()


@op()
def array(x: Any, dtype: Any = None) -> Tensor:
    """A tensor; see :func:`convert_to_tensor`."""
    return convert(x, optional_dtype(dtype))


def _kinds(*values: Any) -> list[Any]:
    kinds = [getattr(value, "dtype", type(value)) for value in values if value is not None]
    return [kind if isinstance(kind, type) else torch_dtype(kind) for kind in kinds]


@op()
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from ``start`` (0 where ``stop`` is missing) up to but without ``stop``; of ints as int32."""
    kind = optional_dtype(dtype) or result_type(*_kinds(start, stop, step))
    if stop is None:
        start, stop = 0, start
    return torch.arange(start, stop, 1 if step is None else step, dtype=kind, device=default_device())


def _steps(
    start: Any, stop: Any, num: int, endpoint: bool, kind: torch.dtype, axis: int
) -> tuple[Tensor, Tensor]:
    """Evenly spaced values along a new axis, and their distance."""
    wide = torch.promote_types(kind, torch.float32)
    first, last = torch.broadcast_tensors(convert(start, wide), convert(stop, wide))
    intervals = num - 1 if endpoint else num
    step = (last - first) / intervals if intervals > 0 else torch.full_like(first, torch.nan)
    index = torch.arange(num, dtype=wide, device=first.device)
    index = index.reshape(num, *(1 for _ in first.shape))
    values = first + index * torch.nan_to_num(step)
    if endpoint and num > 1:
        values = torch.where(index == num - 1, last, values)
    return values.movedim(0, axis).to(kind), step


@op()
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Evenly spaced values.

    Args:
        start, stop: numbers, or tensors that broadcast together.
        num: how many.
        endpoint: whether ``stop`` is the last of them.
        retstep: whether to return (values, distance).
        dtype: default: the type of ``start`` and ``stop`` as a float.
        axis: where the values lie in the result.
    """
    kind = optional_dtype(dtype) or result_type(*_kinds(convert(start), convert(stop)), float)
    values, step = _steps(start, stop, num, endpoint, kind, axis)
    return (values, step) if retstep else values


@op()
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """``base`` to the power of evenly spaced values; arguments as of :func:`linspace`."""
    kind = optional_dtype(dtype) or result_type(*_kinds(convert(start), convert(stop)), float)
    wide = torch.promote_types(kind, torch.float32)
    exponents, _ = _steps(start, stop, num, endpoint, wide, axis)
    return torch.pow(base, exponents).to(kind)


@op()
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Tensor:
    """Values of equal ratio; ``start`` and ``stop`` have one sign, other arguments as of :func:`linspace`."""
    kind = optional_dtype(dtype) or result_type(*_kinds(convert(start), convert(stop)), float)
    wide = torch.promote_types(kind, torch.float32)
    first, last = torch.broadcast_tensors(convert(start, wide), convert(stop, wide))
    exponents, _ = _steps(first.abs().log(), last.abs().log(), num, endpoint, wide, axis)
    return (exponents.exp() * first.sign().unsqueeze(axis)).to(kind)


@op()
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on the ``k``-th diagonal of an (N, M) matrix of zeros."""
    for name, value in (("N", N), ("M", M)):
        if isinstance(value, float):
            raise TypeError(f"Argument `{name}` must be an integer. Received: {name}={value}")
    rows, columns = (torch.arange(n, device=default_device()) for n in (int(N), int(N if M is None else M)))
    return (columns == rows.unsqueeze(1) + (k or 0)).to(torch_dtype(dtype))


@op()
def identity(n: int, dtype: Any = None) -> Tensor:
    """Ones on the diagonal of an (n, n) matrix of zeros."""
    return eye(n, dtype=dtype)


@op()
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on and below the ``k``-th diagonal of an (N, M) matrix of zeros."""
    return torch.tril(ones((N, M or N), dtype), k)


@op()
def tril(x: Any, k: int = 0) -> Tensor:
    """Zeros above the ``k``-th diagonal."""
    return torch.tril(convert(x), k)


@op()
def triu(x: Any, k: int = 0) -> Tensor:
    """Zeros below the ``k``-th diagonal."""
    return torch.triu(convert(x), k)


def _diagonal_spec(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    known = [
        size for axis, size in enumerate(x.shape) if axis not in (axis1 % len(x.shape), axis2 % len(x.shape))
    ]
    if None not in (x.shape[axis1], x.shape[axis2]):
        return None
    return KerasTensor((*known, None), x.dtype)


def _diag_spec(x: Any, k: int = 0) -> Any:
    return _diagonal_spec(x) if len(x.shape) == 2 else None


@op(spec=_diag_spec)
def diag(x: Any, k: int = 0) -> Tensor:
    """The ``k``-th diagonal of a matrix, or a matrix with this one."""
    return torch.diag(convert(x), k)


@op()
def diagflat(x: Any, k: int = 0) -> Tensor:
    """A matrix with the elements of ``x`` on the ``k``-th diagonal."""
    return torch.diagflat(convert(x), k)


@op(spec=_diagonal_spec)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """A diagonal of two axes, as the last axis."""
    x = convert(x)
    if axis1 % x.ndim == axis2 % x.ndim:
        raise ValueError(f"`axis1` and `axis2` cannot be the same. Received: axis1={axis1}, axis2={axis2}")
    return torch.diagonal(x, offset, axis1, axis2)


@op()
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of the elements of a vector as rows (len(x), N), falling by default."""
    x = convert(x)
    if x.ndim != 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}")
    powers = torch.arange(x.shape[0] if N is None else N, device=x.device)
    return torch.pow(x.unsqueeze(1), powers if increasing else powers.flip(0))


def _window(name: str, doc: str) -> Callable[[Any], Tensor]:
    function = getattr(windows, "hann" if name == "hanning" else name)

    def call(x: Any) -> Tensor:
        return function(int(x), device=default_device())

    call.__doc__ = doc + " window with ``x`` points."
    return publish(call, name)


bartlett = _window("bartlett", "Bartlett's triangular")
blackman = _window("blackman", "Blackman's")
hamming = _window("hamming", "Hamming's")
hanning = _window("hanning", "Hann's")


@op()
def kaiser(x: Any, beta: float) -> Tensor:
    """Kaiser's window with ``x`` points and shape ``beta``."""
    return windows.kaiser(int(x), beta=float(beta), device=default_device())
