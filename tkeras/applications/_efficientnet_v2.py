"""The EfficientNets of 2021 (Tan and Le): whole convolutions, not depthwise ones, in the first stages."""

from __future__ import annotations

import math
from typing import Any

from tkeras import initializers, layers
from tkeras.applications._efficientnet import conv_start, dense_start
from tkeras.applications._frame import Frame
from tkeras.models import Model

# kernel, repeats, filters in, filters out, expansion, squeezed part, stride, whether convolutions are whole
_B = (
    (3, 1, 32, 16, 1, 0, 1, True), (3, 2, 16, 32, 4, 0, 2, True), (3, 2, 32, 48, 4, 0, 2, True),
    (3, 3, 48, 96, 4, 0.25, 2, False), (3, 5, 96, 112, 6, 0.25, 1, False),
    (3, 8, 112, 192, 6, 0.25, 2, False),
)  # fmt: skip
_S = (
    (3, 2, 24, 24, 1, 0, 1, True), (3, 4, 24, 48, 4, 0, 2, True), (3, 4, 48, 64, 4, 0, 2, True),
    (3, 6, 64, 128, 4, 0.25, 2, False), (3, 9, 128, 160, 6, 0.25, 1, False),
    (3, 15, 160, 256, 6, 0.25, 2, False),
)  # fmt: skip
_M = (
    (3, 3, 24, 24, 1, 0, 1, True), (3, 5, 24, 48, 4, 0, 2, True), (3, 5, 48, 80, 4, 0, 2, True),
    (3, 7, 80, 160, 4, 0.25, 2, False), (3, 14, 160, 176, 6, 0.25, 1, False),
    (3, 18, 176, 304, 6, 0.25, 2, False), (3, 5, 304, 512, 6, 0.25, 1, False),
)  # fmt: skip
_L = (
    (3, 4, 32, 32, 1, 0, 1, True), (3, 7, 32, 64, 4, 0, 2, True), (3, 7, 64, 96, 4, 0, 2, True),
    (3, 10, 96, 192, 4, 0.25, 2, False), (3, 19, 192, 224, 6, 0.25, 1, False),
    (3, 25, 224, 384, 6, 0.25, 2, False), (3, 7, 384, 640, 6, 0.25, 1, False),
)  # fmt: skip
_SIZES: dict[str, tuple[float, float, int, Any]] = {  # width, depth, size of images, stages
    "b0": (1.0, 1.0, 224, _B), "b1": (1.0, 1.1, 240, _B), "b2": (1.1, 1.2, 260, _B),
    "b3": (1.2, 1.4, 300, _B), "s": (1.0, 1.0, 384, _S), "m": (1.0, 1.0, 480, _M), "l": (1.0, 1.0, 480, _L),
}  # fmt: skip
_DROPPED = 0.2  # before the classifier, and of paths at the end of the network
_MEAN, _VARIANCE = (0.485, 0.456, 0.406), (0.229**2, 0.224**2, 0.225**2)


def _rounded(filters: float) -> int:
    """The nearest multiple of 8."""
    return max(8, int(filters + 4) // 8 * 8)


class _Network:
    """Blocks; names as in Keras."""

    def __init__(self, frame: Frame):
        self.frame = frame

    def norm(self, x: Any, name: str, activation: str | None = None) -> Any:
        """Batch normalization, then SiLU if that has a name."""
        x = layers.BatchNormalization(axis=self.frame.axis, momentum=0.9, name=name)(x)
        return layers.Activation("swish", name=activation)(x) if activation else x

    def conv(self, x: Any, filters: int, size: int, name: str, **options: Any) -> Any:
        """A convolution without bias."""
        options = {"use_bias": False, **options}
        return layers.Conv2D(
            filters, size, padding="same", kernel_initializer=conv_start(), name=name, **options
        )(x)

    def excite(self, x: Any, filters: int, squeezed: int, name: str) -> Any:
        """Channels weighted by what all places say."""
        shape = (1, 1, filters) if self.frame.axis == 3 else (filters, 1, 1)
        weights = layers.GlobalAveragePooling2D(name=name + "se_squeeze")(x)
        weights = layers.Reshape(shape, name=name + "se_reshape")(weights)
        weights = self.conv(weights, squeezed, 1, name + "se_reduce", activation="swish", use_bias=True)
        weights = self.conv(weights, filters, 1, name + "se_expand", activation="sigmoid", use_bias=True)
        return layers.multiply([x, weights], name=name + "se_excite")

    def whole(
        self, x: Any, kernel: int, filters: int, out: int, expansion: int, stride: int, name: str
    ) -> Any:
        """Expansion and projection, the first of them with the kernel and the stride."""
        if expansion == 1:
            x = self.conv(x, out, kernel, name + "project_conv", strides=stride)
            return self.norm(x, name + "project_bn", name + "project_activation")
        x = self.conv(x, filters, kernel, name + "expand_conv", strides=stride)
        x = self.norm(x, name + "expand_bn", name + "expand_activation")
        return self.norm(self.conv(x, out, 1, name + "project_conv"), name + "project_bn")

    def depthwise(
        self, x: Any, kernel: int, filters: int, out: int, squeezed: int, stride: int, name: str
    ) -> Any:
        """Expansion, depthwise convolution, excitation and projection."""
        if filters != x.shape[self.frame.axis]:
            x = self.conv(x, filters, 1, name + "expand_conv")
            x = self.norm(x, name + "expand_bn", name + "expand_activation")
        depthwise = layers.DepthwiseConv2D(
            kernel, strides=stride, padding="same", use_bias=False, depthwise_initializer=conv_start(),
            name=name + "dwconv2",
        )  # fmt: skip
        x = self.norm(depthwise(x), name + "bn", name + "activation")
        x = self.excite(x, filters, squeezed, name)
        return self.norm(self.conv(x, out, 1, name + "project_conv"), name + "project_bn")

    def block(
        self, x: Any, stage: Any, channels: int, out: int, stride: int, dropped: float, name: str
    ) -> Any:
        """A block of either kind, beside its input if shapes agree."""
        kernel, _, _, _, expansion, part, _, whole = stage
        before, filters = x, channels * expansion
        if whole:
            x = self.whole(x, kernel, filters, out, expansion, stride, name)
        else:
            x = self.depthwise(x, kernel, filters, out, max(1, int(channels * part)), stride, name)
        if stride != 1 or channels != out:
            return x
        if dropped:
            x = layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=name + "drop")(x)
        return layers.add([x, before], name=name + "add")


def _scaled(frame: Frame, x: Any, size: str) -> Any:
    """Colours from 0 to 255 as the network wants them."""
    if not size.startswith("b"):
        return layers.Rescaling(scale=1 / 128.0, offset=-1)(x)
    x = layers.Rescaling(scale=1.0 / 255)(x)
    return layers.Normalization(mean=list(_MEAN), variance=list(_VARIANCE), axis=frame.axis)(x)


def efficientnet_v2(frame: Frame, size: str, include_preprocessing: bool, name: str | None) -> Model:
    """A network of one of the sizes."""
    width, depth, _, stages = _SIZES[size]
    network = _Network(frame)
    x = _scaled(frame, frame.inputs, size) if include_preprocessing else frame.inputs
    x = network.conv(x, _rounded(stages[0][2] * width), 3, "stem_conv", strides=2)
    x = network.norm(x, "stem_bn", "stem_activation")
    repeats = [math.ceil(depth * stage[1]) for stage in stages]
    done, blocks = 0, sum(repeats)
    for index, stage in enumerate(stages):
        filters, out = _rounded(stage[2] * width), _rounded(stage[3] * width)
        for block in range(repeats[index]):
            x = network.block(
                x, stage, filters if block == 0 else out, out, stage[6] if block == 0 else 1,
                _DROPPED * done / blocks, f"block{index + 1}{chr(ord('a') + block)}_",
            )  # fmt: skip
            done += 1
    x = network.norm(network.conv(x, _rounded(1280 * width), 1, "top_conv"), "top_bn", "top_activation")
    start = {"kernel_initializer": dense_start(), "bias_initializer": initializers.Constant(0.0)}
    x = frame.head(x, ("avg_pool", "max_pool"), _DROPPED, **start)
    return frame.model(x, name, f"efficientnetv2-{size}")


def EfficientNetV2B0(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-b0",
) -> Model:
    """EfficientNetV2B0 (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["b0"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "b0", include_preprocessing, name)


def EfficientNetV2B1(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-b1",
) -> Model:
    """EfficientNetV2B1 (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["b1"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "b1", include_preprocessing, name)


def EfficientNetV2B2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-b2",
) -> Model:
    """EfficientNetV2B2 (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["b2"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "b2", include_preprocessing, name)


def EfficientNetV2B3(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-b3",
) -> Model:
    """EfficientNetV2B3 (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["b3"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "b3", include_preprocessing, name)


def EfficientNetV2S(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-s",
) -> Model:
    """EfficientNetV2S (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["s"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "s", include_preprocessing, name)


def EfficientNetV2M(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-m",
) -> Model:
    """EfficientNetV2M (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["m"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "m", include_preprocessing, name)


def EfficientNetV2L(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    include_preprocessing: bool = True,
    name: str | None = "efficientnetv2-l",
) -> Model:
    """EfficientNetV2L (Tan and Le, 2021); for the arguments see `ResNet50`.

    Args:
        include_preprocessing: whether the model scales colours from 0 to 255 itself.
    """
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation,
        _SIZES["l"][2],
    )  # fmt: skip
    return efficientnet_v2(frame, "l", include_preprocessing, name)
