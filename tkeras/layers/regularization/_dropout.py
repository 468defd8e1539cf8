"""`Dropout`."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.random import SeedGenerator, generator
from tkeras.saving import public
from tkeras_kernels import operators


@public("keras.layers.Dropout")
class Dropout(Layer):
    """In training, sets a fraction of the inputs to 0 and divides the rest by the fraction kept.

    Args:
        rate: fraction to drop, in [0, 1].
        noise_shape: shape of what is drawn, broadcast over the inputs.
        seed: for the same draws in every run.
    """

    _config = ("rate", "noise_shape", "seed")

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate={rate}")
        self.rate, self.seed, self.noise_shape = rate, seed, noise_shape
        self.seed_generator = SeedGenerator(seed) if rate > 0 else None
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Same shape."""
        if not training or self.rate == 0 or inputs.is_meta:
            return inputs
        source = generator(self.seed_generator, inputs.device)
        return call(operators.dropout, inputs, rate=self.rate, noise_shape=self.noise_shape, generator=source)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape
