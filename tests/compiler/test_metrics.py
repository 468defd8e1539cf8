"""Metrics inside the program of a step give what they give eagerly."""

from __future__ import annotations

import numpy as np
import pytest

import tkeras
from tkeras import layers, metrics

METRICS = {
    "auc": lambda: metrics.AUC(),
    "precision": lambda: metrics.Precision(),
    "recall": lambda: metrics.Recall(),
    "f1": lambda: metrics.F1Score(threshold=0.5),
    "mean_iou": lambda: metrics.MeanIoU(2),
    "binary_iou": lambda: metrics.BinaryIoU(),
    "top_k": lambda: metrics.TopKCategoricalAccuracy(),
    "r2": lambda: metrics.R2Score(),
}
X = np.random.default_rng(0).random((48, 8)).astype("float32")
Y = (X.sum(1, keepdims=True) > 4).astype("float32")


def curves(name: str, jit_compile: bool) -> dict[str, list[float]]:
    tkeras.utils.set_random_seed(1)
    tkeras.backend.reset_uids()
    model = tkeras.Sequential([tkeras.Input((8,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=[METRICS[name]()], jit_compile=jit_compile)
    history = model.fit(X, Y, epochs=2, batch_size=16, verbose=0).history
    assert [reason for reason in model.explain().fallbacks if reason != "jit_compile is False"] == []
    return history


@pytest.mark.parametrize("name", METRICS)
def test_values_of_metrics(name: str) -> None:
    program, eager = curves(name, True), curves(name, False)
    assert program.keys() == eager.keys()
    for key, values in eager.items():
        np.testing.assert_allclose(program[key], values, rtol=1e-6)
