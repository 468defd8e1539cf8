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


def asked(source, **options) -> tuple[list, int]:
    """The batches that ``fit`` asked a source for, and the epochs it trained."""
    model = regression(jit_compile=False)
    history = model.fit(source, verbose=0, shuffle=False, **options)
    return source.asked, len(history.epoch)


class Asked(utils.PyDataset):
    """Remembers its batches and ends of epochs."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.asked.append(index)
        return X[:4], Y[:4]


class Endless(Asked):
    _endless = True


@pytest.mark.parametrize("workers", [1, 2])
def test_epochs_with_a_number_of_steps(workers) -> None:
    found, epochs = asked(Asked(workers=workers, max_queue_size=1), steps_per_epoch=5, epochs=3)
    assert (found, epochs) == ([*range(5)] * 3, 3)
    with pytest.warns(UserWarning, match="ran out of data; interrupting"):
        found, epochs = asked(Asked(), steps_per_epoch=3, epochs=3)
    assert (found, epochs) == ([0, 1, 2, 3, 4, 0, 1, 2], 3)
    found, epochs = asked(Endless(), steps_per_epoch=3, epochs=3)
    assert (found, epochs) == ([0, 1, 2, 3, 4, 0, 1, 2, 3], 3)
    found, epochs = asked(Endless(), epochs=2)
    assert (found, epochs) == ([*range(5)] * 2, 2)


def test_validation_begins_anew_and_generators_end() -> None:
    data = Asked()
    regression().fit(X, Y, epochs=2, validation_data=data, validation_steps=3, verbose=0)
    assert data.asked == [0, 1, 2, 0, 1, 2]
    with pytest.warns(UserWarning, match="ran out of data; interrupting"):
        history = regression().fit(((X[:4], Y[:4]) for _ in range(3)), steps_per_epoch=2, epochs=5, verbose=0)
    assert len(history.epoch) == 2


def test_image_generators_do_not_end() -> None:
    flow = tkeras.preprocessing.image.ImageDataGenerator().flow(
        np.ones((5, 2, 2, 1)), np.arange(5), batch_size=2, seed=1
    )
    model = tkeras.Sequential([tkeras.Input((2, 2, 1)), tkeras.layers.Flatten(), tkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(flow, steps_per_epoch=2, epochs=4, verbose=0).epoch) == 4
