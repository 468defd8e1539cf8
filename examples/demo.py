"""Three kinds of model on handwritten digits, and the fused kernels of one of them checked against torch."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tabulate import tabulate

import tkeras
from tkeras import layers
from tkeras_kernels import runtime

BATCH = 32
NEEDED = {"mlp": 0.95, "cnn": 0.96, "lstm": 0.90}
ALLOWED = 1e-4


class RowReader(tkeras.Model):
    """Reads an image row by row and names the digit."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.rows = layers.LSTM(64)
        self.digit = layers.Dense(10)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """(batch, 8, 8) → logits (batch, 10)."""
        return self.digit(self.rows(inputs))


def make_mlp() -> tkeras.Model:
    """Functional: 64-64-64-10."""
    pixels = tkeras.Input((64,), name="pixels")
    hidden = layers.Dense(64, activation="relu")(pixels)
    hidden = layers.Dense(64, activation="relu")(hidden)
    return tkeras.Model(pixels, layers.Dense(10)(hidden), name="mlp")


def make_cnn() -> tkeras.Model:
    """Sequential: two convolutions."""
    return tkeras.Sequential(
        [
            tkeras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(10),
        ],
        name="cnn",
    )


def train(model: tkeras.Model, digits: list[np.ndarray], epochs: int) -> tuple[float, float]:
    """Accuracy on held-out images, and steps per second of ``fit`` after its first epoch."""
    images, held_out, labels, held_out_labels = digits
    model.compile(
        optimizer="adam",
        loss=tkeras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    print(f"\n{model.name}: 1 epoch, then {epochs - 1} timed")
    model.fit(images, labels, batch_size=BATCH)
    start = time.perf_counter()
    model.fit(images, labels, batch_size=BATCH, epochs=epochs, initial_epoch=1, verbose=0)
    seconds = time.perf_counter() - start
    accuracy = model.evaluate(held_out, held_out_labels, verbose=0, return_dict=True)["accuracy"]
    return accuracy, -(-len(images) // BATCH) * (epochs - 1) / seconds


def logits_and_gradients(model: tkeras.Model, images: np.ndarray, labels: np.ndarray) -> list[torch.Tensor]:
    """Results of one forward and backward pass."""
    logits = model(images, training=True)
    expected = torch.as_tensor(labels, device=logits.device)
    loss = torch.nn.functional.cross_entropy(logits, expected)
    return [logits.detach(), *torch.autograd.grad(loss, model.trainable_weights)]


def check_kernels(model: tkeras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Largest difference between the fused kernels and torch; infinite if another implementation ran."""
    with tkeras.config.backend_scope("torch"):
        expected = logits_and_gradients(model, images, labels)
    runtime.reset_report()
    backend = "triton" if torch.cuda.is_available() else "interpret"
    with tkeras.config.backend_scope(backend):
        found = logits_and_gradients(model, images, labels)
    records = [record for record in runtime.report() if record.implementation != backend or record.failures]
    for record in records:
        print(f"{record.operator} ran on {record.implementation}: {record.reason}")
    pairs = zip(found, expected, strict=True)
    difference = max((a - b).abs().nan_to_num(torch.inf).max().item() for a, b in pairs)
    print(f"\nmlp, one batch forward and backward, {backend} against torch: {difference:.1e} apart at most")
    return float("inf") if records else difference


def main() -> int:
    """Train, check, print; 0 when everything is as good as it should be."""
    tkeras.utils.set_random_seed(1)
    torch.set_num_threads(1)  # small models: more threads mostly wait for one another
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    flat = train_test_split(x, y, test_size=0.25, random_state=1, stratify=y)
    rows = [part.reshape(-1, 8, 8) if part.ndim == 2 else part for part in flat]
    pictures = [part[..., None] if part.ndim == 3 else part for part in rows]

    mlp, cnn, lstm = make_mlp(), make_cnn(), RowReader(name="lstm")
    mlp.summary()
    runs = [(mlp, flat, 25), (cnn, pictures, 15), (lstm, rows, 30)]
    results = {model.name: train(model, digits, epochs) for model, digits, epochs in runs}
    backend = " ".join(sorted({record.implementation for record in runtime.report()}))
    table = [(name, *row) for name, row in results.items()]
    print("\n" + tabulate(table, ["model", "held-out accuracy", "steps/s"], floatfmt=("", ".3f", ".0f")))

    kernels = check_kernels(mlp, flat[1][:BATCH], flat[3][:BATCH])
    good = kernels <= ALLOWED and all(results[name][0] >= least for name, least in NEEDED.items())
    accuracies = " ".join(f"{name}={accuracy:.2f}" for name, (accuracy, _) in results.items())
    print(f"demo: {'ok' if good else 'failed'} {accuracies} kernels={kernels:.1e} backend={backend}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
