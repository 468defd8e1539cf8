"""Layers that disturb their inputs in training: Gaussian noise, Gaussian and alpha dropout."""

from __future__ import annotations

import math
from typing import Any

import torch

from tkeras.layers._layer import Layer
from tkeras.layers.regularization._dropout import check_rate, noise_shape_of
from tkeras.random import SeedGenerator, generator
from tkeras.saving import public

# of the fixed point of selu (Klambauer et al., 2017): the value that dropped elements take
_DROPPED = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


class Noise(Layer):
    """Disturbs its inputs in training and passes them on otherwise.

    The numbers for a seed are those of Keras on torch.
    """

    def _source(self, seed: int | None, active: bool) -> None:
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if active else None
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Same shape."""
        if not training or self.seed_generator is None or inputs.is_meta:
            return inputs
        return self.disturb(inputs, generator(self.seed_generator, inputs.device))

    def disturb(self, inputs: Any, source: Any) -> Any:
        """The disturbed inputs."""
        raise NotImplementedError(f"{type(self).__name__} must define `disturb`.")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


def _normal(like: Any, mean: float, stddev: float, source: Any) -> Any:
    made = torch.empty(like.shape, dtype=like.dtype, device=like.device)
    return made.normal_(mean, stddev, generator=source)


@public("keras.layers.GaussianNoise")
class GaussianNoise(Noise):
    """In training, adds normal noise.

    Args:
        stddev: its standard deviation, in [0, 1].
        seed: for the same draws in every run.
    """

    _config = ("stddev", "seed")

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.stddev = check_rate(stddev, "stddev")
        self._source(seed, stddev > 0)

    def disturb(self, inputs: Any, source: Any) -> Any:
        """``inputs + N(0, stddev)``."""
        return inputs + _normal(inputs, 0.0, self.stddev, source)


@public("keras.layers.GaussianDropout")
class GaussianDropout(Noise):
    """In training, multiplies with normal noise of mean 1 (Srivastava et al., 2014).

    Args:
        rate: in [0, 1); the noise has standard deviation ``sqrt(rate / (1 − rate))``.
        seed: for the same draws in every run.
    """

    _config = ("rate", "seed")

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = check_rate(rate, below_one=True)
        self._source(seed, rate > 0)

    def disturb(self, inputs: Any, source: Any) -> Any:
        """``inputs · N(1, sqrt(rate / (1 − rate)))``."""
        return inputs * _normal(inputs, 1.0, math.sqrt(self.rate / (1.0 - self.rate)), source)


@public("keras.layers.AlphaDropout")
class AlphaDropout(Noise):
    """In training, sets a fraction of the inputs to selu's saturation value and keeps mean and variance.

    For networks of selu units (Klambauer et al., 2017).

    Args:
        rate: fraction to drop, in [0, 1).
        noise_shape: shape of what is drawn, broadcast over the inputs; None for the size of that axis.
        seed: for the same draws in every run.
    """

    _config = ("rate", "noise_shape", "seed")

    def __init__(self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = check_rate(rate, below_one=True)
        self.noise_shape = noise_shape
        self._source(seed, rate > 0)

    def disturb(self, inputs: Any, source: Any) -> Any:
        """Drop, then scale and shift back to mean 0 and variance 1."""
        shape = noise_shape_of(inputs.shape, self.noise_shape)
        kept = torch.rand(shape, generator=source, device=inputs.device) >= self.rate
        scale = ((1 - self.rate) * (1 + self.rate * _DROPPED**2)) ** -0.5
        shift = -scale * _DROPPED * self.rate
        return torch.where(kept, scale * inputs + shift, scale * _DROPPED + shift)
