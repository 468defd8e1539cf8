"""What all applications share: their arguments, the input, the head and the weights."""

from __future__ import annotations

import os
import warnings
from typing import Any

from tkeras import activations, layers
from tkeras.applications._weights import weights_file
from tkeras.config import image_data_format
from tkeras.graph import is_keras_tensor
from tkeras.models import Model
from tkeras.utils._source_inputs import get_source_inputs

_CLASSES = 1000


class Frame:
    """The arguments of an application, checked.

    Args:
        include_top: whether the model ends in a classifier.
        weights: None, ``"imagenet"``, or the path of a file.
        input_tensor: symbolic tensor to build on.
        input_shape: shape of one image.
        pooling: without top, ``"avg"`` or ``"max"`` for one vector an image.
        classes: outputs of the classifier.
        classifier_activation: of the classifier.
        default_size: side of the images that the published weights were trained on.
        min_size: least side.
        flatten: whether an unknown size is refused; default: ``include_top``.

    Raises:
        ValueError: something does not fit; the message says what.
    """

    def __init__(
        self,
        include_top: bool,
        weights: Any,
        input_tensor: Any,
        input_shape: Any,
        pooling: str | None,
        classes: int,
        classifier_activation: Any,
        default_size: int = 224,
        min_size: int = 32,
        flatten: bool | None = None,
    ):
        self.imagenet = weights == "imagenet"
        if weights is not None and not self.imagenet and not os.path.exists(os.fspath(weights)):
            raise ValueError(
                "The `weights` argument should be either `None` (random initialization), 'imagenet'"
                " (pre-training on ImageNet), or the path to the weights file to be loaded. Received:"
                f" weights={weights}"
            )
        if self.imagenet and include_top and classes != _CLASSES:
            raise ValueError(
                f"If using `weights='imagenet'` with `include_top=True`, `classes` should be {_CLASSES}. "
                f"Received classes={classes}"
            )
        if pooling not in (None, "avg", "max"):
            raise ValueError(f"`pooling` must be None, 'avg' or 'max'. Received: pooling={pooling}")
        self.include_top, self.weights, self.pooling = include_top, weights, pooling
        self.classes, self.activation = classes, classifier_activation
        self.axis = 3 if image_data_format() == "channels_last" else 1
        flatten = include_top if flatten is None else flatten
        self.shape = self._shape(input_shape, default_size, min_size, flatten)
        self.given = input_tensor
        if input_tensor is None:
            self.inputs = layers.Input(shape=self.shape)
        elif is_keras_tensor(input_tensor):
            self.inputs = input_tensor
        else:
            raise ValueError(
                f"`input_tensor` must be a symbolic tensor, from `Input` or a layer. Received: {input_tensor}"
            )

    def _shape(self, given: Any, size: int, least: int, flatten: bool) -> tuple[int | None, ...]:
        channels = 3
        if given is not None and len(given) != 3:
            raise ValueError("`input_shape` must be a tuple of three integers.")
        if given is not None and not self.imagenet:
            channels = given[self.axis - 1]
            if channels not in (1, 3):
                warnings.warn(
                    "This model usually expects 1 or 3 input channels. However, it was passed an input_shape"
                    f" with {channels} input channels.",
                    stacklevel=4,
                )
        default = self._with_channels(size, size, channels)
        if self.imagenet and flatten:
            if given is not None and tuple(given) != default:
                raise ValueError(
                    "When setting `include_top=True` and loading `imagenet` weights, `input_shape` should be"
                    f" {default}. Received: input_shape={given}"
                )
            return default
        if given is None:
            return default if flatten else self._with_channels(None, None, 3)
        if self.imagenet and given[self.axis - 1] != 3:
            raise ValueError(f"The input must have 3 channels; Received `input_shape={given}`")
        sides = [side for index, side in enumerate(given) if index != self.axis - 1]
        if any(side is not None and side < least for side in sides):
            raise ValueError(f"Input size must be at least {least}x{least}; Received: input_shape={given}")
        if flatten and None in given:
            raise ValueError(
                "If `include_top` is True, you should specify a static `input_shape`. Received: "
                f"input_shape={given}"
            )
        return tuple(given)

    def _with_channels(self, rows: int | None, columns: int | None, channels: int) -> tuple[int | None, ...]:
        return (rows, columns, channels) if self.axis == 3 else (channels, rows, columns)

    def check_activation(self) -> None:
        """Refuse an activation that the published weights were not trained with.

        Raises:
            ValueError: it is neither softmax nor linear.
        """
        known = (activations.get(None), activations.get("softmax"))
        if self.imagenet and activations.get(self.activation) not in known:
            raise ValueError(
                "Only `None` and `softmax` activations are allowed for the `classifier_activation` argument"
                " when using pretrained weights, with `include_top=True`; Received: "
                f"classifier_activation={self.activation}"
            )

    def classify(self, x: Any, **options: Any) -> Any:
        """The classifier on vectors; ``options`` are for its `Dense` layer."""
        self.check_activation()
        return layers.Dense(self.classes, activation=self.activation, name="predictions", **options)(x)

    def head(
        self, x: Any, names: tuple[str | None, str | None] = (None, None), dropout: float = 0, **options: Any
    ) -> Any:
        """The end of most models: pooling and classifier, or what ``pooling`` says.

        Args:
            names: of the two pooling layers without top.
            dropout: rate of a layer before the classifier.
            options: for the classifier's `Dense` layer.
        """
        if self.include_top:
            x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
            if dropout:
                x = layers.Dropout(dropout, name="top_dropout")(x)
            return self.classify(x, **options)
        return self.pool(x, names)

    def pool(self, x: Any, names: tuple[str | None, str | None] = (None, None)) -> Any:
        """The end without top."""
        if self.pooling == "avg":
            return layers.GlobalAveragePooling2D(name=names[0])(x)
        return layers.GlobalMaxPooling2D(name=names[1])(x) if self.pooling == "max" else x

    def model(self, x: Any, name: str | None, key: str) -> Model:
        """The model from the input to ``x``, with its weights.

        Args:
            key: of the published weights.
        """
        inputs = self.inputs if self.given is None else get_source_inputs(self.given)
        model = Model(inputs, x, name=name)
        if self.imagenet:
            model.load_weights(weights_file(key, self.include_top))
        elif self.weights is not None:
            model.load_weights(self.weights)
        return model
