"""Transposed convolution layers in one, two and three dimensions."""

from __future__ import annotations

from typing import Any

from tkeras.bridge import call
from tkeras.layers._weight_arguments import add_weight_of, keep_weight_arguments
from tkeras.layers.convolution._base import BaseConvolution
from tkeras.layers.convolution._spatial import join_shape, spatial, split_shape
from tkeras.saving import public
from tkeras_kernels import operators


class BaseConvTranspose(BaseConvolution):
    """``activation(conv_transpose(inputs, kernel) + bias)``: the way back through a convolution.

    Args:
        filters: channels of the output.
        kernel_size: size of the window, an int or one an axis.
        strides: by how much the spatial sizes grow.
        padding: ``"valid"`` or ``"same"``, which gives sizes ``input · strides``.
        output_padding: elements added at the end of each axis, fewer than ``strides``.
        data_format, dilation_rate, activation, use_bias and the rest: see `BaseConv`.
    """

    _config = ("filters", "output_padding", "kernel_initializer", "kernel_regularizer", "kernel_constraint")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        self.filters, self.output_padding = filters, None
        keep_weight_arguments(self, "kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._check_positive("filters")
        self._check_dilation()
        if output_padding is not None:
            self.output_padding = spatial(output_padding, self.rank, "output_padding", zero=True)
            if any(extra >= step for extra, step in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. "
                    f"Received: output_padding={self.output_padding}, strides={self.strides}"
                )

    def build(self, input_shape: Any) -> None:
        """Create ``kernel`` (*kernel_size, filters, channels) and ``bias`` (filters,)."""
        shape = (*self.kernel_size, self.filters, self._channels(input_shape))
        self.kernel = add_weight_of(self, "kernel", shape)
        self._add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """(batch, *spatial, channels) → (batch, *larger spatial, filters)."""
        outputs = call(
            operators.conv_transpose, inputs, self.kernel, self.bias, strides=self.strides,
            padding=self.padding, output_padding=self.output_padding, dilation_rate=self.dilation_rate,
            activation=self._fused, data_format=self.data_format,
        )  # fmt: skip
        return self._activate(outputs)

    def _size(self, axis: int, size: int | None) -> int | None:
        if size is None:
            return None
        stride, extra = self.strides[axis], None if self.output_padding is None else self.output_padding[axis]
        reach = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        if self.padding == "valid":
            return (size - 1) * stride + (max(reach, stride) if extra is None else reach + extra)
        return size * stride if extra is None else (size - 1) * stride + reach % 2 + extra

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """(batch, *larger sizes, filters) in the layer's layout."""
        batch, sizes, _ = split_shape(input_shape, self.data_format)
        made = [self._size(axis, size) for axis, size in enumerate(sizes)]
        return join_shape(batch, made, self.filters, self.data_format)


@public("keras.layers.Conv1DTranspose", "keras.layers.Convolution1DTranspose")
class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over time. Arguments: see `BaseConvTranspose`."""

    rank = 1


@public("keras.layers.Conv2DTranspose", "keras.layers.Convolution2DTranspose")
class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution over images. Arguments: see `BaseConvTranspose`."""

    rank = 2


@public("keras.layers.Conv3DTranspose", "keras.layers.Convolution3DTranspose")
class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution over volumes. Arguments: see `BaseConvTranspose`."""

    rank = 3
