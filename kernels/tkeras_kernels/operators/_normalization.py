"""Batch, layer, root-mean-square and group normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from ._operator import Case, Cost, Operator, register
from ._work import Shapes, pointwise_work

Moments = tuple[torch.Tensor, torch.Tensor]


def _wide(x: torch.Tensor) -> torch.Tensor:
    """Half precision as float32, in which statistics are taken; anything else as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _like(parameter: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor | None:
    return None if parameter is None else parameter.to(x.dtype)


def _channels_second(x: torch.Tensor, axis: int) -> torch.Tensor:
    """View with ``axis`` second; rank 3 becomes 4, for which torch knows the channels-last memory format."""
    x = x.movedim(axis, 1)
    return x.unsqueeze(2) if x.ndim == 3 else x


def _channels_back(y: torch.Tensor, axis: int, rank: int) -> torch.Tensor:
    return (y.squeeze(2) if rank == 3 else y).movedim(1, axis)


def _trailing(x: torch.Tensor, axis: int | Sequence[int]) -> tuple[torch.Tensor, tuple[int, ...]]:
    """View with the normalized axes last, and those axes in ascending order."""
    axes = tuple(sorted(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)))
    return x.movedim(axes, tuple(range(-len(axes), 0))), axes


class BatchNorm(Operator):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` a channel (Ioffe & Szegedy, 2015)."""

    name = "batch_norm"
    saves = "input, mean and 1 / standard deviation"
    cases = (
        Case("resnet50_56", ((32, 56, 56, 256), (256,), (256,), (256,), (256,)), {"training": True}),
        Case("resnet50_7", ((32, 7, 7, 2048), (2048,), (2048,), (2048,), (2048,)), {"training": True}),
        Case("inference", ((32, 28, 28, 512), (512,), (512,), (512,), (512,))),
        Case("features", ((256, 1024), (1024,), (1024,), (1024,), (1024,)), {"training": True}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None,
        beta: torch.Tensor | None,
        moving_mean: torch.Tensor,
        moving_variance: torch.Tensor,
        mask: torch.Tensor | None = None,
        *,
        axis: int = -1,
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        training: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalize.

        Args:
            x: any shape of rank ≥ 2 with C channels on ``axis``. Half precision is computed in float32.
            gamma, beta: (C,) or None.
            moving_mean, moving_variance: (C,), used as statistics outside training.
            mask: shape of ``x`` without its last axis; positions that are False have no part in the
                statistics.
            momentum: weight of the old moving statistics.

        Returns:
            y like ``x``; the new moving mean and variance (biased, as in Keras), detached; outside training,
            or for an empty ``x``, these are the ones that came in.
        """
        axis %= x.ndim
        if not training or not x.numel():
            y = _batch_norm(x, gamma, beta, moving_mean, moving_variance, axis, epsilon)
            return y, moving_mean, moving_variance
        if mask is None:
            y, mean, variance = _batch_norm_of_batch(x, gamma, beta, axis, epsilon)
        else:
            mean, variance = _masked_moments(_wide(x), mask, axis)
            y = _affine(_wide(x), gamma, beta, mean, variance, axis, epsilon).to(x.dtype)
        return y, _moved(moving_mean, mean, momentum), _moved(moving_variance, variance, momentum)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 9 if attributes.get("training") else 2, **attributes)


def _moved(old: torch.Tensor, new: torch.Tensor, momentum: float) -> torch.Tensor:
    return torch.lerp(new.detach().to(old.dtype), old.detach(), momentum)


def _batch_norm(
    x: torch.Tensor,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    mean: torch.Tensor,
    variance: torch.Tensor,
    axis: int,
    epsilon: float,
) -> torch.Tensor:
    wide = _wide(x)
    mean, variance = mean.to(wide.dtype), variance.to(wide.dtype)
    gamma, beta = _like(gamma, wide), _like(beta, wide)
    y = F.batch_norm(_channels_second(wide, axis), mean, variance, gamma, beta, False, 0.0, epsilon)
    return _channels_back(y, axis, x.ndim).to(x.dtype)


def _batch_norm_of_batch(
    x: torch.Tensor, gamma: torch.Tensor | None, beta: torch.Tensor | None, axis: int, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalize with the statistics of the batch; also returns them."""
    wide = _wide(x)
    y, mean, inverse = torch.native_batch_norm(
        _channels_second(wide, axis), _like(gamma, wide), _like(beta, wide), None, None, True, 0.0, epsilon
    )
    variance = (inverse.detach().pow(-2) - epsilon).clamp_(min=0)
    return _channels_back(y, axis, x.ndim).to(x.dtype), mean, variance


def _masked_moments(x: torch.Tensor, mask: torch.Tensor, axis: int) -> Moments:
    """Mean and variance (C,) where the mask is True, divided as Keras does by the count + 1e-7."""
    if mask.shape != x.shape[:-1]:
        raise ValueError(
            "`mask` should have the shape of the input without its last axis. "
            f"Received: mask shape={tuple(mask.shape)}, input shape={tuple(x.shape)}"
        )
    kept = mask.bool().unsqueeze(-1).expand_as(x)
    others = tuple(a for a in range(x.ndim) if a != axis)
    count = kept.to(x.dtype).sum(others, keepdim=True) + 1e-7
    mean = torch.where(kept, x, 0).sum(others, keepdim=True) / count
    variance = torch.where(kept, x - mean, 0).square().sum(others, keepdim=True) / count
    return mean.flatten(), variance.flatten()


def _affine(
    x: torch.Tensor,
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    mean: torch.Tensor,
    variance: torch.Tensor,
    axis: int,
    epsilon: float,
) -> torch.Tensor:
    """The normalization itself, for statistics through which the gradient flows."""
    shape = [1] * x.ndim
    shape[axis] = -1
    scale = torch.rsqrt(variance + epsilon)
    y = (x - mean.view(shape)) * (scale if gamma is None else scale * gamma.to(x.dtype)).view(shape)
    return y if beta is None else y + beta.to(x.dtype).view(shape)


class LayerNorm(Operator):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over the given axes (Ba et al., 2016)."""

    name = "layer_norm"
    saves = "input, mean and 1 / standard deviation"
    cases = (
        Case("transformer", ((32, 512, 768), (768,), (768,)), {"axis": -1}),
        Case("wide", ((8, 2048, 4096), (4096,), (4096,)), {"axis": -1}),
        Case("tabular", ((256, 100), (100,), (100,)), {"axis": -1}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
    ) -> torch.Tensor:
        """Normalize over ``axis``; gamma and beta have the sizes of these axes in ascending order."""
        moved, axes = _trailing(_wide(x), axis)
        sizes = moved.shape[-len(axes) :]
        y = F.layer_norm(moved, sizes, _like(gamma, moved), _like(beta, moved), epsilon)
        return y.movedim(tuple(range(-len(axes), 0)), axes).to(x.dtype)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 8, **attributes)


class RMSNorm(Operator):
    """``x / sqrt(mean(x²) + epsilon) * gamma`` over the given axes (Zhang & Sennrich, 2019)."""

    name = "rms_norm"
    saves = "input and 1 / root mean square"
    cases = (
        Case("llama", ((4, 2048, 4096), (4096,)), {"axis": -1}),
        Case("transformer", ((32, 512, 768), (768,)), {"axis": -1}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        *,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-6,
    ) -> torch.Tensor:
        """Normalize over ``axis``; gamma has the sizes of these axes in ascending order."""
        moved, axes = _trailing(_wide(x), axis)
        y = F.rms_norm(moved, moved.shape[-len(axes) :], _like(gamma, moved), epsilon)
        return y.movedim(tuple(range(-len(axes), 0)), axes).to(x.dtype)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 5, **attributes)


class GroupNorm(Operator):
    """Layer normalization of each group of channels of each sample (Wu & He, 2018)."""

    name = "group_norm"
    saves = "input, and mean and 1 / standard deviation of each group"
    cases = (
        Case("unet", ((8, 64, 64, 320), (320,), (320,)), {"groups": 32}),
        Case("resnet", ((32, 28, 28, 512), (512,), (512,)), {"groups": 32}),
        Case("instance", ((16, 128, 128, 64), (64,), (64,)), {"groups": 64}),
    )

    def reference(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        groups: int,
        axis: int = -1,
        epsilon: float = 1e-3,
    ) -> torch.Tensor:
        """Normalize (N, ..., C) with channels on ``axis``; gamma and beta are (C,) or None."""
        wide = _wide(x)
        axis %= x.ndim
        y = F.group_norm(_channels_second(wide, axis), groups, _like(gamma, wide), _like(beta, wide), epsilon)
        return _channels_back(y, axis, x.ndim).to(x.dtype)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 8, **attributes)


batch_norm = register(BatchNorm())
layer_norm = register(LayerNorm())
rms_norm = register(RMSNorm())
group_norm = register(GroupNorm())
