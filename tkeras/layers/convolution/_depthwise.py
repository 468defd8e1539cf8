"""Depthwise convolution layers."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.convolution._base import BaseConvolution
from tkeras.saving import public
from tkeras_kernels import operators


class BaseDepthwiseConv(BaseConvolution):
    """Convolves every channel by itself, with ``depth_multiplier`` results for each.

    Args:
        kernel_size: size of the window, an int or one an axis.
        strides: step of the window.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: results for each channel; they lie together in the output.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint: for the kernel.
        data_format, dilation_rate, activation, use_bias and the rest: see `BaseConv`.
    """

    _config = ("depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            (bias_initializer, bias_regularizer, bias_constraint), activity_regularizer=activity_regularizer,
            **kwargs,
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        keep_weight_arguments(
            self, "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self._check_positive("depth_multiplier")

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (*kernel_size, channels, depth_multiplier) and ``bias``, one a result."""
        channels = self._channels(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = add_weight_of(self, "depthwise", shape, name="kernel")
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, channels · depth_multiplier)."""
        outputs = call(
            operators.depthwise_conv, inputs, self.kernel, self.bias, strides=self.strides,
            padding=self.padding, dilation_rate=self.dilation_rate, activation=self._fused,
            data_format=self.data_format,
        )  # fmt: skip
        return self._activate(outputs)

    def _output_channels(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier


@public("keras.layers.DepthwiseConv1D")
class DepthwiseConv1D(BaseDepthwiseConv):
    """Depthwise convolution over time. Arguments: see `BaseDepthwiseConv`."""

    rank = 1


@public("keras.layers.DepthwiseConv2D")
class DepthwiseConv2D(BaseDepthwiseConv):
    """Depthwise convolution over images. Arguments: see `BaseDepthwiseConv`."""

    rank = 2
