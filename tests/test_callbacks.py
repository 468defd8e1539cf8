"""Callbacks: order of events, early stopping, checkpoints."""

import numpy as np
import pytest

import tkeras
from tests.test_training import X, Y, regression
from tkeras.callbacks import Callback, EarlyStopping, ModelCheckpoint, TerminateOnNaN


class Log(Callback):
    """Writes down what happens."""

    def __init__(self):
        super().__init__()
        self.events = []

    def __getattribute__(self, name):
        if name.startswith("on_") and not name.startswith("on_batch"):
            return lambda *args, **kwargs: object.__getattribute__(self, "events").append(
                (name, args[0] if args else None)
            )
        return super().__getattribute__(name)

    def on_train_batch_begin(self, batch, logs=None):
        """Present so that batches are reported."""

    on_train_batch_end = on_test_batch_begin = on_test_batch_end = on_train_batch_begin


def test_events_come_in_keras_order() -> None:
    log = Log()
    regression().fit(
        X, Y, batch_size=25, epochs=1, validation_data=(X[:5], Y[:5]), verbose=0, callbacks=[log]
    )
    names = [name for name, _ in log.events]
    assert names == [
        "on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_train_batch_begin",
        "on_train_batch_end", "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
        "on_epoch_end", "on_train_end",
    ]  # fmt: skip


def test_batch_logs_are_numbers_and_epoch_logs_have_validation() -> None:
    seen = {}

    class Look(Callback):
        def on_batch_end(self, batch, logs=None):
            seen["batch"] = logs

        def on_epoch_end(self, epoch, logs=None):
            seen["epoch"] = logs

    look = Look()
    model = regression()
    model.fit(X, Y, validation_split=0.2, verbose=0, callbacks=look)
    assert all(isinstance(value, float) for value in seen["batch"].values())
    assert set(seen["epoch"]) == {"loss", "mae", "val_loss", "val_mae"}
    assert look.model is model
    assert look.params["epochs"] == 1


class Feed(Callback):
    """Puts given values into the logs before other callbacks look."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = self.values[epoch]


@pytest.mark.parametrize(
    ("values", "options", "epochs"),
    [
        ([3, 2, 2, 2, 1, 1], {"patience": 2}, 4),
        ([3, 2, 1, 0, 0, 0], {"patience": 2}, 6),
        ([1, 2, 3, 3, 3, 9], {"patience": 1, "mode": "max"}, 4),
        ([3, 2.95, 2.9, 2.0, 1, 0], {"patience": 2, "min_delta": 0.5}, 3),
        ([3, 3, 3, 3, 3, 3], {"patience": 1, "start_from_epoch": 3}, 5),
        ([5, 4, 3, 2, 1, 0], {"patience": 2, "baseline": 2.5}, 6),
        ([5, 4, 4, 2, 1, 0], {"patience": 2, "baseline": 2.5}, 3),
    ],
)
def test_early_stopping(values, options, epochs) -> None:
    stop = EarlyStopping(monitor="score", **{"mode": "min", **options})
    history = regression().fit(X, Y, epochs=6, verbose=0, callbacks=[Feed(values), stop])
    assert len(history.epoch) == epochs


def test_early_stopping_restores_the_best_weights(capsys) -> None:
    weights = []

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights()[0])

    stop = EarlyStopping(monitor="score", mode="min", patience=2, restore_best_weights=True, verbose=1)
    model = regression()
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[Feed([3, 1, 2, 2, 2, 2]), Keep(), stop])
    np.testing.assert_array_equal(model.get_weights()[0], weights[1])
    assert "Epoch 4: early stopping" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="`absent` which is not available. Available metrics are: loss,mae"):
        regression().fit(X, Y, verbose=0, callbacks=[EarlyStopping(monitor="absent")])


def test_terminate_on_nan(capsys) -> None:
    history = regression().fit(X * np.nan, Y, epochs=3, verbose=0, callbacks=[TerminateOnNaN()])
    assert len(history.epoch) == 1
    assert "Batch 0: Invalid loss" in capsys.readouterr().out


def test_checkpoints(tmp_path, capsys) -> None:
    best = ModelCheckpoint(tmp_path / "best.weights.h5", monitor="score", mode="max", save_best_only=True,
                           save_weights_only=True, verbose=1)  # fmt: skip
    each = ModelCheckpoint(tmp_path / "in" / "{epoch:02d}-{loss:.1f}.weights.h5", save_weights_only=True)
    some = ModelCheckpoint(str(tmp_path / "b{batch}.weights.h5"), save_weights_only=True, save_freq=2)
    model = regression()
    weights = []

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights()[0])

    model.fit(X, Y, epochs=3, batch_size=10, verbose=0, callbacks=[Feed([1, 3, 2]), Keep(), best, each, some])
    model.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], weights[1])
    assert sorted(path.name[:2] for path in (tmp_path / "in").iterdir()) == ["01", "02", "03"]
    assert (tmp_path / "b2.weights.h5").exists()
    assert "score did not improve from 3.00000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filepath": "a.h5", "save_weights_only": True}, "must end in"),
        ({"filepath": "a.weights.h5"}, "ending of weights alone"),
        (
            {"filepath": "a.weights.h5", "save_weights_only": True, "save_freq": "day"},
            "Unrecognized save_freq",
        ),
    ],
)
def test_wrong_checkpoints_are_explained(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(**options)


def test_callbacks_may_change_the_learning_rate() -> None:
    class Zero(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.0

    model = regression()
    before = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=[Zero()])
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert isinstance(tkeras.callbacks.History(), Callback)
