"""Functional, sequential and subclassed models: structure, inputs, sharing, nesting, summaries, weights files."""

import numpy as np
import pytest
import torch

import tkeras
from tests import seed_models
from tkeras import Input, Model, Sequential, layers


@pytest.mark.parametrize(
    ("make", "count"),
    [(seed_models.mnist_model, 55_050), (seed_models.encoder, 18_672), (seed_models.toy_resnet, 223_242)],
)
def test_parameter_counts(make, count, capsys) -> None:
    model = make(tkeras)
    assert model.count_params() == count
    model.summary()
    printed = capsys.readouterr().out
    assert f'Model: "{model.name}"' in printed
    assert f"Total params: {count:,}" in printed
    assert all(layer.name[:12] in printed for layer in model.layers)


def test_summary_options(capsys) -> None:
    inner = Sequential([Input((4,)), layers.Dense(3, name="hidden")], name="inner")
    x, y = Input((4,), name="x"), Input((4,), name="y")
    model = Model([x, y], layers.Add()([inner(x), inner(y)]), name="outer")
    inner.trainable = False
    lines = []
    model.summary(expand_nested=True, show_trainable=True, print_fn=lines.append, line_length=120)
    text = "\n".join(lines)
    assert "└ hidden (Dense)" in text
    assert "Connected to" in text
    assert "inner[0][0]" in text or "inner[1][0]" in text
    assert "Non-trainable params: 15" in text
    model.summary(layer_range=["inner", "inner"])
    printed = capsys.readouterr().out
    assert "inner" in printed
    assert "InputLayer" not in printed
    Sequential([layers.Dense(3, name="later")]).summary()
    assert "0 (unbuilt)" in capsys.readouterr().out


def test_several_models_on_one_graph_share_layers() -> None:
    encoder = seed_models.encoder(tkeras)
    x = layers.Reshape((4, 4, 1))(encoder.output)
    autoencoder = Model(encoder.input, layers.Flatten()(x), name="autoencoder")
    image = torch.rand(2, 28, 28, 1)
    before = autoencoder(image)
    encoder.layers[1].bias.assign_add(1.0)
    assert not torch.equal(autoencoder(image), before)
    assert autoencoder.layers[1] is encoder.layers[1]
    features = Model(encoder.input, [layer.output for layer in encoder.layers])
    assert len(features(image)) == len(encoder.layers)


def test_models_are_layers() -> None:
    model = seed_models.mnist_model(tkeras)
    x = Input((784,))
    outer = Model(x, model(x))
    value = torch.rand(3, 784)
    torch.testing.assert_close(outer(value), model(value))
    video = layers.TimeDistributed(model)(Input((20, 784)))
    assert video.shape == (None, 20, 10)
    assert outer.count_params() == 55_050


def test_an_ensemble_averages() -> None:
    model = seed_models.ensemble(tkeras)
    value = torch.rand(4, 128)
    members = [layer for layer in model.layers if isinstance(layer, Model)]
    torch.testing.assert_close(model(value), sum(member(value) for member in members) / 3)


def test_inputs_by_list_dictionary_and_name() -> None:
    model = seed_models.headline_model(tkeras)
    ids, extra = torch.randint(0, 1000, (4, 12)), torch.rand(4, 5)
    by_list = model([ids, extra])
    by_name = model({"aux_input": extra, "main_input": ids})
    for a, b in zip(by_list, by_name, strict=True):
        torch.testing.assert_close(a, b)
    assert model.input_names == ["main_input", "aux_input"]
    assert model.output_names == ["main_output", "aux_output"]
    with pytest.raises(ValueError, match='Missing data for input "aux_input"'):
        model({"main_input": ids})
    with pytest.warns(UserWarning, match=r"ignores \['other'\]"):
        model({"main_input": ids, "aux_input": extra, "other": extra})
    with pytest.raises(ValueError, match=r"expects 2 named input\(s\).*, but it received 1"):
        model([ids])
    with pytest.raises(
        ValueError,
        match=r"Input 1 with name 'aux_input' of.*expected shape=\(None, 5\), found shape=\(4, 6\)",
    ):
        model([ids, torch.rand(4, 6)])


def test_dictionaries_of_inputs_and_outputs() -> None:
    a, b = Input((2,), name="a"), Input((2,), name="b")
    model = Model({"first": a, "second": b}, {"sum": layers.Add()([a, b]), "first": layers.Dense(1)(a)})
    result = model({"first": torch.ones(3, 2), "second": torch.ones(3, 2)})
    assert sorted(result) == ["first", "sum"]
    assert result["sum"].tolist() == [[2, 2]] * 3


def test_a_missing_last_axis_of_one_is_added_or_dropped() -> None:
    model = Model(x := Input((1,)), layers.Dense(2)(x))
    assert model(np.ones(5, "float32")).shape == (5, 2)
    ids = Model(y := Input((4,), dtype="int32"), layers.Embedding(3, 2)(y))
    assert ids(np.ones((5, 4, 1), "int32")).shape == (5, 4, 2)
    assert ids(np.ones((5, 4), "float64")).shape == (5, 4, 2)


def test_sequential_with_and_without_a_known_input() -> None:
    early = Sequential([layers.Dense(32, input_shape=(784,)), layers.Activation("relu"), layers.Dense(10)])
    assert early.built
    assert early.input_shape == (None, 784)
    assert Sequential([layers.Dense(3, input_dim=4)]).input_shape == (None, 4)
    late = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not late.built
    assert late(torch.ones(5, 4)).shape == (5, 2)
    assert late.built
    late.pop()
    assert late(torch.ones(5, 4)).shape == (5, 3)
    late.add(layers.Dense(7))
    assert late(torch.ones(5, 4)).shape == (5, 7)
    built = Sequential([layers.Dense(3)], name="s")
    built.build((None, 4))
    assert built.weights[0].path.startswith("s/dense")
    fixed = Sequential([layers.LSTM(2, batch_size=3, input_shape=(4, 5), stateful=True)])
    assert fixed.input_shape == (3, 4, 5)
    words = Sequential([layers.Embedding(10, 4, input_length=6), layers.Flatten()])
    assert words.output_shape == (None, 24)
    assert words.inputs[0].dtype == "int32"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: Sequential([layers.Dense(2, name="a"), layers.Dense(2, name="a")]), "unique names"),
        (lambda: Sequential(["dense"]), "Only instances of"),
        (lambda: Sequential([layers.Dense(2), Input((3,))]), "already been configured|different Input"),
        (lambda: Sequential().pop(), "no layers"),
        (lambda: Model(3, 4), "must be KerasTensors"),
        (lambda: Model(Input((2,))), "expected `inputs` and `outputs`"),
        (lambda: Sequential([Input((2,)), layers.Dense(2)]).get_layer("nope"), "No such layer: nope"),
        (lambda: Sequential([Input((2,)), layers.Dense(2)]).get_layer(index=4), "only has 1 layers"),
    ],
)
def test_wrong_models_are_explained(act, message) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError), match=message):
        act()


class MLP(Model):
    """The subclassed model of the documents."""

    def __init__(self, use_bn=False, use_dp=False, num_classes=10):
        super().__init__(name="mlp")
        self.use_bn, self.use_dp = use_bn, use_dp
        self.dense1 = layers.Dense(32, activation="relu")
        self.dense2 = layers.Dense(num_classes, activation="softmax")
        if use_dp:
            self.dp = layers.Dropout(0.5)
        if use_bn:
            self.bn = layers.BatchNormalization(axis=-1)

    def call(self, inputs):
        x = self.dense1(inputs)
        if self.use_dp:
            x = self.dp(x)
        if self.use_bn:
            x = self.bn(x)
        return self.dense2(x)


def test_subclassed_models_build_nest_and_have_no_topology() -> None:
    model = MLP(use_bn=True, use_dp=True)
    model.build((None, 20))
    assert len(model.weights) == 8
    assert model.weights[0].path.startswith("mlp/dense")
    with pytest.raises(AttributeError, match="no `inputs`: its topology is Python code"):
        _ = model.inputs
    x = Input((20,))
    nested = Model(x, layers.Dense(1)(model(x)))
    assert nested(torch.rand(3, 20)).shape == (3, 1)
    assert model.layers[0] is model.dense1
    with pytest.raises(AttributeError, match="reserved"):
        model.layers = []
    with pytest.raises(NotImplementedError, match=r"does not have a `call\(\)` method"):
        type("Empty", (Model,), {})()(torch.ones(2))


def test_weights_files_round_trip_and_refuse_what_does_not_fit(tmp_path) -> None:
    path = tmp_path / "m.weights.h5"
    model, other = seed_models.headline_model(tkeras), seed_models.headline_model(tkeras)
    model.save_weights(path)
    other.load_weights(path)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    before = other.get_weights()
    wrong = seed_models.headline_model(tkeras, width=8)
    with pytest.raises(ValueError, match=r"shape \(1000, 16\). Expected: \(1000, 8\)"):
        wrong.load_weights(path)
    with pytest.warns(UserWarning, match="left as it is"):
        wrong.load_weights(path, skip_mismatch=True)
    with pytest.raises(ValueError, match="must end in"):
        model.save_weights(tmp_path / "m.txt")
    with pytest.raises(ValueError, match="exists"):
        model.save_weights(path, overwrite=False)
    with pytest.raises(ValueError, match="File not found"):
        other.load_weights(tmp_path / "absent.weights.h5")
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.weights.h5"]


def test_weights_of_external_links_are_refused(tmp_path) -> None:
    import h5py

    model = Sequential([Input((2,)), layers.Dense(2)])
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    with open(path, "r+b") as file:  # without the checksum, as other writers leave it
        file.write(bytes(512))
    with h5py.File(path, "a") as file:
        del file.attrs["tkeras_sealed"]
        store = file["layers/dense/vars"]
        del store["0"]
        store["0"] = h5py.ExternalLink("elsewhere.h5", "/x")
    with pytest.raises(ValueError, match="ExternalLink; only objects inside the file"):
        model.load_weights(path)


def test_summary_of_a_subclassed_model_shows_the_shapes_it_saw(capsys) -> None:
    model = MLP()
    model(torch.zeros(1, 32))
    model.summary()
    printed = capsys.readouterr().out
    assert "(1, 32)" in printed
    assert "(1, 10)" in printed
