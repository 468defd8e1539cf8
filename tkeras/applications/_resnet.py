"""The residual networks (He et al., 2015 and 2016)."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

_EPSILON = 1.001e-5
_FILTERS = (64, 128, 256, 512)
_POOLS = ("avg_pool", "max_pool")


class _Network:
    """Layers of a residual network: names as in Keras.

    Args:
        frame: the arguments.
        preact: normalization and activation before the convolutions (version 2).
    """

    def __init__(self, frame: Frame, preact: bool):
        self.frame, self.preact = frame, preact

    def norm(self, x: Any, name: str, relu: str | None = None) -> Any:
        """Batch normalization, then ReLU if that has a name."""
        x = layers.BatchNormalization(axis=self.frame.axis, epsilon=_EPSILON, name=name)(x)
        return layers.Activation("relu", name=relu)(x) if relu else x

    def block(self, x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
        """1×1, 3×3 and 1×1 convolutions beside a shortcut, which is projected where sizes change."""
        shortcut = x
        if project:
            shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(x)
            shortcut = self.norm(shortcut, name + "_0_bn")
        x = layers.Conv2D(filters, 1, strides=stride, name=name + "_1_conv")(x)
        x = self.norm(x, name + "_1_bn", name + "_1_relu")
        x = layers.Conv2D(filters, 3, padding="same", name=name + "_2_conv")(x)
        x = self.norm(x, name + "_2_bn", name + "_2_relu")
        x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
        x = self.norm(x, name + "_3_bn")
        x = layers.Add(name=name + "_add")([shortcut, x])
        return layers.Activation("relu", name=name + "_out")(x)

    def preact_block(self, x: Any, filters: int, stride: int, project: bool, name: str) -> Any:
        """The same with normalization first; where the stride is not 1, the shortcut is pooled."""
        before = self.norm(x, name + "_preact_bn", name + "_preact_relu")
        if project:
            shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=name + "_0_conv")(before)
        else:
            shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
        x = layers.Conv2D(filters, 1, strides=1, use_bias=False, name=name + "_1_conv")(before)
        x = self.norm(x, name + "_1_bn", name + "_1_relu")
        x = layers.ZeroPadding2D(((1, 1), (1, 1)), name=name + "_2_pad")(x)
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name + "_2_conv")(x)
        x = self.norm(x, name + "_2_bn", name + "_2_relu")
        x = layers.Conv2D(4 * filters, 1, name=name + "_3_conv")(x)
        return layers.Add(name=name + "_out")([shortcut, x])

    def stack(self, x: Any, stage: int, depth: int, filters: int) -> Any:
        """Blocks of one size; the stride is in the first one, with ``preact`` in the last."""
        for index in range(1, depth + 1):
            name = f"conv{stage}_block{index}"
            if self.preact:
                stride = 2 if index == depth and stage < 5 else 1
                x = self.preact_block(x, filters, stride, index == 1, name)
            else:
                stride = 2 if index == 1 and stage > 2 else 1
                x = self.block(x, filters, stride, index == 1, name)
        return x


def _resnet(frame: Frame, depths: tuple[int, ...], preact: bool, name: str | None, key: str) -> Model:
    network = _Network(frame, preact)
    x = layers.ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(frame.inputs)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    if not preact:
        x = network.norm(x, "conv1_bn", "conv1_relu")
    x = layers.ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), 2):
        x = network.stack(x, stage, depth, filters)
    if preact:
        x = network.norm(x, "post_bn", "post_relu")
    return frame.model(frame.head(x, _POOLS), name, key)


def ResNet50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet50",
) -> Model:
    """ResNet50 (He et al., 2015), 25,636,712 parameters with top.

    Args:
        include_top: whether it ends in a classifier.
        weights: None for random ones, ``"imagenet"`` for the published ones (downloaded once and kept below
            ``$KERAS_HOME``), or the path of a file.
        input_tensor: symbolic tensor to build on, instead of a new input.
        input_shape: shape of one image; needed without top only where the size is to be fixed.
        pooling: without top, ``"avg"`` or ``"max"`` for one vector an image; None keeps the map.
        classes: outputs of the classifier.
        classifier_activation: of the classifier; None for logits.
        name: of the model.

    Returns:
        The model, with Keras' names of layers.

    Raises:
        ValueError: arguments that do not fit each other.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 4, 6, 3), False, name, "resnet50")


def ResNet101(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet101",
) -> Model:
    """ResNet101 (He et al., 2015); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 4, 23, 3), False, name, "resnet101")


def ResNet152(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet152",
) -> Model:
    """ResNet152 (He et al., 2015); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 8, 36, 3), False, name, "resnet152")


def ResNet50V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet50v2",
) -> Model:
    """ResNet50V2 (He et al., 2016); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 4, 6, 3), True, name, "resnet50v2")


def ResNet101V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet101v2",
) -> Model:
    """ResNet101V2 (He et al., 2016); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 4, 23, 3), True, name, "resnet101v2")


def ResNet152V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "resnet152v2",
) -> Model:
    """ResNet152V2 (He et al., 2016); for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _resnet(frame, (3, 8, 36, 3), True, name, "resnet152v2")
