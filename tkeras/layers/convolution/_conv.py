"""Convolution layers in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.convolution._base import BaseConvolution
from tkeras.saving import public
from tkeras_kernels import operators


class BaseConv(BaseConvolution):
    """``activation(conv(inputs, kernel) + bias)``, bias and activation inside the kernel.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, an int or one an axis.
        strides: step of the window.
        padding: ``"valid"``, ``"same"``, or ``"causal"`` in one dimension.
        data_format: ``"channels_last"`` (default) or ``"channels_first"``.
        dilation_rate: spacing of the window.
        groups: the channels are split into so many independent convolutions.
        activation: name or function.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: initial values.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after an update.
    """

    _config = ("filters", "groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            (bias_initializer, bias_regularizer, bias_constraint), activity_regularizer=activity_regularizer,
            **kwargs,
        )  # fmt: skip
        self.filters, self.groups = filters, groups
        keep_weight_arguments(self, "kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._check_positive("filters", "groups")
        self._check_dilation()
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (*kernel_size, channels // groups, filters) and ``bias`` (filters,)."""
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f'Layer "{self.name}": the number of input channels must be evenly divisible by the number '
                f"of groups. Received: groups={self.groups}, input_shape={tuple(input_shape)}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = add_weight_of(self, "kernel", shape)
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *new spatial, filters)."""
        outputs = call(
            operators.conv, inputs, self.kernel, self.bias, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, groups=self.groups, activation=self._fused,
            data_format=self.data_format,
        )  # fmt: skip
        return self._activate(outputs)


@public("keras.layers.Conv1D", "keras.layers.Convolution1D")
class Conv1D(BaseConv):
    """Convolution over time: (batch, steps, channels) → (batch, new steps, filters). See `BaseConv`."""

    rank = 1
    _paddings = ("valid", "same", "causal")


@public("keras.layers.Conv2D", "keras.layers.Convolution2D")
class Conv2D(BaseConv):
    """Convolution over images: (batch, height, width, channels) → (batch, …, filters). See `BaseConv`."""

    rank = 2


@public("keras.layers.Conv3D", "keras.layers.Convolution3D")
class Conv3D(BaseConv):
    """Convolution over volumes: (batch, *sizes, channels) → (batch, …, filters). See `BaseConv`."""

    rank = 3
