"""Symbolic tensors, nodes and their bookkeeping, shape inference, the order and run of graphs."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import Input, Model, layers
from tkeras.graph import KerasTensor


def test_one_call_makes_input_and_output_well_defined() -> None:
    a = Input(shape=(280, 256))
    lstm = layers.LSTM(32)
    encoded = lstm(a)
    assert lstm.output is encoded
    assert lstm.input is a
    assert lstm.input_shape == (None, 280, 256)
    assert lstm.output_shape == (None, 32)
    assert encoded._keras_history == (lstm, 0, 0)
    assert a._keras_history.operation.outbound_nodes == lstm.inbound_nodes


def test_two_calls_make_output_ill_defined() -> None:
    lstm = layers.LSTM(32, name="lstm_1")
    first, second = lstm(Input((280, 256))), lstm(Input((280, 256)))
    with pytest.raises(AttributeError) as error:
        _ = lstm.output
    assert str(error.value) == (
        'Layer lstm_1 has multiple inbound nodes, hence the notion of "layer output" is ill-defined. '
        "Use `get_output_at(node_index)` instead."
    )
    assert lstm.get_output_at(0) is first
    assert lstm.get_output_at(1) is second
    assert lstm.output_shape == (None, 32)
    with pytest.raises(ValueError, match="only 2 inbound nodes"):
        lstm.get_output_at(2)


def test_shapes_of_calls_that_differ() -> None:
    conv = layers.Conv2D(16, (3, 3), padding="same")
    conv(Input((32, 32, 3)))
    assert conv.input_shape == (None, 32, 32, 3)
    conv(Input((64, 64, 3)))
    with pytest.raises(AttributeError, match="different input_shapes"):
        _ = conv.input_shape
    assert conv.get_input_shape_at(0) == (None, 32, 32, 3)
    assert conv.get_output_shape_at(1) == (None, 64, 64, 16)


def test_a_layer_never_called_has_no_output() -> None:
    with pytest.raises(
        AttributeError, match="The layer d has never been called and thus has no defined output"
    ):
        _ = layers.Dense(2, name="d").output


def test_operators_and_torch_functions_record_nodes() -> None:
    x = Input((4,))
    y = torch.sigmoid((1 - x) * 2 + x**2) / np.float32(3)
    model = Model(x, y)
    value = torch.rand(5, 4)
    torch.testing.assert_close(model(value), torch.sigmoid((1 - value) * 2 + value**2) / 3)


def test_operators_are_named_as_in_keras() -> None:
    x = Input((4,))
    results = [x - 1, x / 2, x < 2, x != 0, -x, abs(x), x[:, 0], round(x), (x > 0) & (x < 1)]
    names = [result._keras_history.operation.label for result in results]
    assert names == [
        *("subtract", "true_divide", "less", "not_equal", "negative", "absolute", "get_item", "round"),
        "logical_and",
    ]
    value = torch.tensor([[0.0, 1.6, -2.4, 0.5]])
    for result, wanted in ((results[3], value != 0), (results[7], torch.round(value))):
        torch.testing.assert_close(Model(x, result)(value), wanted)


def test_symbolic_tensors_refuse_to_be_values() -> None:
    x = Input((4,))
    with pytest.raises(TypeError, match="boolean"):
        bool(x > 0)
    with pytest.raises(ValueError, match="symbolic"):
        np.asarray(x)
    with pytest.raises(TypeError, match="no len"):
        len(x)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="Iterating"):
        iter(x)
    with pytest.raises(ValueError, match="symbolic"):
        float(x)  # type: ignore[arg-type]


def test_symbolic_tensors_need_no_input_layer() -> None:
    x = KerasTensor((None, 3))
    assert layers.Dense(4)(x + 1).shape == (None, 4)
    assert ((x != 0) & (x > 1)).dtype == "bool"
    with pytest.raises(ValueError, match="not made by"):
        Model(x, x + 1)
    hidden = layers.Dense(2)
    assert hidden(KerasTensor((2, 3), record_history=False)).shape == (2, 2)
    assert not hidden.inbound_nodes


@pytest.mark.parametrize("shape", [None, 3, (2, "a"), (-1, 3), "ab"])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        KerasTensor(shape)


def test_unknown_sizes_follow_through() -> None:
    x = Input((None, 3))
    assert layers.Conv1D(4, 3)(x).shape == (None, None, 4)
    assert layers.Flatten()(x).shape == (None, None)
    assert layers.Lambda(lambda t: t.sum(1))(x).shape == (None, 3)
    assert layers.Lambda(lambda t: t[:, :2])(x).shape == (None, 2, 3)
    assert layers.Lambda(lambda t: torch.zeros(2, 5) + t.mean())(x).shape == (2, 5)


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda t: torch.reshape(t, (-1, 8)), (None, 8)),  # an even batch only
        (lambda t: t.reshape(t.shape[0] // 4, -1), (None, 16)),
        (lambda t: t.reshape(-1), (None,)),
        (lambda t: t[:50], (None, 4)),
        (lambda t: t[5:], (None, 4)),
        (lambda t: torch.chunk(t, 2)[1], (None, 4)),
        (lambda t: t.T[:, :3], (4, 3)),
        (lambda t: torch.zeros(50, 4) + t.sum(), (50, 4)),
    ],
)
def test_unknown_sizes_in_torch_code(call: Any, shape: Any) -> None:
    assert layers.Lambda(call)(Input((4,))).shape == shape


def test_a_number_of_results_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="The number of results depends on a size that is not known"):
        layers.Lambda(lambda t: torch.split(t, 2))(Input((4,)))


class Drawing(layers.Layer):
    """Draws in its call from a generator of its own."""

    def __init__(self, draw: Any):
        super().__init__(name="drawing")
        self.draw, self.seeds = draw, tkeras.random.SeedGenerator(3)

    def call(self, inputs: Any) -> Any:
        return self.draw(inputs, self.seeds)


R = tkeras.random


@pytest.mark.parametrize(
    ("draw", "width"),
    [
        (lambda x, s: x + R.normal(x.shape, seed=s), 4),
        (lambda x, s: x + R.uniform(x.shape, seed=s), 4),
        (lambda x, s: x + R.truncated_normal(x.shape, seed=s), 4),
        (lambda x, s: x + R.randint(x.shape, 0, 3, seed=s), 4),
        (lambda x, s: x + R.gamma(x.shape, 2.0, seed=s), 4),
        (lambda x, s: x + R.beta(x.shape, 2.0, 1.0, seed=s), 4),
        (lambda x, s: x + R.binomial(x.shape, 2.0, 0.5, seed=s), 4),
        (lambda x, s: R.categorical(x, 3, seed=s), 3),
        (lambda x, s: R.shuffle(x, 1, seed=s), 4),
        (lambda x, s: R.dropout(x, 0.5, (None, 1), seed=s), 4),
        (lambda x, s: x + R.normal((4,)), 4),
        (lambda x, s: x + s.next()[0], 4),
    ],
)
def test_layers_that_draw_have_shapes(draw: Any, width: int) -> None:
    layer, state = Drawing(draw), torch.random.get_rng_state()
    model = tkeras.Model(inputs := Input((4,)), layer(inputs))
    assert model.output_shape == (None, width)
    assert layer.seeds.state.tolist() == [3, 0]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model(torch.ones(6, 4)).shape == (6, width)


def test_random_functions_of_symbolic_tensors_draw_when_the_model_runs() -> None:
    inputs = Input((4,))
    model = tkeras.Model(
        inputs, [R.dropout(inputs, 0.5, seed=1), R.shuffle(inputs, seed=1), R.categorical(inputs, 7, seed=1)]
    )
    x = torch.arange(20.0).reshape(5, 4)
    dropped, shuffled, classes = model(x)
    assert torch.equal(dropped, R.dropout(x, 0.5, seed=1))
    assert torch.equal(shuffled, R.shuffle(x, seed=1))
    assert torch.equal(classes, R.categorical(x, 7, seed=1))


def test_inference_neither_draws_nor_changes_state() -> None:
    norm = layers.BatchNormalization()
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    x = layers.Dropout(0.5)(norm(Input((3,))), training=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert x.shape == (None, 3)
    assert norm.moving_mean.numpy().tolist() == [0, 0, 0]


def test_a_call_that_needs_values_says_what_to_define() -> None:
    with pytest.raises(Exception) as error:
        layers.Lambda(lambda t: t[: int(t.sum().item())], name="odd")(Input((3,)))
    assert any('output shape of layer "odd"' in note for note in error.value.__notes__)


def test_a_disconnected_graph_names_input_and_layers() -> None:
    a, b = Input((3,), name="title"), Input((4,), name="tags")
    hidden = layers.Dense(2, name="hidden")(a)
    joined = layers.Concatenate(name="join")([hidden, b])
    with pytest.raises(ValueError) as error:
        Model(a, layers.Dense(1, name="out")(joined))
    text = str(error.value)
    assert "Graph disconnected" in text
    assert '(from "tags") at layer "join"' in text
    assert "without issue: ['hidden']" in text


def test_models_between_inner_tensors() -> None:
    x = Input((3,))
    middle = layers.Dense(4, name="middle")(x)
    out = layers.Dense(2, name="last")(middle)
    tail = Model(middle, out)
    full = Model(x, out)
    value = torch.rand(5, 3)
    torch.testing.assert_close(tail(full.get_layer("middle")(value)), full(value))
    assert [layer.name for layer in tail.layers if not isinstance(layer, layers.InputLayer)] == ["last"]
    assert tail.count_params() == 10


def test_duplicate_layer_names_are_refused() -> None:
    x = Input((3,))
    with pytest.raises(ValueError, match="used 2 times"):
        Model(x, layers.Dense(2, name="same")(layers.Dense(2, name="same")(x)))


def test_variables_are_parameters_with_keras_methods() -> None:
    v = tkeras.Variable([[1.0, 2.0]], name="v")
    assert isinstance(v, torch.nn.Parameter)
    assert v.value is v
    assert (v.trainable, v.requires_grad, v.path) == (True, True, "v")
    v.assign([[3, 4]])
    v.assign_add(1.0)
    assert v.numpy().tolist() == [[4, 5]]
    assert type(v * 2) is torch.Tensor
    with pytest.raises(ValueError, match="must match"):
        v.assign([1.0])
    v.trainable = False
    assert not v.requires_grad
    with pytest.raises(ValueError, match="shape"):
        tkeras.Variable(lambda shape, dtype: torch.zeros(shape))
    count = tkeras.Variable(0, dtype="int32", trainable=False)
    assert count.dtype is torch.int32
    import copy
    import pickle

    for clone in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert isinstance(clone, tkeras.Variable)
        assert (clone.name, clone.trainable, clone.numpy().tolist()) == ("v", False, [[4, 5]])


def test_keras_tensor_takes_no_sparse() -> None:
    with pytest.raises(ValueError, match="sparse"):
        KerasTensor((2,), sparse=True)


def test_joined_shapes_are_torchs_and_take_no_compiler() -> None:
    """``torch.cat`` on the meta device imports torch's compiler, which takes longer than a model."""
    code = """
import sys, torch, tkeras
from tkeras import layers, ops
a, b = tkeras.Input((4, 3)), tkeras.Input((4, 2), dtype="float64")
tkeras.Model([a, b], layers.Dense(2)(layers.concatenate([a, b])))
assert "torch._dynamo" not in sys.modules
assert ops.concatenate([a, b], axis=-1).shape == (None, 4, 5)
assert ops.concatenate([a, b], axis=-1).dtype == "float64"
assert ops.concatenate([a, a, a], axis=1).shape == (None, 12, 3)
try:
    layers.Lambda(lambda both: torch.cat(both, 1))([a, b])
except Exception as error:
    assert "Sizes of tensors must match" in str(error), error
else:
    raise AssertionError
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
