"""``tf.random`` on torch's generators."""

from __future__ import annotations

from typing import Any

from tkeras import random as keras_random
from tkeras.compat.tensorflow._arrays import _sizes
from tkeras.compat.tensorflow._dtypes import as_dtype
from tkeras.utils import set_random_seed


def set_seed(seed: int) -> None:
    """Seed everything that draws."""
    set_random_seed(seed)


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Normal numbers."""
    return keras_random.normal(_sizes(shape), dtype=as_dtype(dtype).name, seed=seed) * stddev + mean


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None
) -> Any:
    """Normal numbers within two standard deviations."""
    return keras_random.truncated_normal(_sizes(shape), mean, stddev, as_dtype(dtype).name, seed)


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Uniform numbers in [minval, maxval); integers need ``maxval``."""
    kind = as_dtype(dtype)
    if kind.is_integer:
        if maxval is None:
            raise ValueError("Must specify maxval for integer dtype.")
        return keras_random.randint(_sizes(shape), minval, maxval, dtype=kind.name, seed=seed)
    high = 1.0 if maxval is None else maxval
    return keras_random.uniform(_sizes(shape), minval, high, kind.name, seed)


def categorical(logits: Any, num_samples: int, dtype: Any = "int64", seed: Any = None) -> Any:
    """Draws from unnormalized log-probabilities (batch, classes)."""
    return keras_random.categorical(logits, num_samples, dtype=as_dtype(dtype).name, seed=seed)


def shuffle(value: Any, seed: Any = None) -> Any:
    """In another order along the first axis."""
    return keras_random.shuffle(value, seed=seed)
