"""Steps of training as CUDA graphs: captured, equal to eager steps, without growth of memory."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tkeras import layers, losses
from tkeras.training._data import make_dataset

SPARSE = losses.SparseCategoricalCrossentropy(from_logits=True)


def model(name):
    if name == "dropout":
        chain = [
            tkeras.Input((784,)),
            layers.Dense(32),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=1),
        ]
        return tkeras.Sequential([*chain, layers.ReLU(), layers.Dense(10)])
    return seed_models.mnist_model(tkeras)


def train(name, mode, rows=200, epochs=6, optimizer="adam", callbacks=None, **options):
    tkeras.utils.set_random_seed(1)
    x, y = np.random.rand(rows, 784).astype("float32"), np.random.randint(10, size=rows)
    made = model(name)
    made.compile(optimizer, SPARSE, metrics=["accuracy"], jit_compile=mode, **options)
    made.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=callbacks)
    return made


def equal(ours, theirs):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    for key, values in theirs.history.history.items():
        np.testing.assert_allclose(ours.history.history[key], values, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("name", ["mlp", "dropout"])
def test_captured_steps_equal_eager_ones(name, steps):
    """With a partial last batch, which has a graph of its own."""
    ours = train(name, True, steps_per_execution=steps)
    assert ours._runner.reasons == []
    assert ours._runner.on_gpu
    assert any(trial.compiled is not None for trial in ours._runner.trials.values())
    programs = [
        trial.compiled.program for trial in ours._runner.trials.values() if trial.compiled is not None
    ]
    assert all(program.inputs == () for program in programs)  # batches are drawn inside
    equal(ours, train(name, False, steps_per_execution=steps))


def test_data_that_does_not_fit_is_sent_from_pinned_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 100))
    ours = train("mlp", True)
    programs = [
        trial.compiled.program for trial in ours._runner.trials.values() if trial.compiled is not None
    ]
    assert all(len(program.inputs) == 2 for program in programs)
    equal(ours, train("mlp", False))


@pytest.mark.parametrize("name", ["mlp", "dropout"])
def test_captured_predictions_and_evaluations_equal_eager_ones(name):
    made = train(name, True)
    x, y = np.random.rand(100, 784).astype("float32"), np.random.randint(10, size=100)
    ours = [(made.predict(x, verbose=0), made.evaluate(x, y, verbose=0)) for _ in range(2)][-1]
    for runner in (made._evaluator, made._predictor):
        assert runner.reasons == []
        assert any(trial.compiled is not None for trial in runner.trials.values())
    made.set_weights([w * 1.1 for w in made.get_weights()])
    after = made.predict(x, verbose=0)
    made.jit_compile = False
    np.testing.assert_allclose(after, made.predict(x, verbose=0), rtol=1e-3, atol=1e-5)
    made.set_weights([w / 1.1 for w in made.get_weights()])
    np.testing.assert_allclose(ours[0], made.predict(x, verbose=0), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ours[1], made.evaluate(x, y, verbose=0), rtol=1e-3, atol=1e-5)


def test_schedules_and_callbacks_reach_the_graph():
    def options():
        def rate(epoch):
            return 0.01 / (epoch + 1)

        return {
            "optimizer": tkeras.optimizers.SGD(0.01, momentum=0.9),
            "callbacks": [tkeras.callbacks.LearningRateScheduler(rate)],
        }

    equal(train("mlp", True, **options()), train("mlp", False, **options()))
    decay = tkeras.optimizers.schedules.ExponentialDecay
    made = [
        train("mlp", mode, optimizer=tkeras.optimizers.Adam(decay(0.01, 5, 0.5))) for mode in (True, False)
    ]
    equal(*made)


@pytest.mark.parametrize("inner", ["adam", tkeras.optimizers.Adafactor(0.01)], ids=["fused", "torch"])
def test_loss_scaling_is_part_of_the_graph(inner):
    made = []
    for mode in (True, False):
        optimizer = tkeras.optimizers.get(tkeras.optimizers.serialize(tkeras.optimizers.get(inner)))
        scaled = tkeras.optimizers.LossScaleOptimizer(
            optimizer, initial_scale=2.0**20, dynamic_growth_steps=5
        )
        made.append(train("dropout", mode, optimizer=scaled))
    assert made[0]._runner.reasons == []
    equal(*made)
    assert np.isfinite(made[0].history.history["loss"]).all()
    scales = [float(model.optimizer.dynamic_scale) for model in made]
    assert scales[0] == scales[1] != 2.0**20


def test_each_of_several_optimizers_counts_its_steps_in_the_graph():
    made = []
    for mode in (True, False):
        several = tkeras.optimizers.OptimizerMap(
            tkeras.optimizers.Adam(0.01), {".*bias": tkeras.optimizers.SGD(0.1)}
        )
        made.append(train("mlp", mode, optimizer=tkeras.optimizers.MultiOptimizer(several)))
    assert made[0]._runner.reasons == []
    equal(*made)
    counts = [[int(o.iterations) for o in (m.optimizer, *m.optimizer.optimizers)] for m in made]
    assert counts[0] == counts[1]


def test_what_is_decided_on_the_host_is_refused():
    made = train("mlp", True, optimizer=tkeras.optimizers.Adam(gradient_accumulation_steps=2))
    assert "counted on the host" in made._eager_reasons["_runner"]


def test_memory_does_not_grow_over_ten_thousand_steps():
    made = train("dropout", True, rows=64, epochs=50)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    x, y = np.random.rand(64, 784).astype("float32"), np.random.randint(10, size=64)
    made.fit(x, y, batch_size=32, epochs=5000, verbose=0)
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() <= before + (1 << 20)


def test_data_that_fits_lies_on_the_device(monkeypatch):
    data = make_dataset(np.random.rand(50, 4).astype("float32"), np.arange(50), None, 16, shuffle=True)
    batches = list(data.epoch())
    assert sorted(int(y) for _, ys in batches for y in ys) == list(range(50))
    assert data.placed[0].is_cuda
    assert data.placed is data._arrays_on(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 100))
    data = make_dataset(np.random.rand(50, 4).astype("float32"), np.arange(50), None, 16, shuffle=True)
    assert all(x.is_cuda for x, _ in data.epoch())
    assert not data.placed[0].is_cuda


AHEAD = """
import json, numpy, tkeras, torch
from triton import knobs
from tkeras.compiler import _warm
made, seen, warm = [], {}, _warm.warm
_warm.warm = lambda *args: made.extend(found := warm(*args)) or found
knobs.compilation.listener = lambda **facts: seen.setdefault(facts["metadata"]["hash"], facts["cache_hit"])
tkeras.utils.set_random_seed(1)
chain = [tkeras.Input((12, 12, 3)), tkeras.layers.Conv2D(16, 3), tkeras.layers.BatchNormalization()]
chain += [tkeras.layers.ReLU(), tkeras.layers.Flatten(), tkeras.layers.Dense(32, activation="gelu")]
model = tkeras.Sequential([*chain, tkeras.layers.Dense(10)])
model.compile("adam", "mse", jit_compile=True)
model.fit(numpy.ones((64, 12, 12, 3)), numpy.ones((64, 10)), batch_size=16, verbose=0)
print(json.dumps([made, seen]))
"""


def test_kernels_compiled_ahead_are_found(tmp_path, monkeypatch):
    """By their keys: what a worker compiled and the process then asked for was in the cache."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "triton"))
    monkeypatch.setenv("TKERAS_CACHE_DIR", str(tmp_path / "tkeras"))
    done = subprocess.run([sys.executable, "-c", AHEAD], capture_output=True, text=True, check=True)
    made, seen = json.loads(done.stdout.splitlines()[-1])
    hashes = {result["hash"] for result in made if "hash" in result}
    assert len(hashes) == len({json.dumps(result) for result in made}) > 2
    first_asked_by_the_program = [hit for key, hit in seen.items() if key in hashes]
    assert any(first_asked_by_the_program)
