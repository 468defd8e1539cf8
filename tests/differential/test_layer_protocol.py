"""What layers know of their variables, and their functional form, beside real Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import f32, keras, numpy_of, tkeras


def owner(k: Any) -> Any:
    """A layer with variables of all kinds."""

    class Owner(k.layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.metric = k.metrics.Mean(name="inner")
            self.seeds = k.random.SeedGenerator(3, name="seeds")
            self.scale = self.add_weight(shape=(2,), name="scale")
            self.count = self.add_weight(shape=(), name="count", trainable=False, initializer="zeros")
            self.parts = [k.layers.Dense(2, name="dense"), k.layers.Dropout(0.3)]
            self.by_name = {"a": k.layers.Dense(1, name="a")}

        def build(self, shape):
            self.inner = k.layers.Dense(3, name="inner_dense")
            self.inner.build(shape)
            self.late = self.add_weight(shape=(1,), name="late")

        def call(self, x):
            return self.by_name["a"](self.inner(self.parts[0](x)))

    return Owner(name="owner")


VIEWS = ("weights", "variables", "trainable_variables", "non_trainable_variables", "trainable_weights",
         "non_trainable_weights", "metrics_variables")  # fmt: skip


def test_views_of_variables_hold_the_same_in_the_same_order() -> None:
    found = []
    for k in (tkeras, keras):
        layer = owner(k)
        layer(torch.ones(1, 2))
        seen = [
            [(v.path.split("/")[0], v.path.split("/")[-1], tuple(v.shape)) for v in getattr(layer, n)]
            for n in VIEWS
        ]
        layer.trainable = False
        seen += [[v.path.split("/")[-1] for v in getattr(layer, name)] for name in VIEWS]
        names = {part for view in seen[:7] for part, *_ in view if part.startswith("seed")}
        found.append(
            [
                [("seeds", *rest) if first in names else (first, *rest) for first, *rest in view]
                for view in seen[:7]
            ]
            + seen[7:]
        )
    assert found[0] == found[1]


def test_weights_of_a_frozen_layer_are_frozen() -> None:
    for k in (tkeras, keras):
        layer = k.layers.BatchNormalization(trainable=False)
        layer.build((None, 3))
        assert [v.trainable for v in layer.weights] == [False] * 4
        layer.trainable = True
        assert len(layer.trainable_weights) == 2


STATELESS: dict[str, Any] = {
    "dense": lambda k: (k.layers.Dense(2, kernel_regularizer="l2"), f32(4, 3), {}),
    "batch norm": lambda k: (k.layers.BatchNormalization(), f32(4, 3), {"training": True}),
    "lstm": lambda k: (k.layers.LSTM(2), f32(2, 4, 3), {}),
    "model": lambda k: (k.Sequential([k.layers.Dense(2, activation="tanh"), k.layers.BatchNormalization()]), f32(4, 3), {"training": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", STATELESS)
def test_stateless_calls(name: str) -> None:
    results = []
    for k in (tkeras, keras):
        layer, x, options = STATELESS[name](k)
        inputs = torch.from_numpy(x)
        layer(inputs)
        before = layer.get_weights()

        def values(variables: Any) -> list[torch.Tensor]:
            return [
                torch.cos(torch.arange(float(v.numpy().size))).reshape(tuple(v.shape)) ** 2 for v in variables
            ]

        given = [value.requires_grad_() for value in values(layer.trainable_variables)]
        outputs, state, losses = layer.stateless_call(
            given, values(layer.non_trainable_variables), inputs, return_losses=True, **options
        )
        total: Any = (outputs**2).sum() + sum(losses)
        results.append([outputs, *state, total, *torch.autograd.grad(total, given)])
        for a, b in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    for ours, real in zip(*results, strict=True):
        np.testing.assert_allclose(numpy_of(ours), numpy_of(real), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "name", ["Dense", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization"]
)
def test_integers_are_taken_as_numbers(name: str) -> None:
    x = torch.arange(12).reshape(3, 4)
    arguments = {"Dense": (2,), "GroupNormalization": (2,)}.get(name, ())
    layers = [getattr(k.layers, name)(*arguments) for k in (tkeras, keras)]
    outputs = [layer(given) for layer, given in zip(layers, (x, x.float()), strict=True)]
    assert outputs[0].dtype is torch.float32
    layers[0].set_weights(layers[1].get_weights())
    np.testing.assert_allclose(numpy_of(layers[0](x)), numpy_of(outputs[1]), rtol=1e-5, atol=1e-6)


def test_a_layer_says_that_it_was_not_initialized() -> None:
    for k in (tkeras, keras):

        class Forgets(k.layers.Layer):
            def __init__(self):  # pyright: ignore[reportMissingSuperCall]
                self.units = 3

        with pytest.raises(RuntimeError, match=r"you forgot to call `super\(\).__init__\(\)`"):
            Forgets()(torch.ones(1, 2))
