"""``tf.nn``: losses, convolution, pooling and the like, with TensorFlow's argument order."""

from __future__ import annotations

from typing import Any

from tkeras import ops
from tkeras import random as keras_random


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """Cross-entropy of distributions (*, classes), one value a row."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """Cross-entropy of integer labels (*,) with logits (*, classes), one value a label."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Binary cross-entropy, one value an element."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of images with filters (height, width, in, out)."""
    return ops.conv(
        input,
        filters,
        strides=_spatial(strides, data_format),
        padding=padding.lower(),
        data_format=_format(data_format),
        dilation_rate=_spatial(dilations or 1, data_format),
    )


def conv1d(
    input: Any,
    filters: Any,
    stride: int,
    padding: str,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Convolution of sequences with filters (width, in, out)."""
    layout = _format(data_format)
    return ops.conv(
        input,
        filters,
        strides=stride,
        padding=padding.lower(),
        data_format=layout,
        dilation_rate=dilations or 1,
    )


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Largest value of each window."""
    sizes = _spatial(ksize, data_format), _spatial(strides, data_format)
    return ops.max_pool(input, *sizes, padding.lower(), _format(data_format))


def avg_pool2d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Mean of each window."""
    sizes = _spatial(ksize, data_format), _spatial(strides, data_format)
    return ops.average_pool(input, *sizes, padding.lower(), _format(data_format))


def _format(data_format: str) -> str:
    return "channels_first" if data_format.upper().startswith("NC") else "channels_last"


def _spatial(sizes: Any, data_format: str) -> Any:
    """Sizes of the spatial axes, from one number, two, or one for each of the four axes."""
    if isinstance(sizes, int) or len(sizes) < 4:
        return sizes if isinstance(sizes, int) or len(sizes) > 1 else sizes[0]
    return tuple(sizes[2:]) if data_format.upper().startswith("NC") else tuple(sizes[1:3])


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """Add a bias to each channel."""
    if data_format is None or _format(data_format) == "channels_last":
        return value + bias
    return value + ops.reshape(bias, (-1, *(1 for _ in value.shape[2:])))


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """Elements dropped with probability ``rate``, the others scaled up."""
    return keras_random.dropout(x, rate, noise_shape=noise_shape, seed=seed)


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Mean and variance over axes."""
    return ops.moments(x, axes, keepdims=keepdims)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``."""
    factor = ops.rsqrt(variance + variance_epsilon)
    factor = factor if scale is None else factor * scale
    y = (x - mean) * factor
    return y if offset is None else y + offset


def embedding_lookup(params: Any, ids: Any, max_norm: float | None = None, name: str | None = None) -> Any:
    """Rows of a table."""
    if max_norm is not None:
        raise ValueError(
            "tf.nn.embedding_lookup: `max_norm` is not supported; use a constraint on the layer."
        )
    return ops.take(params, ids, axis=0)


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half the sum of squares."""
    return ops.sum(ops.square(t)) / 2
