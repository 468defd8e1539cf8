"""`RMSNormalization`."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.layers.normalization._affine import size_of, sorted_axes
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.RMSNormalization")
class RMSNormalization(Layer):
    """``x / sqrt(mean(x²) + epsilon) · scale`` (Zhang & Sennrich, 2019).

    Args:
        axis: the axis or axes of the mean; the learned scale has their sizes.
        epsilon: added to the mean square.
    """

    _casts_integers = True

    _config = ("axis", "epsilon")

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        """Create ``scale`` with the sizes of the axes."""
        self.axis = sorted_axes(self.axis)
        shape = [size_of(self, input_shape, axis) for axis in self.axis]
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        return call(operators.rms_norm, inputs, self.scale, axis=tuple(self.axis), epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
