"""Convolution, pooling, cropping, padding and upsampling layers beside real Keras."""

from __future__ import annotations

from typing import Any

from tests.differential.layer_checks import Case, L, f32, suite

FIRST = {"data_format": "channels_first"}
CASES: list[Case] = [
    ("conv1d-strides", lambda: L.Conv1D(5, 3, strides=2, padding="same"), (f32(2, 11, 4),), {}),
    ("conv2d-first", lambda: L.Conv2D(6, 3, activation="gelu", **FIRST), (f32(2, 3, 9, 8),), {}),
    ("conv2d-softmax", lambda: L.Conv2D(6, 1, activation="softmax", bias_initializer="normal"), (f32(2, 5, 4, 3),), {}),
    ("conv1d-transpose", lambda: L.Conv1DTranspose(4, 3), (f32(2, 7, 3),), {}),
    ("conv1d-transpose-same", lambda: L.Conv1DTranspose(4, 4, strides=3, padding="same"), (f32(2, 7, 3),), {}),
    ("conv1d-transpose-first", lambda: L.Conv1DTranspose(4, 3, strides=2, output_padding=1, **FIRST), (f32(2, 3, 7),), {}),
    ("conv1d-transpose-dilated", lambda: L.Conv1DTranspose(4, 3, dilation_rate=2), (f32(2, 7, 3),), {}),
    ("conv2d-transpose", lambda: L.Conv2DTranspose(5, 3, activation="relu", bias_initializer="normal"), (f32(2, 5, 4, 3),), {}),
    ("conv2d-transpose-2", lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same"), (f32(2, 5, 4, 3),), {}),
    ("conv2d-transpose-pair", lambda: L.Conv2DTranspose(5, (2, 5), strides=(3, 2)), (f32(2, 5, 4, 3),), {}),
    ("conv2d-transpose-wide", lambda: L.Conv2DTranspose(5, 2, strides=3, use_bias=False), (f32(2, 5, 4, 3),), {}),
    ("conv2d-transpose-output", lambda: L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=0), (f32(2, 5, 4, 3),), {}),
    ("conv2d-transpose-first", lambda: L.Conv2DTranspose(5, 3, strides=2, activation="relu", **FIRST), (f32(2, 3, 5, 4),), {}),
    ("conv3d-transpose", lambda: L.Conv3DTranspose(2, 3, strides=2, padding="same"), (f32(1, 3, 4, 2, 3),), {}),
    ("depthwise1d", lambda: L.DepthwiseConv1D(3, depth_multiplier=2), (f32(2, 9, 3),), {}),
    ("depthwise1d-same", lambda: L.DepthwiseConv1D(4, strides=2, padding="same", activation="tanh"), (f32(2, 9, 3),), {}),
    ("depthwise2d", lambda: L.DepthwiseConv2D(3, bias_initializer="normal"), (f32(2, 7, 8, 3),), {}),
    ("depthwise2d-2", lambda: L.DepthwiseConv2D((3, 2), strides=2, padding="same", depth_multiplier=3, activation="relu"), (f32(2, 7, 8, 3),), {}),
    ("depthwise2d-first", lambda: L.DepthwiseConv2D(3, dilation_rate=2, use_bias=False, **FIRST), (f32(2, 3, 7, 8),), {}),
    ("depthwise2d-l2", lambda: L.DepthwiseConv2D(3, depthwise_regularizer="l2", depthwise_constraint="max_norm"), (f32(2, 7, 8, 3),), {}),
    ("separable1d", lambda: L.SeparableConv1D(5, 3), (f32(2, 9, 3),), {}),
    ("separable1d-first", lambda: L.SeparableConv1D(5, 3, dilation_rate=2, **FIRST), (f32(2, 3, 9),), {}),
    ("separable2d", lambda: L.SeparableConv2D(6, 3, strides=2, padding="same", depth_multiplier=2, activation="relu"), (f32(2, 7, 8, 3),), {}),
    ("separable2d-bias", lambda: L.SeparableConv2D(6, (1, 3), bias_initializer="normal", activation="softmax"), (f32(2, 7, 8, 3),), {}),
    ("max-pool-first", lambda: L.MaxPooling2D(3, strides=2, padding="same", **FIRST), (f32(2, 3, 7, 8),), {}),
    ("max-pool-3d", lambda: L.MaxPooling3D(2, padding="same"), (f32(2, 5, 4, 3, 2),), {}),
    ("average-pool-1d", lambda: L.AveragePooling1D(3, strides=1), (f32(2, 7, 3),), {}),
    ("average-pool-3d", lambda: L.AveragePooling3D((1, 2, 2), **FIRST), (f32(2, 2, 5, 4, 6),), {}),
    ("global-max-first", lambda: L.GlobalMaxPooling2D(keepdims=True, **FIRST), (f32(2, 2, 5, 4),), {}),
    *[
        (f"adaptive-{kind}-{rank}", lambda kind=kind, rank=rank: getattr(L, f"Adaptive{kind}Pooling{rank}D")(3), (f32(2, *range(5, 5 + rank), 2),), {})
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    ],
    ("adaptive-first", lambda: L.AdaptiveAveragePooling2D((2, 9), **FIRST), (f32(2, 3, 5, 6),), {}),
    ("cropping1d", lambda: L.Cropping1D((1, 2)), (f32(2, 7, 3),), {}),
    ("cropping1d-int", lambda: L.Cropping1D(2), (f32(2, 7, 3),), {}),
    ("cropping1d-end", lambda: L.Cropping1D((3, 0)), (f32(2, 7, 3),), {}),
    ("cropping2d", lambda: L.Cropping2D(((1, 0), (2, 3))), (f32(2, 7, 8, 3),), {}),
    ("cropping2d-none", lambda: L.Cropping2D(), (f32(2, 7, 8, 3),), {}),
    ("cropping2d-first", lambda: L.Cropping2D((1, 2), **FIRST), (f32(2, 3, 7, 8),), {}),
    ("cropping3d", lambda: L.Cropping3D(), (f32(2, 5, 4, 6, 2),), {}),
    ("cropping3d-first", lambda: L.Cropping3D(((0, 1), (2, 0), (1, 1)), **FIRST), (f32(2, 2, 5, 4, 6),), {}),
    ("padding1d", lambda: L.ZeroPadding1D(2), (f32(2, 7, 3),), {}),
    ("padding1d-first", lambda: L.ZeroPadding1D((0, 3), **FIRST), (f32(2, 3, 7),), {}),
    ("padding2d", lambda: L.ZeroPadding2D(((1, 0), (2, 3))), (f32(2, 5, 4, 3),), {}),
    ("padding2d-first", lambda: L.ZeroPadding2D((1, 2), **FIRST), (f32(2, 3, 5, 4),), {}),
    ("padding3d", lambda: L.ZeroPadding3D(), (f32(2, 3, 4, 2, 3),), {}),
    ("upsampling1d", lambda: L.UpSampling1D(3), (f32(2, 5, 3),), {}),
    ("upsampling2d", lambda: L.UpSampling2D((2, 3)), (f32(2, 5, 4, 3),), {}),
    ("upsampling2d-first", lambda: L.UpSampling2D(2, **FIRST), (f32(2, 3, 5, 4),), {}),
    ("upsampling2d-bilinear", lambda: L.UpSampling2D((2, 3), interpolation="bilinear"), (f32(2, 5, 4, 3),), {}),
    ("upsampling2d-bicubic", lambda: L.UpSampling2D(3, interpolation="bicubic", **FIRST), (f32(2, 3, 5, 4),), {}),
    ("upsampling3d", lambda: L.UpSampling3D((1, 2, 3)), (f32(2, 2, 3, 2, 3),), {}),
    ("upsampling3d-first", lambda: L.UpSampling3D(2, **FIRST), (f32(2, 3, 2, 3, 2),), {}),
]  # fmt: skip


def unknown_axes(name: str, inputs: Any) -> list[Any]:
    """Which sizes are not known: none, the batch, the batch and all positions."""
    rank = inputs[0].ndim
    return [(), (0,), (0, *(range(2, rank) if "first" in name else range(1, rank - 1)))]


test_equals_keras, test_symbolic_shapes_equal_keras, test_configuration_equals_keras = suite(
    CASES, unknown_axes
)
