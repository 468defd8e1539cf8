"""The seed models against real Keras: outputs, training steps, histories, and weights files both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differential.carry import assert_close  # isort: skip  (chooses Keras' backend)
import keras

import tkeras
from tests import seed_models as seeds

R = np.random.default_rng(0)


def f32(*shape: int) -> np.ndarray:
    return R.normal(size=shape).astype("float32")


def labels(high: int, *shape: int) -> np.ndarray:
    return R.integers(0, high, shape).astype("int32")


BINARY = {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
CASES: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "mnist": (seeds.mnist_model, f32(40, 784), labels(10, 40), {"loss": "SPARSE", "metrics": ["accuracy"], "optimizer": "rmsprop"}),
    "mnist-adam-l1": (seeds.mnist_model, f32(40, 784), f32(40, 10), {"loss": "mae", "metrics": ["mse", "mae"], "optimizer": "adam"}),
    "encoder": (seeds.encoder, f32(8, 28, 28, 1), f32(8, 16), {"loss": "mse", "optimizer": "sgd"}),
    "resnet": (seeds.toy_resnet, f32(8, 32, 32, 3), np.eye(10, dtype="float32")[labels(10, 8)], {"loss": "CATEGORICAL", "metrics": ["acc"], "optimizer": "rmsprop"}),
    "headline": (seeds.headline_model, [labels(1000, 16, 12), f32(16, 5)], [labels(2, 16, 1).astype("float32")] * 2, {"loss": ["binary_crossentropy"] * 2, "loss_weights": [1.0, 0.2], "optimizer": "rmsprop"}),
    "headline-names": (
        seeds.headline_model, {"main_input": labels(1000, 16, 12), "aux_input": f32(16, 5)},
        {"main_output": labels(2, 16, 1).astype("float32"), "aux_output": labels(2, 16, 1).astype("float32")},
        {"loss": {"main_output": "binary_crossentropy", "aux_output": "mse"}, "loss_weights": {"main_output": 1.0, "aux_output": 0.2},
         "metrics": {"main_output": ["accuracy"], "aux_output": ["mae"]}, "optimizer": "adam"},
    ),
    "ticket": (
        seeds.ticket_model, {"title": labels(100, 16, 5), "body": labels(100, 16, 9), "tags": labels(2, 16, 12).astype("float32")},
        {"priority": labels(2, 16, 1).astype("float32"), "department": np.eye(4, dtype="float32")[labels(4, 16)]},
        {"loss": ["BINARY", "CATEGORICAL"], "loss_weights": [1.0, 0.2], "optimizer": "rmsprop"},
    ),
    "siamese": (seeds.siamese_model, [f32(16, 10, 12), f32(16, 10, 12)], labels(2, 16), {**BINARY, "optimizer": "rmsprop"}),
    "ensemble": (seeds.ensemble, f32(16, 128), f32(16, 1), {"loss": "mse", "optimizer": "sgd"}),
}  # fmt: skip


def loss_of(library: Any, loss: Any) -> Any:
    if isinstance(loss, list):
        return [loss_of(library, one) for one in loss]
    named = {
        "SPARSE": lambda: library.losses.SparseCategoricalCrossentropy(from_logits=True),
        "CATEGORICAL": lambda: library.losses.CategoricalCrossentropy(from_logits=True),
        "BINARY": lambda: library.losses.BinaryCrossentropy(from_logits=True),
    }
    return named[loss]() if isinstance(loss, str) and loss in named else loss


def pair(name: str) -> tuple[Any, Any, Any, Any]:
    """(ours, real, x, y), compiled alike, with the same weights."""
    make, x, y, options = CASES[name]
    keras.backend.clear_session()
    tkeras.backend.clear_session()
    real, ours = make(keras), make(tkeras)
    ours.set_weights(real.get_weights())
    for library, model in ((keras, real), (tkeras, ours)):
        model.compile(**{**options, "loss": loss_of(library, options["loss"])})
    return ours, real, x, y


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_names_equal_keras(name: str) -> None:
    ours, real, x, _ = pair(name)
    assert [w.path for w in ours.weights] == [w.path for w in real.weights]
    assert [layer.name for layer in ours.layers] == [layer.name for layer in real.layers]
    assert ours.count_params() == real.count_params()
    results, expected = ours.predict(x, verbose=0), real.predict(x, verbose=0)
    for a, b in zip(*(r if isinstance(r, list) else [r] for r in (results, expected)), strict=True):
        assert_close(a, b, name)


@pytest.mark.parametrize("name", CASES)
def test_training_equals_keras(name: str) -> None:
    ours, real, x, y = pair(name)
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False}
    history, expected = ours.fit(x, y, **options).history, real.fit(x, y, **options).history
    assert history.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(history[key], values, rtol=2e-4, atol=2e-5, err_msg=key)
    for ours_weight, real_weight in zip(ours.weights, real.weights, strict=True):
        np.testing.assert_allclose(
            ours_weight.numpy(), real_weight.numpy(), rtol=2e-3, atol=2e-4, err_msg=ours_weight.path
        )
    ours_values = ours.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    real_values = real.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert list(ours_values) == list(real_values) or ours_values.keys() == real_values.keys()
    for key, value in real_values.items():
        assert ours_values[key] == pytest.approx(value, rel=2e-4, abs=2e-5), key


@pytest.mark.parametrize("name", CASES)
def test_one_step_equals_keras(name: str) -> None:
    ours, real, x, y = pair(name)
    ours.train_on_batch(x, y)
    real.train_on_batch(x, y)
    for ours_weight, real_weight in zip(ours.weights, real.weights, strict=True):
        np.testing.assert_allclose(
            ours_weight.numpy(), real_weight.numpy(), rtol=1e-4, atol=2e-6, err_msg=ours_weight.path
        )


@pytest.mark.parametrize("name", CASES)
def test_weights_files_go_both_ways(name: str, tmp_path) -> None:
    ours, real, _, _ = pair(name)
    real.save_weights(tmp_path / "real.weights.h5")
    ours.set_weights([0 * w for w in ours.get_weights()])
    ours.load_weights(tmp_path / "real.weights.h5")
    state = real.get_weights()
    for a, b in zip(ours.get_weights(), state, strict=True):
        np.testing.assert_array_equal(a, b)
    ours.save_weights(tmp_path / "ours.weights.h5")
    real.set_weights([0 * w for w in state])
    real.load_weights(tmp_path / "ours.weights.h5")
    for a, b in zip(real.get_weights(), state, strict=True):
        np.testing.assert_array_equal(a, b)


def test_sample_and_class_weights_equal_keras() -> None:
    ours, real, x, y = pair("mnist")
    weights = R.random(40).astype("float32")
    for extra in ({"sample_weight": weights}, {"class_weight": {i: 0.5 + i for i in range(10)}}):
        options = {"batch_size": 8, "epochs": 1, "verbose": 0, "shuffle": False, **extra}
        a, b = ours.fit(x, y, **options).history, real.fit(x, y, **options).history
        np.testing.assert_allclose(a["loss"], b["loss"], rtol=2e-4)
        np.testing.assert_allclose(a["accuracy"], b["accuracy"], rtol=1e-5)


def test_validation_split_takes_the_same_rows() -> None:
    ours, real, x, y = pair("mnist")
    options = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False, "validation_split": 0.3}
    a, b = ours.fit(x, y, **options).history, real.fit(x, y, **options).history
    assert a.keys() == b.keys()
    for key in b:
        np.testing.assert_allclose(a[key], b[key], rtol=5e-4, atol=1e-5, err_msg=key)
