"""The NASNets (Zoph et al., 2018): cells that were found by search, stacked."""

from __future__ import annotations

from typing import Any

from tkeras import layers
from tkeras.applications._efficientnet import padding
from tkeras.applications._frame import Frame
from tkeras.models import Model


class _Network:
    """Cells; names as in Keras."""

    def __init__(self, frame: Frame):
        self.frame = frame
        self.axis = -1 if frame.axis == 3 else 1

    def norm(self, x: Any, name: str) -> Any:
        return layers.BatchNormalization(axis=self.axis, momentum=0.9997, epsilon=1e-3, name=name)(x)

    def project(self, x: Any, filters: int, name: str) -> Any:
        """A 1×1 convolution without bias."""
        return layers.Conv2D(
            filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
        )(x)

    def squeeze(self, x: Any, filters: int, conv: str, norm: str) -> Any:
        """ReLU, projection, normalization."""
        return self.norm(self.project(layers.Activation("relu")(x), filters, conv), norm)

    def separable(self, x: Any, filters: int, kernel: int, name: str, stride: int = 1) -> Any:
        """Two separable convolutions, the first with the stride."""
        x = layers.Activation("relu")(x)
        if stride == 2:
            x = layers.ZeroPadding2D(padding(self.frame, x, kernel), name=f"separable_conv_1_pad_{name}")(x)
        for number, (strides, pad) in enumerate(
            ((stride, "valid" if stride == 2 else "same"), (1, "same")), 1
        ):
            x = layers.Activation("relu")(x) if number == 2 else x
            conv = layers.SeparableConv2D(
                filters, kernel, strides=strides, padding=pad, use_bias=False,
                name=f"separable_conv_{number}_{name}",
            )  # fmt: skip
            x = self.norm(conv(x), f"separable_conv_{number}_bn_{name}")
        return x

    def adjust(self, p: Any, x: Any, filters: int, cell: str) -> Any:
        """The output of the cell before the last, in the size of the last one's."""
        if p is None:
            return x
        side = 2
        if p.shape[side] != x.shape[side]:
            p = layers.Activation("relu", name=f"adjust_relu_1_{cell}")(p)
            shifted = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(p))
            halves = []
            for number, part in enumerate((p, shifted), 1):
                pool = layers.AveragePooling2D(
                    1, strides=2, padding="valid", name=f"adjust_avg_pool_{number}_{cell}"
                )
                halves.append(self.project(pool(part), filters // 2, f"adjust_conv_{number}_{cell}"))
            return self.norm(layers.concatenate(halves, axis=self.axis), f"adjust_bn_{cell}")
        if p.shape[self.axis] != filters:
            return self.squeeze(p, filters, f"adjust_conv_projection_{cell}", f"adjust_bn_{cell}")
        return p

    def normal(self, x: Any, p: Any, filters: int, cell: str) -> tuple[Any, Any]:
        """A cell that keeps the size; gives its output and its input."""
        p = self.adjust(p, x, filters, cell)
        h = self.squeeze(x, filters, f"normal_conv_1_{cell}", f"normal_bn_1_{cell}")

        def pool(value: Any, name: str) -> Any:
            return layers.AveragePooling2D(3, strides=1, padding="same", name=f"normal_{name}_{cell}")(value)

        def conv(value: Any, kernel: int, name: str) -> Any:
            return self.separable(value, filters, kernel, f"normal_{name}_{cell}")

        made = [
            (conv(h, 5, "left1"), conv(p, 3, "right1")), (conv(p, 5, "left2"), conv(p, 3, "right2")),
            (pool(h, "left3"), p), (pool(p, "left4"), pool(p, "right4")), (conv(h, 3, "left5"), h),
        ]  # fmt: skip
        sums = [
            layers.add([one, other], name=f"normal_add_{number}_{cell}")
            for number, (one, other) in enumerate(made, 1)
        ]
        return layers.concatenate([p, *sums], axis=self.axis, name=f"normal_concat_{cell}"), x

    def reduction(self, x: Any, p: Any, filters: int, cell: str) -> tuple[Any, Any]:
        """A cell that halves the size; gives its output and its input."""
        p = self.adjust(p, x, filters, cell)
        h = self.squeeze(x, filters, f"reduction_conv_1_{cell}", f"reduction_bn_1_{cell}")
        h3 = layers.ZeroPadding2D(padding(self.frame, h, 3), name=f"reduction_pad_1_{cell}")(h)

        def conv(value: Any, kernel: int, name: str, stride: int = 2) -> Any:
            return self.separable(value, filters, kernel, f"reduction_{name}_{cell}", stride)

        def pool(kind: Any, name: str) -> Any:
            return kind(3, strides=2, padding="valid", name=f"reduction_{name}_{cell}")(h3)

        def total(one: Any, other: Any, name: str) -> Any:
            return layers.add([one, other], name=f"reduction_{name}_{cell}")

        x1 = total(conv(h, 5, "left1"), conv(p, 7, "right1"), "add_1")
        x2 = total(pool(layers.MaxPooling2D, "left2"), conv(p, 7, "right2"), "add_2")
        x3 = total(pool(layers.AveragePooling2D, "left3"), conv(p, 5, "right3"), "add3")
        smooth = layers.AveragePooling2D(3, strides=1, padding="same", name=f"reduction_left4_{cell}")
        x4 = layers.add([x2, smooth(x1)])
        x5 = total(conv(x1, 3, "left4", 1), pool(layers.MaxPooling2D, "right5"), "add4")
        joined = layers.concatenate([x2, x3, x4, x5], axis=self.axis, name=f"reduction_concat_{cell}")
        return joined, x


def _nasnet(
    frame: Frame, penultimate: int, blocks: int, stem: int, skip: bool, name: str | None, key: str
) -> Model:
    """A network.

    Args:
        penultimate: filters before the classifier.
        blocks: normal cells between two reductions.
        stem: filters of the first convolution.
        skip: whether the cell after a reduction looks back past it.
    """
    network, filters = _Network(frame), penultimate // 24
    first = layers.Conv2D(
        stem, 3, strides=2, padding="valid", use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )
    x: Any = network.norm(first(frame.inputs), "stem_bn1")
    x, p = network.reduction(x, None, filters // 4, "stem_1")
    x, p = network.reduction(x, p, filters // 2, "stem_2")
    for stage, width in enumerate((filters, 2 * filters, 4 * filters)):
        if stage:
            x, before = network.reduction(x, p, width, f"reduce_{stage * blocks}")
            p = p if skip else before
        start = stage * blocks + (1 if stage else 0)
        for index in range(start, start + blocks):
            x, p = network.normal(x, p, width, str(index))
    x = layers.Activation("relu")(x)
    if frame.include_top:
        x = frame.classify(layers.GlobalAveragePooling2D()(x))
    else:
        x = frame.pool(x)
    return frame.model(x, name, key)


def NASNetLarge(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "nasnet_large",
) -> Model:
    """NASNetLarge (Zoph et al., 2018), 88,949,818 parameters with top; for the arguments see `ResNet50`."""
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, 331
    )
    return _nasnet(frame, 4032, 6, 96, True, name, "nasnet_large")


def NASNetMobile(
    input_shape: Any = None,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = "nasnet_mobile",
) -> Model:
    """NASNetMobile (Zoph et al., 2018), 5,326,716 parameters with top; for the arguments see `ResNet50`."""
    frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation)
    return _nasnet(frame, 1056, 4, 32, False, name, "nasnet_mobile")
