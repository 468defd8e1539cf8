"""Whole models on disk: what is saved comes back, training goes on, broken and hostile files are refused."""

import json

import numpy as np
import pytest

import tkeras
from tests import seed_models
from tkeras import layers

INPUTS = {
    "mnist_model": np.random.default_rng(0).random((4, 784), "float32"),
    "encoder": np.random.default_rng(0).random((2, 28, 28, 1), "float32"),
    "ensemble": np.random.default_rng(0).random((4, 128), "float32"),
    "siamese_model": [np.random.default_rng(s).random((4, 10, 12), "float32") for s in (0, 1)],
}


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("name", INPUTS)
def test_a_model_comes_back(name, ending, tmp_path) -> None:
    model = getattr(seed_models, name)(tkeras)
    path = tmp_path / f"model.{ending}"
    model.save(path)
    again = tkeras.models.load_model(path)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(
        again.predict(INPUTS[name], verbose=0), model.predict(INPUTS[name], verbose=0)
    )


def test_training_goes_on_as_if_never_stopped(tmp_path) -> None:
    x, y = INPUTS["mnist_model"], np.arange(4)
    model = seed_models.mnist_model(tkeras)
    loss = tkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss, metrics=["accuracy"])
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tkeras.models.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_truncated_files_are_refused(tmp_path) -> None:
    path = tmp_path / "model.keras"
    tkeras.Sequential([tkeras.Input((3,)), layers.Dense(2)]).save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model\.keras"):
            tkeras.models.load_model(path)


def test_names_outside_the_registry_are_refused() -> None:
    config = json.loads(tkeras.Sequential([tkeras.Input((3,)), layers.Dense(2)]).to_json())
    config["config"]["layers"][1].update(module="os", class_name="system", config={"command": "true"})
    with pytest.raises((ValueError, TypeError), match="system"):
        tkeras.models.model_from_json(json.dumps(config))
