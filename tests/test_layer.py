"""The protocol of layers: build, training, masks, types, tracking, losses, configuration, errors."""

import copy

import numpy as np
import pytest
import torch

import tkeras
from tkeras import Input, Model, layers


class Scaled(layers.Layer):
    """A user's layer with string initializers and a sublayer in a list."""

    def __init__(self, units: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.inner = [layers.Dense(units), {"deep": layers.Dense(2)}]

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
        )
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, inputs, training=None):
        self.count.assign_add(1.0)
        return self.inner[1]["deep"](self.inner[0](inputs) + inputs @ self.w)


def test_tracking_of_variables_and_nested_containers() -> None:
    tkeras.backend.clear_session()
    layer = Scaled(name="scaled")
    assert layer.weights == []
    layer(torch.ones(2, 4))
    names = [v.path for v in layer.weights]
    assert names == ["scaled/variable", "scaled/count", "scaled/dense/kernel", "scaled/dense/bias",
                     "scaled/dense_1/kernel", "scaled/dense_1/bias"]  # fmt: skip
    assert len(layer.trainable_weights) == 5
    assert len(layer.non_trainable_weights) == 1
    assert sorted(layer.state_dict()) == [
        "count",
        "dense.bias",
        "dense.kernel",
        "dense_1.bias",
        "dense_1.kernel",
        "w",
    ]
    assert layer.count_params() == 12 + 1 + 15 + 8
    layer.inner.append(layers.Dense(1))
    assert len(list(layer.children())) == 3


def test_add_weight_takes_tensorflows_order_too() -> None:
    layer = layers.Layer()
    variable = layer.add_weight("w", (2, 3), initializer="ones")
    assert (variable.name, tuple(variable.shape), variable.numpy().sum()) == ("w", (2, 3), 6.0)


def test_forgetting_super_init_is_said() -> None:
    class Careless(layers.Layer):
        def __init__(self):
            self.inner = layers.Dense(2)

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Careless()


def test_replacing_and_deleting_attributes_untracks() -> None:
    layer = layers.Layer()
    layer.a = layers.Dense(2)
    layer.a.build((None, 3))
    layer.a = layers.Dense(4)
    layer.a.build((None, 3))
    assert [tuple(v.shape) for v in layer.weights] == [(3, 4), (4,)]
    del layer.a
    assert layer.weights == []
    assert list(layer.children()) == []


def test_freezing_reaches_sublayers_and_back() -> None:
    layer = Scaled()
    layer(torch.ones(2, 4))
    layer.trainable = False
    assert layer.trainable_weights == []
    assert len(layer.non_trainable_weights) == 6
    assert not layer.w.requires_grad
    layer.trainable = True
    assert len(layer.trainable_weights) == 5
    assert not layer.count.trainable


class Spy(layers.Layer):
    """Records what ``training`` it was called with."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def call(self, inputs, training=None):
        self.seen.append(training)
        return inputs


def test_training_is_inherited_from_the_caller() -> None:
    spy = Spy()

    class Outer(Model):
        def __init__(self):
            super().__init__()
            self.spy = spy

        def call(self, x):
            return self.spy(x)

    model = Outer()
    model(torch.ones(1, 2))
    model(torch.ones(1, 2), training=True)
    model(torch.ones(1, 2), training=False)
    assert [value or False for value in spy.seen] == [False, True, False]
    functional = Model(x := Input((2,)), Spy(name="again")(x))
    functional(torch.ones(1, 2), training=True)
    assert functional.get_layer("again").seen[-1] is True


def test_train_and_eval_of_torch_set_the_default() -> None:
    layer = layers.Dropout(0.5, seed=1)
    x = torch.ones(100)
    assert torch.equal(layer(x), x)
    layer.train()
    assert not torch.equal(layer(x), x)
    assert torch.equal(layer(x, training=False), x)
    layer.eval()
    assert torch.equal(layer(x), x)


def test_masks_flow_from_embedding_to_lstm() -> None:
    ids = torch.tensor([[3, 1, 0, 0], [2, 2, 2, 1]])
    embedding, lstm = layers.Embedding(5, 4, mask_zero=True), layers.LSTM(3)
    masked = lstm(layers.Dropout(0.1)(embedding(ids)))
    alone = lstm(embedding(ids[:1, :2])[:, :2].detach().clone())
    torch.testing.assert_close(masked[0], alone[0])
    model = Model(x := Input((4,), dtype="int32"), lstm(embedding(x)))
    torch.testing.assert_close(model(ids), masked)


def test_layers_without_masking_drop_the_mask() -> None:
    x = layers.Masking()(torch.zeros(2, 3, 4))
    assert x._keras_mask.tolist() == [[False] * 3] * 2
    assert getattr(layers.Flatten()(x), "_keras_mask", None) is None


@pytest.mark.parametrize(
    ("policy", "kind"), [("mixed_bfloat16", torch.bfloat16), ("mixed_float16", torch.float16)]
)
def test_mixed_precision_computes_low_and_keeps_high(policy: str, kind: torch.dtype) -> None:
    layer = layers.Dense(3, dtype=policy)
    y = layer(torch.ones(2, 4))
    assert y.dtype is kind
    assert layer.kernel.dtype is torch.float32
    assert (layer.compute_dtype, layer.variable_dtype) == (policy.removeprefix("mixed_"), "float32")
    y.sum().backward()
    assert layer.kernel.grad.dtype is torch.float32

    class Own(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((4, 2))

        def call(self, x):
            assert self.w.dtype is kind
            return x @ self.w

    own = Own(dtype=policy)
    assert own(torch.ones(2, 4)).dtype is kind
    assert own.w.dtype is torch.float32


def test_float64_layers_and_integer_inputs() -> None:
    layer = layers.Dense(3, dtype="float64")
    assert layer(np.ones((2, 4), "float32")).dtype is torch.float64
    assert layers.Embedding(5, 2)(np.array([[1, 2]])).shape == (1, 2, 2)
    assert layers.Reshape((2, 2))(Input((4,), dtype="int32")).dtype == "int32"


def test_losses_of_layers_belong_to_the_last_call() -> None:
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(x.sum())
            return x

    model = tkeras.Sequential([layers.Dense(2, kernel_regularizer=tkeras.regularizers.L2(0.5)), Adds()])
    model(torch.ones(1, 3))
    model(torch.zeros(1, 3))
    assert len(model.losses) == 2
    assert model.losses[0].item() == 0
    torch.testing.assert_close(model.losses[1], 0.5 * model.layers[0].kernel.square().sum())


def test_activity_regularizer_is_divided_by_the_batch() -> None:
    layer = layers.ActivityRegularization(l2=2.0)
    layer(torch.full((4, 3), 2.0))
    assert layer.losses[0].item() == pytest.approx(2.0 * 12 * 4 / 4)


def test_get_config_of_a_users_layer_comes_from_its_arguments() -> None:
    layer = Scaled(5, name="five")
    config = layer.get_config()
    assert (config["units"], config["name"]) == (5, "five")
    assert Scaled.from_config(config).units == 5

    class Strange(layers.Layer):
        def __init__(self, thing):
            super().__init__()

    with pytest.raises(NotImplementedError, match="must override `get_config"):
        Strange(object()).get_config()


def test_copies_are_independent() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    clone = copy.deepcopy(layer)
    clone.kernel.assign(torch.zeros(3, 2))
    assert layer.kernel.numpy().any()
    assert clone.weights[0] is clone.kernel


def test_torch_hooks_run() -> None:
    layer, seen = layers.Dense(2), []
    layer.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
    layer(torch.ones(3, 4))
    assert seen == [(3, 2)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: layers.Dense(-1), "expected a positive integer. Received: units=-1"),
        (lambda: layers.Dense(2, foo=1), r"Unrecognized keyword arguments passed to Dense: {'foo': 1}"),
        (lambda: layers.Dense(2, activation="foo"), "Could not interpret activation"),
        (lambda: layers.Dense(2, kernel_initializer="foo"), "Could not interpret initializer"),
        (lambda: layers.Dense(2, name="a/b"), "cannot contain character `/`"),
        (lambda: layers.Dense(2, quantization_config={}), "not supported"),
        (lambda: layers.Dense(2, name="d")(torch.ones(3)), "layer 'd' is incompatible with the layer: expected min_ndim=2"),
        (lambda: layers.Dense(2, name="d")("abc"), "should be tensors. Got 'abc'.*layer 'd'"),
        (lambda: layers.Dense(2, name="d")([torch.ones(2, 3)] * 2), r'"d" expects 1 input\(s\), but it received 2'),
        (lambda: layers.LSTM(2, name="l")(torch.ones(2, 3)), "layer 'l'.*expected ndim=3, found ndim=2"),
        (lambda: layers.Conv2D(2, 3, padding="foo"), "one of"),
        (lambda: layers.Conv2D(3, 3, groups=2), "evenly divisible"),
        (lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2), "not supported in conjunction"),
        (lambda: layers.Conv2D(2, (3, 3, 3)), "tuple of 2 integers"),
        (lambda: layers.Conv2D(2, 3, name="c")(torch.ones(2, 3, 4)), "layer 'c'.*expected ndim=4, found ndim=3"),
        (lambda: layers.MaxPooling2D(0), "pool_size"),
        (lambda: layers.Dropout(1.5), "between 0 and 1"),
        (lambda: layers.Permute((1, 3)), "consecutive"),
        (lambda: layers.Reshape((-1, -1)), "at most one unknown"),
        (lambda: layers.Reshape((4,), name="r")(torch.ones(2, 3)), 'The total size of the tensor must be unchanged'),
        (lambda: layers.Embedding(3, 2, name="e")(torch.tensor([[5]])), r'Layer "e": indices must be in \[0, 3\)'),
        (lambda: layers.Add()(torch.ones(2)), "should be called on a list of inputs"),
        (lambda: layers.Add()([torch.ones(2, 3), torch.ones(2, 4)]), "incompatible shapes"),
        (lambda: layers.Concatenate()([torch.ones(2, 3), torch.ones(3, 3)]), "matching shapes"),
        (lambda: layers.Dot(axes=1)([torch.ones(2, 3), torch.ones(2, 4)]), "Incompatible input shapes"),
        (lambda: layers.BatchNormalization(synchronized=True), "only False is"),
        (lambda: layers.LSTM(3, stateful=True)(Input((4, 2))), "needs to know its batch size"),
        (lambda: layers.TimeDistributed(lambda x: x), "supported layer type"),
        (lambda: layers.Lambda(3), "expects a function"),
        (lambda: layers.Layer(), None),
        (lambda: layers.Layer().get_weights(), None),
        (lambda: layers.Dense(2, name="w").count_params(), "isn't built"),
        (lambda: Input(), "You must pass a `shape` argument"),
        (lambda: Input((3,), sparse=True), "not supported"),
        (lambda: Input((-3,)), "invalid dimension"),
        (lambda: layers.Dense(3).set_weights([np.ones(2)]), "expecting 0 weights"),
    ],
)  # fmt: skip
def test_wrong_use_is_explained(act, message) -> None:
    if message is None:
        act()
        return
    with pytest.raises((ValueError, TypeError), match=message):
        act()


def test_a_layer_that_was_built_refuses_another_width() -> None:
    layer = layers.Dense(2, name="fixed")
    layer(torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"layer 'fixed'.*expected axis -1 of input shape to have value 4"):
        layer(torch.ones(3, 5))


def test_stateful_lstm_continues_and_resets() -> None:
    layer = layers.LSTM(3, stateful=True)
    x = torch.rand(2, 4, 5)
    layer(Input(batch_shape=(2, 4, 5)))
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    layer.reset_states()
    torch.testing.assert_close(layer(x), first)
    twice = layers.LSTM(3)
    twice.build((None, 4, 5))
    twice.set_weights(layer.get_weights())
    torch.testing.assert_close(twice(torch.cat([x, x], 1)), second)


def test_initial_state_by_argument_and_in_a_list() -> None:
    layer = layers.LSTM(3)
    x, h, c = torch.rand(2, 4, 5), torch.rand(2, 3), torch.rand(2, 3)
    torch.testing.assert_close(layer(x, initial_state=[h, c]), layer([x, h, c]))
    a, b, d = Input((4, 5)), Input((3,)), Input((3,))
    model = Model([a, b, d], layer(a, initial_state=[b, d]))
    torch.testing.assert_close(model([x, h, c]), layer([x, h, c]))


def test_dropout_keeps_the_mean_and_repeats_with_a_seed() -> None:
    x = torch.ones(200, 500)
    y = layers.Dropout(0.3, seed=3)(x, training=True)
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    assert y.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert torch.equal(y, layers.Dropout(0.3, seed=3)(x, training=True))
    assert layers.Dropout(0.5, noise_shape=(None, 1))(x, training=True).std(1).max() == 0


def test_lstm_dropout_acts_in_training_only() -> None:
    layer = layers.LSTM(3, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x = torch.rand(2, 4, 5)
    assert torch.equal(layer(x), layer(x))
    assert not torch.equal(layer(x, training=True), layer(x, training=True))
