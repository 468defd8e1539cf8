"""Convolution and batch normalization in training, as one operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from .. import library
from ..pointwise import pointwise
from ._batch_norm import batch_norm
from ._channel_norm_launch import ChannelNorm, join_parts, normalize, statistics_of
from ._conv import conv
from ._conv_launch import GATHERED, to_small_with_moments
from ._conv_plan import lifted
from ._convolution import as_given, channels_last
from ._epilogue import Activated
from ._operator import Case, Cost, Tensors, reference_gradients, register
from ._spatial import Ints
from ._work import Shapes

if TYPE_CHECKING:
    from ..pointwise import Pointwise

Results = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
_NORM = ("epsilon", "momentum", "activation")


class ConvBatchNorm(Activated):
    """``activation(batch_norm(x ⋆ kernel + bias))`` in training: the convolution's tiles leave their mean and
    squared deviations, so that its result is not read for them."""

    name = "conv_batch_norm"
    vendor = "cuDNN"
    saves = "x, kernel, the convolution's result, mean and 1 / standard deviation"
    keeps_inputs = False
    cases = (
        Case(
            "resnet50_3x3",
            ((32, 56, 56, 64), (3, 3, 64, 64), None, *((64,),) * 4),
            {"padding": "same", "activation": pointwise(library.relu)},
        ),
        Case("resnet50_1x1", ((32, 14, 14, 1024), (1, 1, 1024, 256), None, *((256,),) * 4)),
    )

    def reference(
        self,
        x: torch.Tensor,
        kernel: torch.Tensor,
        bias: torch.Tensor | None,
        gamma: torch.Tensor | None,
        beta: torch.Tensor | None,
        moving_mean: torch.Tensor,
        moving_variance: torch.Tensor,
        *,
        strides: Ints = 1,
        padding: str = "valid",
        dilation_rate: Ints = 1,
        groups: int = 1,
        epsilon: float = 1e-3,
        momentum: float = 0.99,
        activation: Pointwise | None = None,
        data_format: str = "channels_last",
    ) -> Results:
        """Convolve and normalize with the statistics of the batch.

        Args:
            x, kernel, bias: as of ``conv``.
            gamma, beta, moving_mean, moving_variance: (F,), as of ``batch_norm``.

        Returns:
            (N, *spatial', F) in the layout of ``x``, and the new moving mean and variance.
        """
        options: dict[str, Any] = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
        z = conv.reference(x, kernel, bias, groups=groups, data_format=data_format, **options)
        return batch_norm.reference(
            z,
            gamma,
            beta,
            moving_mean,
            moving_variance,
            axis=_axis(data_format),
            epsilon=epsilon,
            momentum=momentum,
            training=True,
            activation=activation,
        )

    def unsupported(self, tensors: Tensors, attributes: Mapping[str, Any]) -> str | None:
        reason = conv.unsupported(tensors[:3], _of_conv(attributes))
        if reason is not None:
            return reason
        x, kernel, _, *parameters = tensors
        assert x is not None
        assert kernel is not None
        if any(p is not None and p.shape != kernel.shape[-1:] for p in parameters):
            raise ValueError(
                f"{self.name}: expected parameters of shape {tuple(kernel.shape[-1:])}. "
                f"Received: {[None if p is None else tuple(p.shape) for p in parameters]}"
            )
        if any(p is not None and (p.device != x.device or not p.is_floating_point()) for p in parameters):
            return "parameters on another device or of integers"
        return None if x.numel() else "an empty batch"

    def infer(self, *tensors: Any, **attributes: Any) -> Results:
        return self.forward(*tensors, **attributes)[0]

    def forward(self, *tensors: Any, **attributes: Any) -> tuple[Results, Tensors]:
        x, kernel, bias, gamma, beta, *moving = tensors
        z, parts = _convolved(x, kernel, bias, _of_conv(attributes))
        data_format = attributes.get("data_format", "channels_last")
        last = channels_last(z, data_format)
        gamma, beta = (None if p is None else p.contiguous() for p in (gamma, beta))
        epsilon, rate = attributes.get("epsilon", 1e-3), 1 - attributes.get("momentum", 0.99)
        norm = ChannelNorm(gamma, beta, epsilon, attributes.get("activation"))
        old = (moving[0].contiguous(), moving[1].contiguous())
        if parts is None:
            statistics, new = statistics_of(last, norm, old, rate)
        else:
            statistics, new = join_parts(parts, 1, epsilon, old, rate)
        assert new is not None
        y = as_given(normalize(last, norm, statistics), data_format)
        return (y, *new), (x, kernel, bias, z, gamma, beta, *statistics)

    def backward(
        self, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        x, kernel, _, z, gamma, beta, mean, rstd = saved
        axis = _axis(attributes.get("data_format", "channels_last"))
        named = {key: attributes[key] for key in _NORM if key in attributes}
        before = (any(needs[:3]), *needs[3:5], False, False)
        norms = (z, gamma, beta, mean, rstd)
        dz, dgamma, dbeta, *_ = batch_norm.backward(
            norms, gradients, before, axis=axis, training=True, **named
        )
        found: tuple[torch.Tensor | None, ...] = (None, None, None)
        if dz is not None:
            found = conv.backward((x, kernel, None), (dz,), needs[:3], **_of_conv(attributes))
        return (*found, dgamma, dbeta, None, None)

    def differentiable_backward(
        self, inputs: Tensors, saved: Tensors, gradients: Tensors, needs: Sequence[bool], **attributes: Any
    ) -> tuple[torch.Tensor | None, ...]:
        """From what is saved alone: by then a layer has written to its moving statistics."""
        x, kernel, bias, _, gamma, beta, mean, rstd = saved
        given = (x, kernel, bias, gamma, beta, mean, rstd)
        return reference_gradients(self, given, gradients, needs, attributes)

    def cost(self, shapes: Shapes, itemsize: int, **attributes: Any) -> Cost:
        convolution = conv.cost(shapes[:3], itemsize, **_of_conv(attributes))
        x, kernel = shapes[:2]
        assert x is not None
        assert kernel is not None
        plan = conv.plan(_last(x, attributes), kernel, **_of_conv(attributes, layout=False))
        d, h, w = plan.small
        elements = plan.batch * d * h * w * kernel[-1]
        return Cost(convolution.flops + 9 * elements, convolution.bytes + 2 * elements * itemsize)


def _axis(data_format: str) -> int:
    return -1 if data_format == "channels_last" else 1


def _last(shape: Sequence[int], attributes: Mapping[str, Any]) -> Sequence[int]:
    if attributes.get("data_format", "channels_last") == "channels_last":
        return shape
    return (shape[0], *shape[2:], shape[1])


def _of_conv(attributes: Mapping[str, Any], layout: bool = True) -> dict[str, Any]:
    """The attributes of the convolution."""
    dropped = _NORM if layout else (*_NORM, "data_format")
    return {key: value for key, value in attributes.items() if key not in dropped}


def _convolved(
    x: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, attributes: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The convolution, and the moments of parts of it where its kernel leaves them."""
    data_format = attributes.pop("data_format", "channels_last")
    last = channels_last(x, data_format)
    plan = conv.plan(last.shape, kernel.shape, **attributes)
    products, matrix = conv.products(plan, kernel.contiguous())
    if products is not GATHERED:
        return conv.infer(x, kernel, bias, data_format=data_format, **attributes), None
    bias = None if bias is None else bias.contiguous()
    z, parts = to_small_with_moments(plan, lifted(last), matrix, bias)
    z = z.view(plan.batch, *plan.small[5 - x.dim() :], kernel.shape[-1])
    return as_given(z, data_format), parts


conv_batch_norm = register(ConvBatchNorm())
