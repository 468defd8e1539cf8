"""Convolution and pooling in one to three dimensions; "channels_last" is (batch, *spatial, channels)."""

from __future__ import annotations

from typing import Any

import torch

from tkeras.bridge import call
from tkeras.config import standardize_data_format
from tkeras.ops._convert import convert, together
from tkeras.ops._op import op
from tkeras.ops._shape import Ints
from tkeras_kernels import operators

Tensor = torch.Tensor


def _channels(inputs: Tensor, data_format: str) -> int:
    return inputs.shape[-1 if data_format == "channels_last" else 1]


def _check_channels(inputs: Tensor, channels: int, data_format: str) -> None:
    if _channels(inputs, data_format) != channels:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={_channels(inputs, data_format)}, kernel input channels={channels}, "
            f"data_format='{data_format}'."
        )


@op()
def conv(
    inputs: Any,
    kernel: Any,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Tensor:
    """Convolution; in groups where the kernel has fewer input channels than ``inputs``.

    Args:
        inputs: rank 3 to 5.
        kernel: (*size, input channels, output channels).
        padding: "valid" or "same".
    """
    inputs, kernel = together(inputs, kernel)
    data_format = standardize_data_format(data_format)
    channels = _channels(inputs, data_format)
    if channels % kernel.shape[-2]:
        raise ValueError(
            f"Input channels ({channels}) must be divisible by kernel input channels ({kernel.shape[-2]})"
        )
    return call(
        operators.conv,
        inputs,
        kernel,
        strides=strides,
        padding=padding.lower(),
        dilation_rate=dilation_rate,
        groups=channels // kernel.shape[-2],
        data_format=data_format,
    )


@op()
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Tensor:
    """Convolution of each channel by itself; kernel (*size, channels, results a channel)."""
    inputs, kernel = together(inputs, kernel)
    data_format = standardize_data_format(data_format)
    _check_channels(inputs, kernel.shape[-2], data_format)
    return call(
        operators.depthwise_conv,
        inputs,
        kernel,
        strides=strides,
        padding=padding.lower(),
        dilation_rate=dilation_rate,
        data_format=data_format,
    )


@op()
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Tensor:
    """:func:`depthwise_conv`, then a convolution of size 1 that mixes the channels."""
    inner = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(inner, pointwise_kernel, data_format=data_format)


@op()
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Ints = 1,
    padding: str = "valid",
    output_padding: Ints | None = None,
    data_format: str | None = None,
    dilation_rate: Ints = 1,
) -> Tensor:
    """The gradient of a convolution with respect to its input.

    Args:
        kernel: (*size, output channels, input channels).
        output_padding: elements added at the end of each axis; None for Keras' default size.
    """
    inputs, kernel = together(inputs, kernel)
    data_format = standardize_data_format(data_format)
    _check_channels(inputs, kernel.shape[-1], data_format)
    return call(
        operators.conv_transpose,
        inputs,
        kernel,
        strides=strides,
        padding=padding.lower(),
        output_padding=output_padding,
        dilation_rate=dilation_rate,
        data_format=data_format,
    )


def _pool(
    operator: operators.Operator, inputs: Any, size: Ints, strides: Any, padding: str, layout: str | None
) -> Tensor:
    return call(
        operator,
        convert(inputs),
        pool_size=size,
        strides=strides,
        padding=padding.lower(),
        data_format=standardize_data_format(layout),
    )


@op()
def max_pool(
    inputs: Any,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest element of each window; ``strides`` is by default the size of the window."""
    return _pool(operators.max_pool, inputs, pool_size, strides, padding, data_format)


@op()
def average_pool(
    inputs: Any,
    pool_size: Ints,
    strides: Ints | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window, of the elements that are there; arguments as of :func:`max_pool`."""
    return _pool(operators.average_pool, inputs, pool_size, strides, padding, data_format)


def _adaptive(
    operator: operators.Operator, inputs: Any, output_size: Ints, data_format: str | None
) -> Tensor:
    return call(
        operator, convert(inputs), output_size=output_size, data_format=standardize_data_format(data_format)
    )


@op()
def adaptive_average_pool(inputs: Any, output_size: Ints, data_format: str | None = None) -> Tensor:
    """Means of windows of such sizes that ``output_size`` of them cover the input."""
    return _adaptive(operators.adaptive_average_pool, inputs, output_size, data_format)


@op()
def adaptive_max_pool(inputs: Any, output_size: Ints, data_format: str | None = None) -> Tensor:
    """Maxima of windows of such sizes that ``output_size`` of them cover the input."""
    return _adaptive(operators.adaptive_max_pool, inputs, output_size, data_format)
