"""InceptionResNetV2 (Szegedy et al., 2017): inception blocks beside their inputs, scaled down."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model
from tkeras.saving import public

Size = int | tuple[int, int]
Steps = tuple[tuple[int, Size], ...]


@public(
    "keras.src.applications.inception_resnet_v2.CustomScaleLayer",
    "keras.applications.inception_resnet_v2.CustomScaleLayer",
)
class CustomScaleLayer(layers.Layer):
    """``x + scale * y`` of two inputs.

    Args:
        scale: the factor.
    """

    def __init__(self, scale: float, **kwargs: Any):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Any) -> Any:
        """The sum."""
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the first input."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "scale": self.scale}


class _Network:
    """Layers whose names are automatic but where they are given."""

    def __init__(self, frame: Frame):
        self.axis = frame.axis

    def conv(
        self,
        x: Any,
        filters: int,
        size: Size,
        strides: int = 1,
        padding: str = "same",
        name: str | None = None,
    ) -> Any:
        """Convolution, normalization without scale, ReLU."""
        x = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=False, name=name)(x)
        x = layers.BatchNormalization(axis=self.axis, scale=False, name=name and name + "_bn")(x)
        return layers.Activation("relu", name=name and name + "_ac")(x)

    def chain(self, x: Any, steps: Steps) -> Any:
        """Several convolutions, one after the other."""
        for filters, size in steps:
            x = self.conv(x, filters, size)
        return x

    def join(self, branches: list[Any], name: str) -> Any:
        return layers.Concatenate(axis=self.axis, name=name)(branches)

    def reduce(self, x: Any, branches: tuple[Steps, ...], name: str) -> Any:
        """Branches whose last convolution halves the size, and pooling."""
        made = []
        for *steps, (filters, size) in branches:
            made.append(self.conv(self.chain(x, tuple(steps)), filters, size, 2, "valid"))
        return self.join([*made, layers.MaxPooling2D(3, strides=2, padding="valid")(x)], name)

    def block(self, x: Any, branches: tuple[Steps, ...], scale: float, name: str, relu: bool = True) -> Any:
        """Branches, projected to the size of the input and added to it."""
        mixed = self.join([self.chain(x, steps) for steps in branches], name + "_mixed")
        up = layers.Conv2D(x.shape[self.axis], 1, padding="same", name=name + "_conv")(mixed)
        x = CustomScaleLayer(scale)([x, up])
        return layers.Activation("relu", name=name + "_ac")(x) if relu else x


_BLOCK35: tuple[Steps, ...] = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
_BLOCK17: tuple[Steps, ...] = (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1))))
_BLOCK8: tuple[Steps, ...] = (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1))))


def InceptionResNetV2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "inception_resnet_v2",
) -> Model:
    """InceptionResNetV2 (Szegedy et al., 2017), 55,873,736 parameters with top; arguments: see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, 299, 75
    )
    network = _Network(frame)
    x = network.conv(frame.inputs, 32, 3, 2, "valid")
    x = network.conv(network.conv(x, 32, 3, 1, "valid"), 64, 3)
    x = network.conv(layers.MaxPooling2D(3, strides=2)(x), 80, 1, 1, "valid")
    x = layers.MaxPooling2D(3, strides=2)(network.conv(x, 192, 3, 1, "valid"))
    branches = [network.conv(x, 96, 1), network.chain(x, ((48, 1), (64, 5)))]
    branches.append(network.chain(x, ((64, 1), (96, 3), (96, 3))))
    branches.append(network.conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), 64, 1))
    x = network.join(branches, "mixed_5b")
    for index in range(1, 11):
        x = network.block(x, _BLOCK35, 0.17, f"block35_{index}")
    x = network.reduce(x, (((384, 3),), ((256, 1), (256, 3), (384, 3))), "mixed_6a")
    for index in range(1, 21):
        x = network.block(x, _BLOCK17, 0.1, f"block17_{index}")
    last = (((256, 1), (384, 3)), ((256, 1), (288, 3)), ((256, 1), (288, 3), (320, 3)))
    x = network.reduce(x, last, "mixed_7a")
    for index in range(1, 10):
        x = network.block(x, _BLOCK8, 0.2, f"block8_{index}")
    x = network.block(x, _BLOCK8, 1.0, "block8_10", relu=False)
    x = network.conv(x, 1536, 1, name="conv_7b")
    return frame.model(frame.head(x), name, "inception_resnet_v2")
