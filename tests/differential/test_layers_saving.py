"""Weights files and whole models with the more intricate layers, exchanged with real Keras both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.differential.layer_checks import assert_close, f32, keras, tkeras

X = f32(2, 5, 8)


def model_of(library: Any, module: bool = True) -> Any:
    """Attention, normalization with state, several kernels, a torch module."""
    L = library.layers
    inputs = library.Input((5, 8))
    x = L.MultiHeadAttention(2, 4, use_gate=True, dropout=0.1)(inputs, inputs)
    x = L.GroupQueryAttention(4, 4, 2, use_gate=True)(x, x)
    x = L.SpectralNormalization(L.Dense(3))(x)
    x = L.BatchNormalization(renorm=True, gamma_initializer="normal")(x)
    x = L.Attention(use_scale=True, dropout=0.2)([x, x])
    x = L.SeparableConv1D(4, 2)(x)
    if module:
        net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Flatten(0, 1), torch.nn.BatchNorm1d(3))
        x = L.TorchModuleWrapper(net, output_shape=(None, 3))(x)
    x = L.PReLU("normal")(x)
    return library.Model(inputs, L.Conv1DTranspose(2, 3)(x) if not module else x)


@pytest.mark.parametrize("source", [keras, tkeras])
@pytest.mark.parametrize("kind", ["weights.h5", "keras"])
def test_files_go_both_ways(source: Any, kind: str, tmp_path: Path) -> None:
    target = tkeras if source is keras else keras
    path = tmp_path / f"model.{kind}"
    model = model_of(source, module=kind != "keras")
    for step in range(2):
        model(torch.from_numpy(f32(2, 5, 8, seed=step)), training=True)
    if kind == "keras":
        model.save(path)
        other = target.models.load_model(path)
    else:
        model.save_weights(path)
        other = model_of(target)
        other.load_weights(path)
    assert_close(other.predict(X, verbose=0), model.predict(X, verbose=0), "prediction")
