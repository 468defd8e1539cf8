"""The VGG models: 3×3 convolutions in five blocks, three dense layers."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

_FILTERS = (64, 128, 256, 512, 512)


def vgg(frame: Frame, depths: tuple[int, ...], name: str | None, key: str) -> Model:
    """A VGG model.

    Args:
        depths: convolutions of each block.
    """
    x: Any = frame.inputs
    for block, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), 1):
        for index in range(1, depth + 1):
            conv = layers.Conv2D(
                filters, 3, padding="same", activation="relu", name=f"block{block}_conv{index}"
            )
            x = conv(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    if not frame.include_top:
        return frame.model(frame.pool(x), name, key)
    x = layers.Flatten(name="flatten")(x)
    for number in (1, 2):
        x = layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
    return frame.model(frame.classify(x), name, key)


def VGG16(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "vgg16",
) -> Model:
    """VGG16 (Simonyan and Zisserman, 2014), 138,357,544 parameters with top; arguments as in `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return vgg(frame, (2, 2, 3, 3, 3), name, "vgg16")


def VGG19(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "vgg19",
) -> Model:
    """VGG19 (Simonyan and Zisserman, 2014), 143,667,240 parameters with top; arguments as in `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return vgg(frame, (2, 2, 4, 4, 4), name, "vgg19")
