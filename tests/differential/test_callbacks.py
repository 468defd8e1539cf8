"""Callbacks: the decisions of real Keras on the same values, and the same files."""

import itertools

import keras
import numpy as np
import pytest
import torch

import tkeras

VALUES = np.round(np.random.default_rng(8).normal(size=(6, 12)).cumsum(1), 1)


def trained(library):
    """A small compiled model."""
    model = library.Sequential([library.Input((2,)), library.layers.Dense(1, kernel_initializer="ones")])
    model.compile(library.optimizers.SGD(0.5), "mse", metrics=["mae"])
    return model


def decisions(library, name, values, **options) -> list:
    """What a callback does at each epoch: the learning rate, whether it stops, its patience."""
    model = trained(library)
    model.stop_training = False
    callback = getattr(library.callbacks, name)(monitor="score", **options)
    callback.set_model(model)
    callback.set_params({"epochs": len(values)})
    callback.on_train_begin()
    made = []
    for epoch, value in enumerate(values):
        logs = {"score": float(value)}
        callback.on_epoch_end(epoch, logs)
        made.append((float(model.optimizer.learning_rate), model.stop_training, callback.wait, sorted(logs)))
    return made


PLATEAUS = [{"patience": p, "mode": m, "cooldown": c, "min_delta": d, "factor": 0.3, "min_lr": 0.01}
            for p, m, c, d in itertools.product((1, 2), ("min", "max"), (0, 2), (0.0, 0.8))]  # fmt: skip
STOPS = [{"patience": p, "mode": m, "min_delta": d, "start_from_epoch": s, "baseline": b}
         for p, m, d, s, b in itertools.product((0, 2), ("min", "max"), (0.0, 0.8), (0, 3), (None, 0.5))]  # fmt: skip


@pytest.mark.parametrize(("name", "choices"), [("ReduceLROnPlateau", PLATEAUS), ("EarlyStopping", STOPS)])
@pytest.mark.parametrize("values", VALUES, ids=range(len(VALUES)))
def test_same_decisions(name, choices, values) -> None:
    for options in choices[:: 1 if name == "EarlyStopping" else 2]:
        assert decisions(tkeras, name, values, **options) == decisions(keras, name, values, **options), (
            options
        )


def test_same_csv(tmp_path) -> None:
    x, y = np.ones((6, 2), "float32"), np.zeros((6, 1), "float32")
    for library in (tkeras, keras):
        log = library.callbacks.CSVLogger(tmp_path / f"{library.__name__}.csv", separator=";")
        schedule = library.callbacks.LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1))
        trained(library).fit(x, y, epochs=3, verbose=0, validation_data=(x, y), callbacks=[schedule, log])
    ours, theirs = (
        [line.split(";") for line in (tmp_path / f"{name}.csv").read_text().splitlines()]
        for name in ("tkeras", "keras")
    )
    assert ours[0] == theirs[0]
    np.testing.assert_allclose(np.array(ours[1:], float), np.array(theirs[1:], float), rtol=1e-5)


def test_same_weights_with_averages_swapped_in() -> None:
    x, y = np.random.default_rng(1).normal(size=(20, 2)).astype("float32"), np.ones((20, 1), "float32")
    for on_epoch in (None, False, True):
        made = []
        for library in (tkeras, keras):
            model = trained(library)
            model.compile(library.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), "mse")
            swap = [] if on_epoch is None else [library.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)]
            history = model.fit(
                x, y, batch_size=5, epochs=2, shuffle=False, verbose=0, validation_data=(x, y), callbacks=swap
            )
            made.append((*model.get_weights(), history.history["val_loss"]))
        for ours, theirs in zip(*made, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


ARGUMENTS = {"MeanIoU": (3,), "IoU": (3, [0]), "OneHotIoU": (3, [0]), "OneHotMeanIoU": (3,), "SensitivityAtSpecificity": (0.5,),
             "SpecificityAtSensitivity": (0.5,), "PrecisionAtRecall": (0.5,), "RecallAtPrecision": (0.5,)}  # fmt: skip
METRICS = [
    name
    for name in vars(keras.metrics)
    if isinstance(getattr(keras.metrics, name), type) and hasattr(tkeras.metrics, name)
]


@pytest.mark.parametrize("name", sorted({*METRICS} - {"Metric", "MeanMetricWrapper"}))
def test_same_directions(name) -> None:
    """Whether more is better, or whether the user has to say so."""
    expected = getattr(getattr(keras.metrics, name)(*ARGUMENTS.get(name, ())), "_direction", None)
    model = trained(tkeras)
    model.compile("sgd", "mse", metrics=[getattr(tkeras.metrics, name)(*ARGUMENTS.get(name, ()), name="own")])
    model._compile_metrics.build(torch.ones(2, 1), torch.ones(2, 1))
    callback = tkeras.callbacks.EarlyStopping(monitor="val_own")
    callback.set_model(model)
    if expected is None:
        with pytest.raises(ValueError, match="isn't able to automatically determine"):
            callback.on_epoch_end(0, {"val_own": 1.0})
    else:
        callback.on_epoch_end(0, {"val_own": 1.0})
        assert callback.mode == {"up": "max", "down": "min"}[expected]
