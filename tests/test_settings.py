"""Limits, devices, functions of graphs, recomputation: small parts of the public API."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import tkeras
from tkeras import config, layers


@pytest.fixture
def limits() -> Iterator[None]:
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


@pytest.mark.usefixtures("limits")
def test_limits_hold_in_every_loop() -> None:
    model = tkeras.Sequential([tkeras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((40, 2), "float32"), np.ones((40, 1), "float32")
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(3)
    history = model.fit(x, y, epochs=5, batch_size=4, verbose=0)
    assert len(history.epoch) == 2
    assert int(model.optimizer.iterations) == 6
    assert model.predict(x, batch_size=4, verbose=0).shape == (12, 1)
    assert model.predict(x, batch_size=30, verbose=0).shape == (40, 1)
    config.set_max_epochs(None)
    assert len(model.fit(x, y, epochs=3, verbose=0).epoch) == 3


def test_names_of_settings() -> None:
    assert config.backend() == "torch"
    assert config.is_traceback_filtering_enabled() is False
    assert tkeras.version() == tkeras.__version__


def test_a_device_is_chosen_for_a_block() -> None:
    with tkeras.device("cpu:0") as device:
        assert config.default_device() == device == torch.device("cpu")
        assert layers.Dense(2)(torch.ones(1, 3)).device.type == "cpu"
    with tkeras.device("meta"):
        assert torch.empty(2).is_meta
    assert not torch.empty(2).is_meta


def test_a_function_runs_part_of_a_graph() -> None:
    a, b = tkeras.Input((3,)), tkeras.Input((3,))
    hidden = layers.Dense(4)(a + b)
    function = tkeras.Function({"a": a, "b": b}, [hidden, a * 2])
    x, y = torch.randn(5, 3), torch.randn(5, 3)
    found = function({"a": x, "b": y})
    kernel, bias = hidden._keras_history.operation.get_weights()
    torch.testing.assert_close(found[0], (x + y) @ torch.tensor(kernel) + torch.tensor(bias))
    assert torch.equal(found[1], x * 2)
    spec = function({"a": tkeras.Input((3,)), "b": tkeras.Input((3,))})
    assert [tuple(s.shape) for s in spec] == [(None, 4), (None, 3)]
    with pytest.raises(ValueError, match="expects 2 input"):
        function([x])
    with pytest.raises(ValueError, match="must be KerasTensors"):
        tkeras.Function([x], [hidden])


def test_recomputation_gives_the_same_gradients_and_runs_twice() -> None:
    calls = []

    class Counted(layers.Layer):
        def call(self, inputs):
            calls.append(1)
            return torch.tanh(inputs) * inputs

    layer = Counted()
    x = torch.randn(4, 3, requires_grad=True)
    plain = torch.autograd.grad(layer(x).sum(), x)[0]
    calls.clear()
    again = torch.autograd.grad(tkeras.remat(layer)(x).sum(), x)[0]
    assert torch.equal(plain, again)
    assert len(calls) == 2


def test_filtered_tracebacks_leave_the_library_out(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for switch in (config.disable_traceback_filtering, config.enable_traceback_filtering):
        switch()
        try:
            layers.Dense(-1)
        except ValueError:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        said = capsys.readouterr().err
        assert "Received an invalid value for `units`" in said
        shown.append(
            ("_dense.py" in said, "test_settings.py" in said, config.is_traceback_filtering_enabled())
        )
    config.disable_traceback_filtering()
    assert shown == [(True, True, False), (False, True, True)]
