"""Convolution and pooling against Keras on torch and against naive loops, in float64."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from math import prod

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tkeras_kernels.operators._references import (
    average_pool,
    conv,
    conv_transpose,
    depthwise_conv,
    global_average_pool,
    global_max_pool,
    max_pool,
)
from tkeras_kernels.pointwise import pointwise

quick = settings(max_examples=40, deadline=None, derandomize=True)
spatial = st.integers(1, 3).flatmap(
    lambda rank: st.tuples(
        *(st.lists(st.integers(low, high), min_size=rank, max_size=rank) for low, high in RANGES)
    )
)
RANGES = ((7, 10), (1, 4), (1, 3), (1, 2))
"""Sizes, kernel sizes, strides and dilations."""


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


def channels_first(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(-1, 1).contiguous()


def naive_conv(
    x: torch.Tensor,
    kernel: torch.Tensor,
    strides: list[int],
    dilations: list[int],
    padding: list[tuple[int, int]],
    groups: int = 1,
) -> torch.Tensor:
    """Add up one product for every kernel offset."""
    sizes = kernel.shape[:-2]
    x = torch.from_numpy(np.pad(x.numpy(), [(0, 0), *padding, (0, 0)]))
    reach = [(k - 1) * d + 1 for k, d in zip(sizes, dilations, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    outputs = []
    for group in range(groups):
        inputs = x.chunk(groups, -1)[group]
        weights = kernel.chunk(groups, -1)[group]
        total = torch.zeros(x.shape[0], *counts, weights.shape[-1], dtype=x.dtype)
        for offset in np.ndindex(*sizes):
            window = [
                slice(o * d, o * d + (n - 1) * s + 1, s)
                for o, d, n, s in zip(offset, dilations, counts, strides, strict=True)
            ]
            total += inputs[(slice(None), *window)] @ weights[offset]
        outputs.append(total)
    return torch.cat(outputs, -1)


def tensorflow_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2, on the dilated kernel."""
    reach = (kernel - 1) * dilation + 1
    total = max(reach - (stride if size % stride == 0 else size % stride), 0)
    return total // 2, total - total // 2


@quick
@given(
    spatial,
    st.sampled_from(["valid", "same"]),
    st.sampled_from([(3, 2, 1), (4, 6, 2), (3, 3, 3)]),
    st.booleans(),
)
def test_conv_is_the_naive_sum(
    axes: tuple[list[int], ...], padding: str, channels: tuple[int, int, int], biased: bool
) -> None:
    sizes, kernels, strides, dilations = axes
    inner, outer, groups = channels
    x, kernel = normal(2, *sizes, inner), normal(*kernels, inner // groups, outer)
    bias = normal(outer) if biased else None
    pads = [tensorflow_padding(*axis) if padding == "same" else (0, 0) for axis in zip(*axes, strict=True)]
    expected = naive_conv(x, kernel, strides, dilations, pads, groups)
    expected = expected if bias is None else expected + bias
    attributes = {"strides": strides, "padding": padding, "dilation_rate": dilations, "groups": groups}
    torch.testing.assert_close(conv.reference(x, kernel, bias, **attributes), expected)
    first = conv.reference(channels_first(x), kernel, bias, data_format="channels_first", **attributes)
    torch.testing.assert_close(first.movedim(1, -1), expected)


@quick
@given(spatial, st.sampled_from(["valid", "same"]), st.integers(1, 3))
def test_depthwise_is_a_conv_a_channel(axes: tuple[list[int], ...], padding: str, multiplier: int) -> None:
    sizes, kernels, strides, dilations = axes
    x, kernel, bias = normal(2, *sizes, 3), normal(*kernels, 3, multiplier), normal(3 * multiplier)
    pads = [tensorflow_padding(*axis) if padding == "same" else (0, 0) for axis in zip(*axes, strict=True)]
    alone = [
        naive_conv(x[..., c : c + 1], kernel[..., c : c + 1, :], strides, dilations, pads) for c in range(3)
    ]
    attributes = {"strides": strides, "padding": padding, "dilation_rate": dilations}
    y = depthwise_conv.reference(x, kernel, bias, **attributes)
    torch.testing.assert_close(y, torch.cat(alone, -1) + bias)
    first = depthwise_conv.reference(
        channels_first(x), kernel, bias, data_format="channels_first", **attributes
    )
    torch.testing.assert_close(first.movedim(1, -1), y)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 3), (2, 1)])
def test_causal_conv_sees_only_the_past(stride: int, dilation: int) -> None:
    x, kernel = normal(2, 9, 3), normal(3, 3, 4)
    y = conv.reference(x, kernel, None, padding="causal", dilation_rate=dilation, strides=stride)
    torch.testing.assert_close(y, naive_conv(x, kernel, [stride], [dilation], [(2 * dilation, 0)]))
    with pytest.raises(ValueError, match="padding"):
        conv.reference(normal(2, 9, 9, 3), normal(3, 3, 3, 4), None, padding="causal")


@quick
@given(
    spatial,
    st.sampled_from(["valid", "same"]),
    st.sampled_from([None, 0, 1, 3]),
    st.sampled_from(["channels_last", "channels_first"]),
)
def test_conv_transpose_is_that_of_keras(
    axes: tuple[list[int], ...], padding: str, output_padding: int | None, data_format: str
) -> None:
    sizes, kernels, strides, dilations = axes
    x, kernel, bias = normal(2, *sizes, 3), normal(*kernels, 4, 3), normal(4)
    if data_format == "channels_first":
        x = channels_first(x)
    attributes = {
        "strides": tuple(strides),
        "padding": padding,
        "output_padding": output_padding,
        "dilation_rate": tuple(dilations),
        "data_format": data_format,
    }
    expected = keras.ops.conv_transpose(x, kernel, **attributes)
    across = (-1, *(1,) * len(sizes)) if data_format == "channels_first" else (-1,)
    y = conv_transpose.reference(x, kernel, bias, **attributes)
    torch.testing.assert_close(y, expected + bias.view(across))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose_is_the_gradient_of_conv(padding: str) -> None:
    """Where the sizes of the convolution lose nothing, by strides that divide them."""
    x, kernel = normal(2, 8, 6, 3).requires_grad_(), normal(2, 2, 3, 5)
    y = conv.reference(x, kernel, None, strides=2, padding=padding)
    gradient = normal(*y.shape)
    (expected,) = torch.autograd.grad(y, x, gradient)
    torch.testing.assert_close(
        conv_transpose.reference(gradient, kernel, None, strides=2, padding=padding), expected
    )


@pytest.mark.parametrize(
    ("operator", "shape"),
    [(conv, (3, 3, 4, 8)), (depthwise_conv, (3, 3, 4, 2)), (conv_transpose, (3, 3, 8, 4))],
)
@pytest.mark.parametrize("function", [torch.relu, torch.tanh])
def test_activation(
    operator, shape: tuple[int, ...], function: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    x, kernel, bias = normal(2, 6, 6, 4), normal(*shape), normal(8)
    y = operator.reference(x, kernel, bias, padding="same", strides=2, activation=pointwise(function))
    torch.testing.assert_close(y, function(operator.reference(x, kernel, bias, padding="same", strides=2)))


def naive_pool(
    x: np.ndarray, window: list[int], strides: list[int], padding: str, reduce: Callable[..., np.ndarray]
) -> np.ndarray:
    """Reduce the elements of every window that are there."""
    axes = list(zip(x.shape[1:-1], window, strides, strict=True))
    starts = []
    for n, k, s in axes:
        before = tensorflow_padding(n, k, s, 1)[0] if padding == "same" else 0
        count = -(-n // s) if padding == "same" else (n - k) // s + 1
        starts.append([i * s - before for i in range(count)])
    y = np.empty((x.shape[0], *(len(s) for s in starts), x.shape[-1]))
    spatial_axes = tuple(range(1, x.ndim - 1))
    for index in itertools.product(*(range(len(s)) for s in starts)):
        begin = [s[i] for s, i in zip(starts, index, strict=True)]
        inside = tuple(slice(max(b, 0), b + k) for b, k in zip(begin, window, strict=True))
        y[(slice(None), *index)] = reduce(x[(slice(None), *inside)], axis=spatial_axes)
    return y


@quick
@given(spatial, st.sampled_from(["valid", "same"]), st.sampled_from(["max", "average"]), st.booleans())
def test_pool_is_the_naive_window(
    axes: tuple[list[int], ...], padding: str, kind: str, default: bool
) -> None:
    sizes, window, strides, _ = axes
    operator, reduce = (max_pool, np.max) if kind == "max" else (average_pool, np.mean)
    x = normal(2, *sizes, 3)
    attributes = {"pool_size": window, "strides": None if default else strides, "padding": padding}
    expected = torch.from_numpy(
        naive_pool(x.numpy(), window, window if default else strides, padding, reduce)
    )
    torch.testing.assert_close(operator.reference(x, **attributes), expected)
    first = operator.reference(channels_first(x), data_format="channels_first", **attributes)
    torch.testing.assert_close(first.movedim(1, -1), expected)


@pytest.mark.parametrize("shape", [(2, 7, 3), (2, 5, 1, 3), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pool(shape: tuple[int, ...], keepdims: bool) -> None:
    x = normal(*shape)
    axes = tuple(range(1, x.ndim - 1))
    largest = torch.from_numpy(x.numpy().max(axes, keepdims=keepdims))
    mean = torch.from_numpy(x.numpy().sum(axes, keepdims=keepdims) / prod(shape[1:-1]))
    for operator, expected in ((global_max_pool, largest), (global_average_pool, mean)):
        torch.testing.assert_close(operator.reference(x, keepdims=keepdims), expected)
        first = operator.reference(channels_first(x), keepdims=keepdims, data_format="channels_first")
        torch.testing.assert_close(first.movedim(1, -1) if keepdims else first, expected)


@pytest.mark.parametrize("operator", [conv, max_pool, global_max_pool])
def test_refusals(operator) -> None:
    with pytest.raises(ValueError, match="rank 3, 4 or 5"):
        operator.reference(normal(2, 3), **_least(operator))
    with pytest.raises(ValueError, match="data_format"):
        operator.reference(normal(2, 3, 3, 1), data_format="NHWC", **_least(operator))


def _least(operator) -> dict:
    return {"conv": {"kernel": normal(1, 1, 1, 1)}, "max_pool": {"pool_size": 2}}.get(operator.name, {})
