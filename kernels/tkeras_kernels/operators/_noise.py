"""Random numbers that kernels and torch draw alike, and the launch of the noise template."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, prod
from typing import TYPE_CHECKING, Any, Literal

import torch

from ..runtime import launch, target_for
from ._pointwise_launch import pointwise_launch
from ._random import RESOLUTION, threshold, words

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Kind = Literal["uniform", "normal"]
_WARPS = 4
_SHARE = 8
"""Elements a thread: two counters, 16 bytes of half precision."""
_INTERPRETED_BLOCK = 1 << 16
"""The interpreter's cost is a program, not an element."""


def chance(rate: float) -> float:
    """``rate`` in the steps of uniform numbers: a share ``rate`` of them are below, in every precision."""
    return threshold(rate) / RESOLUTION


def numbers(seed: torch.Tensor, kind: Kind, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """What ``templates/_noise.py`` draws, in torch; ``dtype`` is float32 or float64.

    Args:
        seed: (1,) int64, on whose device the numbers are drawn.
    """
    size = prod(shape)
    counters = torch.arange(-(-size // 4), dtype=torch.int64, device=seed.device)
    found = torch.stack(words(counters, seed), -1)
    if kind == "uniform":
        made = (found >> 8).to(dtype) / RESOLUTION
    else:
        first, second = found[:, ::2], found[:, 1::2]
        radius = (-2.0 * (first.float().to(dtype) * 2.0**-32 + 2.0**-33).clamp_max(1.0).log()).sqrt()
        place = (second & 0x3FFFFFFF).float().to(dtype) * 2.0**-32 - 0.125
        angle = (place + (second >> 30) * 0.25) * (2.0 * pi)
        made = torch.stack((radius * angle.cos(), radius * angle.sin()), -1)
    return made.reshape(-1)[:size].view(*shape)


def noisy(
    x: torch.Tensor,
    seed: torch.Tensor,
    fn: Pointwise,
    kind: Kind,
    noise_shape: Sequence[int],
    gradient: bool = False,
) -> torch.Tensor:
    """``fn(x, noise)``, contiguous; with ``gradient``, x being dy, its derivative by x times dy.

    Args:
        noise_shape: broadcast over ``x``. Fewer numbers than elements are drawn by a launch of their own.
    """
    leaf = fn.gradient_leaf((True, False)) if gradient else fn.forward_leaf
    x = x.contiguous()
    if tuple(noise_shape) == tuple(x.shape):
        return _run(x, torch.empty_like(x), seed, leaf, gradient, kind)
    drawn = x.new_empty(tuple(noise_shape), dtype=torch.float32)
    _run(None, drawn, seed, None, False, kind)
    return pointwise_launch(leaf, (x, drawn, x) if gradient else (x, drawn), [x.dtype])[0]


def _run(
    x: torch.Tensor | None, output: torch.Tensor, seed: torch.Tensor, leaf: Any, gradient: bool, kind: Kind
) -> torch.Tensor:
    from ..templates._noise import noisy_map

    size = output.numel()
    if size:
        target = target_for(output)
        lanes = 64 if target.backend == "hip" else 32
        block = _INTERPRETED_BLOCK if target.row == "interpret" else _SHARE * _WARPS * lanes
        constants = {"FN": leaf, "GRADIENT": gradient, "NORMAL": kind == "normal", "BLOCK": block}
        launch(noisy_map, (-(-size // block),), output, (x, output, seed, size), constants, warps=_WARPS)
    return output
