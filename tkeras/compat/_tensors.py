"""What scripts written for other backends do with eager results, on torch tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tkeras.graph._tree import map_structure

_float, _int = torch.Tensor.__float__, torch.Tensor.__int__


class Shape(tuple[Any, ...]):
    """A shape with the methods of TensorFlow's."""

    __slots__ = ()

    def as_list(self) -> list[Any]:
        """The sizes."""
        return list(self)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)


def to_numpy(tensor: torch.Tensor, *, force: bool = False) -> np.ndarray:
    """The values on the host; bfloat16 as float32."""
    data = tensor.detach().cpu().resolve_conj().resolve_neg()
    return _numpy(data.float() if data.dtype is torch.bfloat16 else data)


def _array(tensor: torch.Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    array = to_numpy(tensor)
    return array.astype(dtype) if dtype is not None else array.copy() if copy else array


_numpy = torch.Tensor.numpy


def _numpy_function(tensor: torch.Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """A function of numpy, on arrays."""
    arrays = map_structure(
        lambda leaf: to_numpy(leaf) if isinstance(leaf, torch.Tensor) else leaf, [args, kwargs]
    )
    return func(*arrays[0], **arrays[1])


def adapt_tensors() -> None:
    """Let ``numpy``, ``__array__``, ``float`` and ``int`` take tensors that carry gradients or lie on a GPU,
    and give tensors ``get_shape``."""
    from tkeras.graph import KerasTensor

    tensor: Any = torch.Tensor
    tensor.numpy, tensor.__array__, tensor.__array_function__ = to_numpy, _array, _numpy_function
    tensor.__float__ = lambda self: _float(self.detach())
    tensor.__int__ = lambda self: _int(self.detach())
    for kind in (tensor, KerasTensor):
        kind.get_shape = lambda self: Shape(self.shape)
