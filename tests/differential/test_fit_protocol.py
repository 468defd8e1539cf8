"""Order of batches, keys of logs, results of single batches and refusals of ``fit``, beside real Keras."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch

from tests.differential.layer_checks import f32, keras, tkeras

X, Y = f32(10, 4), f32(10, 1)
TWO_X, TWO_Y = [X, X + 1], [Y, np.abs(f32(10, 2))]
QUIET: dict[str, Any] = {"batch_size": 3, "shuffle": False, "verbose": 0, "epochs": 2}


def one(k: Any, **options: Any) -> Any:
    """A model of one output."""
    model = k.Sequential([k.Input((4,)), k.layers.Dense(1, kernel_initializer="ones", name="out")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


def two(k: Any, **options: Any) -> Any:
    """A model of two inputs and outputs."""
    i, j = k.Input((4,), name="i"), k.Input((4,), name="j")
    both = k.layers.Add()([k.layers.Dense(3, kernel_initializer="ones")(x) for x in (i, j)])
    outputs = [
        k.layers.Dense(n, name=name, kernel_initializer="ones")(both) for n, name in ((1, "a"), (2, "b"))
    ]
    model = k.Model([i, j], outputs)
    model.compile(**{"optimizer": k.optimizers.SGD(0.001), "loss": ["mse", "mse"], **options})
    return model


def subclassed(k: Any, as_dict: bool, **options: Any) -> Any:
    """A subclassed model of two outputs."""

    class Two(k.Model):
        def __init__(self):
            super().__init__()
            self.u, self.v = (k.layers.Dense(1, kernel_initializer="ones") for _ in "uv")

        def call(self, x):
            return {"v": self.v(x), "u": self.u(x)} if as_dict else (self.u(x), self.v(x))

    model = Two()
    model.compile("sgd", **options)
    return model


def sources(k: Any) -> dict[str, Any]:
    """What yields batches of one number each."""

    class Numbers(k.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return np.full((1, 1), index, "float32"), np.zeros((1, 1))

    numbers = torch.arange(10.0)[:, None]
    pairs = torch.utils.data.TensorDataset(numbers, numbers)
    return {"PyDataset": Numbers, "DataLoader": lambda: torch.utils.data.DataLoader(pairs, batch_size=3)}


def batches(k: Any, source: str, steps: Any, **options: Any) -> list[Any]:
    """What a model's own steps get, by epochs."""
    seen: list[Any] = []

    class Sees(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            seen.append(data[0].reshape(-1).tolist())
            return {"loss": 1.0}

        def test_step(self, data):
            seen.append(("test", *data[0].reshape(-1).tolist()))
            return {"loss": 1.0}

    model = Sees()
    model.compile("sgd", "mse")
    numbers = np.arange(10, dtype="float32")[:, None]
    data: dict[str, Any] = {"x": numbers, "y": numbers, "batch_size": 3}
    if source != "arrays":
        data = {"x": sources(k)[source]()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback = k.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        model.fit(
            **data, steps_per_epoch=steps, epochs=5, verbose=0, shuffle=False, callbacks=[callback], **options
        )
    return [seen, sum("ran out of data" in str(warning.message) for warning in caught)]


@pytest.mark.parametrize("steps", [None, 2, 3, 6])
@pytest.mark.parametrize("source", ["arrays", "PyDataset", "DataLoader"])
def test_epochs_go_on_in_the_data_as_in_keras(source: str, steps: Any) -> None:
    assert batches(tkeras, source, steps) == batches(keras, source, steps)


@pytest.mark.parametrize("steps", [2, 3, 9])
def test_validation_begins_anew_as_in_keras(steps: int) -> None:
    data = np.arange(100, 108, dtype="float32")[:, None]
    options = {"validation_data": (data, data), "validation_batch_size": 3, "validation_steps": steps}
    assert batches(tkeras, "arrays", None, **options) == batches(keras, "arrays", None, **options)


def my_metric(y: Any, y_pred: Any) -> Any:
    return abs(y - y_pred).mean()


def MyLoss(y: Any, y_pred: Any) -> Any:  # Keras gives such names in snake case
    return ((y - y_pred) ** 2).mean()


HISTORIES: dict[str, Any] = {
    "validation": lambda k: one(k, metrics=["mse", "mae"]).fit(X, Y, validation_split=0.3, **QUIET).history,
    "functions": lambda k: one(k, loss=MyLoss, metrics=[my_metric, lambda a, b: b.mean()]).fit(X, Y, **QUIET).history,
    "twice": lambda k: one(k, metrics=["mae", "mae"], weighted_metrics=["mae"]).fit(X, Y, **QUIET).history,
    "outputs": lambda k: two(k, metrics=[["mae"], ["mse", "mae"]]).fit(TWO_X, TWO_Y, **QUIET).history,
    "by name": lambda k: two(k, loss={"a": "mse", "b": "mae"}, metrics={"b": ["mse"]}).fit(TWO_X, TWO_Y, **QUIET).history,
    "no loss for one": lambda k: two(k, loss=[None, "mae"]).fit(TWO_X, TWO_Y, **QUIET).history,
    "subclassed": lambda k: subclassed(k, False, loss=["mse", "mae"], metrics=[["mse"], ["mae"]]).fit(X, [Y, Y], **QUIET).history,
    "subclassed, one loss": lambda k: subclassed(k, False, loss="mse").fit(X, [Y, Y], **QUIET).history,
    "dictionary": lambda k: subclassed(k, True, loss={"u": "mse", "v": "mae"}, metrics={"u": ["mae"]}).fit(X, {"u": Y, "v": Y}, **QUIET).history,
    "part of it": lambda k: subclassed(k, True, loss={"u": "mse"}).fit(X, {"u": Y}, **QUIET).history,
    "evaluate": lambda k: {str(i): v for i, v in enumerate(two(k, metrics=[["mae"], ["mse", "mae"]]).evaluate(TWO_X, TWO_Y, verbose=0))},
    "evaluate one": lambda k: {str(i): v for i, v in enumerate(one(k, metrics=["mse", "mae"]).evaluate(X, Y, verbose=0))},
    "evaluate dictionary": lambda k: {str(i): v for i, v in enumerate(subclassed(k, True, loss={"u": "mse", "v": "mae"}).evaluate(X, {"u": Y, "v": Y}, verbose=0))},
    "older compute_loss": lambda k: older(k).fit(X, Y, **QUIET).history,
}  # fmt: skip


def older(k: Any) -> Any:
    """A model in the form of guides before ``compute_loss`` had ``training``."""

    class Older(k.Sequential):
        def compute_loss(
            self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, allow_empty=False
        ):
            return 2 * abs(y - y_pred).mean()

    model = Older([k.Input((4,)), k.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd")
    return model


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # for outputs without a loss
@pytest.mark.parametrize("name", HISTORIES)
def test_same_names_in_the_same_order(name: str) -> None:
    ours, real = (HISTORIES[name](k) for k in (tkeras, keras))
    assert list(ours) == list(real)
    for key, values in real.items():
        np.testing.assert_allclose(ours[key], values, rtol=2e-4, atol=1e-5, err_msg=key)


NESTED: dict[str, tuple[Any, Any, Any, Any]] = {
    "one for each": (
        lambda a, b, c: {"p": [a, b], "q": c},
        {"p": ["mse", "mae"], "q": "mse"},
        {"p": [Y, Y + 1], "q": Y},
        {"p": [1.0, 0.5], "q": 2.0},
    ),
    "lists": (lambda a, b, c: [[a, b], c], [["mse", "mae"], "mse"], [[Y, Y + 1], Y], None),
    "one for all": (lambda a, b, c: [a, [b, c]], "mse", [Y, [Y, Y + 1]], None),
    "several of one": (lambda a, b, c: {"p": a}, {"p": ["mse", "mae"]}, {"p": Y}, None),
}
"""Outputs made of three, losses, targets and weights."""


@pytest.mark.parametrize("name", NESTED)
def test_losses_of_nested_outputs(name: str) -> None:
    combine, loss, targets, weights = NESTED[name]
    found = []
    for k, options in ((keras, {}), (tkeras, {"jit_compile": False}), (tkeras, {"jit_compile": True})):
        inputs = k.Input((4,))
        parts = [k.layers.Dense(1, name=part, kernel_initializer="ones")(inputs) for part in "abc"]
        model = k.Model(inputs, combine(*parts))
        model.compile(k.optimizers.SGD(0.01), loss, loss_weights=weights, **options)
        found.append(model.fit(X, targets, **QUIET).history)
    theirs, *ours = found
    if name == "several of one":
        del theirs["p_loss"]  # the last of the losses alone
    for logs in ours:
        assert list(logs) == list(theirs)
        np.testing.assert_allclose([*logs.values()], [*theirs.values()], rtol=1e-5)


def test_metrics_of_nested_outputs() -> None:
    logs = []
    for k in (keras, tkeras):
        inputs = k.Input((4,))
        a, b, c = (k.layers.Dense(1, name=part, kernel_initializer="ones")(inputs) for part in "abc")
        model = k.Model(inputs, {"p": [a, b], "q": c})
        model.compile("sgd", "mse", metrics={"p": [["mae"], ["mse"]], "q": ["mae"]})
        logs.append(model.evaluate(X, {"p": [Y, Y + 1], "q": Y}, return_dict=True, verbose=0))
    assert list(logs[0]) == list(logs[1])
    np.testing.assert_allclose([*logs[1].values()], [*logs[0].values()], rtol=1e-5)


@pytest.mark.parametrize("loss", [{"p": ["mse"], "q": "mse"}, {"x": "mse"}, ["mse"]])
def test_nested_losses_of_another_structure_are_refused(loss: Any) -> None:
    inputs = tkeras.Input((4,))
    a, b, c = (tkeras.layers.Dense(1, name=part)(inputs) for part in "abc")
    model = tkeras.Model(inputs, {"p": [a, b], "q": c})
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="structure of the outputs"):
        model.fit(X, {"p": [Y, Y], "q": Y}, verbose=0)


def test_single_batches_count_alone() -> None:
    found = []
    for k in (tkeras, keras):
        model = one(k, metrics=["mae"])
        found.append([model.train_on_batch(X, Y), model.train_on_batch(X, Y), model.test_on_batch(X, Y)])
        found[-1] += [list(model.test_on_batch(X, Y, return_dict=True).values())]
        assert model.metrics_names == ["loss", "compile_metrics"]
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_callbacks_get_the_same_logs() -> None:
    def logs(k: Any) -> list[Any]:
        seen: list[Any] = []

        def remember(*args: Any, logs: Any = None) -> None:
            args, logs = (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, logs)
            seen.append(
                (args, sorted(logs or {}), {key: type(v).__name__ for key, v in (logs or {}).items()})
            )

        names = ("on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_test_begin", "on_test_batch_end",
                 "on_predict_batch_end", "on_test_end", "on_epoch_end", "on_train_end")  # fmt: skip

        class Remembers(k.callbacks.Callback):
            pass

        for name in names:
            setattr(Remembers, name, lambda self, *args, **kwargs: remember(*args, **kwargs))
        model = one(k, metrics=["mae"])
        model.fit(X, Y, validation_split=0.2, callbacks=[Remembers()], **QUIET)
        model.predict(X, verbose=0, callbacks=[Remembers()])
        return seen

    assert logs(tkeras) == logs(keras)


GIVEN: dict[str, Any] = {
    "arrays": lambda k: {"x": X[:2]}, "list": lambda k: {"x": [X[:2]]}, "dictionary": lambda k: {"x": {"i": X[:2]}},
    "loader": lambda k: {"x": torch.utils.data.DataLoader(torch.ones(2, 4), batch_size=2)},  # pyright: ignore[reportArgumentType]
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_own_steps_get_inputs_alone_as_in_keras(name: str) -> None:
    def given(k: Any) -> list[Any]:
        seen: list[Any] = []

        class Sees(k.Model):
            def call(self, x):
                return x

            def train_step(self, data):
                seen.append(type(data) if isinstance(data, (tuple, dict)) else tuple(data.shape))
                return {"loss": 1.0}

            def predict_step(self, data):
                seen.append(type(data) if isinstance(data, (tuple, dict)) else tuple(data.shape))
                return torch.ones(2, 1)

        model = Sees()
        model.compile("sgd")
        model.fit(**GIVEN[name](k), verbose=0)
        model.predict(**GIVEN[name](k), verbose=0)
        return seen

    assert given(tkeras) == given(keras)


REFUSED: list[Any] = [
    (lambda k: one(k).fit(X, Y, validation_data=(X, Y), validation_freq="a", verbose=0), "Expected `validation_freq` to be a list or int. Received: validation_freq=a of the type <class 'str'>."),
    (lambda k: one(k).fit(X, (Y > 0) * 1, sample_weight=Y, class_weight={0: 1.0}, verbose=0), "`class_weight`"),
    (lambda k: two(k).fit(TWO_X, TWO_Y, class_weight={0: 1.0}, verbose=0), "`class_weight` is only supported for Models with a single output."),
    (lambda k: one(k).fit((b for b in [(X, Y)]), Y, verbose=0), "When providing `x` as a generator, `y` should not be passed. Instead, the targets should be included as part of the generator."),
    (lambda k: one(k).fit(sources(k)["PyDataset"](), Y, verbose=0), "When providing `x` as a PyDataset, `y` should not be passed. Instead, the targets should be included as part of the PyDataset."),
    (lambda k: one(k).fit((b for b in [X]), verbose=0), "When passing a Python generator to a Keras model, the generator must return a tuple, either (input,) or (inputs, targets) or (inputs, targets, sample_weights). Received: "),
    (lambda k: one(k).fit((b for b in [(X, Y, Y, Y)]), verbose=0), "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found: "),
    (lambda k: one(k).fit((b for b in [(X, Y)]), validation_split=0.2, verbose=0), "Argument `validation_split` is only supported for tensors or NumPy arrays."),
    (lambda k: one(k).fit("abc", Y, verbose=0), "Unrecognized data type: x=abc (of type <class 'str'>)"),
    (lambda k: k.Sequential([k.layers.Dense(1)]).fit(X, Y, verbose=0), "You must call `compile()` before using the model."),
    (lambda k: one(k)(torch.ones(2, 5)), "is incompatible with the layer: expected axis -1 of input shape to have value 4, but received input with shape (2, 5)"),
    (lambda k: one(k)(torch.ones(2, 3, 4)), "with name "), (lambda k: one(k)(torch.ones(2, 3, 4)), "Expected shape (None, 4), but input has incompatible shape "),
    (lambda k: two(k)([torch.ones(2, 5)] * 2), "' is incompatible with the layer: expected shape=(None, 4), found shape=(2, 5)"),
    (lambda k: two(k)([torch.ones(2, 4)]), '" expects 2 named input(s) with keys [\'i\', \'j\'], but it received 1 input tensors. Pass inputs as a dict, e.g. `layer({\'i\': ..., \'j\': ...})`'),
    (lambda k: k.Sequential([k.layers.Dense(1)]).save_weights("never.weights.h5"), "You are saving a model that has not yet been built. Try building the model first by calling it on some data or by using `build()`."),
    (lambda k: one(k).get_layer(), "Provide either a layer name or layer index at `get_layer`."),
    (lambda k: k.layers.Reshape((4,))(torch.ones(2, 6)), "The total size of the tensor must be unchanged. Received: input_shape=(6,), target_shape=(4,)"),
    (lambda k: k.layers.Cropping1D(3)(torch.ones(2, 6, 1)), "`cropping` parameter of `Cropping1D` layer must be smaller than the input length."),
    (lambda k: k.layers.Cropping2D(3)(torch.ones(2, 6, 6, 1)), "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input."),
]  # fmt: skip


@pytest.mark.parametrize(("act", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refusals_say_what_keras_says(act: Any, message: str) -> None:
    for k in (tkeras, keras):
        with pytest.raises(ValueError, match=re.escape(message)):
            act(k)


def test_a_chain_takes_other_sizes_than_its_input_says() -> None:
    for k in (tkeras, keras):
        model = k.Sequential([k.Input((4, 4, 3)), k.layers.Conv2D(1, 2)])
        assert tuple(model(torch.ones(1, 5, 6, 3)).shape) == (1, 4, 5, 1)
