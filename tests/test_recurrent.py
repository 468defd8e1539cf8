"""Recurrent layers: users' cells, statefulness, what reaches the operators, wrappers over time, wrong use."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tkeras import Input, Model, layers
from tkeras_kernels.runtime import report


class Minimal(layers.Layer):
    """The cell of the documents: ``h = x W + h U``."""

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
        )

    def call(self, inputs, states):
        output = torch.matmul(inputs, self.kernel) + torch.matmul(states[0], self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def by_hand(cell: Minimal, x: torch.Tensor) -> torch.Tensor:
    h, outputs = torch.zeros(len(x), cell.units), []
    for t in range(x.shape[1]):
        h = x[:, t] @ cell.kernel + h @ cell.recurrent_kernel
        outputs.append(h)
    return torch.stack(outputs, 1)


def test_a_users_cell_runs_over_time() -> None:
    tkeras.backend.clear_session()
    x = torch.randn(3, 6, 4)
    layer = layers.RNN(Minimal(5), return_sequences=True, return_state=True)
    outputs, state = layer(x)
    expected = by_hand(layer.cell, x)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(state, expected[:, -1])
    assert [w.path for w in layer.weights] == ["rnn/minimal/kernel", "rnn/minimal/recurrent_kernel"]
    inputs = Input(batch_shape=(3, 6, 4))
    model = Model(inputs, layer(inputs))
    assert [tuple(t.shape) for t in model.outputs] == [(3, 6, 5), (3, 5)]
    torch.testing.assert_close(model(x)[0], expected)


def test_a_users_cell_with_a_mask_keeps_its_state() -> None:
    x, mask = torch.randn(2, 5, 4), np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1]], bool)
    layer = layers.RNN(Minimal(3), return_sequences=True)
    outputs = layer(x, mask=mask)
    for row in range(2):
        kept = x[row, torch.from_numpy(mask[row])][None]
        torch.testing.assert_close(outputs[row, torch.from_numpy(mask[row])], by_hand(layer.cell, kept)[0])
    assert not outputs[1, :2].any()
    torch.testing.assert_close(outputs[0, 4], outputs[0, 3])


def test_a_users_cell_survives_its_configuration() -> None:
    layer = layers.RNN([Minimal(5), layers.LSTMCell(3)], go_backwards=True)
    config = layer.get_config()
    with pytest.raises(TypeError, match="Could not locate class 'Minimal'"):
        layers.RNN.from_config(config)
    twin = layers.RNN.from_config(config, custom_objects={"Minimal": Minimal})
    x = torch.randn(2, 4, 3)
    twin(x), layer(x)
    twin.set_weights(layer.get_weights())
    torch.testing.assert_close(twin(x), layer(x))
    assert twin.get_config()["cell"]["config"]["cells"][0]["config"]["units"] == 5


class Plain:
    """A cell that is no layer, with two states of its own beginning."""

    state_size = (3, 2)
    output_size = 2

    def get_initial_state(self, batch_size=None):
        return torch.ones(batch_size, 3), torch.full((batch_size, 2), 2.0)

    def call(self, inputs, states):
        a, b = states
        a, b = a + inputs.sum(-1, keepdim=True), b * 0.5
        return b, (a, b)


def test_a_cell_need_not_be_a_layer() -> None:
    x = torch.randn(2, 4, 5)
    output, a, b = layers.RNN(Plain(), return_state=True)(x)
    torch.testing.assert_close(output, torch.full((2, 2), 2 / 16))
    torch.testing.assert_close(a, 1 + x.sum((1, 2))[:, None].expand(2, 3))
    assert b is output
    shapes = layers.RNN(Plain(), return_state=True)(Input((4, 5)))
    assert [t.shape for t in shapes] == [(None, 2), (None, 3), (None, 2)]


class Composed(layers.Layer):
    """A cell made of layers, told whether it trains."""

    def __init__(self, units: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.dense, self.inner = layers.Dense(units), layers.GRUCell(units, dropout=0.5, seed=1)
        self.trained: list[bool] = []

    def call(self, inputs, states, training=False):
        self.trained.append(training)
        return self.inner(self.dense(inputs), states, training=training)


def test_layers_inside_a_cell_are_built_with_it_and_trained() -> None:
    layer = layers.RNN(Composed(4), name="outer")
    model = Model(inputs := Input((5, 3)), layer(inputs))
    assert [w.path for w in model.weights[:2]] == ["outer/composed/dense/kernel", "outer/composed/dense/bias"]
    assert len(model.weights) == 5
    layer.cell.trained.clear()
    x = torch.randn(8, 5, 3)
    model(x, training=True)
    assert layer.cell.trained == [True] * 5
    assert layer.cell.inner._keep is None
    assert not torch.equal(model(x, training=True), model(x, training=True))
    torch.testing.assert_close(model(x), model(x))
    model.compile("adam", "mse")
    first = model.evaluate(x, x[:, 0, :1].expand(8, 4), verbose=0)
    model.fit(x, x[:, 0, :1].expand(8, 4), epochs=20, verbose=0)
    assert model.evaluate(x, x[:, 0, :1].expand(8, 4), verbose=0) < first


def test_hooks_on_a_cell_run_at_every_step() -> None:
    layer, seen = layers.RNN(Minimal(3)), []
    layer.cell.register_forward_hook(lambda module, args, output: seen.append(tuple(args[0].shape)))
    layer(torch.ones(2, 4, 5))
    assert seen == [(2, 5)] * 4


class CustomRNN(layers.Layer):
    """The recurrent layer of the functional guide: a loop in ``call`` and a state of static shape."""

    def __init__(self, units: int = 32):
        super().__init__()
        self.units = units
        self.projection_1 = layers.Dense(units, activation="tanh")
        self.projection_2 = layers.Dense(units, activation="tanh")
        self.classifier = layers.Dense(1)

    def call(self, inputs):
        outputs, state = [], torch.zeros((inputs.shape[0], self.units))
        for t in range(inputs.shape[1]):
            state = self.projection_1(inputs[:, t, :]) + self.projection_2(state)
            outputs.append(state)
        return self.classifier(torch.stack(outputs, 1))


def test_a_loop_in_a_layer_with_a_static_batch() -> None:
    inputs = Input(batch_shape=(16, 10, 5))
    model = Model(inputs, CustomRNN()(layers.Conv1D(32, 3)(inputs)))
    assert model.outputs[0].shape == (16, 8, 1)
    assert model(torch.zeros(16, 10, 5)).shape == (16, 8, 1)
    assert CustomRNN()(torch.zeros(1, 10, 5)).shape == (1, 10, 1)


def calls() -> Counter[str]:
    return Counter(record.operator for record in report() for _ in range(record.count))


def used(act: Any) -> dict[str, int]:
    """How often each operator was called."""
    before = calls()
    act()
    return dict(calls() - before)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: layers.LSTM(3), {"lstm": 1}),
        (lambda: layers.RNN(layers.LSTMCell(3)), {"lstm": 1}),
        (lambda: layers.GRU(3, dropout=0.5, recurrent_dropout=0.5, activation="gelu"), {"gru": 1}),
        (lambda: layers.GRU(3, reset_after=False, stateful=True), {"gru": 1}),
        (lambda: layers.RNN([layers.SimpleRNNCell(3), layers.LSTMCell(2)]), {"simple_rnn": 1, "lstm": 1}),
        (lambda: layers.Bidirectional(layers.LSTM(3)), {"lstm": 2}),
        (lambda: layers.LSTM(3, activation=lambda x: x * torch.sigmoid(x)), {"lstm": 1}),
        (lambda: layers.LSTM(3, activation=lambda x: torch.softmax(x, -1)), {"scan": 1}),
        (lambda: layers.ConvLSTM1D(3, 1), {"conv": 1 + 4, "map": 4}),
    ],
)
def test_steps_run_in_one_operator_call_where_they_can(make: Any, expected: dict[str, int]) -> None:
    layer, x = make(), torch.randn(2, 4, 5)
    x = x.unsqueeze(-1) if isinstance(layer, layers.ConvLSTM1D) else x
    layer(x)
    assert used(lambda: layer(x, training=True)) == expected


def test_a_subclass_that_changes_the_step_is_believed() -> None:
    class Doubled(layers.LSTMCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training)
            return 2 * output, states

    x = torch.randn(2, 4, 5)
    doubled, plain = layers.RNN(Doubled(3)), layers.RNN(layers.LSTMCell(3))
    doubled(x), plain(x)
    doubled.set_weights(plain.get_weights())
    torch.testing.assert_close(doubled(x), 2 * plain(x))


def test_a_subclass_that_starts_elsewhere_is_believed() -> None:
    class Warm(layers.GRUCell):
        def get_initial_state(self, batch_size=None):
            return [torch.ones(batch_size, self.units)]

    class WarmLayer(layers.GRU):
        def get_initial_state(self, batch_size):
            return [torch.ones(batch_size, self.units)]

    x = torch.randn(2, 4, 5)
    plain = layers.GRU(3)
    expected = plain(x, initial_state=torch.ones(2, 3))
    for layer in (layers.RNN(Warm(3)), WarmLayer(3), layers.RNN([Warm(3)])):
        layer(x)
        layer.set_weights(plain.get_weights())
        torch.testing.assert_close(layer(x), expected)


def test_activations_that_look_along_an_axis_see_one_gate() -> None:
    layer = layers.GRU(3, recurrent_activation=lambda x: torch.softmax(x, -1))
    named = layers.GRU(3, recurrent_activation="softmax")
    x = torch.randn(2, 4, 5)
    layer(x), named(x)
    named.set_weights(layer.get_weights())
    torch.testing.assert_close(layer(x), named(x))


def test_a_stateful_layer_goes_on_and_starts_anew() -> None:
    layer = layers.GRU(3, stateful=True)
    x = torch.randn(2, 4, 5)
    first, second = layer(x), layer(x)
    assert len(layer.get_weights()) == 3
    torch.testing.assert_close(layer.states[0], second)
    once = layers.GRU(3)
    once.build((None, 4, 5))
    once.set_weights(layer.get_weights())
    torch.testing.assert_close(once(torch.cat([x, x], 1)), second)
    layer.reset_state()
    torch.testing.assert_close(layer(x), first)
    layer.reset_states(states=first.detach())
    torch.testing.assert_close(layer(x), second)
    start = torch.randn(2, 3)
    torch.testing.assert_close(layer(x, initial_state=start), once(x, initial_state=start))
    with pytest.raises(ValueError, match="Expected batch size: 2\n- Received batch size: 3"):
        layer(torch.randn(3, 4, 5))
    with pytest.raises(ValueError, match="Received batch size: 3"):
        layer(torch.randn(3, 4, 5), initial_state=torch.randn(3, 3))


def test_a_stateful_layer_can_be_trained_from_batch_to_batch() -> None:
    layer = layers.LSTM(3, stateful=True)
    x = torch.randn(2, 4, 5)
    total = layer(x).sum()
    total = total + layer(x).sum()
    total.backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in layer.weights)
    assert not any(state.requires_grad for state in layer.states)


def test_states_follow_the_module() -> None:
    layer = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)], stateful=True)
    layer(torch.randn(2, 4, 5))
    twin = copy.deepcopy(layer)
    layer.reset_state()
    assert [bool(s.any()) for s in (*twin.states[0], twin.states[1])] == [True] * 3
    twin.double()
    assert {s.dtype for s in (*twin.states[0], twin.states[1])} == {torch.float64}
    assert twin.state_dict().keys() == layer.state_dict().keys()


def test_the_first_batch_of_a_nested_model_gives_the_batch_size() -> None:
    class Outer(Model):
        def __init__(self):
            super().__init__()
            self.lstm = layers.LSTM(3, stateful=True)

        def call(self, x):
            return self.lstm(x)

    outer = Outer()
    model = Model(inputs := Input((4, 5)), outer(inputs))
    assert outer.lstm.states is None
    model(torch.randn(2, 4, 5))
    assert outer.lstm.states[0].shape == (2, 3)


def test_initial_states_in_every_form_and_their_gradients() -> None:
    x = torch.randn(2, 4, 5)
    h, c = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    layer = layers.LSTM(3)
    expected = layer(x, initial_state=[h, c])
    forms = [layer([x, h, c]), layer(x, [h, c]), layer(x, initial_state=(h, c))]
    forms.append(layer(x.numpy(), initial_state=[h.detach().numpy(), c.detach().numpy()]))
    for form in forms:
        torch.testing.assert_close(form, expected)
    assert all(g.any() for g in torch.autograd.grad(expected.sum(), [h, c]))
    stack = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])
    g = torch.randn(2, 2)
    torch.testing.assert_close(stack([x, h, c, g]), stack(x, initial_state=[[h, c], g]))


def test_an_encoder_gives_its_states_to_a_decoder() -> None:
    source, target = Input((None, 5), name="source"), Input((None, 4), name="target")
    _, *states = layers.LSTM(6, return_state=True)(source)
    decoded = layers.LSTM(6, return_sequences=True)(target, initial_state=states)
    model = Model([source, target], layers.Dense(4)(decoded))
    assert model.output_shape == (None, None, 4)
    model.compile("adam", "mse")
    x, y = np.random.rand(8, 3, 5).astype("float32"), np.random.rand(8, 7, 4).astype("float32")
    history = model.fit([x, y], y, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model([x, y]).shape == (8, 7, 4)


def test_dropout_masks_hold_for_a_sequence_and_no_longer() -> None:
    x = torch.ones(4, 6, 5)
    layer = layers.SimpleRNN(50, dropout=0.5, kernel_initializer="identity", recurrent_initializer="zeros",
                             activation=None, return_sequences=True)  # fmt: skip
    y = layer(x, training=True)[..., :5]
    assert y.unique().tolist() == [0.0, 2.0]
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert not torch.equal(y, layer(x, training=True)[..., :5])
    cell = layers.LSTMCell(3, dropout=0.5, recurrent_dropout=0.5, seed=3)
    step, states = torch.ones(4, 50), [torch.ones(4, 3)] * 2
    first = cell(step, states, training=True)[0]
    assert torch.equal(cell(step, states, training=True)[0], first)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    assert not torch.equal(cell(step, states, training=True)[0], first)
    assert cell.get_dropout_mask(step).shape == (4, 4, 50)


def test_a_seed_repeats_the_dropout() -> None:
    x = torch.randn(4, 6, 5)
    tensors = []
    for _ in range(2):
        layer = layers.GRU(3, dropout=0.5, recurrent_dropout=0.5, seed=7, kernel_initializer="ones")
        layer.build((None, 6, 5))
        layer.cell.recurrent_kernel.assign(torch.eye(3).repeat(1, 3))
        tensors.append(layer(x, training=True))
    assert torch.equal(*tensors)


class Centred(layers.Layer):
    """Looks at the whole batch."""

    def call(self, inputs):
        return inputs - inputs.mean(0)


def test_time_distributed_runs_steps_one_by_one_where_rows_are_not_alone() -> None:
    x = torch.randn(6, 3, 4)
    torch.testing.assert_close(layers.TimeDistributed(Centred())(x), x - x.mean(0))
    norm = layers.TimeDistributed(layers.BatchNormalization(momentum=0.5))
    y = norm(x, training=True)
    torch.testing.assert_close(y.mean(0), torch.zeros(3, 4), atol=1e-6, rtol=0)
    dense = layers.TimeDistributed(layers.Dense(2))
    dense(x)
    assert used(lambda: dense(x)) == {"dense": 1}
    model = tkeras.Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    video = layers.TimeDistributed(model)
    assert used(lambda: video(x))["dense"] <= 2
    assert used(lambda: video(x, training=True))["dense"] == 3
    inputs = Input((4,))
    functional = layers.TimeDistributed(Model(inputs, inputs - torch.mean(inputs, 0)))
    torch.testing.assert_close(functional(x), x - x.mean(0))


def test_time_distributed_passes_masks_on() -> None:
    x, mask = torch.randn(2, 3, 4, 5), torch.rand(2, 3, 4) > 0.4
    inner = layers.LSTM(3, return_sequences=True)
    y = layers.TimeDistributed(inner)(x, mask=mask)
    assert torch.equal(y._keras_mask, mask)
    torch.testing.assert_close(y[:, 1], inner(x[:, 1], mask=mask[:, 1]))
    last = layers.TimeDistributed(layers.LSTM(3))(x, mask=mask)
    assert torch.equal(last._keras_mask, mask.any(-1))
    assert layers.LSTM(2)(last).shape == (2, 2)


def test_bidirectional_makes_fresh_layers_of_classes_it_meets() -> None:
    class Local(Minimal):
        pass

    pattern = layers.RNN(Local(3), return_sequences=True)
    x = torch.randn(2, 4, 5)
    pattern(x)
    both = layers.Bidirectional(pattern, merge_mode=None)
    forward, backward = both(x)
    assert type(both.forward_layer.cell) is Local
    assert both.forward_layer.cell is not pattern.cell
    torch.testing.assert_close(forward, by_hand(both.forward_layer.cell, x))
    torch.testing.assert_close(backward.flip(1), by_hand(both.backward_layer.cell, x.flip(1)))


def test_bidirectional_weights_and_states() -> None:
    x = torch.randn(2, 4, 5)
    first = layers.Bidirectional(layers.LSTM(3, stateful=True))
    assert first.states is None
    first(x)
    second = layers.Bidirectional(layers.LSTM(3), weights=first.get_weights())
    first.reset_states()
    torch.testing.assert_close(second(x), first(x))
    assert len(first.states) == 4
    with pytest.raises(AttributeError, match="must be stateful"):
        second.reset_state()
    states = [torch.randn(2, 3) for _ in range(4)]
    torch.testing.assert_close(second([x, *states]), second(x, initial_state=states))


@pytest.mark.parametrize("make", [
    lambda: layers.LSTM(3, stateful=True), lambda: layers.GRU(3), lambda: layers.Bidirectional(layers.SimpleRNN(3)),
    lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
])  # fmt: skip
def test_layers_copy_and_pickle(make: Any) -> None:
    layer, x = make(), torch.randn(2, 4, 5)
    layer(x)
    twins = copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))
    expected = layer(x)
    for twin in twins:
        torch.testing.assert_close(twin(x), expected)


def test_integers_and_empty_batches() -> None:
    for layer in (layers.LSTM(3), layers.GRU(3), layers.RNN(layers.SimpleRNNCell(3), return_state=True)):
        layer(torch.randint(0, 5, (2, 4, 5)))
        outputs = layer(torch.zeros(0, 4, 5))
        assert (outputs[0] if isinstance(outputs, tuple) else outputs).shape == (0, 3)


class NoStates:
    def call(self, inputs, states):
        return inputs, states


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: layers.RNN(3), "Argument `cell` should have a `call` method. Received: cell=3"),
        (lambda: layers.RNN(NoStates()), "should have a `state_size` attribute"),
        (lambda: layers.RNN([layers.GRUCell(2), NoStates()]), "Every one of `cells` should have a `state_size`"),
        (lambda: layers.LSTM(-1), "expected a positive integer, got -1"),
        (lambda: layers.LSTM(3, time_major=True), "Unrecognized keyword arguments"),
        (lambda: layers.GRU(3, use_cudnn="yes"), r"Expected one of .* Received: use_cudnn=yes"),
        (lambda: layers.LSTM(3, name="l")(torch.ones(2, 3)), "layer 'l'.*expected ndim=3, found ndim=2"),
        (lambda: layers.LSTM(3, name="l")(Input((4, None))), "number of features must be known"),
        (lambda: layers.LSTM(3, stateful=True)(Input((4, 2))), "the batch size must be static"),
        (lambda: layers.LSTM(3, name="l")([torch.ones(2, 4, 5), torch.ones(2, 3)]), "of 2 tensors. Received: 1"),
        (lambda: layers.GRU(3, name="g")(torch.ones(2, 4, 5), mask=torch.ones(2, 4, 5)), r'Layer "g" expected a mask of shape \(batch, time\)'),
        (lambda: layers.RNN(Minimal(3))(torch.ones(2, 0, 5)), "at least one time step"),
        (lambda: layers.Bidirectional(lambda x: x), "Please initialize `Bidirectional`"),
        (lambda: layers.Bidirectional(layers.LSTM(2), merge_mode="max"), "Invalid merge mode. Received: max"),
        (lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2)), "different `go_backwards` value"),
        (lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=3), "`backward_layer` need to be"),
        (lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_state=True)), 'same value for attribute "return_state"'),
        (lambda: layers.TimeDistributed(layers.Dense(2))(torch.ones(2, 3)), "at least 3 dimensions"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(torch.ones(2, 3, 4), mask=torch.ones(2)), "must be at least 2D"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(torch.ones(2, 3, 4), mask=torch.ones(2, 4)), r"Expected mask shape prefix: \(2, 3\)"),
        (lambda: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), "not compatible with `dilation_rate > 1`"),
        (lambda: layers.ConvLSTM2D(2, 3, padding="causal"), "must be one of"),
        (lambda: layers.ConvLSTM2D(0, 3), "Expected a positive integer"),
        (lambda: layers.ConvLSTM2D(2, 3)(torch.ones(2, 3, 4, 5)), "expected ndim=5, found ndim=4"),
        (lambda: layers.ConvLSTM2D(2, 3, stateful=True)(Input(batch_shape=(2, 3, None, 4, 1))), "sizes of its images"),
    ],
)  # fmt: skip
def test_wrong_use_is_explained(act: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()
