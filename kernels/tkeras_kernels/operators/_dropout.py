"""Inverted dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ._operator import Case, Cost, Operator, register
from ._work import Shapes, pointwise_work


class Dropout(Operator):
    """``x * keep / (1 - rate)`` with ``keep`` drawn from Bernoulli(1 - rate) (Srivastava et al., 2014)."""

    name = "dropout"
    saves = "nothing but the seed"
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
        noise_shape: Sequence[int | None] | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Drop elements of ``x``.

        Args:
            rate: fraction to drop, 0 ≤ rate ≤ 1.
            noise_shape: shape of what is drawn, broadcast over ``x``; None stands for the size of that axis.
            generator: source of the random numbers; torch's default one when None.
        """
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` should be between 0 and 1. Received: rate={rate}")
        if rate == 0:
            return x
        if rate == 1:
            return torch.zeros_like(x)
        return x * _scaled_keep(x, rate, noise_shape, generator)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 2, **attributes)


def _scaled_keep(
    x: torch.Tensor,
    rate: float,
    noise_shape: Sequence[int | None] | None,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """0 with probability ``rate``, else 1 / (1 - rate)."""
    if noise_shape is None:
        keep = torch.empty_like(x, requires_grad=False)
    else:
        keep = x.new_empty([own if n is None else n for n, own in zip(noise_shape, x.shape, strict=True)])
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


dropout = register(Dropout())
