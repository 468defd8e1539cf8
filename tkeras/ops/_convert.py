"""Tensors from host values, and Keras' rules of element types."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from tkeras.config import default_device, floatx, torch_dtype

Kind = torch.dtype | type
_WEAK: dict[type, int] = {bool: 0, int: 1, float: 2, complex: 3}
_UNSUPPORTED = {np.dtype("uint16"): np.int32, np.dtype("uint32"): np.int64}
_INT32 = 1 << 31


def is_traced(x: Any) -> bool:
    """True for what is no tensor but takes part in torch functions, as the expressions of a trace do."""
    return not isinstance(x, torch.Tensor) and hasattr(type(x), "__torch_function__")


def infers_shapes() -> bool:
    """True while a call is run on meta tensors for the shape of its result, where nothing may be drawn."""
    return torch.empty(0).is_meta


def convert(x: Any, dtype: torch.dtype | None = None, like: torch.Tensor | None = None) -> Any:
    """A tensor from a host value, a tensor in the given type, a traced value as it is.

    Python ints become int32, floats ``floatx()``, lists the common type of what is in them. Host values go to
    the device of ``like``, or to the default device; tensors stay where they are.
    """
    if isinstance(x, torch.Tensor):
        return x if dtype is None or x.dtype is dtype else x.to(dtype)
    if is_traced(x):
        return x
    if isinstance(x, (list, tuple)):
        return _from_sequence(x, dtype, like)
    device = default_device() if like is None else like.device
    if type(x) in _WEAK:
        if dtype is None:
            wide = type(x) is int and not -_INT32 <= x < _INT32
            dtype = torch.int64 if wide else _strong(type(x))
        return torch.as_tensor(x, dtype=dtype, device=device)
    return _from_array(np.asarray(x), dtype, device)


def together(*values: Any) -> tuple[Any, ...]:
    """Values as tensors, host values where the first tensor among them is; None stays None."""
    for value in values:
        if not isinstance(value, torch.Tensor):
            break
    else:
        return values
    like = first_tensor(values)
    return tuple(value if value is None else convert(value, None, like) for value in values)


def first_tensor(values: Iterable[Any]) -> torch.Tensor | None:
    """The first tensor among values, if there is one."""
    return next((value for value in values if isinstance(value, torch.Tensor)), None)


def _from_array(x: np.ndarray, dtype: torch.dtype | None, device: torch.device) -> torch.Tensor:
    if x.dtype.kind in "USO":
        raise ValueError(f"Invalid dtype: {x.dtype.name}. A tensor holds numbers. Received: {x!r:.80}")
    if x.dtype in _UNSUPPORTED and dtype is None:
        x = x.astype(_UNSUPPORTED[x.dtype])
    elif x.dtype.name == "bfloat16":
        x, dtype = x.astype(np.float32), dtype or torch.bfloat16
    if not x.flags.writeable or any(stride < 0 for stride in x.strides):
        x = x.copy()
    return torch.as_tensor(x, dtype=dtype, device=device)


def _from_sequence(x: Any, dtype: torch.dtype | None, like: torch.Tensor | None) -> torch.Tensor:
    leaves = list(_leaves(x))
    if any(isinstance(leaf, torch.Tensor) or is_traced(leaf) for leaf in leaves):
        like = first_tensor(leaves)
        return torch.stack([convert(item, dtype, like) for item in x])
    if dtype is None:
        kinds = {getattr(leaf, "dtype", type(leaf)) for leaf in leaves}
        known = {torch_dtype(kind) if isinstance(kind, np.dtype) else kind for kind in kinds}
        dtype = result_type(*known) if known else torch_dtype(None)
    if any(isinstance(leaf, (np.ndarray, np.generic)) for leaf in leaves):
        x = np.array(x)
    return torch.as_tensor(x, dtype=dtype, device=default_device() if like is None else like.device)


def _leaves(x: Any) -> Any:
    for item in x:
        if isinstance(item, (list, tuple)):
            yield from _leaves(item)
        else:
            yield item


def _strong(kind: type) -> torch.dtype:
    if kind is complex:
        return torch.complex64
    return torch.bool if kind is bool else torch.int32 if kind is int else torch_dtype(floatx())


def result_type(*kinds: Kind) -> torch.dtype:
    """The element type that values of these types are promoted to.

    Python's ``int`` and ``float`` are weak: they take the width of what they meet; alone they are int32 and
    ``floatx()``.
    Differs from Keras, whose torch backend narrows 64-bit results of some functions to 32 bits.
    """
    return _result_type(floatx(), *kinds)


@functools.lru_cache(512)
def _result_type(floatx: str, *kinds: Kind) -> torch.dtype:
    weak = [kind for kind in kinds if isinstance(kind, type) and kind in _WEAK]
    strong = [kind for kind in kinds if isinstance(kind, torch.dtype)]
    if len(weak) + len(strong) < len(kinds):
        raise ValueError(f"Expected element types that can be promoted. Received: {kinds}")
    widest = max(weak, key=_WEAK.__getitem__, default=bool)
    if not strong:
        return _strong(widest)
    found = functools.reduce(torch.promote_types, strong)
    if found.is_complex or (found.is_floating_point and widest is not complex):
        return found
    if widest in (float, complex) or (found is torch.bool and widest is int):
        return torch.promote_types(found, _strong(widest))
    return found


def promoted(*values: Any) -> tuple[torch.Tensor, ...]:
    """Tensors and numbers as tensors of their common type; Python types among them widen that type."""
    like = first_tensor(values)
    values = tuple(v if isinstance(v, type) or type(v) in _WEAK else convert(v, None, like) for v in values)
    kinds = tuple(v if isinstance(v, type) else type(v) if type(v) in _WEAK else v.dtype for v in values)
    dtype = kinds[0] if len({*kinds}) == 1 and isinstance(kinds[0], torch.dtype) else result_type(*kinds)
    return tuple(convert(value, dtype, like) for value in values if not isinstance(value, type))


def floating(x: Any) -> torch.Tensor:
    """A tensor of a floating or complex type: integers become ``floatx()``; a traced value as it is."""
    x = convert(x)
    if is_traced(x) or x.is_floating_point() or x.is_complex():
        return x
    return x.to(torch_dtype(floatx()))


def is_integer(x: torch.Tensor) -> bool:
    """True for integers and bools."""
    return not (x.is_floating_point() or x.is_complex())


def optional_dtype(dtype: Any) -> torch.dtype | None:
    """The torch type of any spelling, None for None."""
    return None if dtype is None else torch_dtype(dtype)
