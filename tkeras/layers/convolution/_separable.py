"""Separable convolution layers: a depthwise convolution, then one of size 1 across the channels."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.convolution._base import BaseConvolution
from tkeras.saving import public
from tkeras_kernels import operators


class BaseSeparableConv(BaseConvolution):
    """Convolves every channel by itself, then mixes the channels; bias and activation in the second kernel.

    Args:
        filters: channels of the output.
        kernel_size: size of the depthwise window, an int or one an axis.
        strides: step of the window.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: results of the depthwise convolution for each channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: for the depthwise kernel.
        pointwise_initializer, pointwise_regularizer, pointwise_constraint: for the mixing kernel.
        data_format, dilation_rate, activation, use_bias and the rest: see `BaseConv`.
    """

    _config = (
        "filters", "depth_multiplier", "depthwise_initializer", "depthwise_regularizer",
        "depthwise_constraint", "pointwise_initializer", "pointwise_regularizer", "pointwise_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            (bias_initializer, bias_regularizer, bias_constraint), activity_regularizer=activity_regularizer,
            **kwargs,
        )  # fmt: skip
        self.filters, self.depth_multiplier = filters, depth_multiplier
        keep_weight_arguments(
            self, "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        keep_weight_arguments(
            self, "pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )
        self._check_positive("filters", "depth_multiplier")

    def build(self, input_shape: Any) -> None:
        """Create ``depthwise_kernel``, ``pointwise_kernel`` and ``bias`` (filters,)."""
        channels, multiplier = self._channels(input_shape), self.depth_multiplier
        shape = (*self.kernel_size, channels, multiplier)
        self.depthwise_kernel = add_weight_of(self, "depthwise", shape, name="depthwise_kernel")
        shape = (*(1,) * self.rank, channels * multiplier, self.filters)
        self.pointwise_kernel = add_weight_of(self, "pointwise", shape, name="pointwise_kernel")
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, filters)."""
        apart = call(
            operators.depthwise_conv, inputs, self.depthwise_kernel, strides=self.strides,
            padding=self.padding, dilation_rate=self.dilation_rate, data_format=self.data_format,
        )  # fmt: skip
        outputs = call(
            operators.conv, apart, self.pointwise_kernel, self.bias, activation=self._fused,
            data_format=self.data_format,
        )  # fmt: skip
        return self._activate(outputs)


@public("keras.layers.SeparableConv1D", "keras.layers.SeparableConvolution1D")
class SeparableConv1D(BaseSeparableConv):
    """Separable convolution over time. Arguments: see `BaseSeparableConv`."""

    rank = 1


@public("keras.layers.SeparableConv2D", "keras.layers.SeparableConvolution2D")
class SeparableConv2D(BaseSeparableConv):
    """Separable convolution over images. Arguments: see `BaseSeparableConv`."""

    rank = 2
