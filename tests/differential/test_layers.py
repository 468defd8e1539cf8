"""Layers of the spine against real Keras: outputs, gradients, state after a call, symbolic shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differential.carry import compare, inputs_of  # isort: skip  (chooses Keras' backend)
import keras

import tkeras

L = keras.layers


def f32(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32")


def ints(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, high, shape).astype("int32")


CASES: list[tuple[str, Any, tuple[Any, ...], dict[str, Any]]] = [
    ("dense", lambda: L.Dense(7), (f32(5, 3),), {}),
    ("dense-relu", lambda: L.Dense(17, activation="relu"), (f32(3, 2, 9),), {}),
    ("dense-softmax", lambda: L.Dense(4, activation="softmax", use_bias=False), (f32(6, 5),), {}),
    ("dense-gelu", lambda: L.Dense(4, activation="gelu", bias_initializer="normal"), (f32(6, 5),), {}),
    ("dense-l2", lambda: L.Dense(4, kernel_regularizer="l2", activity_regularizer="l1"), (f32(6, 5),), {}),
    *[
        (f"activation-{name}", lambda name=name: L.Activation(name), (f32(4, 9) * 3,), {})
        for name in ("relu", "tanh", "sigmoid", "softmax", "elu", "selu", "softplus", "hard_sigmoid", "linear", "silu")
    ],
    ("dropout-inference", lambda: L.Dropout(0.5), (f32(4, 9),), {}),
    ("flatten", lambda: L.Flatten(), (f32(4, 3, 2, 5),), {}),
    ("flatten-first", lambda: L.Flatten(data_format="channels_first"), (f32(4, 3, 2, 5),), {}),
    ("flatten-vector", lambda: L.Flatten(), (f32(4),), {}),
    ("reshape", lambda: L.Reshape((3, -1)), (f32(4, 2, 9),), {}),
    ("permute", lambda: L.Permute((3, 1, 2)), (f32(2, 3, 4, 5),), {}),
    ("repeat", lambda: L.RepeatVector(3), (f32(4, 5),), {}),
    ("embedding", lambda: L.Embedding(11, 6), (ints(11, 4, 7),), {}),
    ("embedding-vector", lambda: L.Embedding(3, 2), (ints(3, 5),), {}),
    ("masking", lambda: L.Masking(), (np.where(ints(3, 4, 5, 1) > 0, f32(4, 5, 3), 0).astype("float32"),), {}),
    ("identity", lambda: L.Identity(), (f32(3, 3),), {}),
    *[(f"merge-{k}", lambda k=k: getattr(L, k)(), ([f32(3, 4), f32(3, 4, seed=1)],), {}) for k in ("Add", "Subtract", "Multiply")],
    *[(f"merge-{k}", lambda k=k: getattr(L, k)(), ([f32(3, 4, seed=s) for s in (0, 1, 2)],), {}) for k in ("Average", "Maximum", "Minimum")],
    ("add-broadcast", lambda: L.Add(), ([f32(3, 4, 5), f32(3, 1, 5)],), {}),
    ("concatenate", lambda: L.Concatenate(), ([f32(3, 4), f32(3, 2)],), {}),
    ("concatenate-1", lambda: L.Concatenate(axis=1), ([f32(3, 4, 2), f32(3, 5, 2)],), {}),
    ("dot", lambda: L.Dot(axes=1), ([f32(3, 4), f32(3, 4, seed=1)],), {}),
    ("dot-pair", lambda: L.Dot(axes=(2, 1)), ([f32(3, 4, 5), f32(3, 5, 6)],), {}),
    ("dot-cosine", lambda: L.Dot(axes=1, normalize=True), ([f32(3, 4), f32(3, 4, seed=1)],), {}),
    ("conv1d-causal", lambda: L.Conv1D(5, 3, padding="causal", dilation_rate=2), (f32(2, 11, 4),), {}),
    ("conv2d", lambda: L.Conv2D(6, 3, activation="relu"), (f32(2, 9, 8, 3),), {}),
    ("conv2d-same-2", lambda: L.Conv2D(6, (3, 2), strides=(2, 1), padding="same"), (f32(2, 9, 8, 3),), {}),
    ("conv2d-groups", lambda: L.Conv2D(6, 3, groups=2, use_bias=False), (f32(2, 7, 7, 4),), {}),
    ("conv2d-dilated", lambda: L.Conv2D(6, 3, dilation_rate=2, activation="tanh"), (f32(1, 9, 9, 2),), {}),
    ("conv3d", lambda: L.Conv3D(3, 2, padding="same"), (f32(2, 4, 5, 6, 2),), {}),
    ("max-pool", lambda: L.MaxPooling2D(), (f32(2, 7, 8, 3),), {}),
    ("max-pool-same", lambda: L.MaxPooling2D(3, strides=2, padding="same"), (f32(2, 7, 8, 3),), {}),
    ("max-pool-1d", lambda: L.MaxPooling1D(3), (f32(2, 7, 3),), {}),
    ("average-pool", lambda: L.AveragePooling2D((2, 3)), (f32(2, 7, 8, 3),), {}),
    ("average-pool-same", lambda: L.AveragePooling2D(3, padding="same"), (f32(2, 7, 7, 3),), {}),  # uneven padding: Keras on torch repeats the edge, TensorFlow and we do not
    *[
        (f"global-{kind}-{rank}", lambda kind=kind, rank=rank: getattr(L, f"Global{kind}Pooling{rank}D")(), (f32(2, *range(3, 3 + rank), 4),), {})
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    ],
    ("global-keepdims", lambda: L.GlobalAveragePooling2D(keepdims=True), (f32(2, 3, 4, 5),), {}),
    ("batch-norm", lambda: L.BatchNormalization(), (f32(6, 5),), {}),
    ("batch-norm-train", lambda: L.BatchNormalization(), (f32(6, 5),), {"training": True}),
    ("batch-norm-image", lambda: L.BatchNormalization(momentum=0.8, scale=False), (f32(4, 3, 3, 5),), {"training": True}),
    ("batch-norm-axis", lambda: L.BatchNormalization(axis=1, center=False), (f32(4, 3, 5, 2),), {"training": True}),
    ("layer-norm", lambda: L.LayerNormalization(), (f32(4, 3, 7),), {}),
    ("layer-norm-axes", lambda: L.LayerNormalization(axis=[1, 2], epsilon=1e-5), (f32(4, 3, 7),), {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "inputs", "kwargs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_equals_keras(make: Any, inputs: Any, kwargs: Any) -> None:
    kwargs = {
        key: inputs_of([value])[0] if isinstance(value, np.ndarray) else value
        for key, value in kwargs.items()
    }
    compare(make(), *inputs, **kwargs)


def symbolic_shape(library: Any, layer: Any, inputs: Any, batch: int | None) -> Any:
    def tensor(value: Any) -> Any:
        if isinstance(value, list):
            return [tensor(item) for item in value]
        return library.Input(batch_shape=(batch, *value.shape[1:]), dtype=value.dtype.name)

    outputs = layer(*[tensor(value) for value in inputs])
    return [tuple(o.shape) for o in outputs] if isinstance(outputs, (list, tuple)) else tuple(outputs.shape)


@pytest.mark.parametrize(("make", "inputs"), [case[1:3] for case in CASES], ids=[case[0] for case in CASES])
def test_symbolic_shapes_equal_keras(make: Any, inputs: Any) -> None:
    real = make()
    for batch in (None, 4):
        ours = getattr(tkeras.layers, type(real).__name__).from_config(real.get_config())
        assert symbolic_shape(tkeras, ours, inputs, batch) == symbolic_shape(
            keras, type(real).from_config(real.get_config()), inputs, batch
        )


@pytest.mark.parametrize("make", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_configuration_equals_keras(make: Any) -> None:
    real = make()
    config = real.get_config()
    ours = getattr(tkeras.layers, type(real).__name__).from_config(config).get_config()
    assert ours == config
