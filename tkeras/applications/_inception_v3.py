"""InceptionV3 (Szegedy et al., 2016)."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

Size = int | tuple[int, int]


class _Network:
    """Layers without names of their own, as in Keras."""

    def __init__(self, frame: Frame):
        self.axis = frame.axis

    def conv(self, x: Any, filters: int, size: Size, strides: int = 1, padding: str = "same") -> Any:
        """Convolution, normalization without scale, ReLU."""
        x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False)(x)
        x = layers.BatchNormalization(axis=self.axis, scale=False)(x)
        return layers.Activation("relu")(x)

    def chain(self, x: Any, *steps: tuple[int, Size]) -> Any:
        """Several convolutions, one after the other."""
        for filters, size in steps:
            x = self.conv(x, filters, size)
        return x

    def pooled(self, x: Any, filters: int) -> Any:
        """Average pooling and a 1×1 convolution."""
        return self.conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, 1)

    def join(self, branches: list[Any], name: str | None = None) -> Any:
        return layers.concatenate(branches, axis=self.axis, name=name)

    def small(self, x: Any, pool: int, name: str) -> Any:
        """Branches of 1×1, 5×5, two 3×3 and pooling."""
        branches = [self.conv(x, 64, 1), self.chain(x, (48, 1), (64, 5))]
        branches += [self.chain(x, (64, 1), (96, 3), (96, 3)), self.pooled(x, pool)]
        return self.join(branches, name)

    def factored(self, x: Any, width: int, name: str) -> Any:
        """Branches of 1×1, 7×7 and two 7×7 as rows and columns, and pooling."""
        first = self.conv(x, 192, 1)
        once = self.chain(x, (width, 1), (width, (1, 7)), (192, (7, 1)))
        twice = self.chain(x, (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)))
        return self.join([first, once, twice, self.pooled(x, 192)], name)

    def wide(self, x: Any, index: int) -> Any:
        """Branches of 1×1, and 3×3 split into rows and columns side by side."""
        first = self.conv(x, 320, 1)
        three = self.conv(x, 384, 1)
        three = self.join([self.conv(three, 384, (1, 3)), self.conv(three, 384, (3, 1))], f"mixed9_{index}")
        double = self.chain(x, (448, 1), (384, 3))
        double = self.join([self.conv(double, 384, (1, 3)), self.conv(double, 384, (3, 1))])
        return self.join([first, three, double, self.pooled(x, 192)], f"mixed{9 + index}")


def InceptionV3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "inception_v3",
) -> Model:
    """InceptionV3 (Szegedy et al., 2016), 23,851,784 parameters with top; arguments as in `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, 299, 75
    )
    network = _Network(frame)
    x = network.conv(frame.inputs, 32, 3, 2, "valid")
    x = network.conv(x, 32, 3, 1, "valid")
    x = layers.MaxPooling2D(3, strides=2)(network.conv(x, 64, 3))
    x = network.conv(network.conv(x, 80, 1, 1, "valid"), 192, 3, 1, "valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    for index, pool in enumerate((32, 64, 64)):
        x = network.small(x, pool, f"mixed{index}")
    three = network.conv(x, 384, 3, 2, "valid")
    double = network.conv(network.chain(x, (64, 1), (96, 3)), 96, 3, 2, "valid")
    x = network.join([three, double, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for index, width in enumerate((128, 160, 160, 192), 4):
        x = network.factored(x, width, f"mixed{index}")
    three = network.conv(network.conv(x, 192, 1), 320, 3, 2, "valid")
    seven = network.chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)))
    seven = network.conv(seven, 192, 3, 2, "valid")
    x = network.join([three, seven, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    for index in (0, 1):
        x = network.wide(x, index)
    return frame.model(frame.head(x), name, "inception_v3")
