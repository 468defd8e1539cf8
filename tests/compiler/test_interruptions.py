"""``fit`` as users run it: what happens between, during and beside the steps gives what eager steps give."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tkeras
from tests.compiler.test_step import SPARSE, data, labels
from tkeras import layers
from tkeras.callbacks import Callback
from tkeras.training._settings import Settings

ROWS = 22
CLOSE: Any = {"rtol": 2e-5, "atol": 1e-6}
Story = Callable[[Any, Any, Any, dict[str, Any]], Any]


def model() -> Any:
    tkeras.utils.set_random_seed(4)
    return tkeras.Sequential([
        tkeras.Input((5,)), layers.Dense(6, activation="tanh"), layers.BatchNormalization(),
        layers.Dropout(0.3, seed=2), layers.Dense(3),
    ])  # fmt: skip


class At(Callback):
    """Does something at the end of a batch of an epoch."""

    def __init__(self, epoch: int, batch: int, action: Callable[[Any], Any]):
        super().__init__()
        self.at, self.action, self.epoch = (epoch, batch), action, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self.epoch, batch) == self.at:
            self.action(self.model)


def fail(error: BaseException) -> Callable[[Any], Any]:
    def action(model: Any) -> None:
        raise error

    return action


def interrupted(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    """An exception and a keyboard interrupt in the middle of an epoch, and training that goes on."""
    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            made.fit(x, y, callbacks=[At(1, 1, fail(error))], **fit)
    made.fit(x, y, **fit)


def interrupted_inside_a_step(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    """A data source that fails after two batches."""

    def batches() -> Any:
        yield x[:8], y[:8]
        yield x[8:16], y[8:16]
        raise OSError("gone")

    made.fit(x, y, **fit)
    with pytest.raises(OSError, match="gone"):
        made.fit(batches(), verbose=0)
    made.fit(x, y, **fit)


def saved(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> Any:
    """A model saved between two batches holds the weights of that moment, and goes on from there."""
    path = fit.pop("path")
    seen: list[Any] = []

    def save(model: Any) -> None:
        model.save(path)
        seen.extend(model.get_weights())

    made.fit(x, y, callbacks=[At(2, 1, save)], **fit)
    loaded = tkeras.saving.load_model(path)
    for ours, theirs in zip(loaded.get_weights(), seen, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.jit_compile = made.jit_compile
    loaded.fit(x, y, **fit)
    return loaded


def other_settings(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    made.fit(x, y, **fit)
    made.layers[0].trainable = False
    made.fit(x, y, **fit)
    made.layers[2].rate = 0.7
    made.fit(x, y, **fit)
    made.layers[0].trainable = True
    made.layers[0].kernel_regularizer = made.layers[0].kernel.regularizer = tkeras.regularizers.L2(0.1)
    made.fit(x, y, **fit)
    made.layers[0].kernel_regularizer.l2 = 1.0
    made.layers[0].activation = tkeras.activations.relu
    made.fit(x, y, **fit)


def settings_between_batches(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    def change(model: Any) -> None:
        model.layers[2].rate = 0.6
        model.layers[0].trainable = False
        model.optimizer.learning_rate = 0.02

    made.fit(x, y, callbacks=[At(1, 1, change)], **fit)


def stopped(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    def stop(model: Any) -> None:
        model.stop_training = True

    made.fit(x, y, callbacks=[At(1, 1, stop)], **fit)
    assert len(made.history.history["loss"]) == 2
    made.fit(x, y, **fit)


def nested(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    """``fit``, ``evaluate`` and ``predict`` of the same model inside a callback."""

    def again(model: Any) -> None:
        model.fit(x[:8], y[:8], batch_size=8, verbose=0)
        model.fit(x[:6] * 2, y[:6], batch_size=3, epochs=2, verbose=0)
        model.evaluate(x, y, batch_size=8, verbose=0)
        model.predict(x, batch_size=8, verbose=0)

    made.fit(x, y, callbacks=[At(1, 1, again)], **fit)


def shared_layers(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    """Two models with common layers, trained in turn."""
    inputs = tkeras.Input((5,))
    other = tkeras.Model(inputs, layers.Dense(3, name="head")(made.layers[1](made.layers[0](inputs))))
    other.compile("adam", SPARSE, jit_compile=made.jit_compile)
    for _ in range(3):
        made.fit(x, y, **{**fit, "epochs": 1})
        other.fit(x, y, **{**fit, "epochs": 1})


def other_losses(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    made.fit(x, y, **fit)
    made.compile("adam", tkeras.losses.SparseCategoricalCrossentropy(), jit_compile=made.jit_compile)
    made.fit(x, y, **fit)
    made.optimizer = tkeras.optimizers.SGD(0.1)
    made.fit(x, y, **fit)


def other_shapes(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    for size in (8, 5, 8, 22):
        made.fit(x, y, **{**fit, "batch_size": size})


def replaced_weights(made: Any, x: Any, y: Any, fit: dict[str, Any]) -> None:
    made.fit(x, y, **fit)
    made.set_weights([w * 0.5 for w in made.get_weights()])
    made.fit(x, y, **fit)
    made.layers[0].kernel.data = made.layers[0].kernel.data * 2
    made.fit(x, y, **fit)


STORIES: list[Story] = [
    interrupted, interrupted_inside_a_step, saved, other_settings, settings_between_batches, stopped, nested,
    shared_layers, other_losses, other_shapes, replaced_weights,
]  # fmt: skip


TOGETHER = [interrupted, settings_between_batches, stopped, nested]
"""Those that depend on how many steps there are between callbacks."""


@pytest.mark.parametrize(
    ("story", "together"),
    [*((story, 1) for story in STORIES), *((story, 2) for story in TOGETHER)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_as_eager_steps(story: Story, together: int, tmp_path: Any) -> None:
    x, y = data((5,), rows=ROWS)[0], labels(3, rows=ROWS)
    found = []
    for mode in (False, True):
        made = model()
        made.compile("adam", SPARSE, metrics=["accuracy"], jit_compile=mode, steps_per_execution=together)
        fit = {"batch_size": 8, "epochs": 3, "verbose": 0}
        fit.update({"path": str(tmp_path / f"{mode}.keras")} if story is saved else {})
        made = story(made, x, y, fit) or made
        found.append((made.get_weights(), made.optimizer.get_weights(), made.history.history, made))
    assert any(trial.compiled is not None for trial in found[1][3]._runner.trials.values())
    for ours, theirs in zip((*found[1][0], *found[1][1]), (*found[0][0], *found[0][1]), strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)
    for key, values in found[0][2].items():
        np.testing.assert_allclose(found[1][2][key], values, **CLOSE)


class Adding(tkeras.layers.Layer):
    """Adds a loss, with a factor that may change."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = 0.0

    def call(self, x: Any) -> Any:
        if self.factor:
            self.add_loss(self.factor * (x * x).mean())
        return x


class Remembering(tkeras.layers.Layer):
    """Keeps its last output, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.calls, self.factor = None, 0, 1.0

    def call(self, x: Any) -> Any:
        self.last, self.calls = x * self.factor, self.calls + 1
        return self.last


def test_what_calls_set_is_no_setting() -> None:
    """A program is made although an attribute changes in every eager step; a user's change makes another."""
    x, y = data((5,), rows=32)[0], labels(3, rows=32)
    found = []
    for mode in (False, True):
        tkeras.utils.set_random_seed(1)
        kept = Remembering()
        made = tkeras.Sequential([tkeras.Input((5,)), layers.Dense(4), kept, layers.Dense(3)])
        made.compile("sgd", SPARSE, jit_compile=mode)
        for factor in (1.0, 3.0):
            kept.factor = factor
            made.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        found.append(made.get_weights())
    assert [trial.compiled is not None for trial in made._runner.trials.values()] == [True, True]
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_a_loss_that_is_added_later() -> None:
    x, y = data((5,), rows=16)[0], labels(3, rows=16)
    found = []
    for mode in (False, True):
        tkeras.utils.set_random_seed(1)
        adding = Adding()
        made = tkeras.Sequential([tkeras.Input((5,)), layers.Dense(4), adding, layers.Dense(3)])
        made.compile("sgd", SPARSE, jit_compile=mode)
        for factor in (0.0, 0.5, 2.0):
            adding.factor = factor
            made.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        found.append(made.get_weights())
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_models_train_in_threads() -> None:
    """Models of their own train as if alone; a second thread on one model trains eagerly and says so."""
    x, y = data((5,), rows=ROWS)[0], labels(3, rows=ROWS)

    def work(made: Any) -> None:
        made.fit(x, y, batch_size=8, epochs=5, shuffle=False, verbose=0)

    def prepared() -> list[Any]:
        made = [model() for _ in range(3)]
        for one in made:
            one.compile("adam", SPARSE, jit_compile=True)
        return made

    alone, threaded = prepared(), prepared()
    for one in alone:
        work(one)
    threads = [threading.Thread(target=work, args=(one,)) for one in threaded]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, threaded, strict=True):
        for ours, theirs in zip(other.get_weights(), one.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, **CLOSE)
    made, caught = threaded[0], []

    def beside(model: Any) -> None:
        thread = threading.Thread(target=work, args=(model,))
        thread.start()
        thread.join()
        caught.append(model._eager_reasons["_runner"])

    with pytest.warns(UserWarning, match="another thread trains the model"):
        made.fit(x, y, batch_size=8, verbose=0, callbacks=[At(0, 1, beside)])
    assert caught == ["another thread trains the model"]
    assert np.isfinite(made.history.history["loss"]).all()


def test_states_of_a_model_have_numbers() -> None:
    """The same number for the same state, and few are remembered: an attribute may change in every epoch."""
    made, states = model(), Settings()
    first = states(made)
    assert states(made) == first
    made.layers[2].rate = 0.5
    second = states(made)
    made.layers[2].rate = 0.3
    assert (second != first, states(made)) == (True, first)
    made.eval()
    assert states(made) not in (first, second)
    with tkeras.config.backend_scope("torch"):
        assert states(made) not in (first, second)
    for epoch in range(200):
        made.layers[2].epoch = epoch
        states(made)
    assert len(states._known) == 64
