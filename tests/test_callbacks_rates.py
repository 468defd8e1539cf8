"""Callbacks that change the learning rate or the weights, and small ones."""

import numpy as np
import pytest

import tkeras
from tests.test_callbacks import Feed
from tests.test_training import X, Y, regression
from tkeras import callbacks


def test_schedules(capsys) -> None:
    model = regression()
    two = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1)
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[two])
    first = history.history["learning_rate"][0]
    np.testing.assert_allclose(history.history["learning_rate"], [first, first / 2])
    assert f"Epoch 1: LearningRateScheduler setting learning rate to {first}." in capsys.readouterr().out
    one = callbacks.LearningRateScheduler(lambda epoch: 0.25 / (epoch + 1))
    assert regression().fit(X, Y, epochs=2, verbose=0, callbacks=[one]).history["learning_rate"] == [
        0.25,
        0.125,
    ]
    with pytest.raises(ValueError, match="should be a float"):
        regression().fit(X, Y, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch: "x")])


@pytest.mark.parametrize(
    ("values", "options", "steps"),
    [
        ([3, 2, 2, 2, 2, 1], {"patience": 2}, [0, 0, 0, 1, 1, 1]),
        ([1, 2, 2, 3, 3, 4], {"patience": 1, "mode": "max"}, [0, 0, 1, 1, 2, 2]),
        ([3, 3, 3, 3, 3, 3], {"patience": 1, "cooldown": 2}, [0, 1, 1, 2, 2, 3]),
        ([3, 2.99, 2.98, 2.9, 2, 1], {"patience": 1, "min_delta": 0.5}, [0, 1, 2, 3, 3, 3]),
        ([3, 3, 3, 3, 3, 3], {"patience": 1, "min_lr": 0.01}, [0, 1, 2, 2, 2, 2]),
    ],
)
def test_plateaus(values, options, steps) -> None:
    """``steps``: how often the rate 0.1 × 0.3ⁿ was reduced after each epoch."""
    reduce = callbacks.ReduceLROnPlateau(monitor="score", factor=0.3, **{"mode": "min", **options})
    model = regression()
    model.optimizer.learning_rate = 0.1
    rates = []
    look = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate))
    )
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[Feed(values), reduce, look])
    least = options.get("min_lr", 0.0)
    np.testing.assert_allclose(rates, [max(0.1 * 0.3**step, least) for step in steps], rtol=1e-6)


def test_wrong_plateaus_are_explained(capsys) -> None:
    with pytest.raises(ValueError, match=r"factor >= 1.0. Received factor=1.5"):
        callbacks.ReduceLROnPlateau(factor=1.5)
    with pytest.raises(TypeError, match="patients"):
        callbacks.ReduceLROnPlateau(patients=3)
    with pytest.warns(UserWarning, match="use `min_delta`"):
        assert callbacks.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5


def test_lambdas() -> None:
    seen = []
    model = regression()
    call = callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append("begin"),
        on_train_batch_end=lambda batch, logs: seen.append((batch, sorted(logs))),
        on_test_begin=lambda logs: seen.append("test"),
    )
    model.fit(X, Y, batch_size=len(X), validation_data=(X, Y), verbose=0, callbacks=[call])
    assert seen == ["begin", (0, ["loss", "mae"]), "test"]
    with pytest.raises(TypeError, match="no event 'on_batch'"):
        callbacks.LambdaCallback(on_batch=print)


def test_invalid_losses_can_raise() -> None:
    with pytest.raises(RuntimeError, match=r"encountered at batch 0. Loss value: nan"):
        regression().fit(X * np.nan, Y, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_swapped_in(on_epoch) -> None:
    model = regression()
    model.compile(tkeras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9), "mse")
    seen = {}

    class Look(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen["weights"] = model.get_weights()[0]
            seen["average"] = model.optimizer._slots["average"][0].numpy().copy()

        def on_test_begin(self, logs=None):
            seen["test"] = model.get_weights()[0]

        def on_epoch_end(self, epoch, logs=None):
            seen["end"] = model.get_weights()[0]

    swap = callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
    model.fit(X, Y, batch_size=10, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[swap, Look()])
    np.testing.assert_array_equal(seen["test"], seen["average"])
    np.testing.assert_array_equal(seen["end"], seen["average" if on_epoch else "weights"])
    assert np.any(seen["average"] != seen["weights"])
    np.testing.assert_array_equal(model.get_weights()[0], seen["average"])  # Keras leaves the averages
    plain = regression()
    with pytest.raises(ValueError, match="use_ema=True"):
        plain.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_a_list_of_callbacks_for_a_loop_of_ones_own() -> None:
    seen = []

    class Look(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append((batch, logs, self.params, self.model))

    model = regression()
    calls = callbacks.CallbackList(
        [Look()], add_history=True, add_progbar=True, model=model, epochs=1, steps=2
    )
    assert [type(call).__name__ for call in calls.callbacks] == ["Look", "ProgbarLogger", "History"]
    calls.append(late := Look())
    late.set_model(model)
    calls.on_train_begin()
    calls.on_batch_end(4, {"loss": 1.0})
    calls.on_epoch_end(0, {"loss": 1.0})
    assert seen[0] == (4, {"loss": 1.0}, {"epochs": 1, "steps": 2}, model)
    assert len(seen) == 2
    assert model.history.history == {"loss": [1.0]}
    with pytest.raises(TypeError, match="must be `Callback` objects"):
        callbacks.CallbackList([print])
    with pytest.raises(AttributeError, match="no event 'on_day'"):
        calls.on_day()
