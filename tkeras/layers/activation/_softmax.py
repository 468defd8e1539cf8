"""`Softmax`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.Softmax")
class Softmax(Layer):
    """``exp(x) / Σ exp(x)`` over one axis or several; elements that are masked take no part and become 0.

    Args:
        axis: the axis or axes that are summed over.
    """

    _config = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = axis
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Same shape; ``mask``, True for what counts, must broadcast to the inputs."""
        if mask is not None:
            mask = self._checked(mask, inputs)
            inputs = torch.where(mask, inputs, -3e4 if inputs.dtype is torch.float16 else -1e9)
        outputs = call(operators.softmax, inputs, axis=self.axis)
        return outputs if mask is None else torch.where(mask, outputs, 0.0)

    def _checked(self, mask: Any, inputs: Any) -> Any:
        sizes = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        if mask.dim() > inputs.dim() or any(m not in (1, size) for m, size in sizes):
            raise ValueError(
                f'Layer "{self.name}": the `mask` must be broadcastable to `inputs`. '
                f"Received: inputs.shape={tuple(inputs.shape)}, mask.shape={tuple(mask.shape)}"
            )
        return mask if mask.dtype is torch.bool else torch.gt(mask, 0.5)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
