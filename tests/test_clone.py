"""clone_model: new weights, functions for layers and calls, inputs, models inside, compile arguments."""

import numpy as np
import pytest

import tkeras
from tests import seed_models
from tkeras import layers
from tkeras.graph._tree import flatten
from tkeras.models import clone_model


@pytest.mark.parametrize(
    "name", ["mnist_model", "toy_resnet", "headline_model", "ticket_model", "siamese_model", "ensemble"]
)
def test_clones_have_the_architecture_and_weights_of_their_own(name) -> None:
    model = getattr(seed_models, name)(tkeras)
    clone = clone_model(model)
    assert clone.get_config() == model.get_config()
    assert clone.name == model.name
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    clone.set_weights(model.get_weights())
    rng = np.random.default_rng(0)
    inputs = [rng.integers(0, 5, (2, *(s or 4 for s in t.shape[1:]))).astype(t.dtype) for t in model.inputs]
    ours, theirs = (
        made.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0) for made in (clone, model)
    )
    for one, other in zip(flatten(ours), flatten(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def sequential():
    model = tkeras.Sequential(
        [tkeras.Input((3,), name="in"), layers.Dense(2, name="d"), layers.Dropout(0.5)], name="chain"
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def nested():
    inputs = tkeras.Input((3,), name="outer_in")
    return tkeras.Model(inputs, layers.Dense(1, name="head")(sequential()(inputs)) * 2.0, name="outer")


def test_sequential_models() -> None:
    clone = clone_model(sequential())
    assert (clone.name, clone.layers[0].name, clone.input_shape) == ("chain", "d", (None, 3))
    assert clone.compiled
    assert clone.optimizer is not None
    assert clone.loss == "mse"
    late = clone_model(tkeras.Sequential([layers.Dense(2)]))
    assert not late.built
    mine = tkeras.Input((3,), name="mine")
    assert clone_model(sequential(), input_tensors=mine).inputs[0] is mine
    middle = layers.Dense(3)(mine)
    assert clone_model(sequential(), input_tensors=[middle]).input_shape == (None, 3)


def test_functions_choose_layers_and_calls() -> None:
    seen = []

    def clone(layer):
        seen.append(layer.name)
        if isinstance(layer, layers.Dense):
            return layers.Dense(layer.units, use_bias=False, name=layer.name)
        return type(layer).from_config(layer.get_config())

    made = clone_model(nested(), clone_function=clone)
    assert seen == ["chain", "head"]
    assert not made.get_layer("head").use_bias
    seen.clear()
    deep = clone_model(nested(), clone_function=clone, recursive=True)
    assert seen[0] == "d"
    assert not deep.get_layer("chain").get_layer("d").use_bias
    model = nested()

    def call(layer, *args, **kwargs):
        out = layer(*args, **kwargs)
        return layers.Activation("relu", name=f"{layer.name}_relu")(out) if layer.name == "head" else out

    more = clone_model(model, clone_function=lambda layer: layer, call_function=call)
    assert more.get_layer("head") is model.get_layer("head")
    assert "head_relu" in [layer.name for layer in more.layers]


def test_inputs_can_be_given() -> None:
    mine = tkeras.Input((3,), name="mine")
    made = clone_model(nested(), input_tensors=mine)
    assert made.inputs[0] is mine
    assert clone_model(nested(), input_tensors=[mine._keras_history.operation]).inputs[0] is mine
    both = seed_models.headline_model(tkeras)
    again = clone_model(both, input_tensors=[tkeras.Input((12,), dtype="int32"), tkeras.Input((5,))])
    assert again.count_params() == both.count_params()


class Own(tkeras.Model):
    """A model of Python code."""

    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_subclassed_models_are_made_from_their_arguments() -> None:
    clone = clone_model(Own(5, name="own"))
    assert (clone.units, clone.name) == (5, "own")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clone_model(layers.Dense(1)), "Expected `model` to be a `Model`"),
        (lambda: clone_model(sequential(), call_function=print), "not supported with Sequential"),
        (lambda: clone_model(sequential(), input_tensors=[tkeras.Input((3,))] * 2), "a single tensor"),
        (lambda: clone_model(nested(), input_tensors=[tkeras.Input((3,))] * 2), "same structure"),
        (lambda: clone_model(nested(), input_tensors=5), "must be KerasTensors"),
        (lambda: clone_model(nested(), clone_function=lambda layer: 5), "must return a layer"),
        (lambda: clone_model(Own(), clone_function=print), r"\['clone_function'\] are not supported"),
        (lambda: clone_model(nested(), copy=True), "Unexpected keyword"),
    ],
)
def test_wrong_arguments_are_explained(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
