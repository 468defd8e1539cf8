"""`UnitNormalization`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.layers._layer import Layer
from tkeras.layers.normalization._affine import check_axes
from tkeras.saving import public


@public("keras.layers.UnitNormalization")
class UnitNormalization(Layer):
    """Scales the inputs to Euclidean length 1 along an axis or several.

    Args:
        axis: the axis or axes.
    """

    _config = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = check_axes(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Same shape; zeros stay zeros."""
        length = torch.linalg.vector_norm(inputs, dim=self.axis, keepdim=True)
        return inputs / length.clamp_min(1e-12 if inputs.dtype is not torch.float16 else 1e-7)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        if any(not -len(input_shape) <= axis < len(input_shape) for axis in axes):
            raise ValueError(
                f'Layer "{self.name}": axis {self.axis} is out of bounds for input shape '
                f"{tuple(input_shape)}."
            )
        return input_shape
