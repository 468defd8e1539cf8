"""Batch normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from ..expr import sqrt
from ..pointwise import pointwise
from ._activate import activate
from ._channel_norm_launch import ChannelNorm, normalize, normalize_backward, statistics_of
from ._epilogue import Activated
from ._fit import unfit
from ._normalization import like, parameter_gradient, widened
from ._operator import Case, Cost, Tensors, reference_gradients, register
from ._pointwise_launch import pointwise_launch
from ._work import Shapes, pointwise_work

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Moments = tuple[torch.Tensor, torch.Tensor]


def channels_second(x: torch.Tensor, axis: int) -> torch.Tensor:
    """View with ``axis`` second; rank 3 becomes 4, for which torch knows the channels-last memory format.

    Rank 1 has channels alone.
    """
    x = x.movedim(axis, 1) if x.ndim > 1 else x.unsqueeze(0)
    return x.unsqueeze(2) if x.ndim == 3 else x


def channels_back(y: torch.Tensor, axis: int, rank: int) -> torch.Tensor:
    """View with the second axis at ``axis`` again."""
    return y[0] if rank == 1 else (y.squeeze(2) if rank == 3 else y).movedim(1, axis)


class BatchNorm(Activated):
    """``activation((x - mean) / sqrt(variance + epsilon) * gamma + beta)`` a channel (Ioffe & Szegedy, 2015).

    In training the gradient goes through the statistics of the batch, and the moving ones are constants;
    outside training it also goes to the statistics given.
    """

    name = "batch_norm"
    saves = "input, mean and 1 / standard deviation; where rows are masked also the mask and 1 / count"
    keeps_inputs = False
    cases = (
        Case("resnet50_56", ((32, 56, 56, 256), (256,), (256,), (256,), (256,)), {"training": True}),
        Case("resnet50_7", ((32, 7, 7, 2048), (2048,), (2048,), (2048,), (2048,)), {"training": True}),
        Case("inference", ((32, 28, 28, 512), (512,), (512,), (512,), (512,))),
        Case("features", ((256, 1024), (1024,), (1024,), (1024,), (1024,)), {"training": True}),
        Case(
            "masked",
            ((64, 280, 256), (256,), (256,), (256,), (256,), (64, 280)),
            {"training": True},
            {5: torch.bool},
        ),
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
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalize.

        Args:
            x: any shape with C channels on ``axis``; in training of rank ≥ 2. Half precision is computed in
                float32.
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
            given = _affine if _differentiates(moving_mean, moving_variance) else _batch_norm
            y = given(x, gamma, beta, moving_mean, moving_variance, axis, epsilon)
            return activate(y, activation), moving_mean, moving_variance
        if x.ndim < 2:
            raise ValueError(
                f"{self.name}: expected an input of rank 2 or more, over whose other axes statistics are "
                f"taken. Received: shape {tuple(x.shape)}"
            )
        if mask is None:
            y, mean, variance = _batch_norm_of_batch(x, gamma, beta, axis, epsilon)
        else:
            mean, variance = _masked_moments(widened(x), mask, axis)
            y = _affine(x, gamma, beta, mean, variance, axis, epsilon)
        moved = (_moved(moving_mean, mean, momentum), _moved(moving_variance, variance, momentum))
        return activate(y, activation), *moved

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        x, *parameters = tensors[:5]
        assert x is not None
        if not x.dim() or (x.dim() < 2 and attributes.get("training")):
            return "no axis beside the channels"
        channels = x.shape[attributes.get("axis", -1)]
        if any(parameter is not None and parameter.shape != (channels,) for parameter in parameters):
            return "shapes do not fit"
        mask = _counted(tensors[5:], attributes)
        if mask is not None and (mask.shape != x.shape[:-1] or mask.device != x.device):
            return "a mask that does not fit"
        return unfit(tensors[:5]) or (None if x.numel() else "an empty batch")

    def split(self, attributes: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        attributes, epilogue = super().split(attributes)
        if epilogue is None:
            return attributes, None
        return attributes, lambda results: (epilogue(results[0]), *results[1:])

    def infer(self, *tensors: Any, **attributes: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self._run(*tensors, **attributes)[0]

    def forward(
        self, *tensors: Any, **attributes: Any
    ) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], Tensors]:
        results, statistics, norm = self._run(*tensors, **attributes)
        mask = _counted(tensors[5:], attributes)
        return results, (*tensors[:3], *statistics, *(() if mask is None else (mask, norm.shares)))

    def _run(
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
        activation: Pointwise | None = None,
    ) -> tuple[tuple[torch.Tensor, torch.Tensor, torch.Tensor], Moments, ChannelNorm]:
        """Results; the statistics that were used, moving ones or mean and 1 / standard deviation; and how."""
        names = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_variance": moving_variance}
        check_channels(self.name, x, axis, names)
        moved = x.movedim(axis, -1)
        norm = _norm(gamma, beta, epsilon, activation, training)
        if training and mask is not None:
            shares = moved.new_empty(moved.shape[-1], dtype=torch.float32)
            norm = norm._replace(weights=_weights(mask, x, axis), shares=shares)
        statistics = new = (moving_mean.contiguous(), moving_variance.contiguous())
        if training:
            statistics, new = statistics_of(moved, norm, statistics, 1 - momentum)
            assert new is not None
        else:
            new = (moving_mean, moving_variance)
        y = normalize(moved, norm, statistics).movedim(-1, axis)
        return (y, *new), statistics, norm

    def backward(
        self,
        saved: Tensors,
        gradients: Tensors,
        needs: Sequence[bool],
        *,
        axis: int = -1,
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        training: bool = False,
        activation: Pointwise | None = None,
    ) -> tuple[torch.Tensor | None, ...]:
        x, gamma, beta, mean, spread, *masked = saved
        dy = gradients[0]
        assert x is not None
        assert dy is not None
        assert mean is not None
        assert spread is not None
        norm = _norm(gamma, beta, epsilon, activation, training)
        if masked:
            mask, shares = masked
            assert mask is not None
            norm = norm._replace(weights=_weights(mask, x, axis), shares=shares)
        moved = x.movedim(axis, -1), dy.movedim(axis, -1)
        wants = (*needs[:3], *(need and not training for need in needs[3:5]))
        dx, sums = normalize_backward(*moved, norm, (mean, spread), wants[0], any(wants[1:]))
        found: list[torch.Tensor | None] = [None if dx is None else dx.movedim(-1, axis)]
        for n, parameter in enumerate((gamma, beta)):
            flat = None if sums is None else sums[n]
            found.append(parameter_gradient(flat, parameter if wants[n + 1] else None))
        if sums is not None and any(wants[3:]):
            through = _statistics_gradients(sums, spread, norm)
            for gradient, passed, want in zip(through, gradients[1:3], wants[3:], strict=True):
                total = gradient if passed is None else gradient + passed
                found.append(total.to(mean.dtype) if want else None)
        return (*found, *(None,) * (len(needs) - len(found)))

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        """From what is saved alone: by then a layer has written to its moving statistics."""
        return reference_gradients(self, (*saved[:6], None)[: len(needs)], gradients, needs, attributes)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        return pointwise_work(self, shapes, itemsize, 9 if attributes.get("training") else 2, **attributes)


def _norm(
    gamma: torch.Tensor | None,
    beta: torch.Tensor | None,
    epsilon: float,
    activation: Pointwise | None,
    training: bool,
) -> ChannelNorm:
    gamma, beta = (None if p is None else p.contiguous() for p in (gamma, beta))
    return ChannelNorm(gamma, beta, epsilon, activation, fixed=not training)


def _counted(masks: Tensors, attributes: Mapping[str, Any]) -> torch.Tensor | None:
    """The mask, where it matters."""
    return masks[0] if masks and attributes.get("training") else None


def _weights(mask: torch.Tensor, x: torch.Tensor, axis: int) -> torch.Tensor:
    """A mask of the shape of ``x`` with channels last, by strides alone, as bytes."""
    kept = mask if mask.dtype is torch.bool else mask != 0
    return kept.view(torch.uint8).unsqueeze(-1).expand(x.shape).movedim(axis, -1)


def check_channels(
    operator: str, x: torch.Tensor, axis: int, parameters: Mapping[str, torch.Tensor | None]
) -> None:
    """Refuse parameters that are not (channels,)."""
    for name, parameter in parameters.items():
        if parameter is not None and parameter.shape != (x.shape[axis],):
            raise ValueError(
                f"{operator}: expected {name} of shape ({x.shape[axis]},), the channels on axis {axis} of an "
                f"input of shape {tuple(x.shape)}. Received: {tuple(parameter.shape)}"
            )


def _differentiates(*statistics: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in statistics)


def _by_statistics(tilt: Any, level: Any, variance: Any, gamma: Any = 1.0, *, epsilon: float) -> Any:
    """From sum(dz xhat) and sum(dz) to the gradients of mean and variance."""
    scale = 1.0 / sqrt(variance + epsilon)
    slope = -scale * gamma
    return slope * level, 0.5 * slope * scale * tilt


def _statistics_gradients(
    sums: torch.Tensor, variance: torch.Tensor, norm: ChannelNorm
) -> tuple[torch.Tensor, ...]:
    tensors = [*sums.unbind(0), variance, *([] if norm.gamma is None else [norm.gamma])]
    function = pointwise(_by_statistics, arity=len(tensors), epsilon=norm.epsilon)
    return pointwise_launch(function.forward_leaf, tensors, [torch.float32] * 2)


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
    wide = widened(x)
    mean, variance = mean.to(wide.dtype), variance.to(wide.dtype)
    gamma, beta = like(gamma, wide), like(beta, wide)
    y = F.batch_norm(channels_second(wide, axis), mean, variance, gamma, beta, False, 0.0, epsilon)
    return channels_back(y, axis, x.ndim).to(x.dtype)


def _batch_norm_of_batch(
    x: torch.Tensor, gamma: torch.Tensor | None, beta: torch.Tensor | None, axis: int, epsilon: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalize with the statistics of the batch; also returns them."""
    wide = widened(x)
    y, mean, inverse = torch.native_batch_norm(
        channels_second(wide, axis), like(gamma, wide), like(beta, wide), None, None, True, 0.0, epsilon
    )
    variance = (inverse.detach().pow(-2) - epsilon).clamp_(min=0)
    return channels_back(y, axis, x.ndim).to(x.dtype), mean, variance


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
    """The same for statistics through which the gradient flows, which torch's own cannot do."""
    wide = widened(x)
    shape = [1] * x.ndim
    shape[axis] = -1
    scale = torch.rsqrt(variance.to(wide.dtype) + epsilon)
    scale = scale if gamma is None else scale * gamma.to(wide.dtype)
    y = (wide - mean.to(wide.dtype).view(shape)) * scale.view(shape)
    return (y if beta is None else y + beta.to(wide.dtype).view(shape)).to(x.dtype)


batch_norm = register(BatchNorm())
