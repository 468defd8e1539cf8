"""``fit`` of the MLP 784-64-64-10: tkeras, a plain torch loop, and Keras on torch.

Batch 64, RMSprop, sparse cross-entropy from logits, accuracy; random data of MNIST's shape, in which each
class has a faint pattern to be learned.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from perf._rounds import Comparison, WrongResultError

SAMPLES, FEATURES, CLASSES, BATCH = 32_000, 784, 10, 64
EPOCHS = 3
"""Timed, after one that is not."""
LEARNED, APART = 0.8, 0.1
"""Least accuracy on the training data after the last epoch, and how far contenders may be apart."""


def check(outputs: Mapping[str, dict[str, Any]]) -> None:
    """Every contender learned the data, and equally well."""
    accuracies = {name: output["accuracy"] for name, output in outputs.items()}
    if min(accuracies.values()) < LEARNED or max(accuracies.values()) - min(accuracies.values()) > APART:
        found = ", ".join(f"{name} {value:.3f}" for name, value in accuracies.items())
        raise WrongResultError(
            f"expected accuracies of at least {LEARNED}, at most {APART} apart; received {found}"
        )


COMPARISON = Comparison(
    name="fit-mlp",
    title=f"fit of the MLP 784-64-64-10, batch {BATCH}, RMSprop",
    module="perf.fit_mlp",
    contenders=("tkeras", "torch", "keras"),
    unit="steps/s",
    higher_is_better=True,
    check=check,
)


def data() -> tuple[np.ndarray, np.ndarray]:
    """Images (32000, 784) float32 in 0…1 and labels (32000,) int64."""
    random = np.random.default_rng(0)
    patterns = random.random((CLASSES, FEATURES), dtype=np.float32)
    labels = random.integers(CLASSES, size=SAMPLES)
    images = 0.12 * patterns[labels] + 0.88 * random.random((SAMPLES, FEATURES), dtype=np.float32)
    return images, labels


def fit_keras(keras: Any) -> tuple[float, float]:
    """Steps per second and accuracy of a Keras, whichever it is."""
    images, labels = data()
    layers = keras.layers
    inputs = keras.Input((FEATURES,))
    hidden = layers.Dense(64, activation="relu")(inputs)
    hidden = layers.Dense(64, activation="relu")(hidden)
    model = keras.Model(inputs, layers.Dense(CLASSES)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.RMSprop(), loss=loss, metrics=["accuracy"])
    model.fit(images, labels, batch_size=BATCH, verbose=0)
    start = time.perf_counter()
    history = model.fit(images, labels, batch_size=BATCH, epochs=1 + EPOCHS, initial_epoch=1, verbose=0)
    seconds = time.perf_counter() - start
    return SAMPLES // BATCH * EPOCHS / seconds, float(history.history["accuracy"][-1])


def fit_torch() -> tuple[float, float]:
    """The same as a plain loop: batches gathered by index, loss and accuracy kept as tensors."""
    import torch
    from torch import nn

    images, labels = map(torch.from_numpy, data())
    model = nn.Sequential(
        nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES)
    )
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)

    def epoch() -> float:
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(SAMPLES).split(BATCH):
            x, y = images[rows], labels[rows]
            logits = model(x)
            loss = nn.functional.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss
                right += (logits.argmax(1) == y).sum()
        return right.item() / SAMPLES

    epoch()
    start = time.perf_counter()
    accuracy = [epoch() for _ in range(EPOCHS)][-1]
    return SAMPLES // BATCH * EPOCHS / (time.perf_counter() - start), accuracy


def measure(contender: str) -> dict[str, float]:
    """Train here, as this contender."""
    if contender == "torch":
        value, accuracy = fit_torch()
    elif contender == "keras":
        import keras

        value, accuracy = fit_keras(keras)
    else:
        import tkeras

        value, accuracy = fit_keras(tkeras)
    return {"value": value, "accuracy": accuracy}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
