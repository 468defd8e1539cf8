"""Layers that change shapes and nothing else."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.saving import public


@public("keras.layers.Flatten")
class Flatten(Layer):
    """(batch, a, b, …) → (batch, a·b·…); (batch,) → (batch, 1).

    Args:
        data_format: ``"channels_first"`` moves the channels last before flattening.
    """

    _config = ("data_format",)
    _keeps_type = True

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Flatten all axes but the batch."""
        if self.data_format == "channels_first" and inputs.dim() > 2:
            inputs = inputs.movedim(1, -1)
        return (
            inputs.reshape(inputs.shape[0], -1)
            if inputs.numel()
            else inputs.reshape(self._flat(inputs.shape))
        )

    def _flat(self, shape: Any) -> tuple[Any, ...]:
        sizes = tuple(shape)[1:]
        return (shape[0], None if None in sizes else math.prod(sizes))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The batch and the product of the rest."""
        return self._flat(input_shape)


@public("keras.layers.Reshape")
class Reshape(Layer):
    """Gives each sample another shape.

    Args:
        target_shape: shape without the batch; one -1 is inferred.
    """

    _config = ("target_shape",)
    _keeps_type = True

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = (
            tuple(target_shape) if isinstance(target_shape, (tuple, list)) else (target_shape,)
        )
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. Received: "
                f"target_shape={self.target_shape}."
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Reshape."""
        return inputs.reshape(inputs.shape[0], *self._resolve(tuple(inputs.shape[1:])))

    def _resolve(self, sizes: tuple[Any, ...]) -> tuple[Any, ...]:
        known = None if None in sizes else math.prod(sizes)
        rest = math.prod(size for size in self.target_shape if size != -1)
        if known is not None and ((-1 not in self.target_shape and known != rest) or (rest and known % rest)):
            raise ValueError(
                "The total size of the tensor must be unchanged. Received: "
                f"input_shape={sizes}, target_shape={self.target_shape}"
            )
        missing = None if known is None else (known // rest if rest else 0)
        return tuple(missing if size == -1 else size for size in self.target_shape)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """The batch and the target shape."""
        return (input_shape[0], *self._resolve(tuple(input_shape)[1:]))


@public("keras.layers.Permute")
class Permute(Layer):
    """Reorders the axes of each sample.

    Args:
        dims: the axes, counted from 1, in their new order.
    """

    _config = ("dims",)

    def __init__(self, dims: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in `dims` must "
                f"be consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        """Permute."""
        return inputs.permute(0, *self.dims)


@public("keras.layers.RepeatVector")
class RepeatVector(Layer):
    """(batch, features) → (batch, n, features)."""

    _config = ("n",)

    def __init__(self, n: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """Repeat."""
        return torch.unsqueeze(inputs, 1).repeat(1, self.n, 1)
