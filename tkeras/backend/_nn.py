"""Neural network functions under their names of Keras 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from tkeras import activations, ops, random
from tkeras.backend._math import backend_op
from tkeras.config import epsilon, standardize_data_format
from tkeras.ops._convert import convert

Tensor = torch.Tensor
Ints = int | tuple[int, ...] | list[int]
Format = str | None


@backend_op
def relu(x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Tensor:
    """``x`` above ``threshold``, at most ``max_value``; ``alpha · (x - threshold)`` below."""
    return activations.relu(convert(x), alpha, max_value, threshold)


@backend_op
def hard_sigmoid(x: Any) -> Tensor:
    """``0.2 x + 0.5`` clipped to [0, 1], as in Keras 2; Keras 3's activation has a slope of 1/6."""
    return torch.clamp(convert(x) * 0.2 + 0.5, 0.0, 1.0)


@backend_op
def dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """Zero a share ``level`` of the elements and scale the rest by ``1 / (1 - level)``."""
    return random.dropout(convert(x), level, noise_shape, seed)


@backend_op
def bias_add(x: Any, bias: Any, data_format: Format = None) -> Tensor:
    """``x + bias`` with a bias for each channel, or for each place of a sample."""
    x, bias = convert(x), convert(bias)
    if bias.ndim not in (1, x.ndim - 1):
        raise ValueError(
            f"Unexpected bias dimensions {bias.ndim}. Expected it to be 1 or {x.ndim - 1} dimensions. "
            f"Received: shapes {tuple(x.shape)} and {tuple(bias.shape)}"
        )
    if standardize_data_format(data_format) == "channels_first" and x.ndim > 2:
        bias = bias.movedim(-1, 0) if bias.ndim > 1 else bias.reshape(-1, *(1 for _ in x.shape[2:]))
    return x + bias


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Tensor:
    """``-Σ target · log(output)`` over ``axis``."""
    return ops.categorical_crossentropy(target, output, from_logits, axis)


@backend_op
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1, ignore_class: int | None = None
) -> Tensor:
    """``-log(output[target])``; zero where the target is ``ignore_class``."""
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)
    target = convert(target, torch.int64)
    kept = target != ignore_class
    losses = ops.sparse_categorical_crossentropy(torch.where(kept, target, 0), output, from_logits, axis)
    return torch.where(kept.reshape(losses.shape), losses, 0.0)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Tensor:
    """``-target · log(output) - (1 - target) · log(1 - output)`` for each element."""
    return ops.binary_crossentropy(target, output, from_logits)


@backend_op
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Tensor:
    """Minus the log-probability (batch, 1) of label sequences; the last class means "no label".

    Args:
        y_true: class numbers (batch, labels).
        y_pred: probabilities (batch, time, classes).
        input_length, label_length: how much of each counts (batch, 1).
    """
    y_pred = convert(y_pred)
    lengths = [convert(length).reshape(-1) for length in (label_length, input_length)]
    blank = y_pred.shape[-1] - 1
    losses = ops.ctc_loss(y_true, torch.log(y_pred + epsilon()), lengths[0], lengths[1], blank)
    return losses.unsqueeze(1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Tensor], Tensor]:
    """The most probable label sequences, -1 after their ends, and scores; the last class means "no label".

    Args:
        y_pred: probabilities (batch, time, classes).
        input_length: how many steps count (batch,).
        greedy: whether to take the best class of each step, else to search with a beam.
        beam_width, top_paths: how many sequences the search keeps and returns.

    Returns:
        A list of class numbers (batch, time), and scores (batch, paths).
    """
    y_pred = convert(y_pred)
    paths, scores = ops.ctc_decode(
        torch.log(y_pred + epsilon()),
        input_length,
        "greedy" if greedy else "beam_search",
        beam_width,
        top_paths,
        mask_index=y_pred.shape[-1] - 1,
    )
    return list(paths), scores


@backend_op
def conv1d(
    x: Any,
    kernel: Any,
    strides: Ints = 1,
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = 1,
) -> Tensor:
    """Convolution of sequences; padding "valid", "same" or "causal"."""
    if padding == "causal":
        dilation = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[0]
        before = dilation * (convert(kernel).shape[0] - 1)
        last = standardize_data_format(data_format) == "channels_last"
        x = ops.pad(x, ((0, 0), (before, 0), (0, 0)) if last else ((0, 0), (0, 0), (before, 0)))
        padding = "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(
    x: Any,
    kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = (1, 1),
) -> Tensor:
    """Convolution of images."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(
    x: Any,
    kernel: Any,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = (1, 1, 1),
) -> Tensor:
    """Convolution of volumes."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


@backend_op
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = (1, 1),
) -> Tensor:
    """Transposed convolution of images.

    Args:
        kernel: (height, width, output channels, input channels).
        output_shape: shape of the result, one of those whose convolution has the size of ``x``.
        padding: "valid" or "same", of that convolution.
    """
    x, kernel = convert(x), convert(kernel)
    y = ops.conv_transpose(x, kernel, strides, "valid", 0, data_format, dilation_rate)
    axes = (1, 2) if standardize_data_format(data_format) == "channels_last" else (2, 3)
    steps = (strides, strides) if isinstance(strides, int) else strides
    for axis, step in zip(axes, steps, strict=True):
        size, full = int(output_shape[axis]), y.shape[axis]
        same = padding == "same"
        windows = -(-size // step) if same else (size - full) // step + x.shape[axis]
        if windows != x.shape[axis]:
            raise ValueError(
                f"Expected an output_shape whose convolution has size {x.shape[axis]}. "
                f"Received: output_shape={tuple(output_shape)}, strides={strides}, padding={padding}"
            )
        before = max(0, full - size) // 2 if same else 0
        y = F.pad(y, [0] * (2 * (y.ndim - 1 - axis)) + [-before, size - full + before])
    return y


def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = (1, 1),
) -> Tensor:
    """Convolution of each channel by itself."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: Format = None,
    dilation_rate: Ints = (1, 1),
) -> Tensor:
    """:func:`depthwise_conv2d`, then a convolution of size 1 that mixes the channels."""
    return ops.separable_conv(
        x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate
    )


_POOLS = {"max": ops.max_pool, "avg": ops.average_pool}


def pool2d(
    x: Any,
    pool_size: Ints,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: Format = None,
    pool_mode: str = "max",
) -> Tensor:
    """The maximum ("max") or mean ("avg") of windows of images."""
    if pool_mode not in _POOLS:
        raise ValueError(f"Expected pool_mode to be 'max' or 'avg'. Received: pool_mode={pool_mode}")
    return _POOLS[pool_mode](x, pool_size, strides, padding, data_format)


def pool3d(
    x: Any,
    pool_size: Ints,
    strides: Ints = (1, 1, 1),
    padding: str = "valid",
    data_format: Format = None,
    pool_mode: str = "max",
) -> Tensor:
    """The maximum ("max") or mean ("avg") of windows of volumes."""
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def _padded(x: Any, pairs: Sequence[Sequence[int]], data_format: Format) -> Tensor:
    spatial = [tuple(pair) for pair in pairs]
    last = standardize_data_format(data_format) == "channels_last"
    return ops.pad(x, [(0, 0), *spatial, (0, 0)] if last else [(0, 0), (0, 0), *spatial])


def temporal_padding(x: Any, padding: Sequence[int] = (1, 1)) -> Tensor:
    """Zeros before and after sequences (batch, time, size)."""
    return _padded(x, (padding,), "channels_last")


def spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Format = None) -> Tensor:
    """Zeros around images."""
    return _padded(x, padding, data_format)


def spatial_3d_padding(x: Any, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: Format = None) -> Tensor:
    """Zeros around volumes."""
    return _padded(x, padding, data_format)


def resize_images(
    x: Any, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Tensor:
    """Images of the size times two factors."""
    axis = 1 if standardize_data_format(data_format) == "channels_last" else 2
    if interpolation == "nearest":
        return ops.repeat(ops.repeat(x, height_factor, axis), width_factor, axis + 1)
    height, width = ops.shape(x)[axis : axis + 2]
    if height is None or width is None:
        raise ValueError(f"Expected images of known height and width. Received: shape={ops.shape(x)}")
    size = (height * height_factor, width * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str
) -> Tensor:
    """Volumes with each element repeated along depth, height and width."""
    axis = 1 if standardize_data_format(data_format) == "channels_last" else 2
    for place, factor in enumerate((depth_factor, height_factor, width_factor), start=axis):
        x = ops.repeat(x, factor, place)
    return x
