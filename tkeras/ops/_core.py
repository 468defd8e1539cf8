"""Conversion between tensors, arrays and element types."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.config import standardize_dtype, torch_dtype
from tkeras.graph import KerasTensor
from tkeras.ops._convert import convert, is_integer, is_traced, optional_dtype, together
from tkeras.ops._op import op, publish

Tensor = torch.Tensor


@op()
def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """A tensor from a tensor, array, number or nested list.

    Python ints become int32, floats ``floatx()``; arrays keep their type and go to the default device.
    """
    if sparse or ragged:
        raise ValueError(
            "Sparse and ragged tensors are not supported; use dense tensors and masks. "
            f"Received: sparse={sparse}, ragged={ragged}"
        )
    return convert(x, optional_dtype(dtype))


def convert_to_numpy(x: Any) -> np.ndarray:
    """An array on the host, without its gradient; of bfloat16 as float32."""
    if isinstance(x, KerasTensor):
        raise ValueError("A KerasTensor is symbolic: it has no value. Use a model to compute it.")
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(item) for item in x])
    if not isinstance(x, Tensor):
        return np.array(x)
    data = x.detach().cpu()
    return (
        (data.float() if data.dtype is torch.bfloat16 else data).resolve_conj().resolve_neg().numpy().copy()
    )


def is_tensor(x: Any) -> bool:
    """True for a torch tensor; False for a symbolic one."""
    return isinstance(x, Tensor)


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes of the axes, None where a symbolic tensor does not know."""
    return tuple(x.shape) if hasattr(x, "shape") else tuple(convert(x).shape)


def dtype(x: Any) -> str:
    """Name of the element type."""
    return standardize_dtype(x.dtype if hasattr(x, "dtype") else convert(x).dtype)


def ndim(x: Any) -> int:
    """Number of axes."""
    return len(shape(x))


@op()
def size(x: Any) -> Tensor:
    """Number of elements, an int64 tensor."""
    x = convert(x)
    return torch.tensor(x.numel(), device=x.device)


@op()
def cast(x: Any, dtype: Any) -> Tensor:
    """The values in another element type."""
    kind = torch_dtype(dtype)
    if is_traced(x):
        return x * 1.0 if kind.is_floating_point and not hasattr(x, "to") else x.to(kind)
    return convert(x, kind)


@op()
def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """The values in another element type, those outside its range at its ends."""
    x, kind = convert(x), torch_dtype(dtype)
    lowest, highest = _limits(kind)
    own_lowest, own_highest = _limits(x.dtype)
    low, high = max(lowest, own_lowest), min(highest, own_highest)
    if not is_integer(x) and not kind.is_floating_point:
        return _clipped_to_integer(x, kind, low, high)
    return torch.clamp(x if x.dtype is not torch.bool else x.int(), low, high).to(kind)


def _limits(dtype: torch.dtype) -> tuple[Any, Any]:
    if dtype is torch.bool:
        return 0, 1
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min, info.max


def _clipped_to_integer(x: Tensor, kind: torch.dtype, low: Any, high: Any) -> Tensor:
    """Limits that no float of the type has, such as 2³¹ - 1, are put in afterwards."""
    kept = torch.where(x >= float(high), 0.0, torch.clamp(x, min=float(low))).to(kind)
    return torch.where(x >= float(high), torch.tensor(high, dtype=kind, device=x.device), kept)


@op()
def stop_gradient(variable: Any) -> Tensor:
    """The same values, through which no gradient flows."""
    return convert(variable).detach()


@op()
def view(x: Any, dtype: Any = None) -> Tensor:
    """The same bytes read as another element type, by default ``floatx()``."""
    return convert(x).contiguous().view(torch_dtype(dtype))


@op()
def view_as_complex(x: Any) -> Tensor:
    """Complex numbers from a last axis of two: real and imaginary part."""
    x = convert(x)
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(
            f"Last dimension of input must be size 2 (real and imaginary). Received shape: {tuple(x.shape)}"
        )
    wide = torch.float64 if x.dtype is torch.float64 else torch.float32
    return torch.complex(x[..., 0].to(wide), x[..., 1].to(wide))


@op()
def view_as_real(x: Any) -> Tensor:
    """Real and imaginary part as a last axis of two."""
    x = convert(x)
    return (
        torch.view_as_real(x.resolve_conj()) if x.is_complex() else torch.stack([x, torch.zeros_like(x)], -1)
    )


@op()
def polar(abs_: Any, angle: Any) -> Tensor:
    """Complex numbers from absolute value and angle."""
    return torch.polar(*torch.broadcast_tensors(*together(abs_, angle)))


for _function in (convert_to_numpy, is_tensor, shape, dtype, ndim):
    publish(_function, _function.__name__)
