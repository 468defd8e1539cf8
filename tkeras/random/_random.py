"""Random tensors: the numbers of Keras' torch backend for the same seed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Beta, Binomial, Distribution, Gamma

from tkeras.bridge import call
from tkeras.config import default_device, is_float_dtype, is_int_dtype, torch_dtype
from tkeras.graph import FunctionOperation, MetaMode, any_symbolic
from tkeras.random._seed import SeedGenerator, draw_seed, drawn, generator
from tkeras_kernels import operators
from tkeras_kernels.runtime import without_kernels

Seed = int | SeedGenerator | None
Shape = Sequence[int]


def _of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Record calls on symbolic tensors, so that the model draws."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return FunctionOperation(function)(*args, **kwargs)
        if args and not isinstance(args[0], torch.Tensor):
            args = (_from_host(args[0]), *args[1:])
        return function(*args, **kwargs)

    return wrapper


def _from_host(x: Any) -> torch.Tensor:
    """An array as it is; lists of numbers as int32 or ``floatx()``."""
    tensor = torch.as_tensor(x, device=default_device())
    if isinstance(x, (np.ndarray, np.generic)) or tensor.dtype is torch.bool:
        return tensor
    return tensor.to(torch_dtype(None) if tensor.is_floating_point() else torch.int32)


def normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Numbers of the normal distribution."""
    device = default_device()
    return torch.normal(
        mean,
        stddev,
        size=tuple(shape),
        generator=generator(seed, device),
        dtype=torch_dtype(dtype),
        device=device,
    )


def uniform(
    shape: Shape, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Numbers of ``[minval, maxval)``."""
    if dtype is not None and not is_float_dtype(dtype):
        raise ValueError(f"`keras.random.uniform` requires a floating point `dtype`. Received: dtype={dtype}")
    device = default_device()
    drawn = torch.rand(
        tuple(shape), generator=generator(seed, device), dtype=torch_dtype(dtype), device=device
    )
    return drawn.mul_(maxval - minval).add_(minval)


def randint(shape: Shape, minval: int, maxval: int, dtype: Any = "int32", seed: Seed = None) -> torch.Tensor:
    """Integers of ``[minval, maxval)``."""
    if dtype is not None and not is_int_dtype(dtype):
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype}")
    device, kind = default_device(), torch_dtype(dtype or "int32")
    return torch.randint(
        int(minval), int(maxval), tuple(shape), generator=generator(seed, device), dtype=kind, device=device
    )


def truncated_normal(
    shape: Shape, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Normal numbers within two standard deviations of the mean: the first of four draws that is."""
    drawn = normal((*shape, 4), dtype=dtype, seed=seed)
    first = (drawn.abs() < 2).to(torch.uint8).argmax(-1, keepdim=True)
    return drawn.gather(-1, first).squeeze(-1).mul_(stddev).add_(mean)


@_of_tensors
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> torch.Tensor:
    """Classes (batch, num_samples) drawn with probabilities ``softmax(logits)``; logits (batch, classes)."""
    logits = torch.as_tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            "`logits` should be a 2-D tensor with shape [batch_size, num_classes]. "
            f"Received: logits.shape={tuple(logits.shape)}"
        )
    drawn = torch.multinomial(
        torch.softmax(logits, -1), num_samples, replacement=True, generator=generator(seed, logits.device)
    )
    return drawn.to(torch_dtype(dtype))


@_of_tensors
def dropout(
    inputs: torch.Tensor, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> torch.Tensor:
    """Zero a share ``rate`` of the inputs and scale the rest by ``1 / (1 - rate)``.

    Args:
        inputs: any shape.
        rate: within [0, 1].
        noise_shape: shape of the mask, 1 where an axis shares it, None where it has the size of the input.
        seed: None, or a generator without a seed, draws from torch's own state, which is fastest; where
            kernels run, a generator draws on the device, and all numbers are those of the kernels.
    """
    if rate >= 1.0:
        return torch.zeros_like(inputs)
    if rate == 0.0:
        return inputs
    if without_kernels(inputs) is None:
        return call(operators.dropout, inputs, rate=rate, noise_shape=noise_shape, **drawn(seed, inputs))
    unseeded = seed is None or (isinstance(seed, SeedGenerator) and seed._initial_seed is None)
    if unseeded and noise_shape is None:
        return F.dropout(inputs, rate)
    keep = 1.0 - rate
    shape = [
        own if size is None else size
        for own, size in zip(inputs.shape, noise_shape or inputs.shape, strict=True)
    ]
    chances = torch.full(shape, keep, device=inputs.device)
    mask = torch.bernoulli(chances, generator=generator(seed, inputs.device)).bool()
    return torch.where(mask, inputs / keep, 0.0)


@_of_tensors
def shuffle(x: Any, axis: int = 0, seed: Seed = None) -> torch.Tensor:
    """Permute ``x`` along ``axis``; the axes before it are permuted independently of each other."""
    x = torch.as_tensor(x)
    axis = axis % x.ndim
    order = torch.rand(x.shape[: axis + 1], generator=generator(seed, x.device), device=x.device).argsort(
        axis
    )
    order = order.reshape(*order.shape, *(1 for _ in x.shape[axis + 1 :]))
    return x.gather(axis, order.expand(x.shape))


def gamma(shape: Shape, alpha: Any, dtype: Any = None, seed: Seed = None) -> torch.Tensor:
    """Numbers of the gamma distribution of shape ``alpha`` and rate 1."""
    return _sample(lambda a: Gamma(a, torch.ones_like(a)), shape, (alpha,), dtype, seed)


def beta(shape: Shape, alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> torch.Tensor:
    """Numbers of the beta distribution."""
    return _sample(Beta, shape, (alpha, beta), dtype, seed)


def binomial(
    shape: Shape, counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Successes in ``counts`` trials of the given probabilities."""
    return _sample(lambda n, p: Binomial(n, probs=p), shape, (counts, probabilities), dtype, seed)


def _sample(
    make: Callable[..., Distribution], shape: Shape, parameters: tuple[Any, ...], dtype: Any, seed: Seed
) -> torch.Tensor:
    """Draw from one of torch's distributions, which know no generator, and leave torch's state as it was."""
    device = default_device()
    spread = [
        torch.as_tensor(value, dtype=torch.float32, device=device).expand(tuple(shape))
        for value in parameters
    ]
    if device.type == "meta" or MetaMode.active():
        return torch.empty(tuple(shape), dtype=torch_dtype(dtype), device="meta")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(draw_seed(seed))
        return make(*spread).sample().to(torch_dtype(dtype))
