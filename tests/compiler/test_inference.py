"""``evaluate`` and ``predict`` as programs: what eager calls give, with the weights of the moment."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tests.compiler.test_step import SPARSE, data, labels, mlp, seeds
from tkeras import layers
from tkeras.compiler._figures import count

CLOSE: Any = {"rtol": 1e-4, "atol": 1e-5}


def both(model: Any, x: Any, y: Any, batch_size: int = 8) -> list[Any]:
    """Predictions and evaluations, eager and as programs, twice for the programs."""
    found = []
    for mode in (False, True):
        model.jit_compile = mode
        model.__dict__.update(_evaluator=None, _predictor=None)
        for _ in range(1 + mode):
            scores = model.evaluate(x, y, batch_size=batch_size, verbose=0)
            found.append((model.predict(x, batch_size=batch_size, verbose=0), scores))
    eager, *compiled = found
    for predictions, scores in compiled:
        close(predictions, eager[0])
        np.testing.assert_allclose(scores, eager[1], **CLOSE)
    for runner in (model._evaluator, model._predictor):
        assert runner.reasons == []
        assert any(trial.compiled is not None for trial in runner.trials.values())
    return found


def close(ours: Any, theirs: Any) -> None:
    ours, theirs = tkeras.tree.flatten(ours), tkeras.tree.flatten(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


@pytest.mark.parametrize("name", seeds())
def test_seed_models(name: str) -> None:
    """Two signatures: full batches, and the partial last one."""
    x, y, loss = seeds()[name]
    sizes = {"headline_model": {"steps": 9, "words": 50}}.get(name, {})
    model = getattr(seed_models, name)(tkeras, **sizes)
    model.compile("adam", loss)
    both(model, x, y)


def normalized(units: int = 4) -> Any:
    chain = [
        tkeras.Input((6, 6, 2)),
        layers.Conv2D(3, 3),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(units),
    ]
    model = tkeras.Sequential(chain)
    model.compile("sgd", SPARSE, metrics=["accuracy"])
    weights = model.get_weights()
    model.set_weights([np.random.rand(*w.shape).astype("float32") for w in weights])
    return model


def predictor(model: Any) -> Any:
    (compiled,) = [t.compiled for t in model._predictor.trials.values() if t.compiled is not None]
    return compiled


def test_normalization_is_in_the_weights_of_the_convolution() -> None:
    model, x = normalized(), data((6, 6, 2), rows=24)[0]
    both(model, x, labels(4, rows=24))
    compiled = predictor(model)
    assert [op.name for op in compiled.program.ops] == ["conv", "torch.call", "dense"]
    assert {op.name for op in compiled.weights.program.ops} <= {"torch.call", "map"}
    assert len(compiled.weights.program.results) == 2
    made = sum(line.count("convolution") for line in compiled.schedule.source.splitlines())
    assert made == 1
    assert "rsqrt" not in compiled.schedule.source


def test_launches_and_host_reads_of_a_batch() -> None:
    """A convolution, its activation and a product; nothing waits for the host."""
    model, x = normalized(), data((6, 6, 2), rows=16)[0]
    both(model, x, labels(4, rows=16))
    batch = (torch.as_tensor(x[:8]), torch.as_tensor(labels(4, rows=8)))
    predicting = predictor(model)
    assert count(lambda: predicting([batch[:1]])) == (3, 0)
    evaluating = next(t.compiled for t in model._evaluator.trials.values() if t.compiled is not None)
    model._assess(batch)
    eager, ours = count(lambda: model._assess(batch)), count(lambda: evaluating([batch]))
    assert ours[1] == 0
    assert ours[0] < eager[0]


class Meddler(tkeras.callbacks.Callback):
    """Changes weights between batches in every way there is."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        kernel, mean = self.model.layers[0].kernel, self.model.layers[1].moving_mean
        kernel.data.mul_(0.9)
        mean.assign_add(torch.full_like(mean, 0.1))


def ways(model: Any, x: Any, tmp_path: Any) -> list[np.ndarray]:
    """Predictions after each way of changing weights."""
    path = str(tmp_path / "w.weights.h5")
    model.save_weights(path)
    made = [model.predict(x, batch_size=8, verbose=0)]
    model.set_weights([w * 1.1 for w in model.get_weights()])
    made.append(model.predict(x, batch_size=8, verbose=0))
    model.load_weights(path)
    made.append(model.predict(x, batch_size=8, verbose=0))
    model.fit(x, np.arange(len(x)) % 4, batch_size=8, epochs=2, shuffle=False, verbose=0)
    made.append(model.predict(x, batch_size=8, verbose=0))
    made.append(model.predict(x, batch_size=8, verbose=0, callbacks=[Meddler()]))
    model.layers[0].kernel.data = model.layers[0].kernel.data.clone() + 0.1
    made.append(model.predict(x, batch_size=8, verbose=0))
    return made


def test_weights_that_changed_are_seen(tmp_path: Any) -> None:
    x = data((6, 6, 2), rows=24)[0]
    model = normalized()
    model.layers[3].rate = 0.0
    start = model.get_weights()
    found = []
    for mode in (False, True):
        model.set_weights(start)
        model.compile("sgd", SPARSE, jit_compile=mode)
        found.append(ways(model, x, tmp_path))
    close(found[1], found[0])
    close(found[1][0], found[1][2])
    assert not np.allclose(found[1][0], found[1][1])


def test_attributes_that_changed_are_seen() -> None:
    class Scaled(tkeras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.scale, self.more = layers.Dense(3), 1.0, {"shift": [0.0]}

        def call(self, x: Any, training: Any = None) -> Any:
            return self.dense(x) * self.scale + self.more["shift"][0]

    class Growing(tkeras.callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.scale += 1.0

    (x,) = data((5,), rows=32)
    model, made = Scaled(), []
    for mode in (False, True):
        model.scale, model.more["shift"][0] = 1.0, 0.0
        model.compile(jit_compile=mode)
        made.append([model.predict(x, batch_size=8, verbose=0) for _ in range(2)])
        made[-1].append(model.predict(x, batch_size=8, verbose=0, callbacks=[Growing()]))
        model.more["shift"][0] = 4.0  # no attribute is set
        made[-1].append(model.predict(x, batch_size=8, verbose=0))
    close(made[1], made[0])


def test_outputs_in_any_structure_and_several_steps_per_execution() -> None:
    a, b = tkeras.Input((5,), name="a"), tkeras.Input((3,), name="b")
    model = tkeras.Model({"a": a, "b": b}, {"same": a, "sum": layers.Dense(3)(a) + b})
    x = dict(zip("ab", data((5,), (3,)), strict=True))
    seen: list[Any] = []

    class Look(tkeras.callbacks.Callback):
        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, len(logs["outputs"]["sum"])))

    found = []
    for mode in (False, True):
        model.compile(jit_compile=mode, steps_per_execution=2)
        found.append(model.predict(x, batch_size=5, verbose=0, callbacks=[Look()]))
    close(*found)
    np.testing.assert_array_equal(found[1]["same"], x["a"])
    assert seen == [(1, 10), (3, 10), (4, 2)] * 2


def test_auto_measures_and_false_makes_none() -> None:
    (x,) = data((5,), rows=80)
    model = mlp()
    model.compile("sgd", "mse", jit_compile="auto")
    eager = model.predict(x, batch_size=80, verbose=0)
    np.testing.assert_allclose(model.predict(x, batch_size=1, verbose=0), eager, **CLOSE)
    (trial,) = [trial for trial in model._predictor.trials.values() if trial.times]
    assert len(trial.times) == 32
    assert (trial.compiled is None) == (trial.reason is not None)
    model.compile("sgd", "mse", jit_compile=False)
    model.predict(x, batch_size=1, verbose=0)
    assert model._predictor is None


def test_threads_predict_at_once() -> None:
    """Programs have one memory: who finds it taken runs eagerly, and outputs leave it before it is free."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    model = mlp()
    model.compile(jit_compile=True)
    inputs = [np.full((40, 5), i, "float32") for i in range(4)]
    expected = [model.predict(x, batch_size=4, verbose=0) for x in inputs]
    found: dict[int, Any] = {}

    def work(index: int) -> None:
        for _ in range(5):
            found[index] = model.predict(inputs[index], batch_size=4, verbose=0)
            np.testing.assert_allclose(found[index], expected[index], **CLOSE)
            done.append(index)

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert len(done) == 20


def test_validation_inside_fit() -> None:
    x, y = data((6, 6, 2))[0], labels(4)
    start, found = normalized().get_weights(), []
    for mode in (False, True):
        model = normalized()
        model.set_weights(start)
        model.compile("sgd", SPARSE, metrics=["accuracy"], jit_compile=mode)
        model.layers[3].rate = 0.0
        model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0, validation_data=(x, y))
        found.append(model.history.history)
    for key, values in found[0].items():
        np.testing.assert_allclose(found[1][key], values, **CLOSE)
    assert any(trial.compiled is not None for trial in model._evaluator.trials.values())


class OwnSteps(tkeras.Model):
    """Evaluates and predicts in its own way."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def predict_step(self, batch: Any) -> Any:
        x, _, _ = tkeras.utils.unpack_x_y_sample_weight(batch)
        return self(x) + 1

    def test_step(self, batch: Any) -> Any:
        return {"ones": 1.0}


def test_own_steps_stay_as_they_are() -> None:
    x, y = data((5,), (3,))
    model = OwnSteps()
    model.compile("sgd", "mse", jit_compile=True)
    with pytest.warns(UserWarning, match="predicts eagerly: OwnSteps defines `predict_step`"):
        made = model.predict(x, verbose=0)
    np.testing.assert_allclose(made, model(torch.as_tensor(x)).detach() + 1, rtol=1e-5)
    with pytest.warns(UserWarning, match="is evaluated eagerly: OwnSteps defines `test_step`"):
        assert model.evaluate(x, y, verbose=0) == 1.0
