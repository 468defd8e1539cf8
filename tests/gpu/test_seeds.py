"""Random numbers of layers on a GPU: drawn from seeds on the device, in graphs as outside them."""

import numpy as np
import pytest
import torch

import tkeras
from tests import test_callbacks_files as callback_files
from tests.test_device_seeds import LAYERS, states
from tkeras import layers


@pytest.mark.parametrize("name", LAYERS)
def test_replays_draw_as_eager_calls(name):
    make, shape = LAYERS[name]
    x, layer = torch.randn(shape, device="cuda"), make()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):  # builds, compiles
            layer(x, training=True)
    torch.cuda.current_stream().wait_stream(stream)
    (state,) = states(layer)
    assert state.is_cuda
    start = state.clone()
    eager = [layer(x, training=True) for _ in range(3)]
    ended = state.clone()
    state.assign(start)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = layer(x, training=True)
    for expected in eager:
        graph.replay()
        assert torch.equal(y, expected)
    assert torch.equal(state, ended)
    assert not torch.equal(eager[0], eager[1])


def test_a_draw_waits_for_nothing():
    layer, x = layers.Dropout(0.5), torch.ones(64, 64, device="cuda")
    layer(x, training=True)
    torch.cuda.set_sync_debug_mode("error")
    try:
        layer(x, training=True)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def train(mode, steps=1):
    tkeras.utils.set_random_seed(1)
    x, y = np.random.rand(100, 20).astype("float32"), np.random.rand(100, 4).astype("float32")
    model = tkeras.Sequential([
        tkeras.Input((20,)), layers.GaussianNoise(0.1), layers.Dense(32), layers.Dropout(0.3), layers.ReLU(),
        layers.AlphaDropout(0.1), layers.GaussianDropout(0.1), layers.Reshape((8, 4)),
        layers.LSTM(8, dropout=0.2, recurrent_dropout=0.2, return_sequences=True),
        layers.SpatialDropout1D(0.2), layers.Flatten(), layers.Dense(4),
    ])  # fmt: skip
    model.compile("adam", "mse", jit_compile=mode, steps_per_execution=steps)
    model.fit(x, y, batch_size=16, epochs=4, verbose=0)
    return model


@pytest.mark.parametrize("steps", [1, 3])
def test_captured_training_draws_as_eager_training(steps):
    """Also where the program drops inside the product that the eager model drops after."""
    ours, again, eager = train(True, steps), train(True, steps), train(False, steps)
    assert ours._runner.reasons == []
    programs = [trial.compiled.program for trial in ours._runner.trials.values() if trial.compiled]
    assert programs
    assert not any(op.name == "random.generator" for program in programs for op in program.ops)
    assert [s.tolist() for s in states(ours)] == [s.tolist() for s in states(eager)]
    for a, b, c in zip(ours.get_weights(), again.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-3, atol=1e-5)


def test_an_interrupted_training_goes_on_drawing(tmp_path):
    callback_files.test_a_resumed_training_ends_with_the_same_bits(tmp_path, "epoch", 9, None, 3, False)
