"""Dropout and noise: pointwise functions of a tensor and of random numbers, of which the seed is kept."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from ..expr import Value, where
from ..pointwise import pointwise
from ._fit import unfit
from ._noise import Kind, chance, noisy, numbers
from ._operator import Case, Cost, Epilogue, Operator, Tensors, reference_gradients, register
from ._random import draw_seed
from ._work import Shapes, pointwise_work

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Shape = Sequence[int | None] | None

_SATURATED = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
"""What selu tends to (Klambauer et al., 2017): the value that alpha dropout gives."""


def drop(x: Value, noise: Value, rate: float, below: float) -> Value:
    """x / (1 - rate), or 0 where the uniform noise is ``below``."""
    return where(noise >= below, x * (1.0 / (1.0 - rate)), 0.0)


def alpha_drop(x: Value, noise: Value, rate: float, below: float) -> Value:
    """x, or selu's saturation where the uniform noise is ``below``, scaled to the old mean and variance."""
    scale = ((1.0 - rate) * (1.0 + rate * _SATURATED**2)) ** -0.5
    shift = -scale * _SATURATED * rate
    return where(noise >= below, scale * x + shift, scale * _SATURATED + shift)


def multiply_noise(x: Value, noise: Value, stddev: float) -> Value:
    """x times numbers around 1."""
    return x + x * (stddev * noise)


def add_noise(x: Value, noise: Value, stddev: float) -> Value:
    """x plus numbers around 0."""
    return x + stddev * noise


class _Noisy(Operator):
    """``function(x, noise)``; torch draws its numbers from a generator, the kernels theirs from a seed."""

    saves = "nothing but the seed"
    keeps_inputs = False
    kind: Kind

    @abstractmethod
    def _function(self, amount: float) -> Pointwise:
        """Of x and the noise, affine in x."""

    @abstractmethod
    def _plain(
        self, x: torch.Tensor, amount: float, noise_shape: Shape, generator: torch.Generator | None
    ) -> torch.Tensor:
        """In torch, with torch's numbers."""

    def _disturb(
        self,
        x: torch.Tensor,
        amount: float,
        noise_shape: Shape,
        generator: torch.Generator | None,
        seed: torch.Tensor | None,
    ) -> torch.Tensor:
        """In torch; ``seed`` (1,) int64, on the device of ``x``, in place of ``generator`` gives the kernels'
        numbers."""
        if seed is None:
            return self._plain(x, amount, noise_shape, generator)
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        noise = numbers(seed, self.kind, _drawn(x, noise_shape), wide)
        return self._function(amount).torch(x, noise).to(x.dtype)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        (x,) = tensors
        assert x is not None
        source = attributes.get("seed") if attributes.get("generator") is None else attributes["generator"]
        if (torch.device("cpu") if source is None else source.device) != x.device:
            return "random numbers of another device"
        amount = _amount(attributes)
        if not amount or (self.kind == "uniform" and amount == 1):
            return "nothing is random"
        return unfit(tensors)

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Epilogue | None]:
        """A seed in place of the generator, so that forward, backward and reference draw alike."""
        if attributes.get("seed") is not None:
            return attributes, None
        return {**attributes, "generator": None, "seed": draw_seed(attributes.get("generator"))}, None

    def infer(self, x: torch.Tensor, **attributes: Any) -> torch.Tensor:
        return self._run(x, attributes)

    def forward(self, x: torch.Tensor, **attributes: Any) -> tuple[torch.Tensor, Tensors]:
        return self._run(x, attributes), (attributes["seed"],)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (seed,), (dy,) = saved, gradients
        assert dy is not None
        return (self._run(dy, {**attributes, "seed": seed}, gradient=True),)

    def _run(self, x: torch.Tensor, attributes: Mapping[str, Any], gradient: bool = False) -> torch.Tensor:
        shape = _drawn(x, attributes.get("noise_shape"))
        fn = self._function(_amount(attributes))
        return noisy(x, attributes["seed"], fn, self.kind, shape, gradient)

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        (seed,), (dy,) = saved, gradients
        assert dy is not None
        anywhere = torch.zeros_like(dy, requires_grad=True)
        given = {**attributes, "seed": seed, "generator": None}
        return reference_gradients(self, (anywhere,), gradients, needs, given)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 30, **attributes)


def _amount(attributes: Mapping[str, Any]) -> float:
    return attributes["rate"] if "rate" in attributes else attributes["stddev"]


def _drawn(x: torch.Tensor, noise_shape: Shape) -> tuple[int, ...]:
    """The shape of what is drawn: None stands for the size of that axis."""
    if noise_shape is None:
        return tuple(x.shape)
    return tuple(own if n is None else n for n, own in zip(noise_shape, x.shape, strict=True))


def _normal(
    like: torch.Tensor, mean: float, stddev: float, generator: torch.Generator | None
) -> torch.Tensor:
    made = torch.empty(like.shape, dtype=like.dtype, device=like.device)
    return made.normal_(mean, stddev, generator=generator)


class Dropout(_Noisy):
    """``x * keep / (1 - rate)`` with ``keep`` drawn from Bernoulli(1 - rate) (Srivastava et al., 2014)."""

    name = "dropout"
    kind = "uniform"
    cases = (
        Case("dense", ((256, 1024),), {"rate": 0.5}),
        Case("transformer", ((32, 512, 768),), {"rate": 0.1}),
        Case("spatial", ((32, 28, 28, 256),), {"rate": 0.2, "noise_shape": (None, 1, 1, None)}),
    )

    def reference(
        self,
        x: torch.Tensor,
        *,
        rate: float,
        noise_shape: Shape = None,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Drop elements of ``x``.

        Args:
            rate: fraction to drop, 0 ≤ rate ≤ 1.
            noise_shape: shape of what is drawn, broadcast over ``x``; None stands for the size of that axis.
            generator: source of the random numbers; torch's default one when None.
            seed: (1,) int64 in place of ``generator``: what the kernels keep is kept.
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` should be between 0 and 1. Received: rate={rate}")
        if rate == 0:
            return x
        if rate == 1:
            return torch.zeros_like(x)
        return self._disturb(x, rate, noise_shape, generator, seed)

    def _function(self, amount: float) -> Pointwise:
        return pointwise(drop, arity=2, rate=amount, below=chance(amount))

    def _plain(
        self, x: torch.Tensor, amount: float, noise_shape: Shape, generator: torch.Generator | None
    ) -> torch.Tensor:
        return x * _scaled_keep(x, amount, noise_shape, generator)


def _scaled_keep(
    x: torch.Tensor, rate: float, noise_shape: Shape, generator: torch.Generator | None
) -> torch.Tensor:
    """0 with probability ``rate``, else 1 / (1 - rate)."""
    if noise_shape is None:
        keep = torch.empty_like(x, requires_grad=False)
    else:
        keep = x.new_empty(_drawn(x, noise_shape))
    if keep.is_meta:
        return keep
    if keep.is_cpu:
        _at_least(rate, keep, generator)
    else:
        keep.bernoulli_(1 - rate, generator=generator)
    return keep.mul_(1 / (1 - rate))


def _at_least(rate: float, keep: torch.Tensor, generator: torch.Generator | None) -> None:
    """Write 1 with probability 1 - rate: 32 random bits an element, compared; faster than bernoulli_."""
    words = torch.empty((keep.numel() + 1) // 2, dtype=torch.int64).random_(
        -(2**63), None, generator=generator
    )
    bits = words.view(torch.int32)[: keep.numel()].view(keep.shape)
    torch.ge(bits, min(round(rate * 2**32), 2**32 - 1) - 2**31, out=keep)


class AlphaDropout(_Noisy):
    """Sets elements to selu's saturation value and keeps mean and variance (Klambauer et al., 2017)."""

    name = "alpha_dropout"
    kind = "uniform"
    cases = (Case("dense", ((256, 1024),), {"rate": 0.1}),)

    def reference(
        self,
        x: torch.Tensor,
        *,
        rate: float,
        noise_shape: Shape = None,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Drop a fraction ``rate`` < 1; other arguments as of :class:`Dropout`."""
        return self._disturb(x, rate, noise_shape, generator, seed)

    def _function(self, amount: float) -> Pointwise:
        return pointwise(alpha_drop, arity=2, rate=amount, below=chance(amount))

    def _plain(
        self, x: torch.Tensor, amount: float, noise_shape: Shape, generator: torch.Generator | None
    ) -> torch.Tensor:
        return alpha_drop(
            x, torch.rand(_drawn(x, noise_shape), generator=generator, device=x.device), amount, amount
        )


class GaussianDropout(_Noisy):
    """Multiplies with normal numbers of mean 1 (Srivastava et al., 2014)."""

    name = "gaussian_dropout"
    kind = "normal"
    cases = (Case("dense", ((256, 1024),), {"rate": 0.1}),)

    def reference(
        self,
        x: torch.Tensor,
        *,
        rate: float,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The numbers' standard deviation is ``sqrt(rate / (1 - rate))``, rate < 1."""
        return self._disturb(x, rate, None, generator, seed)

    def _function(self, amount: float) -> Pointwise:
        return pointwise(multiply_noise, arity=2, stddev=math.sqrt(amount / (1.0 - amount)))

    def _plain(
        self, x: torch.Tensor, amount: float, noise_shape: Shape, generator: torch.Generator | None
    ) -> torch.Tensor:
        return x * _normal(x, 1.0, math.sqrt(amount / (1.0 - amount)), generator)


class GaussianNoise(_Noisy):
    """Adds normal numbers of mean 0."""

    name = "gaussian_noise"
    kind = "normal"
    cases = (Case("image", ((32, 224, 224, 3),), {"stddev": 0.1}),)

    def reference(
        self,
        x: torch.Tensor,
        *,
        stddev: float,
        generator: torch.Generator | None = None,
        seed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The numbers have standard deviation ``stddev``."""
        return self._disturb(x, stddev, None, generator, seed)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        return (gradients[0],)

    def _function(self, amount: float) -> Pointwise:
        return pointwise(add_noise, arity=2, stddev=amount)

    def _plain(
        self, x: torch.Tensor, amount: float, noise_shape: Shape, generator: torch.Generator | None
    ) -> torch.Tensor:
        return x + _normal(x, 0.0, amount, generator)


dropout = register(Dropout())
alpha_dropout = register(AlphaDropout())
gaussian_dropout = register(GaussianDropout())
gaussian_noise = register(GaussianNoise())
