"""The DenseNets (Huang et al., 2017): each layer sees the outputs of all before it in its block."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

_EPSILON = 1.001e-5
_GROWTH = 32


def _norm(frame: Frame, x: Any, name: str, relu: str | None) -> Any:
    x = layers.BatchNormalization(axis=frame.axis, epsilon=_EPSILON, name=name)(x)
    return layers.Activation("relu", name=relu)(x)


def _dense_layer(frame: Frame, x: Any, name: str) -> Any:
    """A bottleneck and a 3×3 convolution, appended to the input."""
    new = _norm(frame, x, name + "_0_bn", name + "_0_relu")
    new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=name + "_1_conv")(new)
    new = _norm(frame, new, name + "_1_bn", name + "_1_relu")
    new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=name + "_2_conv")(new)
    return layers.Concatenate(axis=frame.axis, name=name + "_concat")([x, new])


def _transition(frame: Frame, x: Any, name: str) -> Any:
    """Half the channels and half the size."""
    x = _norm(frame, x, name + "_bn", name + "_relu")
    x = layers.Conv2D(x.shape[frame.axis] // 2, 1, use_bias=False, name=name + "_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=name + "_pool")(x)


def _densenet(frame: Frame, depths: tuple[int, ...], name: str | None, key: str) -> Model:
    x = layers.ZeroPadding2D(((3, 3), (3, 3)))(frame.inputs)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = _norm(frame, x, "conv1_bn", "conv1_relu")
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(layers.ZeroPadding2D(((1, 1), (1, 1)))(x))
    for stage, depth in enumerate(depths, 2):
        for index in range(1, depth + 1):
            x = _dense_layer(frame, x, f"conv{stage}_block{index}")
        if stage < 5:
            x = _transition(frame, x, f"pool{stage}")
    x = _norm(frame, x, "bn", "relu")
    return frame.model(frame.head(x, ("avg_pool", "max_pool")), name, key)


def DenseNet121(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "densenet121",
) -> Model:
    """DenseNet121 (Huang et al., 2017); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _densenet(frame, (6, 12, 24, 16), name, "densenet121")


def DenseNet169(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "densenet169",
) -> Model:
    """DenseNet169 (Huang et al., 2017); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _densenet(frame, (6, 12, 32, 32), name, "densenet169")


def DenseNet201(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "densenet201",
) -> Model:
    """DenseNet201 (Huang et al., 2017); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _densenet(frame, (6, 12, 48, 32), name, "densenet201")
