"""`Rescaling`: values into another range."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import mapped
from tkeras.layers.preprocessing._feature import FeatureLayer
from tkeras.saving import public


def _line(x: Any, scale: Any, offset: Any) -> Any:
    return x * scale + offset


@public("keras.layers.Rescaling")
class Rescaling(FeatureLayer):
    """``x · scale + offset``.

    Args:
        scale, offset: numbers, or lists with one for each channel of the last axis.

    Any shape, kept; integers become floating point.
    """

    _config = ("scale", "offset")

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Same shape."""
        inputs = inputs.to(self._compute_type)
        if all(isinstance(value, (int, float)) for value in (self.scale, self.offset)):
            return mapped(_line, inputs, scale=self.scale, offset=self.offset)
        return mapped(
            _line, inputs, *(torch.as_tensor(value).to(inputs) for value in (self.scale, self.offset))
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
