"""Group normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ._activate import activate
from ._batch_norm import channels_back, channels_second, check_channels
from ._channel_norm_launch import ChannelNorm, normalize, normalize_backward, statistics_of
from ._epilogue import Activated
from ._fit import unfit
from ._normalization import like, parameter_gradient, widened
from ._operator import Case, Cost, Tensors, register
from ._work import Shapes, pointwise_work

if TYPE_CHECKING:
    from ..pointwise import Pointwise


class GroupNorm(Activated):
    """Layer normalization of each group of channels of each sample, then an activation (Wu & He, 2018)."""

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
        activation: Pointwise | None = None,
    ) -> torch.Tensor:
        """Normalize (N, ..., C) with channels on ``axis``; gamma and beta are (C,) or None."""
        axis %= x.ndim
        moved = channels_second(widened(x), axis)
        scale, shift = like(gamma, moved), like(beta, moved)
        y = F.group_norm(moved, groups, scale, None if scale is None else shift, epsilon)
        if scale is None and shift is not None:  # which torch's backward on a CPU cannot do
            y = y + shift.view(-1, *(1,) * (y.ndim - 2))
        return activate(channels_back(y, axis, x.ndim).to(x.dtype), activation)

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        x, *parameters = tensors
        assert x is not None
        axis, groups = attributes.get("axis", -1), attributes["groups"]
        if x.dim() < 2 or axis % x.dim() == 0:
            return "no axis of channels beside the samples"
        channels = x.shape[axis]
        if groups < 1 or channels % groups or not channels:
            return "channels that the groups do not divide"
        if any(parameter is not None and parameter.shape != (channels,) for parameter in parameters):
            return "shapes do not fit"
        return unfit(tensors) or (None if x.numel() or not x.shape[0] else "nothing to normalize over")

    def infer(self, x: torch.Tensor, *parameters: torch.Tensor | None, **attributes: Any) -> torch.Tensor:
        return self.forward(x, *parameters, **attributes)[0]

    def forward(
        self,
        x: torch.Tensor,
        gamma: torch.Tensor | None = None,
        beta: torch.Tensor | None = None,
        *,
        groups: int,
        axis: int = -1,
        epsilon: float = 1e-3,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor, Tensors]:
        check_channels(self.name, x, axis, {"gamma": gamma, "beta": beta})
        if not x.numel():
            none = x.new_empty(0, dtype=torch.float32)
            return torch.empty_like(x), (x, gamma, beta, none, none)
        norm = _norm(gamma, beta, epsilon, activation, groups)
        moved = x.movedim(axis, -1)
        statistics, _ = statistics_of(moved, norm)
        return normalize(moved, norm, statistics).movedim(-1, axis), (x, gamma, beta, *statistics)

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        groups: int,
        axis: int = -1,
        epsilon: float = 1e-3,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        x, gamma, beta, mean, rstd = saved
        (dy,) = gradients
        assert x is not None
        assert dy is not None
        assert mean is not None
        assert rstd is not None
        if not x.numel():
            empty = (x, gamma, beta)
            return tuple(
                torch.zeros_like(p) if need and p is not None else None
                for p, need in zip(empty, needs, strict=False)
            )
        norm = _norm(gamma, beta, epsilon, activation, groups)
        moved = x.movedim(axis, -1), dy.movedim(axis, -1)
        wants = (*needs, False, False)[:3]
        dx, sums = normalize_backward(*moved, norm, (mean, rstd), wants[0], any(wants[1:]))
        found = (
            None if dx is None else dx.movedim(-1, axis),
            parameter_gradient(None if sums is None else sums[0], gamma if wants[1] else None),
            parameter_gradient(None if sums is None else sums[1], beta if wants[2] else None),
        )
        return found[: len(needs)]

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 8, **attributes)


def _norm(
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    epsilon: float,
    activation: Pointwise | None,
    groups: int,
) -> ChannelNorm:
    gamma, beta = (None if p is None else p.contiguous() for p in (gamma, beta))
    return ChannelNorm(gamma, beta, epsilon, activation, groups)


group_norm = register(GroupNorm())
