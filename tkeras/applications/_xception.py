"""Xception (Chollet, 2017): depthwise separable convolutions with residual connections."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model


class _Network:
    def __init__(self, frame: Frame):
        self.axis = -1 if frame.axis == 3 else 1

    def norm(self, x: Any, name: str | None = None) -> Any:
        return layers.BatchNormalization(axis=self.axis, name=name)(x)

    def relu(self, x: Any, name: str) -> Any:
        return layers.Activation("relu", name=name)(x)

    def separable(self, x: Any, filters: int, name: str) -> Any:
        """A separable 3×3 convolution and its normalization."""
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
        return self.norm(x, name + "_bn")

    def shortcut(self, x: Any, filters: int) -> Any:
        """A projection to half the size."""
        x = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
        return self.norm(x)

    def shrink(self, x: Any, block: int, filters: tuple[int, int], relu_first: bool = True) -> Any:
        """Two separable convolutions and pooling, beside a projection."""
        shortcut = self.shortcut(x, filters[1])
        name = f"block{block}"
        if relu_first:
            x = self.relu(x, name + "_sepconv1_act")
        x = self.separable(x, filters[0], name + "_sepconv1")
        x = self.relu(x, name + "_sepconv2_act")
        x = self.separable(x, filters[1], name + "_sepconv2")
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=name + "_pool")(x)
        return layers.add([x, shortcut])

    def middle(self, x: Any, block: int) -> Any:
        """Three separable convolutions beside the input."""
        shortcut = x
        for index in (1, 2, 3):
            name = f"block{block}_sepconv{index}"
            x = self.separable(self.relu(x, name + "_act"), 728, name)
        return layers.add([x, shortcut])


def Xception(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "xception",
) -> Model:
    """Xception (Chollet, 2017), 22,910,480 parameters with top; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, 299, 71
    )
    network = _Network(frame)
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(frame.inputs)
    x = network.relu(network.norm(x, "block1_conv1_bn"), "block1_conv1_act")
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = network.relu(network.norm(x, "block1_conv2_bn"), "block1_conv2_act")
    x = network.shrink(x, 2, (128, 128), relu_first=False)
    x = network.shrink(x, 3, (256, 256))
    x = network.shrink(x, 4, (728, 728))
    for block in range(5, 13):
        x = network.middle(x, block)
    x = network.shrink(x, 13, (728, 1024))
    for index, filters in ((1, 1536), (2, 2048)):
        x = network.separable(x, filters, f"block14_sepconv{index}")
        x = network.relu(x, f"block14_sepconv{index}_act")
    return frame.model(frame.head(x), name, "xception")
