"""`SpectralNormalization`."""

from __future__ import annotations

from typing import Any

import torch

from tkeras import initializers
from tkeras.bridge import call
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.layers.recurrent._time_distributed import Wrapper
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.SpectralNormalization")
class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value, at each call in training.

    See Miyato et al., 2018.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: steps of the power iteration that estimates the singular value.
    """

    _config = ("power_iterations",)

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. Received: "
                f"power_iterations={power_iterations}"
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside and create ``vector_u`` (1, outputs), the iteration's state."""
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        names = [name for name in ("kernel", "embeddings") if name in self.layer._parameters]
        if not names:
            raise ValueError(
                f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings': "
                f'layer "{self.name}" finds nothing to normalize.'
            )
        kernel: Any = self.layer._parameters[names[0]]
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What the layer inside makes of the inputs."""
        if training and not inputs.is_meta:
            self._normalize()
        return self.layer(inputs).to(inputs.dtype if inputs.is_floating_point() else self._compute_type)

    @torch.no_grad()
    def _normalize(self) -> None:
        kernel, u = self._parameters["kernel"], self._parameters["vector_u"]
        assert kernel is not None
        assert u is not None
        weights = kernel.reshape(-1, kernel.shape[-1])
        found = weights.any()  # a kernel of zeros stays as it is; no value comes to the host
        new_u, v = u, weights[:0]
        for _ in range(self.power_iterations):
            v = _unit(new_u @ weights.t())
            new_u = _unit(v @ weights)
        sigma = v @ weights @ new_u.t()
        u.copy_(torch.where(found, new_u, u))
        divisor = torch.where(found, sigma, 1.0).reshape(())
        kernel.copy_(kernel / divisor)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that the layer inside gives."""
        return self.layer.compute_output_shape(input_shape)


def _unit(x: torch.Tensor) -> torch.Tensor:
    return call(operators.unit_norm, x, axis=(0, 1), epsilon=1e-7)
