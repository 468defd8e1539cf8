"""The models whose training is timed, as functions of a Keras (tkeras or real), and their data.

Sizes are those of the documents that tkeras was written for; see ``tests/seed_models.py`` for small ones, and
``perf._torch_models`` for the same in plain torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

CLASSES = 10
_MOST_VALUES, _MOST_BATCHES = 8_000_000, 100
_CLASS, _BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


@dataclass(frozen=True)
class Workload:
    """A model, its data and its loss.

    Attributes:
        build: makes the Keras model.
        inputs: shape of each input without the batch.
        targets: one for each output: a loss by Keras' name, and how many classes or numbers there are.
        texts: how many of the first inputs are words, below ``words``.
        everywhere: whether there is a class for each word.
        optimizer: by its name in Keras, with its learning rate.
        random: whether it draws numbers of its own in training, so that no two losses are the same.
    """

    build: Callable[[Any], Any]
    inputs: Sequence[tuple[int, ...]]
    targets: Sequence[tuple[str, int]]
    batch: int
    texts: int = 0
    words: int = 0
    everywhere: bool = False
    optimizer: tuple[str, float] = ("RMSprop", 1e-3)
    random: bool = False

    @property
    def batches(self) -> int:
        """Steps of an epoch: up to 100, fewer where the inputs would need more than 32 MB, at least 4."""
        values = self.batch * sum(map(math.prod, self.inputs))
        return max(4, min(_MOST_BATCHES, _MOST_VALUES // values))

    def data(self, rows: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Random inputs and targets."""
        random = np.random.default_rng(0)
        inputs: list[np.ndarray] = []
        for place, shape in enumerate(self.inputs):
            if place < self.texts:
                inputs.append(random.integers(self.words, size=(rows, *shape)).astype("int32"))
            else:
                inputs.append(random.normal(size=(rows, *shape)).astype("float32"))
        targets = []
        for loss, size in self.targets:
            if loss == _CLASS:
                shape = (rows, *self.inputs[0]) if self.everywhere else (rows,)
                targets.append(random.integers(size, size=shape).astype("int64"))
            elif loss == _BINARY:
                targets.append(random.integers(2, size=(rows, size)).astype("float32"))
            else:
                targets.append(inputs[0])
        return inputs, targets


def mlp(keras: Any) -> Any:
    """784-64-64-10."""
    x = inputs = keras.Input((784,))
    for _ in range(2):
        x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x))


def autoencoder(keras: Any) -> Any:
    """Convolutions from 28×28 to 16 numbers and back."""
    layers = keras.layers
    x = inputs = keras.Input((28, 28, 1))
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
    x = layers.MaxPooling2D(3)(x)
    for filters in (32, 16):
        x = layers.Conv2D(filters, 3, activation="relu")(x)
    x = layers.Reshape((4, 4, 1))(layers.GlobalMaxPooling2D()(x))
    for filters in (16, 32):
        x = layers.Conv2DTranspose(filters, 3, activation="relu")(x)
    x = layers.UpSampling2D(3)(x)
    x = layers.Conv2DTranspose(16, 3, activation="relu")(x)
    return keras.Model(inputs, layers.Conv2DTranspose(1, 3, activation="relu")(x))


def toy_resnet(keras: Any) -> Any:
    """Two residual blocks on 32×32 images."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, activation="relu")(inputs)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.MaxPooling2D(3)(x)
    for _ in range(2):
        before = x
        for _ in range(2):
            x = layers.Conv2D(64, 3, activation="relu", padding="same")(x)
        x = layers.add([x, before])
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.5)(layers.Dense(256, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


def headline(keras: Any) -> Any:
    """A headline and five numbers; a main and an auxiliary prediction."""
    layers = keras.layers
    words, more = keras.Input((100,), dtype="int32"), keras.Input((5,))
    memory = layers.LSTM(32)(layers.Embedding(10_000, 512)(words))
    x = layers.concatenate([memory, more])
    for _ in range(3):
        x = layers.Dense(64, activation="relu")(x)
    outputs = [layers.Dense(1, activation="sigmoid")(value) for value in (x, memory)]
    return keras.Model([words, more], outputs)


def ticket(keras: Any) -> Any:
    """Title, body and tags of a ticket; its priority and department."""
    layers = keras.layers
    title, body = keras.Input((10,), dtype="int32"), keras.Input((100,), dtype="int32")
    tags = keras.Input((12,))
    features = [
        layers.LSTM(units)(layers.Embedding(10_000, 64)(words)) for units, words in ((128, title), (32, body))
    ]
    x = layers.concatenate([*features, tags])
    outputs = [layers.Dense(1, activation="sigmoid")(x), layers.Dense(4, activation="softmax")(x)]
    return keras.Model([title, body, tags], outputs)


def siamese(keras: Any) -> Any:
    """One LSTM shared by two tweets."""
    a, b = keras.Input((280, 256)), keras.Input((280, 256))
    shared = keras.layers.LSTM(64)
    merged = keras.layers.concatenate([shared(a), shared(b)], axis=-1)
    return keras.Model([a, b], keras.layers.Dense(1, activation="sigmoid")(merged))


def resnet50(keras: Any) -> Any:
    """ResNet50 without weights, on 64×64 images."""
    return keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=CLASSES)


def char_lstm(keras: Any) -> Any:
    """The next of ten signs at each of 64 places."""
    layers = keras.layers
    signs = keras.Input((64,), dtype="int32")
    x = layers.LSTM(256, return_sequences=True)(layers.Embedding(CLASSES, 64)(signs))
    return keras.Model(signs, layers.Dense(CLASSES, activation="softmax")(x))


WORKLOADS = {
    "mlp": Workload(mlp, [(784,)], [(_CLASS, CLASSES)], 64),
    "autoencoder": Workload(autoencoder, [(28, 28, 1)], [("mse", 0)], 64),
    "toy_resnet": Workload(toy_resnet, [(32, 32, 3)], [(_CLASS, CLASSES)], 64, random=True),
    "headline": Workload(headline, [(100,), (5,)], [(_BINARY, 1)] * 2, 32, 1, 10_000),
    "ticket": Workload(ticket, [(10,), (100,), (12,)], [(_BINARY, 1), (_CLASS, 4)], 32, 2, 10_000),
    "siamese": Workload(siamese, [(280, 256), (280, 256)], [(_BINARY, 1)], 32),
    "resnet50": Workload(resnet50, [(64, 64, 3)], [(_CLASS, CLASSES)], 16, optimizer=("SGD", 1e-4)),
    "char_lstm": Workload(char_lstm, [(64,)], [(_CLASS, CLASSES)], 64, 1, CLASSES, True),
}


def drawn(shape: tuple[int, ...]) -> np.ndarray:
    """The first value of a weight matrix or kernel: the same for every contender, scaled by its inputs."""
    random = np.random.default_rng(list(shape))
    return (random.normal(size=shape) / math.sqrt(math.prod(shape[:-1]))).astype("float32")


def initialise(model: Any) -> None:
    """Give a Keras model the first values of :func:`drawn`; biases, scales and offsets keep theirs."""
    before = model.get_weights()
    model.set_weights([drawn(value.shape) if value.ndim > 1 else value for value in before])
