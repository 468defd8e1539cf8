"""fit_generator and its kin, and configurations in the form of Keras 2."""

import threading

import numpy as np
import pytest

import tkeras
from tests.test_training import Batches, X, Y, regression
from tests.test_utils_data import Numbers
from tkeras import utils
from tkeras.training._generator_loops import with_workers


def endless():
    while True:
        yield X[:10], Y[:10]


def test_generators_give_what_the_arrays_give() -> None:
    expected = regression()
    expected.fit(X[:10], Y[:10], batch_size=10, epochs=6, shuffle=False, verbose=0)
    for options in ({}, {"workers": 0}, {"max_queue_size": 2}):
        model = regression()
        history = model.fit_generator(endless(), 3, 2, 0, **options)
        assert len(history.epoch) == 2
        np.testing.assert_array_equal(model.get_weights()[0], expected.get_weights()[0])
    loss, _ = model.evaluate_generator(endless(), 2)
    assert loss == pytest.approx(model.evaluate(X[:10], Y[:10], verbose=0)[0])
    np.testing.assert_allclose(
        model.predict_generator((X[:4] for _ in range(9)), 2), model.predict(X[[0, 1, 2, 3] * 2], verbose=0)
    )


def test_workers() -> None:
    model = regression()
    with pytest.warns(UserWarning, match="runs in one thread"):
        model.fit_generator(endless(), 2, verbose=0, workers=4)
    data = Numbers(workers=1)
    assert with_workers(data, 5, 3, False) is data
    assert (data.workers, data.max_queue_size, data.use_multiprocessing) == (3, 5, False)
    threads = set()

    class Own(Batches):
        def __getitem__(self, index):
            threads.add(threading.current_thread())
            return super().__getitem__(index)

    source = Own()
    model.fit_generator(source, workers=3, shuffle=False, verbose=0)
    assert threading.main_thread() not in threads
    assert threads
    with pytest.raises(ValueError, match="has workers of its own"):
        model.fit_generator({1: 2}.items(), workers=2)


def test_legacy_configurations() -> None:
    layer = tkeras.layers.Dense(3, activation="relu", name="d")
    config = utils.legacy.serialize_keras_object(layer)
    assert (config["class_name"], config["config"]["units"]) == ("Dense", 3)
    again = utils.legacy.deserialize_keras_object(config, {"Dense": tkeras.layers.Dense})
    assert again.get_config() == layer.get_config()
    assert utils.legacy.serialize_keras_object(tkeras.activations.relu) == "relu"
    assert (
        utils.legacy.deserialize_keras_object("relu", {"relu": tkeras.activations.relu})
        is tkeras.activations.relu
    )
    assert utils.legacy.deserialize_keras_object("own", custom_objects={"own": print}) is print
    assert utils.legacy.serialize_keras_object(None) is utils.legacy.deserialize_keras_object(None) is None
    with pytest.raises(ValueError, match="Unknown loss: 'x'"):
        utils.legacy.deserialize_keras_object("x", printable_module_name="loss")
    for call in (utils.legacy.serialize_keras_object, utils.legacy.deserialize_keras_object):
        with pytest.raises(ValueError, match=r"Cannot serialize 5|Could not interpret"):
            call(5)
