"""Layers that disturb their inputs in training: Gaussian noise, Gaussian and alpha dropout."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._layer import Layer
from tkeras.layers.regularization._dropout import check_rate
from tkeras.random import SeedGenerator, drawn
from tkeras.saving import public
from tkeras_kernels import operators


class Noise(Layer):
    """Disturbs its inputs in training and passes them on otherwise.

    The numbers for a seed are those of Keras on torch where torch draws them; kernels draw others.
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
        return self.disturb(inputs, drawn(self.seed_generator, inputs))

    def disturb(self, inputs: Any, source: dict[str, Any]) -> Any:
        """The disturbed inputs; ``source`` are the operator's attributes for random numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define `disturb`.")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


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

    def disturb(self, inputs: Any, source: dict[str, Any]) -> Any:
        """``inputs + N(0, stddev)``."""
        return call(operators.gaussian_noise, inputs, stddev=self.stddev, **source)


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

    def disturb(self, inputs: Any, source: dict[str, Any]) -> Any:
        """``inputs · N(1, sqrt(rate / (1 − rate)))``."""
        return call(operators.gaussian_dropout, inputs, rate=self.rate, **source)


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

    def disturb(self, inputs: Any, source: dict[str, Any]) -> Any:
        """Drop, then scale and shift back to mean 0 and variance 1."""
        return call(operators.alpha_dropout, inputs, rate=self.rate, noise_shape=self.noise_shape, **source)
