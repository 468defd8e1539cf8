"""`Dropout` and its spatial forms."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.layers._input_spec import InputSpec
from tkeras.layers._layer import Layer
from tkeras.random import SeedGenerator, drawn
from tkeras.saving import public
from tkeras_kernels import operators


def check_rate(value: Any, name: str = "rate", below_one: bool = False) -> float:
    """``value`` if it lies in [0, 1], or in [0, 1)."""
    if not isinstance(value, (int, float)) or not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and 1"
            f"{', less than 1' if below_one else ''}. Received: {name}={value}"
        )
    return value


def drop(inputs: Any, rate: float, seed: SeedGenerator | None, noise_shape: Any = None) -> Any:
    """``inputs`` with a fraction ``rate`` set to 0 and the rest scaled up; on the meta device as they are."""
    if inputs.is_meta:
        return inputs
    return call(operators.dropout, inputs, rate=rate, noise_shape=noise_shape, **drawn(seed, inputs))


def _checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    sizes: Any = tuple(noise_shape) if isinstance(noise_shape, (tuple, list)) else ("",)
    if not all(size is None or (isinstance(size, int) and size > 0) for size in sizes):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of positive "
            f"integers or None. Received: noise_shape={noise_shape}"
        )
    return sizes


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
        self.rate, self.seed, self.noise_shape = check_rate(rate), seed, _checked_noise_shape(noise_shape)
        self.seed_generator = SeedGenerator(seed) if rate > 0 else None
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Same shape."""
        if not training or self.seed_generator is None:
            return inputs
        return drop(inputs, self.rate, self.seed_generator, self._drawn(inputs))

    def _drawn(self, inputs: Any) -> tuple[int | None, ...] | None:
        return self.noise_shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The input's shape."""
        return input_shape


class BaseSpatialDropout(Dropout):
    """In training, sets whole channels to 0 (Tompson et al., 2014).

    Args:
        rate: fraction of the channels to drop, in [0, 1].
        data_format: ``"channels_last"`` (default) or ``"channels_first"``; not in one dimension.
        seed: for the same draws in every run.
    """

    rank: int

    def __init__(self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _drawn(self, inputs: Any) -> tuple[int | None, ...]:
        ones = (1,) * self.rank
        return (None, *ones, None) if self.data_format == "channels_last" else (None, None, *ones)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments: those that Keras writes, which leaves out ``trainable``."""
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype_policy.name}
        return config if self.rank == 1 else {**config, "data_format": self.data_format}


@public("keras.layers.SpatialDropout1D")
class SpatialDropout1D(BaseSpatialDropout):
    """Drops channels of sequences (batch, steps, channels). Arguments: see `BaseSpatialDropout`."""

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, "channels_last", seed, **kwargs)


@public("keras.layers.SpatialDropout2D")
class SpatialDropout2D(BaseSpatialDropout):
    """Drops channels of images (batch, height, width, channels). Arguments: see `BaseSpatialDropout`."""

    rank = 2


@public("keras.layers.SpatialDropout3D")
class SpatialDropout3D(BaseSpatialDropout):
    """Drops channels of volumes (batch, *sizes, channels). Arguments: see `BaseSpatialDropout`."""

    rank = 3
