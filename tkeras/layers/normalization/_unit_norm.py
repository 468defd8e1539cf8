"""`UnitNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.layers.normalization._affine import check_axes
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.UnitNormalization")
class UnitNormalization(Layer):
    """Scales the inputs to Euclidean length 1 along an axis or several.

    Args:
        axis: the axis or axes.
    """

    _casts_integers = True

    _config = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = check_axes(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Same shape; zeros stay zeros. Half precision is computed in float32."""
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return call(operators.unit_norm, inputs, axis=axis, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        if any(not -len(input_shape) <= axis < len(input_shape) for axis in axes):
            raise ValueError(
                f'Layer "{self.name}": axis {self.axis} is out of bounds for input shape '
                f"{tuple(input_shape)}."
            )
        return input_shape
