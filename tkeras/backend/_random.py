"""Random tensors; without a seed every call draws other numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tkeras import random
from tkeras.backend._values import variable
from tkeras.config import floatx, torch_dtype
from tkeras.graph import Variable
from tkeras.ops._convert import infers_shapes


def _draw(draw: Callable[..., Any], shape: Any, dtype: Any, seed: int | None, *parameters: float) -> Any:
    if any(size is None for size in shape):
        raise ValueError(
            "Random numbers need a shape without unknown sizes: draw them inside a layer or a Lambda, where "
            f"`K.shape(x)` is known. Received: shape={tuple(shape)}"
        )
    sizes, kind = tuple(int(size) for size in shape), dtype or floatx()
    if infers_shapes():
        return torch.empty(sizes, dtype=torch_dtype(kind))
    return draw(sizes, *parameters, dtype=kind, seed=seed)


def random_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers of the normal distribution."""
    return _draw(random.normal, shape, dtype, seed, mean, stddev)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Numbers of ``[minval, maxval)``."""
    return _draw(random.uniform, shape, dtype, seed, minval, maxval)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: int | None = None) -> Any:
    """1 with probability ``p``, else 0."""
    return (_draw(random.uniform, shape, None, seed) < p).to(torch_dtype(dtype or floatx()))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: int | None = None
) -> Any:
    """Normal numbers within two standard deviations of the mean."""
    return _draw(random.truncated_normal, shape, dtype, seed, mean, stddev)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of normal numbers."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: int | None = None
) -> Variable:
    """A variable of numbers of ``[low, high)``."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


random_binomial = random_bernoulli
