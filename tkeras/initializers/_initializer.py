"""The base of initializers and the table of their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch

from tkeras.config import default_device, torch_dtype
from tkeras.saving import Namespace, public


@public("keras.initializers.Initializer", "keras.Initializer")
class Initializer:
    """Gives the first value of a variable: subclasses define ``__call__(shape, dtype=None)``."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """A tensor of this shape and type (default: ``floatx()``)."""
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An initializer from :meth:`get_config`."""
        return cls(**config)

    def clone(self) -> Self:
        """An initializer of the same configuration."""
        return type(self).from_config(self.get_config())


class _Value:
    """An initializer that gives one tensor or array, for the shape it has."""

    def __init__(self, value: Any):
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        if tuple(shape) != tuple(self.value.shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(self.value.shape)} for direct tensor as initializer. "
                f"Received shape={tuple(shape)}"
            )
        return torch.as_tensor(self.value).detach().to(default_device(), torch_dtype(dtype), copy=True)


class _Initializers(Namespace):
    def get(self, identifier: Any) -> Any:
        """An initializer from a name, class, configuration, callable, tensor or array; None stays None."""
        if isinstance(identifier, (torch.Tensor, np.ndarray, np.generic)):
            return _Value(identifier)
        return super().get(identifier)


INITIALIZERS = _Initializers("keras.initializers", "initializer")
