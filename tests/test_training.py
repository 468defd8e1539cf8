"""compile, fit, evaluate, predict: forms of data, validation, weights, custom steps, errors."""

import warnings

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tkeras import Input, Model, Sequential, layers

X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = (X @ np.array([[1.0], [2.0], [-1.0], [0.5]]) + 0.3).astype("float32")


def regression(**options) -> Sequential:
    tkeras.utils.set_random_seed(1)
    model = Sequential([Input((4,)), layers.Dense(1, name="out")])
    model.compile(**{"optimizer": tkeras.optimizers.SGD(0.1), "loss": "mse", "metrics": ["mae"], **options})
    return model


def test_fit_learns_and_returns_history(capsys) -> None:
    model = regression()
    history = model.fit(X, Y, epochs=30, batch_size=16, verbose=2)
    assert history.history["loss"][-1] < 0.01 * history.history["loss"][0]
    assert history.epoch == list(range(30))
    assert all(isinstance(value, float) for value in history.history["mae"])
    assert "Epoch 30/30" in capsys.readouterr().out
    assert model.history is history


def test_progress_bar_has_keras_form(capsys) -> None:
    regression().fit(X, Y, epochs=2, validation_split=0.2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert len(lines) == 4
    assert lines[1].startswith("2/2 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    for part in (" - loss: ", " - mae: ", " - val_loss: ", "/step"):
        assert part in lines[1]
    regression().fit(X, Y, verbose=0)
    assert capsys.readouterr().out == ""


class Batches:
    """Something indexable with a length, as `PyDataset` is."""

    ended = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        if index >= 5:
            raise IndexError
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]

    def on_epoch_end(self):
        self.ended += 1


class Numpy:
    """What a tf.data dataset looks like from outside."""

    def as_numpy_iterator(self):
        return ((X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10))

    def __iter__(self):
        raise AssertionError("as_numpy_iterator goes first")


def loader():
    return torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=10
    )


def endless():
    while True:
        for start in range(0, 50, 10):
            yield X[start : start + 10], Y[start : start + 10]


@pytest.mark.parametrize(
    ("source", "options"),
    [
        (lambda: (X, Y), {"batch_size": 10}),
        (lambda: (torch.tensor(X), torch.tensor(Y)), {"batch_size": 10}),
        (lambda: (X.astype("float64"), Y.astype("float64")), {"batch_size": 10}),
        (lambda: (X.tolist(), Y.tolist()), {"batch_size": 10}),
        (lambda: ({"input_layer": X}, Y), {"batch_size": 10}),
        (lambda: (loader(), None), {}),
        (lambda: (Batches(), None), {}),
        (lambda: (Numpy(), None), {}),
        (lambda: (endless(), None), {"steps_per_epoch": 5}),
    ],
    ids=["numpy", "torch", "float64", "lists", "by-name", "loader", "dataset", "as-numpy", "generator"],
)
def test_every_form_of_data_trains_alike(source, options) -> None:
    tkeras.backend.clear_session()
    x, y = source()
    model = regression()
    model.fit(x, y, epochs=2, shuffle=False, verbose=0, **options)
    expected = regression()
    expected.fit(X, Y, epochs=2, batch_size=10, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], expected.get_weights()[0], rtol=1e-6)


def test_pandas_like_frames_are_taken() -> None:
    class Frame:
        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return self.values

        def __len__(self):
            return len(self.values)

    model = regression()
    model.fit(Frame(X), Frame(Y), verbose=0)
    assert model.predict(Frame(X), verbose=0).shape == (50, 1)


def test_datasets_hear_about_the_end_of_epochs_and_unshuffled_rows_stay() -> None:
    data = Batches()
    regression().fit(data, epochs=3, verbose=0)
    assert data.ended == 3
    seen = []

    class Watch(Model):
        def call(self, x):
            seen.append(x[:, 0].tolist())
            return x

    model = Watch()
    model.compile(loss="mse")
    model.fit(X, X, shuffle=False, batch_size=25, verbose=0)
    assert seen[-2] + seen[-1] == X[:, 0].tolist()
    model.fit(X, X, batch_size=25, verbose=0)
    assert seen[-2] + seen[-1] != X[:, 0].tolist()
    assert sorted(seen[-2] + seen[-1]) == sorted(X[:, 0].tolist())


def test_evaluate_and_predict(capsys) -> None:
    model = regression()
    values = model.evaluate(X, Y, verbose=0)
    by_name = model.evaluate(X, Y, return_dict=True, batch_size=7)
    assert values == [pytest.approx(by_name["loss"]), pytest.approx(by_name["mae"])]
    assert by_name["loss"] == pytest.approx(float(np.mean((model.predict(X, verbose=0) - Y) ** 2)), rel=1e-5)
    assert "8/8" in capsys.readouterr().out
    prediction = model.predict(X, batch_size=7, verbose=0)
    assert isinstance(prediction, np.ndarray)
    assert prediction.shape == (50, 1)
    assert isinstance(regression(metrics=None).evaluate(X, Y, verbose=0), float)
    assert model.predict(loader_of_x(), verbose=0).shape == (50, 1)
    two = Model(x := Input((4,)), {"a": layers.Dense(1)(x), "b": [layers.Dense(2)(x)]})
    result = two.predict(X, verbose=0)
    assert (result["a"].shape, result["b"][0].shape) == ((50, 1), (50, 2))


def loader_of_x():
    return torch.utils.data.DataLoader(torch.tensor(X), batch_size=20)


def test_single_batches() -> None:
    model = regression()
    first = model.train_on_batch(X, Y)
    assert isinstance(first, list)
    model.reset_metrics()
    assert model.train_on_batch(X, Y, return_dict=True)["loss"] < first[0]
    model.reset_metrics()
    assert model.test_on_batch(X, Y)[0] < first[0]
    assert model.predict_on_batch(X).shape == (50, 1)
    assert model.train_on_batch(X, Y, class_weight=None, sample_weight=np.zeros(50))[0] >= 0


def test_partial_last_batches_count_by_their_size() -> None:
    model = regression(optimizer=tkeras.optimizers.SGD(0.0))
    loss = model.fit(X, Y, batch_size=32, shuffle=False, verbose=0).history["loss"][0]
    assert loss == pytest.approx(float(np.mean((model.predict(X, verbose=0) - Y) ** 2)), rel=1e-5)


def test_validation_frequency_and_forms() -> None:
    history = (
        regression()
        .fit(X, Y, epochs=4, validation_data=(X[:10], Y[:10]), validation_freq=2, verbose=0)
        .history
    )
    assert (len(history["loss"]), len(history["val_loss"])) == (4, 2)
    history = (
        regression().fit(X, Y, epochs=4, validation_data=Batches(), validation_freq=[1, 4], verbose=0).history
    )
    assert len(history["val_mae"]) == 2
    assert regression().fit(X, Y, initial_epoch=2, epochs=4, verbose=0).epoch == [2, 3]


def test_steps_per_execution_changes_callbacks_not_results() -> None:
    calls = []

    class Count(tkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            calls.append((batch, logs["loss"]))

    one, many = regression(), regression(steps_per_execution=3)
    one.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    many.fit(X, Y, batch_size=10, shuffle=False, verbose=0, callbacks=[Count()])
    assert [batch for batch, _ in calls] == [2, 4]
    np.testing.assert_array_equal(one.get_weights()[0], many.get_weights()[0])


def test_custom_train_step_in_keras_form_for_torch() -> None:
    class Custom(Model):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            loss.backward()
            trainable_weights = list(self.trainable_weights)
            gradients = [v.value.grad for v in trainable_weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, trainable_weights)
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    tkeras.utils.set_random_seed(1)
    x = Input((4,))
    model = Custom(x, layers.Dense(1)(x))
    model.compile(tkeras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    expected = regression().fit(X, Y, epochs=3, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["mae"], expected["mae"], rtol=1e-5)
    assert history["loss"][-1] < history["loss"][0]


def test_custom_compute_loss_and_metrics_and_predict_step() -> None:
    class Custom(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return (y - y_pred).abs().mean()

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "seven": 7.0}

        def predict_step(self, data):
            return super().predict_step(data) * 0

    x = Input((4,))
    model = Custom(x, layers.Dense(1)(x))
    model.compile("sgd")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert history["seven"] == [7.0, 7.0]
    assert history["loss"][1] < history["loss"][0]
    assert not model.predict(X, verbose=0).any()


def test_losses_of_layers_join_the_total() -> None:
    model = Sequential([Input((4,)), layers.Dense(1, kernel_regularizer=tkeras.regularizers.L2(0.5))])
    model.compile(tkeras.optimizers.SGD(0.0), loss="mse")
    loss = model.evaluate(X, Y, verbose=0)
    plain = float(np.mean((model.predict(X, verbose=0) - Y) ** 2))
    assert loss == pytest.approx(plain + 0.5 * float((model.get_weights()[0] ** 2).sum()), rel=1e-5)


def test_frozen_layers_do_not_move() -> None:
    base = Sequential([Input((4,)), layers.Dense(3, name="base"), layers.BatchNormalization()])
    model = Sequential([Input((4,)), base, layers.Dense(1)])
    base.trainable = False
    model.compile("sgd", loss="mse")
    before = base.get_weights()
    model.fit(X, Y, verbose=0)
    for a, b in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    base.trainable = True
    model.compile("sgd", loss="mse")
    model.fit(X, Y, verbose=0)
    assert any((a != b).any() for a, b in zip(before, base.get_weights(), strict=True))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "float64"])
def test_training_under_other_policies(policy) -> None:
    tkeras.utils.set_random_seed(0)
    tkeras.config.set_dtype_policy(policy)
    try:
        model = Sequential(
            [Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(1, dtype="float32")]
        )
        model.compile(tkeras.optimizers.Adam(0.02), loss="mse")
        history = model.fit(X, Y, epochs=30, verbose=0).history["loss"]
    finally:
        tkeras.config.set_dtype_policy("float32")
    assert history[-1] < 0.5 * history[0]


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_gradients_of_other_strides_update_alike(name) -> None:
    gradient = torch.randn(3, 4)
    results = []
    for layout in (gradient, gradient.t().contiguous().t()):
        variable = tkeras.Variable(torch.ones(3, 4))
        optimizer = getattr(tkeras.optimizers, name)(0.1)
        optimizer.apply([layout], [variable])
        results.append(variable.numpy())
    np.testing.assert_array_equal(*results)


def test_fit_is_deterministic_under_a_seed() -> None:
    first, second = regression(), regression()
    for model in (first, second):
        tkeras.utils.set_random_seed(3)
        model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])


def test_shared_layer_trains_on_both_inputs() -> None:
    model = seed_models.siamese_model(tkeras)
    model.compile("rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    a, b = (np.random.default_rng(s).normal(size=(20, 10, 12)).astype("float32") for s in (0, 1))
    history = model.fit([a, b], np.arange(20) % 2, epochs=2, verbose=0).history
    assert sorted(history) == ["accuracy", "loss"]


def test_add_metric_objects_of_layers_are_reported() -> None:
    class Watched(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seen = tkeras.metrics.Mean(name="seen")

        def call(self, x):
            self.seen.update_state(x.detach().mean() * 0 + 5)
            return x

    model = Sequential([Input((4,)), Watched(), layers.Dense(1)])
    model.compile("sgd", loss="mse")
    assert model.fit(X, Y, verbose=0).history["seen"] == [5.0]


LABELS = np.zeros(50, "int32")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Sequential([Input((4,)), layers.Dense(1)]).fit(X, Y), r"must call `compile\(\)`"),
        (lambda: regression(loss="foo"), "Could not interpret loss identifier: foo"),
        (lambda: regression(metrics=["foo"]), "Could not interpret metric"),
        (lambda: regression(optimizer="foo"), "Could not interpret optimizer"),
        (lambda: regression(jit_compile="always"), '`jit_compile` must be "auto", True or False'),
        (lambda: regression(steps_per_execution=0), "positive integer"),
        (
            lambda: regression().fit(X, Y[:49]),
            r"Data cardinality is ambiguous[\s\S]*'x' sizes: 50\n'y' sizes: 49",
        ),
        (
            lambda: regression().fit(X[:, :3], Y),
            r"expected axis -1 of input shape to have value 4, but received input with shape \(32, 3\)",
        ),
        (lambda: regression().fit(X[:0], Y[:0]), "no rows"),
        (lambda: regression().fit(X, Y, validation_split=1.5), "between 0 and 1"),
        (lambda: regression().fit(X[:1], Y[:1], validation_split=0.5), "not sufficient"),
        (lambda: regression().fit(loader(), Y), "`y` should not be passed"),
        (lambda: regression().fit("data.csv", Y), "Unrecognized data type"),
        (lambda: regression().fit(X, Y, batch_size=0), "positive integer"),
        (lambda: regression().fit(X, Y, verbose=7), "`verbose` must be"),
        (lambda: regression().fit(X, Y, callbacks=[3]), "must be `Callback` objects"),
        (lambda: regression(loss=None).fit(X, Y, verbose=0), "No loss to compute. Provide a `loss`"),
        (lambda: regression().fit(X, None, verbose=0), "No loss to compute. Provide targets"),
        (
            lambda: regression(loss={"nope": "mse"}).fit(X, Y, verbose=0),
            "key 'nope' does not correspond to any model output",
        ),
        (
            lambda: regression(loss=["mse", "mse"]).fit(X, Y, verbose=0),
            r"as many entries as the model has outputs \(1",
        ),
        (lambda: regression(loss_weights="a"), "Expected `loss_weights` argument"),
        (
            lambda: regression().fit(np.array([["a"] * 4]), Y[:1], verbose=0),
            r"expects numbers \(torch.float32\)",
        ),
        (lambda: regression().fit(X, np.array(["a"] * 50), verbose=0), "`y` must hold numbers"),
        (lambda: regression().fit(X * 1j, Y, verbose=0), "expects torch.float32. Received: torch.complex64"),
        (
            lambda: regression().fit(np.array([[1, 2], [3]], dtype=object), Y[:2], verbose=0),
            "different lengths",
        ),
        (lambda: classifier().fit(X, LABELS + 7, verbose=0), r"7"),
        (
            lambda: regression().fit(X, Y, class_weight={0: 1.0}, sample_weight=np.ones(50)),
            "at the same time",
        ),
        (lambda: regression().fit((x for x in []), verbose=0, steps_per_epoch=1), "no batch"),
        (lambda: regression().evaluate(X, Y, foo=1), "not recognized"),
    ],
)
def test_wrong_use_is_explained(act, message) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        act()


def classifier() -> Sequential:
    model = Sequential([Input((4,)), layers.Dense(3)])
    model.compile(
        "sgd", loss=tkeras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    return model


def test_a_bad_label_leaves_the_weights_alone() -> None:
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match="3"):
        model.train_on_batch(X, LABELS + 3)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_data_that_runs_out_is_said() -> None:
    batches = ((X[:10], Y[:10]) for _ in range(3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = regression().fit(batches, steps_per_epoch=2, epochs=5, verbose=0)
    assert any("ran out of data" in str(warning.message) for warning in caught)
    assert len(history.epoch) == 2
