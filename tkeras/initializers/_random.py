"""Initializers that draw: the numbers of Keras' torch backend for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from tkeras import random
from tkeras.initializers._initializer import INITIALIZERS, Initializer
from tkeras.random import SeedGenerator
from tkeras.saving import deserialize_keras_object, serialize_keras_object

Axes = Sequence[int] | None

_TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of the standard normal distribution cut at two standard deviations."""


class RandomInitializer(Initializer):
    """Keeps the seed.

    Args:
        seed: an int or None gives the same numbers at each call, a SeedGenerator gives new ones.
    """

    def __init__(self, seed: int | SeedGenerator | dict[str, Any] | None = None):
        self._init_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an integer. "
                f"Received: seed={seed}"
            )
        self.seed: int | SeedGenerator = seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._init_seed)}


@INITIALIZERS.export("random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Normal distribution."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@INITIALIZERS.export("truncated_normal")
class TruncatedNormal(RandomNormal):
    """Normal distribution within two standard deviations of the mean."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


@INITIALIZERS.export("random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Uniform distribution over ``[minval, maxval)``."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


@INITIALIZERS.export("variance_scaling")
class VarianceScaling(RandomInitializer):
    """Variance ``scale / fan``, so that signals neither grow nor shrink through layers.

    Args:
        scale: positive.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``.
        distribution: ``"truncated_normal"`` (or ``"normal"``), ``"untruncated_normal"`` or ``"uniform"``.
        seed: see :class:`RandomInitializer`.
        input_axes, output_axes: axes whose sizes multiply to the fans; default: the last two, times the rest.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {modes}")
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        distributions = ("uniform", "truncated_normal", "untruncated_normal")
        if distribution not in distributions:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. Please use one of {distributions}"
            )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "truncated_normal":
            return random.truncated_normal(
                shape, 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype, self.seed
            )
        return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        keys = ("scale", "mode", "distribution", "input_axes", "output_axes")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


class _Preset(VarianceScaling):
    """Variance scaling with all but the seed and the axes fixed by the class."""

    preset: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: Any = None, input_axes: Axes = None, output_axes: Axes = None):
        super().__init__(*self.preset, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


@INITIALIZERS.export("glorot_uniform", "xavier_uniform")
class GlorotUniform(_Preset):
    """Uniform, variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010)."""

    preset = (1.0, "fan_avg", "uniform")


@INITIALIZERS.export("glorot_normal", "xavier_normal")
class GlorotNormal(_Preset):
    """Truncated normal, variance ``2 / (fan_in + fan_out)`` (Glorot & Bengio 2010)."""

    preset = (1.0, "fan_avg", "truncated_normal")


@INITIALIZERS.export("lecun_uniform")
class LecunUniform(_Preset):
    """Uniform, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    preset = (1.0, "fan_in", "uniform")


@INITIALIZERS.export("lecun_normal")
class LecunNormal(_Preset):
    """Truncated normal, variance ``1 / fan_in`` (LeCun et al. 1998)."""

    preset = (1.0, "fan_in", "truncated_normal")


@INITIALIZERS.export("he_uniform")
class HeUniform(_Preset):
    """Uniform, variance ``2 / fan_in`` (He et al. 2015)."""

    preset = (2.0, "fan_in", "uniform")


@INITIALIZERS.export("he_normal")
class HeNormal(_Preset):
    """Truncated normal, variance ``2 / fan_in`` (He et al. 2015)."""

    preset = (2.0, "fan_in", "truncated_normal")


@INITIALIZERS.export("orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """Orthonormal rows or columns, whichever are fewer, of the shape as a matrix (Saxe et al. 2014).

    Args:
        gain: factor.
        seed: see :class:`RandomInitializer`.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = random.normal((max(rows, columns), min(rows, columns)), dtype=dtype, seed=self.seed)
        q, r = torch.linalg.qr(drawn.float() if drawn.dtype.itemsize < 4 else drawn)
        q = q * torch.sign(torch.diagonal(r))
        return self.gain * (q.T if rows < columns else q).reshape(tuple(shape)).to(drawn.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def compute_fans(shape: Sequence[int], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """Number of inputs and outputs of a unit whose weight has this shape."""
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field
