"""The MobileNets (Howard et al., 2017; Sandler et al., 2018): depthwise convolutions, scaled by ``alpha``."""

from __future__ import annotations

import warnings
from typing import Any

from tkeras import layers
from tkeras.applications._frame import Frame
from tkeras.models import Model

_SIZES = (128, 160, 192, 224)
_BLOCKS = (  # filters, stride
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1),
    (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
_BLOCKS_V2 = (  # filters, stride, expansion
    (16, 1, 1), (24, 2, 6), (24, 1, 6), (32, 2, 6), (32, 1, 6), (32, 1, 6), (64, 2, 6), (64, 1, 6),
    (64, 1, 6), (64, 1, 6), (96, 1, 6), (96, 1, 6), (96, 1, 6), (160, 2, 6), (160, 1, 6), (160, 1, 6),
    (320, 1, 6),
)  # fmt: skip


def _frame(
    include_top: bool,
    weights: Any,
    input_tensor: Any,
    input_shape: Any,
    pooling: str | None,
    classes: int,
    classifier_activation: Any,
    alpha: float,
    alphas: tuple[float, ...],
) -> tuple[Frame, int | None]:
    """The arguments, checked, and the side of the images."""
    from tkeras.config import image_data_format

    first = 0 if image_data_format() == "channels_last" else 1
    sides = tuple(input_shape)[first : first + 2] if input_shape is not None else (None, None)
    size = sides[0] if sides[0] == sides[1] and sides[0] in _SIZES else 224
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, size
    )
    rows = frame.shape[first]
    if frame.imagenet:
        if alpha not in alphas:
            names = ", ".join(f"`{value}`" for value in alphas)
            raise ValueError(
                f"If imagenet weights are being loaded, alpha can be one of {names} only. Received"
                f" alpha={alpha}"
            )
        if rows not in _SIZES or rows != frame.shape[first + 1]:
            rows = 224
            warnings.warn(
                f"`input_shape` is undefined or non-square, or `rows` is not in {list(_SIZES)}. Weights for"
                " input shape (224, 224) will be loaded as the default.",
                stacklevel=3,
            )
    return frame, rows


def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNet (Howard et al., 2017), 4,253,864 parameters with top.

    Args:
        alpha: factor on the number of filters.
        depth_multiplier: outputs of a depthwise convolution for each input channel.
        dropout: rate before the classifier.
        name: default: made of ``alpha`` and the size of the images.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation: as in
            `ResNet50`.
    """
    frame, rows = _frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, alpha,
        (0.25, 0.5, 0.75, 1.0),
    )  # fmt: skip
    if frame.imagenet and depth_multiplier != 1:
        raise ValueError(
            "If imagenet weights are being loaded, depth multiplier must be 1. Received"
            f" depth_multiplier={depth_multiplier}"
        )
    axis = -1 if frame.axis == 3 else 1

    def norm(x: Any, name: str) -> Any:
        x = layers.BatchNormalization(axis=axis, name=name + "_bn")(x)
        return layers.ReLU(6.0, name=name + "_relu")(x)

    x = layers.Conv2D(int(32 * alpha), 3, padding="same", use_bias=False, strides=2, name="conv1")(
        frame.inputs
    )
    x = norm(x, "conv1")
    for block, (filters, stride) in enumerate(_BLOCKS, 1):
        if stride > 1:
            x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{block}")(x)
        depthwise = layers.DepthwiseConv2D(
            3, padding="same" if stride == 1 else "valid", depth_multiplier=depth_multiplier, strides=stride,
            use_bias=False, name=f"conv_dw_{block}",
        )  # fmt: skip
        x = norm(depthwise(x), f"conv_dw_{block}")
        pointwise = layers.Conv2D(
            int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{block}"
        )
        x = norm(pointwise(x), f"conv_pw_{block}")
    if include_top:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        frame.check_activation()
        x = layers.Activation(classifier_activation, name="predictions")(x)
    else:
        x = frame.pool(x)
    return frame.model(x, name or f"mobilenet_{alpha:0.2f}_{rows}", f"mobilenet_{alpha}_{rows}")


def _divisible(value: float) -> int:
    """The nearest multiple of 8 that is not more than a tenth below."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class _InvertedResiduals:
    """Blocks of MobileNetV2.

    Args:
        axis: of the channels.
        alpha: factor on the number of filters.
    """

    def __init__(self, axis: int, alpha: float):
        self.axis, self.alpha = axis, alpha

    def norm(self, x: Any, name: str, relu: str | None = None) -> Any:
        x = layers.BatchNormalization(axis=self.axis, epsilon=1e-3, momentum=0.999, name=name)(x)
        return layers.ReLU(6.0, name=relu)(x) if relu else x

    def block(self, x: Any, index: int, filters: int, stride: int, expansion: int) -> Any:
        """Expansion, depthwise convolution and projection, beside the input where shapes agree."""
        channels, before = x.shape[self.axis], x
        name = f"block_{index}_" if index else "expanded_conv_"
        if index:
            expand = layers.Conv2D(
                expansion * channels, 1, padding="same", use_bias=False, name=name + "expand"
            )
            x = self.norm(expand(x), name + "expand_BN", name + "expand_relu")
        if stride == 2:
            x = layers.ZeroPadding2D(_padding(x, self.axis), name=name + "pad")(x)
        depthwise = layers.DepthwiseConv2D(
            3, strides=stride, use_bias=False, padding="same" if stride == 1 else "valid",
            name=name + "depthwise",
        )  # fmt: skip
        x = self.norm(depthwise(x), name + "depthwise_BN", name + "depthwise_relu")
        out = _divisible(int(filters * self.alpha))
        x = layers.Conv2D(out, 1, padding="same", use_bias=False, name=name + "project")(x)
        x = self.norm(x, name + "project_BN")
        return layers.Add(name=name + "add")([before, x]) if channels == out and stride == 1 else x


def _padding(x: Any, axis: int) -> tuple[tuple[int, int], ...]:
    """Padding of a 3×3 kernel of stride 2: one in front only where the size is odd."""
    sides = x.shape[1:3] if axis == -1 else x.shape[2:4]
    return tuple((0 if side is None or side % 2 == 0 else 1, 1) for side in sides)


def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNetV2 (Sandler et al., 2018), 3,538,984 parameters with top.

    Args:
        alpha: factor on the number of filters.
        name: default: made of ``alpha`` and the size of the images.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation: as in
            `ResNet50`.
    """
    frame, rows = _frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, alpha,
        (0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
    )  # fmt: skip
    network = _InvertedResiduals(-1 if frame.axis == 3 else 1, alpha)
    first = layers.Conv2D(_divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")
    x = network.norm(first(frame.inputs), "bn_Conv1", "Conv1_relu")
    for index, (filters, stride, expansion) in enumerate(_BLOCKS_V2):
        x = network.block(x, index, filters, stride, expansion)
    last = _divisible(1280 * alpha) if alpha > 1.0 else 1280
    x = network.norm(layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x), "Conv_1_bn", "out_relu")
    if include_top:
        x = frame.classify(layers.GlobalAveragePooling2D()(x))
    else:
        x = frame.pool(x)
    return frame.model(x, name or f"mobilenetv2_{alpha:0.2f}_{rows}", f"mobilenet_v2_{float(alpha)}_{rows}")
