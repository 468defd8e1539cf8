"""The ConvNeXts (Liu et al., 2022): convolutions in the manner of transformers; channels last only."""

from __future__ import annotations

from typing import Any

from tkeras import initializers, layers
from tkeras.applications._frame import Frame
from tkeras.models import Model, Sequential
from tkeras.saving import public

_SIZES = {  # blocks and channels of the four stages
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)), "small": ((3, 3, 27, 3), (96, 192, 384, 768)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024)), "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
    "xlarge": ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}  # fmt: skip
_EPSILON, _SCALE = 1e-6, 1e-6
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@public("keras.src.applications.convnext.LayerScale", "keras.applications.convnext.LayerScale")
class LayerScale(layers.Layer):
    """A factor for each channel.

    Args:
        init_values: first value of the factors.
        projection_dim: number of channels.
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape: Any) -> None:
        """Create the factors."""
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, name="gamma")

    def call(self, x: Any) -> Any:
        """The product."""
        return x * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        config = {"init_values": self.init_values, "projection_dim": self.projection_dim}
        return {**super().get_config(), **config}


def _norm(name: str | None = None) -> Any:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)


def _block(x: Any, channels: int, name: str) -> Any:
    """A 7×7 depthwise convolution and two dense layers, beside the input."""
    before = x
    x = layers.Conv2D(channels, 7, padding="same", groups=channels, name=name + "_depthwise_conv")(x)
    x = layers.Dense(4 * channels, name=name + "_pointwise_conv_1")(_norm(name + "_layernorm")(x))
    x = layers.Activation("gelu", name=name + "_gelu")(x)
    x = layers.Dense(channels, name=name + "_pointwise_conv_2")(x)
    x = LayerScale(_SCALE, channels, name=name + "_layer_scale")(x)
    return layers.add([before, layers.Activation("linear", name=name + "_identity")(x)])


def _convnext(frame: Frame, size: str, include_preprocessing: bool, name: str) -> Model:
    if frame.axis == 1:
        raise ValueError("ConvNeXt models are for images with the channels last.")
    depths, channels = _SIZES[size]
    x: Any = frame.inputs
    if include_preprocessing:
        mean, variance = [255 * value for value in _MEAN], [(255 * value) ** 2 for value in _DEVIATION]
        x = layers.Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
    stem = layers.Conv2D(channels[0], 4, strides=4, name=f"{name}_stem_conv")
    x = Sequential([stem, _norm(f"{name}_stem_layernorm")], name=f"{name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, channels, strict=True)):
        if stage:
            place = f"{name}_downsampling"
            smaller = layers.Conv2D(width, 2, strides=2, name=f"{place}_conv_{stage - 1}")
            smaller = [_norm(f"{place}_layernorm_{stage - 1}"), smaller]
            x = Sequential(smaller, name=f"{place}_block_{stage - 1}")(x)
        for index in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{index}")
    if frame.include_top:
        x = _norm(f"{name}_head_layernorm")(layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x))
        frame.check_activation()
        x = layers.Dense(frame.classes, activation=frame.activation, name=f"{name}_head_dense")(x)
    else:
        x = _norm()(frame.pool(x))
    return frame.model(x, name, f"convnext_{size}")


def ConvNeXtTiny(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_tiny",
) -> Model:
    """ConvNeXtTiny (Liu et al., 2022); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model standardizes colours from 0 to 255 itself.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _convnext(frame, "tiny", include_preprocessing, name)


def ConvNeXtSmall(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_small",
) -> Model:
    """ConvNeXtSmall (Liu et al., 2022); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model standardizes colours from 0 to 255 itself.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _convnext(frame, "small", include_preprocessing, name)


def ConvNeXtBase(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_base",
) -> Model:
    """ConvNeXtBase (Liu et al., 2022); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model standardizes colours from 0 to 255 itself.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _convnext(frame, "base", include_preprocessing, name)


def ConvNeXtLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_large",
) -> Model:
    """ConvNeXtLarge (Liu et al., 2022); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model standardizes colours from 0 to 255 itself.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _convnext(frame, "large", include_preprocessing, name)


def ConvNeXtXLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_xlarge",
) -> Model:
    """ConvNeXtXLarge (Liu et al., 2022); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model standardizes colours from 0 to 255 itself.
    """
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _convnext(frame, "xlarge", include_preprocessing, name)
