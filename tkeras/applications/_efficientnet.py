"""The EfficientNets (Tan and Le, 2019): one network, scaled in width, depth and size of the images."""

from __future__ import annotations

import math
from typing import Any

from tkeras import initializers, layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

_DEVIATIONS = (0.229, 0.224, 0.225)  # of colours
_STAGES = (  # kernel, repeats, filters, expansion, stride
    (3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2), (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2), (3, 1, 320, 6, 1),
)  # fmt: skip
_SIZES = {  # width, depth, size of images, dropout
    "B0": (1.0, 1.0, 224, 0.2), "B1": (1.0, 1.1, 240, 0.2), "B2": (1.1, 1.2, 260, 0.3),
    "B3": (1.2, 1.4, 300, 0.3), "B4": (1.4, 1.8, 380, 0.4), "B5": (1.6, 2.2, 456, 0.4),
    "B6": (1.8, 2.6, 528, 0.5), "B7": (2.0, 3.1, 600, 0.5),
}  # fmt: skip
_SQUEEZED = 0.25  # of the filters of a block
_DROPPED = 0.2  # paths dropped at the end of the network


def conv_start() -> Any:
    """Initial values of convolutions."""
    return initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def dense_start() -> Any:
    """Initial values of the classifier."""
    return initializers.VarianceScaling(1 / 3, "fan_out", "uniform")


def padding(frame: Frame, x: Any, kernel: int) -> tuple[tuple[int, int], ...]:
    """Padding of a strided convolution: one less in front where the size is even, or not known."""
    sides = x.shape[1:3] if frame.axis == 3 else x.shape[2:4]
    middle = kernel // 2
    return tuple((middle - (side is None or side % 2 == 0), middle) for side in sides)


class _Network:
    """Blocks of an EfficientNet; names as in Keras."""

    def __init__(self, frame: Frame):
        self.frame = frame

    def norm(self, x: Any, name: str, activation: str | None = None) -> Any:
        """Batch normalization, then SiLU if that has a name."""
        x = layers.BatchNormalization(axis=self.frame.axis, name=name)(x)
        return layers.Activation("swish", name=activation)(x) if activation else x

    def conv(self, x: Any, filters: int, name: str, **options: Any) -> Any:
        """A 1×1 convolution without bias."""
        options = {"use_bias": False, **options}
        return layers.Conv2D(
            filters, 1, padding="same", kernel_initializer=conv_start(), name=name, **options
        )(x)

    def excite(self, x: Any, filters: int, squeezed: int, name: str) -> Any:
        """Channels weighted by what all places say."""
        shape = (1, 1, filters) if self.frame.axis == 3 else (filters, 1, 1)
        weights = layers.GlobalAveragePooling2D(name=name + "se_squeeze")(x)
        weights = layers.Reshape(shape, name=name + "se_reshape")(weights)
        weights = self.conv(weights, squeezed, name + "se_reduce", activation="swish", use_bias=True)
        weights = self.conv(weights, filters, name + "se_expand", activation="sigmoid", use_bias=True)
        return layers.multiply([x, weights], name=name + "se_excite")

    def block(
        self, x: Any, kernel: int, out: int, expansion: int, stride: int, dropped: float, name: str
    ) -> Any:
        """Expansion, depthwise convolution, excitation and projection, beside the input if shapes agree."""
        before, channels = x, x.shape[self.frame.axis]
        filters = channels * expansion
        if expansion != 1:
            x = self.conv(x, filters, name + "expand_conv")
            x = self.norm(x, name + "expand_bn", name + "expand_activation")
        if stride == 2:
            x = layers.ZeroPadding2D(padding(self.frame, x, kernel), name=name + "dwconv_pad")(x)
        depthwise = layers.DepthwiseConv2D(
            kernel, strides=stride, padding="valid" if stride == 2 else "same", use_bias=False,
            depthwise_initializer=conv_start(), name=name + "dwconv",
        )  # fmt: skip
        x = self.norm(depthwise(x), name + "bn", name + "activation")
        x = self.excite(x, filters, max(1, int(channels * _SQUEEZED)), name)
        x = self.norm(self.conv(x, out, name + "project_conv"), name + "project_bn")
        if stride != 1 or channels != out:
            return x
        if dropped > 0:
            x = layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=name + "drop")(x)
        return layers.add([x, before], name=name + "add")


def _rounded(filters: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _efficientnet(frame: Frame, size: str, name: str | None) -> Model:
    width, depth, _, dropout = _SIZES[size]
    network = _Network(frame)
    x = layers.Rescaling(1.0 / 255.0)(frame.inputs)
    x = layers.Normalization(axis=frame.axis)(x)
    if frame.imagenet:  # the published weights want the roots of the deviations, too
        x = layers.Rescaling([1.0 / math.sqrt(value) for value in _DEVIATIONS])(x)
    x = layers.ZeroPadding2D(padding(frame, x, 3), name="stem_conv_pad")(x)
    x = layers.Conv2D(
        _rounded(32 * width), 3, strides=2, use_bias=False, kernel_initializer=conv_start(), name="stem_conv"
    )(x)
    x = network.norm(x, "stem_bn", "stem_activation")
    repeats = [math.ceil(depth * stage[1]) for stage in _STAGES]
    done, blocks = 0, sum(repeats)
    for index, (kernel, _, filters, expansion, stride) in enumerate(_STAGES):
        for block in range(repeats[index]):
            x = network.block(
                x, kernel, _rounded(filters * width), expansion, stride if block == 0 else 1,
                _DROPPED * done / blocks, f"block{index + 1}{chr(ord('a') + block)}_",
            )  # fmt: skip
            done += 1
    x = network.norm(network.conv(x, _rounded(1280 * width), "top_conv"), "top_bn", "top_activation")
    x = frame.head(x, ("avg_pool", "max_pool"), dropout, kernel_initializer=dense_start())
    return frame.model(x, name, f"efficientnet{size.lower()}")


def EfficientNetB0(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb0",
) -> Model:
    """EfficientNetB0 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B0"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B0", name)


def EfficientNetB1(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb1",
) -> Model:
    """EfficientNetB1 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B1"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B1", name)


def EfficientNetB2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb2",
) -> Model:
    """EfficientNetB2 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B2"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B2", name)


def EfficientNetB3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb3",
) -> Model:
    """EfficientNetB3 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B3"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B3", name)


def EfficientNetB4(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb4",
) -> Model:
    """EfficientNetB4 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B4"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B4", name)


def EfficientNetB5(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb5",
) -> Model:
    """EfficientNetB5 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B5"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B5", name)


def EfficientNetB6(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb6",
) -> Model:
    """EfficientNetB6 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B6"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B6", name)


def EfficientNetB7(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "efficientnetb7",
) -> Model:
    """EfficientNetB7 (Tan and Le, 2019) on colours from 0 to 255; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["B7"][2],
    )  # fmt: skip
    return _efficientnet(frame, "B7", name)
