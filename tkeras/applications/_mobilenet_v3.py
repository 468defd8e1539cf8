"""The MobileNets of 2019 (Howard et al.): found by search, with excitation and hard SiLU."""

from __future__ import annotations

import warnings
from typing import Any

from tkeras import layers
from tkeras.applications._efficientnet import padding
from tkeras.applications._frame import Frame
from tkeras.applications._mobilenet import _divisible
from tkeras.models import Model

# expansion, filters, whether the kernel is 5×5, stride, whether excited, whether the activation is hard SiLU
_SMALL = (
    (1, 16, False, 2, True, False), (72 / 16, 24, False, 2, False, False),
    (88 / 24, 24, False, 1, False, False), (4, 40, True, 2, True, True), (6, 40, True, 1, True, True),
    (6, 40, True, 1, True, True), (3, 48, True, 1, True, True), (3, 48, True, 1, True, True),
    (6, 96, True, 2, True, True), (6, 96, True, 1, True, True), (6, 96, True, 1, True, True),
)  # fmt: skip
_LARGE = (
    (1, 16, False, 1, False, False), (4, 24, False, 2, False, False), (3, 24, False, 1, False, False),
    (3, 40, True, 2, True, False), (3, 40, True, 1, True, False), (3, 40, True, 1, True, False),
    (6, 80, False, 2, False, True), (2.5, 80, False, 1, False, True), (2.3, 80, False, 1, False, True),
    (2.3, 80, False, 1, False, True), (6, 112, False, 1, True, True), (6, 112, False, 1, True, True),
    (6, 160, True, 2, True, True), (6, 160, True, 1, True, True), (6, 160, True, 1, True, True),
)  # fmt: skip
_SQUEEZED = 0.25


class _Network:
    """Blocks; names as in Keras, those of activations automatic.

    Args:
        alpha: factor on the number of filters.
        minimalistic: 3×3 kernels, ReLU and no excitation anywhere.
    """

    def __init__(self, frame: Frame, alpha: float, minimalistic: bool):
        self.frame, self.alpha, self.minimalistic = frame, alpha, minimalistic
        self.axis = -1 if frame.axis == 3 else 1

    def activate(self, x: Any, hard: bool = True) -> Any:
        """Hard SiLU, or ReLU."""
        return layers.Activation("hard_swish")(x) if hard and not self.minimalistic else layers.ReLU()(x)

    def norm(self, x: Any, name: str) -> Any:
        return layers.BatchNormalization(axis=self.axis, epsilon=1e-3, momentum=0.999, name=name)(x)

    def excite(self, x: Any, filters: int, name: str) -> Any:
        """Channels weighted by what all places say."""
        weights = layers.GlobalAveragePooling2D(keepdims=True, name=name + "avg_pool")(x)
        squeezed = _divisible(filters * _SQUEEZED)
        weights = layers.Conv2D(squeezed, 1, padding="same", name=name + "conv")(weights)
        weights = layers.ReLU(name=name + "relu")(weights)
        weights = layers.Conv2D(filters, 1, padding="same", name=name + "conv_1")(weights)
        weights = layers.ReLU(6.0)(weights + 3.0) * (1.0 / 6.0)
        return layers.Multiply(name=name + "mul")([x, weights])

    def block(self, x: Any, index: int, row: Any) -> Any:
        """Expansion, depthwise convolution, excitation and projection, beside the input if shapes agree."""
        expansion, filters, large, stride, excited, hard = row
        kernel = 5 if large and not self.minimalistic else 3
        before, channels = x, x.shape[self.axis]
        expanded, out = _divisible(channels * expansion), _divisible(filters * self.alpha)
        name = f"expanded_conv_{index}_" if index else "expanded_conv_"
        if index:
            x = layers.Conv2D(expanded, 1, padding="same", use_bias=False, name=name + "expand")(x)
            x = self.activate(self.norm(x, name + "expand_bn"), hard)
        if stride == 2:
            x = layers.ZeroPadding2D(padding(self.frame, x, kernel), name=name + "depthwise_pad")(x)
        depthwise = layers.DepthwiseConv2D(
            kernel, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False,
            name=name + "depthwise",
        )  # fmt: skip
        x = self.activate(self.norm(depthwise(x), name + "depthwise_bn"), hard)
        if excited and not self.minimalistic:
            x = self.excite(x, expanded, name + "squeeze_excite_")
        x = layers.Conv2D(out, 1, padding="same", use_bias=False, name=name + "project")(x)
        x = self.norm(x, name + "project_bn")
        return layers.Add(name=name + "add")([before, x]) if stride == 1 and channels == out else x


def _check(frame: Frame, alpha: float, minimalistic: bool) -> None:
    if not frame.imagenet:
        return
    if alpha not in ((1.0,) if minimalistic else (0.75, 1.0)):
        raise ValueError(
            "If imagenet weights are being loaded, alpha can be one of `0.75`, `1.0` for non minimalistic or"
            f" `1.0` for minimalistic only. Received alpha={alpha}"
        )
    sides = frame.shape[:2] if frame.axis == 3 else frame.shape[1:]
    if sides != (224, 224):
        warnings.warn(
            "`input_shape` is undefined or non-square, or `rows` is not 224. Weights for input shape (224,"
            " 224) will be loaded as the default.",
            stacklevel=4,
        )


def _mobilenet_v3(
    frame: Frame, kind: str, alpha: float, minimalistic: bool, dropout: float, scaled: bool, name: str | None
) -> Model:
    _check(frame, alpha, minimalistic)
    network = _Network(frame, alpha, minimalistic)
    x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(frame.inputs) if scaled else frame.inputs
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = network.activate(network.norm(x, "conv_bn"))
    for index, row in enumerate(_SMALL if kind == "small" else _LARGE):
        x = network.block(x, index, row)
    last, point = _divisible(x.shape[network.axis] * 6), 1024 if kind == "small" else 1280
    point = _divisible(point * alpha) if alpha > 1.0 else point
    x = layers.Conv2D(last, 1, padding="same", use_bias=False, name="conv_1")(x)
    x = network.activate(network.norm(x, "conv_1_bn"))
    if frame.include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = network.activate(layers.Conv2D(point, 1, padding="same", name="conv_2")(x))
        x = layers.Dropout(dropout)(x) if dropout > 0 else x
        x = layers.Flatten()(layers.Conv2D(frame.classes, 1, padding="same", name="logits")(x))
        frame.check_activation()
        x = layers.Activation(frame.activation, name="predictions")(x)
    else:
        x = frame.pool(x, ("avg_pool", "max_pool"))
    key = f"mobilenet_v3_{kind}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}"
    return frame.model(x, name, key)


def MobileNetV3Small(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "MobileNetV3Small",
) -> Model:
    """MobileNetV3Small (Howard et al., 2019), 2,554,968 parameters with top.

    Args:
        alpha: factor on the number of filters.
        minimalistic: 3×3 kernels, ReLU and no excitation anywhere.
        dropout_rate: before the classifier.
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
        input_shape, include_top, weights, input_tensor, classes, pooling, classifier_activation, name: as in
            `ResNet50`.
    """
    frame = Frame(
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        flatten=False,
    )
    return _mobilenet_v3(frame, "small", alpha, minimalistic, dropout_rate, include_preprocessing, name)


def MobileNetV3Large(
    input_shape: Any = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "MobileNetV3Large",
) -> Model:
    """MobileNetV3Large (Howard et al., 2019), 5,507,432 parameters with top.

    Args:
        alpha: factor on the number of filters.
        minimalistic: 3×3 kernels, ReLU and no excitation anywhere.
        dropout_rate: before the classifier.
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
        input_shape, include_top, weights, input_tensor, classes, pooling, classifier_activation, name: as in
            `ResNet50`.
    """
    frame = Frame(
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        flatten=False,
    )
    return _mobilenet_v3(frame, "large", alpha, minimalistic, dropout_rate, include_preprocessing, name)
