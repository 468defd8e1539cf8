"""Steps of ``fit`` as programs: the same weights, losses and metrics as eager steps, or a reason."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tkeras import layers, losses
from tkeras.compiler import differentiate, trace
from tkeras.compiler._step import step_program
from tkeras.compiler.passes._layout import cast_of

SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)


def data(*shapes: tuple[int, ...], rows: int = 22) -> list[np.ndarray]:
    """Random arrays of ``rows`` rows."""
    return [np.random.rand(rows, *shape).astype("float32") for shape in shapes]


def labels(classes: int, rows: int = 22) -> np.ndarray:
    """Random class numbers."""
    return np.random.randint(classes, size=rows)


def seeds() -> dict[str, Any]:
    """Model, inputs, targets and loss of every seed."""
    x = np.random.randint(50, size=(22, 9))
    return {
        "mnist_model": (data((784,))[0], labels(10), SPARSE),
        "encoder": (data((28, 28, 1))[0], data((16,))[0], "mse"),
        "toy_resnet": (data((32, 32, 3))[0], labels(10), SPARSE),
        "headline_model": (
            [x[:, :9], *data((5,))],
            [data((1,))[0].round() for _ in range(2)],
            "binary_crossentropy",
        ),
        "ticket_model": (
            [x.astype("float32"), x.astype("float32"), *data((12,))],
            [data((1,))[0], labels(4)],
            [losses.BinaryCrossentropy(from_logits=True), SPARSE],
        ),
        "siamese_model": (data((10, 12), (10, 12)), data((1,))[0].round(), "binary_crossentropy"),
        "ensemble": (data((128,))[0], data((1,))[0], "mse"),
    }


def train(make: Any, mode: Any, x: Any, y: Any, fit: dict[str, Any] | None = None, **compile_: Any) -> Any:
    """A trained model; the same draws in every call."""
    tkeras.utils.set_random_seed(1)
    model = make()
    model.compile(
        **{
            "optimizer": "adam",
            "loss": "mse",
            "jit_compile": mode,
            **{k: v() if callable(v) and k == "optimizer" else v for k, v in compile_.items()},
        }
    )
    model.fit(x, y, **{"batch_size": 8, "epochs": 3, "verbose": 0, **(fit or {})})
    return model


def compare(
    make: Any, x: Any, y: Any, fit: Any = None, programs: int = 2, **compile_: Any
) -> tuple[Any, Any]:
    """Both ways of running agree; ``programs`` were made."""
    eager, compiled = (train(make, mode, x, y, fit, **compile_) for mode in (False, True))
    assert compiled._runner.reasons == []
    assert sum(trial.compiled is not None for trial in compiled._runner.trials.values()) == programs
    for ours, theirs in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    for ours, theirs in zip(compiled.optimizer.get_weights(), eager.optimizer.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-6)
    assert compiled.history.history.keys() == eager.history.history.keys()
    for key, values in eager.history.history.items():
        np.testing.assert_allclose(compiled.history.history[key], values, rtol=2e-5, atol=1e-6)
    return compiled, eager


@pytest.mark.parametrize("name", seeds())
def test_seed_models_train_alike(name: str) -> None:
    """Two signatures: full batches, and the partial last one."""
    x, y, loss = seeds()[name]
    sizes = {"headline_model": {"steps": 9, "words": 50}}.get(name, {})
    compare(lambda: getattr(seed_models, name)(tkeras, **sizes), x, y, loss=loss)


def mlp(*inside: Any, units: int = 3) -> Any:
    return tkeras.Sequential(
        [tkeras.Input((5,)), layers.Dense(6, activation="tanh"), *inside, layers.Dense(units)]
    )


@pytest.mark.parametrize(
    "inside",
    [
        lambda: [layers.BatchNormalization(), layers.Dropout(0.4, seed=3)],
        lambda: [layers.GaussianNoise(0.1), layers.LayerNormalization(), layers.Activation("gelu")],
        lambda: [layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="non_neg")],
        lambda: [layers.Reshape((2, 3)), layers.Bidirectional(layers.GRU(3, recurrent_dropout=0.2)), layers.PReLU()],
    ],
)  # fmt: skip
def test_layers_with_state_and_penalties(inside: Any) -> None:
    (x,) = data((5,))
    compare(
        lambda: mlp(*inside(), units=4),
        x,
        labels(4),
        loss=SPARSE,
        metrics=["accuracy", "sparse_top_k_categorical_accuracy"],
    )


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: tkeras.optimizers.SGD(tkeras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5), momentum=0.9),
        lambda: tkeras.optimizers.Adam(0.01, clipnorm=0.1, use_ema=True, ema_overwrite_frequency=2),
        lambda: tkeras.optimizers.RMSprop(0.01, gradient_accumulation_steps=2),
        lambda: tkeras.optimizers.LossScaleOptimizer(tkeras.optimizers.AdamW(0.01)),
    ],
)  # fmt: skip
def test_optimizers(optimizer: Any) -> None:
    compare(mlp, *data((5,), (3,)), optimizer=optimizer)


def test_weights_of_samples_and_classes_and_several_steps_per_execution() -> None:
    (x,) = data((5,))
    weights = np.random.rand(22).astype("float32")
    compare(
        mlp,
        x,
        labels(3),
        {"sample_weight": weights},
        loss=SPARSE,
        weighted_metrics=["accuracy"],
        steps_per_execution=2,
    )
    compare(mlp, x, labels(3), {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}, loss=SPARSE)


def test_mixed_precision() -> None:
    def make() -> Any:
        tkeras.config.set_dtype_policy("mixed_bfloat16")
        try:
            return mlp(layers.Dense(4, activation="relu"))
        finally:
            tkeras.config.set_dtype_policy("float32")

    compare(make, *data((5,), (3,)))


def test_calls_that_look_at_values_run_as_they_are() -> None:
    """A masked LSTM of half precision asks whether its mask is one run a row."""
    source = masked_lstm_source("bfloat16")
    assert "# run, lstm lstm" in source


def test_masked_lstm_is_two_launches() -> None:
    source = masked_lstm_source(None)
    assert "# run, " not in source
    assert source.count("# lstm_steps, ") == source.count("# lstm_steps_backward, ") == 2


def masked_lstm_source(dtype: str | None) -> str:
    """The schedule of a model with two of them."""

    def make() -> Any:
        chain = [
            layers.Embedding(9, 5, mask_zero=True),
            layers.LSTM(4, return_sequences=True, dtype=dtype),
            layers.LSTM(3, dtype=dtype),
        ]
        return tkeras.Sequential([tkeras.Input((6,), dtype="int32"), *chain, layers.Dense(4)])

    x = np.sort(np.random.randint(9, size=(22, 6)) * np.random.randint(2, size=(22, 6)))[:, ::-1].copy()
    compiled, _ = compare(make, x.astype("int32"), labels(4), loss=SPARSE)
    (source, *_) = [t.compiled.schedule.source for t in compiled._runner.trials.values() if t.compiled]
    return source


class Meddler(tkeras.callbacks.Callback):
    """Reads and writes weights, learning rate and trainability between batches and epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        weight = self.model.layers[0].kernel
        self.seen.append(float(weight.detach().sum()))
        weight.assign(weight * 0.9)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = 0.05 / (epoch + 1)
        if epoch == 0:
            self.model.layers[0].trainable = False
        if epoch == 1:
            kernel = self.model.layers[-1].kernel
            kernel.data = kernel.data.clone() + 1.0


def test_callbacks_that_change_the_model() -> None:
    seen = []

    def fit() -> dict[str, Any]:
        seen.append(Meddler())
        return {"callbacks": [seen[-1]], "epochs": 4}

    x, y = data((5,), (3,))
    models = [train(mlp, mode, x, y, fit()) for mode in (False, True)]
    np.testing.assert_allclose(seen[0].seen, seen[1].seen, rtol=1e-5)
    for ours, theirs in zip(models[1].get_weights(), models[0].get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert len(models[1]._runner.trials) == 4


class Branching(tkeras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        y = self.dense(x)
        if y.sum() > 0:
            return y
        return 2 * y


def test_untraceable_models_train_eagerly_and_say_why_once(caplog: pytest.LogCaptureFixture) -> None:
    x, y = data((5,), (3,), rows=16)
    with pytest.warns(UserWarning, match=r"trains eagerly: .*test_step\.py:\d+") as caught:
        model = train(Branching, True, x, y)
    assert len(caught) == 1
    assert model.history.history["loss"][-1] < model.history.history["loss"][0]
    with caplog.at_level(logging.WARNING, "tkeras"):
        train(Branching, "auto", x, y, {"batch_size": 1, "epochs": 4})
    assert sum("trains eagerly" in record.message for record in caplog.records) == 1


class Halved(tkeras.Model):
    """A model with a step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, batch: Any) -> Any:
        x, y = batch
        loss = self.compute_loss(y=y, y_pred=self(x, training=True)) / 2
        self.zero_grad()
        loss.backward()
        self.optimizer.apply([v.grad for v in self.trainable_variables], self.trainable_variables)
        self._loss_tracker.update_state(loss.detach())
        return {"loss": self._loss_tracker.result()}


@pytest.mark.parametrize(
    ("make", "options", "reason"),
    [
        (Halved, {}, "Halved defines `train_step`"),
        (mlp, {"run_eagerly": True}, "run_eagerly"),
        (mlp, {"jit_compile": False}, "jit_compile is False"),
    ],
)
def test_steps_that_stay_eager_have_a_reason(make: Any, options: Any, reason: str) -> None:
    x, y = data((5,), (3,))
    if make is Halved:
        with pytest.warns(UserWarning, match=reason) as caught:
            model = train(make, True, x, y, **options)
        assert len(caught) == 1
    else:
        model = train(make, True, x, y, **options)
    assert model._eager_reasons["_runner"] == reason


def test_the_interpreter_is_no_part_of_a_schedule() -> None:
    x, y = data((5,), (3,), rows=8)
    with (
        tkeras.config.backend_scope("interpret"),
        pytest.warns(UserWarning, match="'interpret' runs kernels"),
    ):
        model = train(mlp, True, x, y, {"epochs": 1})
    assert model._runner.trials == {}


def test_copies_and_pickles_have_programs_of_their_own() -> None:
    x, y = data((5,), (3,))
    model = train(mlp, True, x, y)
    before = [w.clone() for w in model.weights]
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other._runner is None
        other.fit(x, y, batch_size=8, epochs=2, verbose=0)
        assert any(trial.compiled for trial in other._runner.trials.values())
    for weight, value in zip(model.weights, before, strict=True):
        assert torch.equal(weight, value)


def test_a_failed_recording_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong, also after the run: weights, optimizer, seeds and metrics are those of eager steps."""

    def fail(*args: Any) -> Any:
        raise RuntimeError("no schedule today")

    x, y = data((5,), (3,))
    eager = train(lambda: mlp(layers.Dropout(0.3), layers.BatchNormalization()), False, x, y)
    monkeypatch.setattr("tkeras.compiler._lower.Schedule", fail)
    with pytest.warns(UserWarning, match="RuntimeError: no schedule today"):
        ours = train(lambda: mlp(layers.Dropout(0.3), layers.BatchNormalization()), True, x, y)
    for a, b in zip(ours.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert ours.history.history == eager.history.history
    assert int(ours.optimizer.iterations) == int(eager.optimizer.iterations)


def test_auto_switches_after_some_steps() -> None:
    x, y = data((5,), (3,), rows=80)
    eager, auto = (train(mlp, mode, x, y, {"batch_size": 1, "epochs": 1}) for mode in (False, "auto"))
    (trial,) = auto._runner.trials.values()
    assert trial.times
    for ours, theirs in zip(auto.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_jit_compile_is_checked() -> None:
    with pytest.raises(ValueError, match="`jit_compile` must be"):
        mlp().compile(jit_compile="yes")


def test_gradients_are_those_of_autograd() -> None:
    model = tkeras.Sequential([
        tkeras.Input((6, 6, 2)), layers.Conv2D(3, 3, activation="relu"), layers.BatchNormalization(),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2, activation="gelu"),
    ])  # fmt: skip
    x = torch.randn(4, 6, 6, 2)
    program = trace(lambda x: (model(x, training=False).square().mean(), x * 2), (x,))
    variables = [
        v for v, tensor in program.captured.items() if any(tensor is w for w in model.trainable_variables)
    ]
    both = differentiate(program, program.results[0], [*program.inputs, *variables])
    both.verify()
    _, ours = both.run(x)
    x.requires_grad_()
    tensors = [program.captured[v] for v in variables]
    theirs = torch.autograd.grad(model(x, training=False).square().mean(), [x, *tensors])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def heads(policy: str) -> list[tuple[Any, Any, Any, Any]]:
    """Models with layers of two types, with a batch of inputs and targets and a loss."""
    tkeras.config.set_dtype_policy(policy)
    try:
        images = tkeras.Sequential([
            tkeras.Input((6, 6, 2)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(),
            layers.GlobalAveragePooling2D(), layers.Dense(4, dtype="float32"),
        ])  # fmt: skip
        words = tkeras.Sequential([
            tkeras.Input((6,), dtype="int32"), layers.Embedding(9, 4), layers.LSTM(5), layers.Dense(1),
        ])  # fmt: skip
    finally:
        tkeras.config.set_dtype_policy("float32")
    return [
        (images, data((6, 6, 2))[0], labels(4), SPARSE),
        (words, np.random.randint(9, size=(22, 6)), data((1,))[0], "mse"),
    ]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("index", [0, 1])
def test_no_cast_stands_alone(policy: str, index: int) -> None:
    """Those of weights and inputs are one call; others are done by what comes before or after them."""
    model, x, y, loss = heads(policy)[index]
    model.compile("sgd", loss)
    batch = (torch.as_tensor(x), torch.as_tensor(y))
    model._learn(batch)
    program = step_program(model, batch)
    assert [op for op in program.ops if cast_of(op) is not None] == []
    assert sum(op.name == "cast" for op in program.ops) == 1
    start, found = model.get_weights(), []
    for mode in (False, True):
        model.set_weights(start)
        model.compile(tkeras.optimizers.SGD(0.01), loss, jit_compile=mode)
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        found.append((model.history.history["loss"], model.predict(x, batch_size=8, verbose=0)))
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=2e-2)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=5e-2, atol=5e-2)
    for made in (trial.compiled.weights for trial in model._predictor.trials.values() if trial.compiled):
        assert made.program.ops
        casts = [op for op in made.rest.ops if op.name == "cast" or cast_of(op) is not None]
        assert all(value in made.rest.inputs for op in casts for value in op.inputs)
        assert "batch_norm" not in [op.name for op in made.rest.ops]


def test_making_a_program_imports_no_other_compiler() -> None:
    """What torch imports on its way to a gradient takes longer than all the rest."""
    code = """
import sys, numpy, tkeras
model = tkeras.Sequential([tkeras.Input((3,)), tkeras.layers.Dense(2)])
model.compile("sgd", "mse", jit_compile=True)
model.fit(numpy.ones((8, 3)), numpy.ones((8, 2)), batch_size=2, verbose=0)
model.predict(numpy.ones((8, 3)), batch_size=2, verbose=0)
assert all(t.compiled for r in (model._runner, model._predictor) for t in r.trials.values())
print(sorted({"sympy", "torch._dynamo", "torch._inductor", "triton"} & sys.modules.keys()))
"""
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == "[]\n"


def test_own_steps_are_told_in_the_log_under_auto(caplog: pytest.LogCaptureFixture) -> None:
    """What a user wrote on purpose is no warning; with ``jit_compile=True`` it is."""
    x, y = data((5,), (3,))
    with caplog.at_level(logging.INFO, "tkeras"):
        model = train(Halved, "auto", x, y)
        model.fit(x, y, verbose=0)
    (record,) = [record for record in caplog.records if "trains eagerly" in record.message]
    assert record.levelno == logging.INFO
    assert "Halved defines `train_step`" in record.message
    assert model.explain().fallbacks == ["Halved defines `train_step`"]
    caplog.clear()
    with caplog.at_level(logging.INFO, "tkeras"):
        train(mlp, False, x, y)
        train(mlp, "auto", x, y, run_eagerly=True)
    assert caplog.records == []
