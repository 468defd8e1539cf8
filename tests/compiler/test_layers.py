"""Programs of models with each layer, outside training and in it: results and gradients equal eager ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests.compiler.test_step import compare
from tkeras import layers as L
from tkeras.compiler import passes, trace
from tkeras.graph._tree import flatten

IMAGE, SEQUENCE, VECTOR = (6, 6, 4), (5, 4), (6,)
LAYERS: dict[str, tuple[tuple[int, ...], Any]] = {
    "dense": (VECTOR, lambda: L.Dense(3, "gelu")),
    "einsum_dense": (SEQUENCE, lambda: L.EinsumDense("abc,cd->abd", (5, 3), bias_axes="d", activation="relu")),
    "conv1d": (SEQUENCE, lambda: L.Conv1D(3, 2, padding="causal", activation="tanh")),
    "conv2d": (IMAGE, lambda: L.Conv2D(3, 3, strides=2, padding="same", activation="elu")),
    "conv2d_first": (IMAGE, lambda: L.Conv2D(3, 3, data_format="channels_first")),
    "transpose": (IMAGE, lambda: L.Conv2DTranspose(3, 3, strides=2)),
    "depthwise": (IMAGE, lambda: L.DepthwiseConv2D(3, depth_multiplier=2)),
    "separable": (IMAGE, lambda: L.SeparableConv2D(3, 3, activation="relu")),
    "max_pool": (IMAGE, lambda: L.MaxPooling2D(2, padding="same")),
    "average_pool": (IMAGE, lambda: L.AveragePooling2D(3, strides=1, padding="same")),
    "global": (IMAGE, lambda: L.GlobalAveragePooling2D(keepdims=True)),
    "adaptive": (IMAGE, lambda: L.AdaptiveAveragePooling2D(2)),
    "batch_norm": (IMAGE, lambda: L.BatchNormalization()),
    "layer_norm": (SEQUENCE, lambda: L.LayerNormalization()),
    "group_norm": (IMAGE, lambda: L.GroupNormalization(2)),
    "rms_norm": (SEQUENCE, lambda: L.RMSNormalization()),
    "unit_norm": (VECTOR, lambda: L.UnitNormalization()),
    "spectral": (VECTOR, lambda: L.SpectralNormalization(L.Dense(3))),
    "lstm": (SEQUENCE, lambda: L.LSTM(3, return_sequences=True, go_backwards=True)),
    "gru": (SEQUENCE, lambda: L.GRU(3, reset_after=False, dropout=0.3)),
    "simple_rnn": (SEQUENCE, lambda: L.SimpleRNN(3, activation="relu", unroll=True)),
    "own_cells": (SEQUENCE, lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)])),
    "conv_lstm": ((3, 5, 5, 2), lambda: L.ConvLSTM2D(2, 2)),
    "bidirectional": (SEQUENCE, lambda: L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum")),
    "time_distributed": ((3, *SEQUENCE), lambda: L.TimeDistributed(L.Dense(2, "relu"))),
    "attention": (SEQUENCE, lambda: Twice(L.MultiHeadAttention(2, 3, dropout=0.2))),
    "dot_attention": (SEQUENCE, lambda: Listed(L.Attention(use_scale=True))),
    "prelu": (SEQUENCE, lambda: L.PReLU()),
    "softmax": (SEQUENCE, lambda: L.Softmax(axis=1)),
    "leaky": (VECTOR, lambda: L.LeakyReLU(0.2)),
    "permute": (SEQUENCE, lambda: L.Permute((2, 1))),
    "repeat": (VECTOR, lambda: L.RepeatVector(3)),
    "crop": (IMAGE, lambda: L.Cropping2D(1)),
    "pad": (IMAGE, lambda: L.ZeroPadding2D((1, 2))),
    "upsample": (IMAGE, lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "spatial_dropout": (IMAGE, lambda: L.SpatialDropout2D(0.4, seed=1)),
    "alpha_dropout": (VECTOR, lambda: L.AlphaDropout(0.3, seed=1)),
    "noise": (VECTOR, lambda: L.GaussianDropout(0.3, seed=1)),
    "activity": (VECTOR, lambda: L.ActivityRegularization(0.1, 0.2)),
    "lambda": (VECTOR, lambda: L.Lambda(lambda x: tkeras.ops.logsumexp(x, axis=-1, keepdims=True) * x)),
    "own_cell": (SEQUENCE, lambda: L.RNN(Leaky(3))),
    "rotation": ((6, 6, 3), lambda: L.RandomRotation(0.2, seed=1)),
    "renorm": (SEQUENCE, lambda: L.BatchNormalization(renorm=True)),
    "torch_module": (SEQUENCE, lambda: L.TorchModuleWrapper(torch.nn.BatchNorm1d(5))),
    "masking": (SEQUENCE, lambda: tkeras.Sequential([L.Masking(0.0), L.GRU(3)])),
}  # fmt: skip


class Leaky(tkeras.Layer):
    """A cell of a user's own."""

    def __init__(self, units: int):
        super().__init__()
        self.state_size = units

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight((shape[-1] + self.state_size, self.state_size))

    def call(self, x: Any, states: Any) -> Any:
        joined = tkeras.ops.concatenate([x, states[0]], -1)
        h = 0.5 * states[0] + tkeras.ops.tanh(tkeras.ops.matmul(joined, self.kernel))
        return h, [h]


class Twice(tkeras.Layer):
    """Attention of a sequence to itself."""

    def __init__(self, inner: Any):
        super().__init__()
        self.inner = inner

    def call(self, x: Any, training: bool = False) -> Any:
        return self.inner(x, x, training=training)


class Listed(Twice):
    """The same for layers that take a list."""

    def call(self, x: Any, training: bool = False) -> Any:
        return self.inner([x, x], training=training)


def model(name: str) -> Any:
    shape, make = LAYERS[name]
    inputs = tkeras.Input(shape)
    x = L.Dense(shape[-1])(inputs)
    x = make()(x)
    return tkeras.Model(inputs, L.Dense(2)(L.Flatten()(L.ReLU()(x))))


@pytest.mark.parametrize("name", LAYERS)
def test_inference_after_all_passes(name: str) -> None:
    made = model(name)
    x = torch.randn(3, *LAYERS[name][0])
    program = passes.optimize(trace(made, x, training=False))
    program.verify()
    for ours, theirs in zip(flatten(program.run(x)), flatten(made(x, training=False)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_training(name: str) -> None:
    x = np.random.rand(12, *LAYERS[name][0]).astype("float32")
    compare(lambda: model(name), x, np.random.rand(12, 2).astype("float32"), programs=2, fit={"epochs": 2})
