"""Seeds of the kernels' random numbers, and the bits of ``templates/_random.py`` in torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch

RESOLUTION = 2**24
"""Of uniform numbers: float32 holds all of them."""
_WORD = 0xFFFFFFFF
_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def draw_seed(generator: torch.Generator | None) -> torch.Tensor:
    """A seed (1,) of 64 bits from ``generator``, on its device and without waiting for it; None is torch's
    default generator of the CPU."""
    device = "cpu" if generator is None else generator.device
    seed = torch.empty(1, dtype=torch.int64, device=device)
    return seed.random_(-(2**63), None, generator=generator)


def next_seed(state: torch.Tensor) -> torch.Tensor:
    """The next seed (1,) of a state ``[seed, count]`` in int32, on its device; the state moves on there.

    Nothing is read on the host, so that each replay of a graph draws anew. The two words together are the key
    of Philox: no two seeds or counts share one.
    """
    with torch.no_grad():
        seed = state.detach().clone().view(torch.int64)
        state.detach()[1:].add_(1)
    return seed


def threshold(rate: float) -> int:
    """What 24 random bits must reach to be kept with probability ``1 - rate``."""
    return round(rate * RESOLUTION)


def kept(seed: torch.Tensor, shape: Sequence[int], rate: float) -> torch.Tensor:
    """Boolean tensor of ``shape`` on the seed's device: the elements that the kernels keep."""
    offsets = torch.arange(prod(shape), dtype=torch.int64, device=seed.device)
    return _kept_at(seed, offsets, rate).view(*shape)


def _kept_at(seed: torch.Tensor, offsets: torch.Tensor, rate: float) -> torch.Tensor:
    found = torch.stack(words(offsets >> 2, seed), -1).gather(-1, (offsets & 3).unsqueeze(-1))
    return found.squeeze(-1) >> 8 >= threshold(rate)


def words(counters: torch.Tensor, seed: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The four words, as int64, of each counter."""
    return _philox(counters & _WORD, counters >> 32, seed & _WORD, (seed >> 32) & _WORD)


def _philox(
    c0: torch.Tensor, c1: torch.Tensor, k0: torch.Tensor, k1: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    c2 = c3 = torch.zeros_like(c0)
    for _ in range(_ROUNDS):
        high0, low0 = _wide_product(c0, _MULTIPLIERS[0])
        high1, low1 = _wide_product(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _WEYL[0]) & _WORD, (k1 + _WEYL[1]) & _WORD
    return c0, c1, c2, c3


def _wide_product(a: torch.Tensor, b: int) -> tuple[torch.Tensor, torch.Tensor]:
    """High and low word of the product of unsigned words, in halves that int64 holds."""
    low, high = a * (b & 0xFFFF), a * (b >> 16)
    middle = high + (low >> 16)
    return middle >> 16, ((middle << 16) | (low & 0xFFFF)) & _WORD
