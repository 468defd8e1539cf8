"""Resampling along one axis with a kernel: a matrix of weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

Tensor = torch.Tensor


def _triangle(x: Tensor) -> Tensor:
    return torch.clamp(1 - x, min=0)


def _keys_cubic(x: Tensor) -> Tensor:
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x >= 2, 0.0, torch.where(x >= 1, far, near))


def _lanczos(radius: float) -> Callable[[Tensor], Tensor]:
    def kernel(x: Tensor) -> Tensor:
        waves = radius * torch.sin(math.pi * x) * torch.sin(math.pi * x / radius)
        inner = torch.where(x > 1e-3, waves / torch.where(x != 0, math.pi**2 * x**2, 1.0), 1.0)
        return torch.where(x > radius, 0.0, inner)

    return kernel


LANCZOS = {"lanczos3": _lanczos(3.0), "lanczos5": _lanczos(5.0)}
KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _keys_cubic),
    **LANCZOS,
}
"""Interpolation kernels (Keys 1981, Duchon 1979) of the distance, in pixels, from the sample."""


def weights(
    size: int, target: int, scale: Tensor, translation: Tensor, method: str, antialias: bool
) -> Tensor:
    """What each old pixel counts in each new one (size, target); columns sum to 1, or 0 outside the image."""
    inverse = 1 / scale
    old, new = (torch.arange(n, dtype=scale.dtype, device=scale.device) for n in (size, target))
    sample = (new + 0.5) * inverse - translation * inverse - 0.5
    distance = torch.abs(sample - old.unsqueeze(1))
    if antialias:
        distance = distance / torch.clamp(inverse, min=1)
    found = KERNELS[method](distance)
    total = found.sum(0, keepdim=True)
    usable = total.abs() > 1000 * torch.finfo(torch.float32).eps
    found = torch.where(usable, found / torch.where(usable, total, 1.0), 0.0)
    return torch.where((sample >= -0.5) & (sample <= size - 0.5), found, 0.0)


def resampled(
    x: Tensor, axis: int, target: int, scale: Tensor, translation: Tensor, method: str, antialias: bool
) -> Tensor:
    """``x`` of floats with ``target`` elements along an axis."""
    matrix = weights(x.shape[axis], target, scale, translation, method, antialias).to(x.dtype)
    return torch.tensordot(x.movedim(axis, -1), matrix, 1).movedim(-1, axis)
