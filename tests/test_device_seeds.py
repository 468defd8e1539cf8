"""Seeds that are drawn on the device: no host read, the same numbers eager, traced, replayed and restored.

Where kernels run, layers draw from a state on the device; the interpreter stands for a GPU here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests import test_callbacks_files as callback_files
from tests.compiler import test_capture as captures
from tests.compiler.test_capture import no_gpu as no_gpu
from tkeras import layers, random
from tkeras.compiler import _capture, _step, trace
from tkeras.random import SeedGenerator, _seed
from tkeras_kernels import runtime
from tkeras_kernels.operators import next_seed

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="tests/gpu/test_seeds.py does this on a GPU"
)
SEQUENCE, IMAGE = (3, 5, 4), (2, 2, 5, 1)
LAYERS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "dropout": (lambda: layers.Dropout(0.4, seed=3), SEQUENCE),
    "rows": (lambda: layers.Dropout(0.4, (None, 1, None), seed=3), SEQUENCE),
    "spatial": (lambda: layers.SpatialDropout1D(0.4, seed=3), SEQUENCE),
    "alpha": (lambda: layers.AlphaDropout(0.4, seed=3), SEQUENCE),
    "gaussian": (lambda: layers.GaussianDropout(0.4, seed=3), SEQUENCE),
    "noise": (lambda: layers.GaussianNoise(0.4, seed=3), SEQUENCE),
    "attention": (lambda: One(layers.Attention(dropout=0.4, seed=3)), SEQUENCE),
    "heads": (lambda: One(layers.MultiHeadAttention(2, 4, dropout=0.4, seed=3)), SEQUENCE),
    "scores": (lambda: One(layers.Attention(dropout=0.4, seed=3, score_mode="concat")), SEQUENCE),
    "lstm": (lambda: layers.LSTM(6, dropout=0.3, recurrent_dropout=0.3, seed=3), SEQUENCE),
    "cells": (lambda: layers.RNN(layers.GRUCell(6, recurrent_dropout=0.3, seed=3)), SEQUENCE),
    "images": (lambda: layers.ConvLSTM1D(1, 1, dropout=0.3, recurrent_dropout=0.3, seed=3), IMAGE),
}


class One(layers.Layer):
    """A layer of several inputs on one."""

    def __init__(self, inner: Any):
        super().__init__()
        self.inner = inner

    def call(self, inputs: Any, training: bool = False) -> Any:
        if isinstance(self.inner, layers.Attention):
            return self.inner([inputs, inputs], training=training)
        return self.inner(inputs, inputs, training=training)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host draws and reads no seed."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a seed is drawn on the host")

    monkeypatch.setattr(SeedGenerator, "draw", refuse)


@pytest.fixture
def on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch computes, from seeds drawn as on a GPU."""
    monkeypatch.setattr(_seed, "without_kernels", lambda x: "meta tensors" if x.is_meta else None)


def states(part: Any) -> list[Any]:
    """The states of the seed generators in a model or layer."""
    found = [value for layer in part._flat_layers() for value in vars(layer).values()]
    return list({id(v): v.state for v in found if isinstance(v, SeedGenerator)}.values())


def test_a_state_gives_each_key_once() -> None:
    state = torch.tensor([-7, 2**31 - 2], dtype=torch.int32)
    keys = [next_seed(state) for _ in range(3)]
    counts = [2**31 - 2, 2**31 - 1, -(2**31)]  # as int32 counts on
    assert [int(key) for key in keys] == [(count << 32) | (2**32 - 7) for count in counts]
    assert state.tolist() == [-7, -(2**31) + 1]
    assert all(key.shape == (1,) and key.dtype == torch.int64 for key in keys)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_draw_on_the_device(name: str, unread: None) -> None:
    """A seeded layer is reproducible, each call is another draw, and a program draws as eager calls do."""
    make, shape = LAYERS[name]
    with runtime.backend_scope("interpret"):
        tkeras.utils.set_random_seed(1)
        x, layer = torch.randn(shape), make()
        layer(x)
        (state,) = states(layer)
        start = state.clone()
        eager = [layer(x, training=True) for _ in range(2)]
        assert not any(torch.equal(a, b) for a, b in itertools.pairwise(eager))
        state.assign(start)
        inputs = tkeras.Input(shape[1:], batch_size=shape[0])
        program = trace(tkeras.Model(inputs, layer(inputs)), shape, training=True)
        assert "random.seed" in {op.name for op in program.ops}
        assert [program.captured[value] is state for value in program.written()] == [True]
        for expected in eager:
            torch.testing.assert_close(program.run(x), expected, rtol=1e-5, atol=1e-6)
        state.assign(start)
        torch.testing.assert_close(layer(x, training=True), eager[0], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["dropout", "rows", "spatial"])
def test_backward_draws_the_mask_again(name: str, unread: None) -> None:
    make, shape = LAYERS[name]
    with runtime.backend_scope("interpret"):
        x, layer = torch.ones(shape, requires_grad=True), make()
        for _ in range(2):
            y = layer(x, training=True)
            (mask,) = torch.autograd.grad(y.sum(), x)
            assert torch.equal(mask, y)
            assert mask.unique().tolist() == [0.0, pytest.approx(1 / 0.6)]


def test_shares_over_calls() -> None:
    """Kept shares over elements and over calls, and draws of two calls, are independent."""
    with runtime.backend_scope("interpret"):
        layer, x = layers.Dropout(0.3, seed=5), torch.ones(20_000)
        kept = torch.stack([layer(x, training=True) != 0 for _ in range(8)]).double()
    assert abs(kept.mean().item() - 0.7) < 5 * (0.21 / kept.numel()) ** 0.5
    both = (kept[:-1] * kept[1:]).mean().item()
    assert abs(both - 0.49) < 5 * (0.25 / (kept.numel() * 7 / 8)) ** 0.5
    assert kept.sum(0).var().item() == pytest.approx(8 * 0.21, rel=0.05)


def test_masks_of_several_gates_differ(unread: None) -> None:
    with runtime.backend_scope("interpret"):
        cell = layers.GRUCell(64, dropout=0.5, recurrent_dropout=0.5, seed=1)
        keep, recurrent = cell._drawn(torch.ones(4, 2, 64), True)
        dropped = random.dropout(torch.ones(4, 64), 0.5, (None, 1), seed=cell.seed_generator)
    assert not any(torch.equal(recurrent[i], recurrent[j]) for i in range(3) for j in range(i))
    assert {0.0, 2.0} == {*keep.unique().tolist(), *dropped.unique().tolist()}
    assert torch.equal(dropped.amax(1), dropped.amin(1))


def test_captured_steps_draw_as_eager_ones(no_gpu: None, on_device: None, unread: None) -> None:
    """No generator is registered with the graph, and replays continue where eager steps would."""
    batches = [(torch.rand(6, 4), torch.randint(3, (6,))) for _ in range(5)]
    eager, ours = captures.model(), captures.model()
    for batch in batches:
        eager._learn(batch)
    ours._learn(batches[0])
    program = _step.step_program(ours, batches[0], gpu=True)
    captures.CAPTURED[:] = [*program.captured.values(), *ours.optimizer.variables]
    captured = _capture.Captured(program, [list(batch) for batch in batches[1:3]])
    assert captured.graph.generators == []  # type: ignore[attr-defined]
    captured.graph.replayed = lambda: [captured._run(b) for b in captured.buffers]  # type: ignore[attr-defined]
    captured([list(batch) for batch in batches[3:]])
    for a, b in zip(ours.get_weights(), eager.get_weights(), strict=True):
        torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=1e-5, atol=1e-6)
    assert [s.tolist() for s in states(ours)] == [s.tolist() for s in states(eager)] == [[1, 5]]


def test_schedules_draw_as_eager_steps(on_device: None, unread: None) -> None:
    """The schedule of a step advances the state itself."""
    found = []
    for mode in (False, True):
        tkeras.utils.set_random_seed(4)
        model = tkeras.Sequential([
            tkeras.Input((4,)), layers.Dense(8), layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Dense(1),
        ])  # fmt: skip
        model.compile("sgd", "mse", jit_compile=mode)
        x = np.random.rand(24, 4).astype("float32")
        history = model.fit(x, x[:, :1], batch_size=6, epochs=3, verbose=0, shuffle=False)
        found.append((model.get_weights(), history.history["loss"], [s.tolist() for s in states(model)]))
    assert model._runner.reasons == []
    (ours, losses, ends), (theirs, expected, starts) = found[1], found[0]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    assert ends == starts
    assert [count for _, count in ends] == [12, 12]


def test_files_keep_the_state(tmp_path: Any, on_device: None, unread: None) -> None:
    model = tkeras.Sequential([tkeras.Input((50,)), layers.Dropout(0.5)])
    x = torch.ones(2, 50)
    model(x, training=True)
    model.save(tmp_path / "m.keras")
    later = tkeras.saving.load_model(tmp_path / "m.keras")
    assert [s.tolist() for s in states(later)] == [s.tolist() for s in states(model)]
    assert torch.equal(later(x, training=True), model(x, training=True))


def test_an_interrupted_training_goes_on_drawing(tmp_path: Any, on_device: None, unread: None) -> None:
    callback_files.test_a_resumed_training_ends_with_the_same_bits(tmp_path, 3, 8, None, 3, True)


class Always(layers.Dropout):
    """Drops in inference too."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return super().call(inputs, training=True)


def test_predictions_draw_where_dropout_stays_on(on_device: None, unread: None) -> None:
    x, found = np.ones((40, 6), "float32"), []
    for mode in (False, True):
        inputs = tkeras.Input((6,))
        model = tkeras.Model(inputs, Always(0.5, seed=7)(inputs))
        model.compile(jit_compile=mode)
        found.append(np.stack([model.predict(x, batch_size=8, verbose=0) for _ in range(2)]))
    np.testing.assert_array_equal(*found)
    rows = found[0].reshape(10, 8, 6)
    assert not any((rows[i] == rows[j]).all() for i in range(10) for j in range(i))
    assert [[seed, count] for seed, count in (s.tolist() for s in states(model))] == [[7, 10]]
