"""Layers over strings and vocabularies: equal to what was recorded of real Keras, saved whole, guarded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tkeras
from tests.text_layer_cases import CASES, DOCUMENTS, RECORDED, TABLE, Case, ask, feature_spaces, inputs_of
from tkeras import layers
from tkeras.layers.preprocessing._hash import farm_hash, sip_hash

RECORDS = json.loads(RECORDED.read_text())
ANSWERS = RECORDS["answers"]
NAMES = [f"{index}-{case[0]}-{'-'.join(map(str, case[1]))}" for index, case in enumerate(CASES)]


def plain(value: Any) -> Any:
    """As JSON keeps it."""
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(("case", "recorded"), [*zip(CASES, ANSWERS, strict=True)], ids=NAMES)
def test_answers_are_those_of_keras(case: Case, recorded: Any) -> None:
    layer, answers = ask(layers, case)
    np.testing.assert_allclose(answers["outputs"], recorded["outputs"], rtol=1e-6)
    assert plain(answers["config"]) == recorded["config"]
    assert answers.get("vocabulary") == recorded.get("vocabulary")
    assert answers.get("size") == recorded.get("size")
    again = type(layer).from_config(plain(layer.get_config()))
    assert plain(again.get_config()) == plain(layer.get_config())


@pytest.mark.parametrize(("case", "recorded"), [*zip(CASES, ANSWERS, strict=True)], ids=NAMES)
def test_symbolic_outputs_announce_the_real_ones(case: Case, recorded: Any) -> None:
    layer, _ = ask(layers, case)
    arrays = inputs_of(case)
    many = isinstance(arrays, list)

    def symbol(array: np.ndarray) -> Any:
        kind = "string" if array.dtype.kind == "U" else array.dtype.name
        return tkeras.Input(batch_shape=(None, *array.shape[1:]), dtype=kind)

    spec = layer([symbol(a) for a in arrays] if many else symbol(arrays))
    outputs = layer(arrays)
    assert len(spec.shape) == outputs.ndim
    assert all(s in (None, size) for s, size in zip(spec.shape[1:], outputs.shape[1:], strict=True))
    assert spec.dtype == tkeras.config.standardize_dtype(outputs.dtype)


def test_fingerprints_are_the_published_ones() -> None:
    """Of every path through FarmHash; SipHash's first and last vectors of its paper's appendix."""
    assert [hex(farm_hash(b"x" * size)) for size in (0, 3, 7, 16, 32, 64, 65, 129)] == [
        "0x9ae16a3b2f90404f", "0x2ae60479e555325c", "0xd1086359d2d7522f", "0x2e1630f1fcf7781c",
        "0xb30b9baccc74dc05", "0x5ffb3c754f6913b8", "0x447cb9fd96f25f39", "0xf6edf54559a5feb6",
    ]  # fmt: skip
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert sip_hash(b"", key) == 0x726FDB47DD0E0E31
    assert sip_hash(bytes(range(15)), key) == 0xA129CA6149BE45E5


def adapted_model() -> Any:
    """Strings and integers, learned and given vocabularies, learned ranges and statistics, to one vector."""
    text = layers.TextVectorization(output_mode="tf_idf")
    words = layers.StringLookup(output_mode="count")
    ids = layers.IntegerLookup(output_mode="one_hot")
    given = layers.StringLookup(vocabulary=["a\nb", "c"], output_mode="multi_hot")
    ranges, statistics = layers.Discretization(num_bins=3, output_mode="one_hot"), layers.Normalization()
    text.adapt(DOCUMENTS)
    words.adapt([["a", "b"], ["a", "x\ny"]])
    ids.adapt([[3], [4], [3]])
    ranges.adapt(np.arange(9.0))
    statistics.adapt(np.arange(9.0)[:, None])
    kinds = ("string", "string", "int64", "string", "float32", "float32")
    inputs = [tkeras.Input((1,), dtype=kind) for kind in kinds]
    outputs = [
        layer(x) for layer, x in zip((text, words, ids, given, ranges, statistics), inputs, strict=True)
    ]
    outputs[0] = layers.Reshape((-1,))(outputs[0])
    return tkeras.Model(inputs, layers.Dense(4)(layers.Concatenate()(outputs)))


DATA = [
    np.array([["the cat"], ["out, out!"]]), np.array([["a"], ["x\ny"]]), np.array([[4], [5]]),
    np.array([["a\nb"], ["d"]]), np.array([[0.5], [7.0]], "float32"), np.array([[1.0], [2.0]], "float32"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_what_was_learned_is_saved_with_the_model(tmp_path: Path) -> None:
    model = adapted_model()
    expected = model.predict(DATA, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tkeras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(DATA, verbose=0), expected)
    assert expected[0].any()


@pytest.mark.parametrize("layer", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_configuration_never_opens_a_file(layer: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("1\n2")
    kind = getattr(layers, layer)
    given = kind(vocabulary=str(path))
    assert [str(token) for token in given.get_vocabulary(include_special_tokens=False)] == ["1", "2"]
    assert [str(token) for token in given.get_config()["vocabulary"]] == ["1", "2"]
    with pytest.raises(ValueError, match="files that a configuration names are not opened"):
        kind.from_config({**given.get_config(), "vocabulary": str(path)})


def test_files_that_name_a_vocabulary_or_hold_a_wrong_one_are_refused(tmp_path: Path) -> None:
    """A path in a configuration, however deep, and assets that are not what the layer holds."""
    words = tmp_path / "words.txt"
    words.write_text("1\n2")
    space = tkeras.utils.FeatureSpace({"e": tkeras.utils.FeatureSpace.integer_categorical()})
    space.adapt({"e": [1, 2]})
    for layer in (space, layers.StringLookup(vocabulary=["a"])):
        config = json.dumps(tkeras.saving.serialize_keras_object(layer))
        for inline in ('"vocabulary": ["a"]', '"vocabulary": null'):
            changed = config.replace(inline, f'"vocabulary": "{words}"')
            if changed != config:
                with pytest.raises(ValueError, match="files that a configuration names are not opened"):
                    tkeras.saving.deserialize_keras_object(json.loads(changed))
    for content in (b"-1\nx", b"\xff"):
        words.with_name("vocabulary.txt").write_bytes(content)
        with pytest.raises(ValueError, match=r"expected integers in vocabulary.txt"):
            layers.IntegerLookup().load_assets(str(tmp_path))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("StringLookup", {"max_tokens": 1}, "If set, `max_tokens` must be greater than 1. Received: max_tokens=1"),
    ("StringLookup", {"num_oov_indices": -1}, "`num_oov_indices` must be greater than or equal to 0"),
    ("StringLookup", {"vocabulary": ["a", "a"]}, "at least one repeated term"),
    ("StringLookup", {"vocabulary": ["b", "a"], "mask_token": "a"}, "Found reserved mask token at unexpected location"),
    ("StringLookup", {"vocabulary": []}, "Cannot set an empty vocabulary"),
    ("StringLookup", {"vocabulary": {"a": 1}}, "`vocabulary` must be a list"),
    ("StringLookup", {"nope": 1}, "Unrecognized keyword arguments passed to StringLookup"),
    ("StringLookup", {"sparse": True}, "`sparse` may only be true if"),
    ("IntegerLookup", {"max_tokens": 1}, "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1"),
    ("IntegerLookup", {"output_mode": "x"}, "Unknown value for `output_mode` argument of IntegerLookup"),
    ("IntegerLookup", {"invert": True, "output_mode": "count"}, "`output_mode` must be `'int'` when `invert` is true"),
    ("IntegerLookup", {"pad_to_max_tokens": True}, "If pad_to_max_tokens is True, must set `max_tokens`"),
    ("IntegerLookup", {"idf_weights": [1.0]}, "`idf_weights` should only be set if `output_mode` is `'tf_idf'`"),
    ("IntegerLookup", {"vocabulary": [1], "output_mode": "tf_idf"}, "the `idf_weights` argument must also be provided"),
    ("IntegerLookup", {"max_tokens": 2, "vocabulary": [1, 2]}, "Received vocabulary size is 3; `max_tokens` is 2"),
    ("IntegerLookup", {"vocabulary_dtype": "int32"}, "Only `vocabulary_dtype='int64'` is supported"),
    ("TextVectorization", {"standardize": "x"}, "Unknown value for `standardize` argument of TextVectorization"),
    ("TextVectorization", {"split": "x"}, "Unknown value for `split` argument of TextVectorization"),
    ("TextVectorization", {"ngrams": "x"}, "`ngrams` must be None, an integer, or a tuple of integers"),
    ("TextVectorization", {"output_mode": "count", "output_sequence_length": 3}, "`output_sequence_length` must not be set"),
    ("TextVectorization", {"ragged": True}, "there are no ragged tensors"),
    ("Hashing", {"num_bins": 0}, "cannot be `None` or non-positive values. Received: num_bins=0."),
    ("Hashing", {"num_bins": 2, "salt": "x"}, "can only be a tuple of size 2 integers, or a single integer"),
    ("Hashing", {"num_bins": 2, "dtype": "float32"}, "`dtype` should be an integer type"),
    ("HashedCrossing", {"num_bins": 2, "output_mode": "count"}, "Allowed values are: ('int', 'one_hot')"),
    ("Discretization", {}, "You need to set either `num_bins` or `bin_boundaries`."),
    ("Discretization", {"bin_boundaries": [1.0], "sparse": True}, "`sparse=True` cannot be used"),
    ("CategoryEncoding", {}, "num_tokens must be set to use this layer."),
    ("CategoryEncoding", {"num_tokens": 3, "output_mode": "int"}, "Unknown arg for output_mode: int"),
    ("Normalization", {"mean": 1.0}, "both `mean` and `variance` must be set"),
    ("Rescaling", {"scale": 1.0, "shift": 1}, "Unrecognized keyword arguments passed to Rescaling: {'shift': 1}"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused(layer: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(layers, layer)(**arguments)


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (layers.StringLookup(), ["a"], "has no vocabulary"),
        (layers.StringLookup(vocabulary=["a"]), [1.0], "expects strings"),
        (
            layers.StringLookup(vocabulary=["a"], num_oov_indices=0),
            ["b"],
            "all inputs should be in vocabulary",
        ),
        (layers.IntegerLookup(vocabulary=[1]), ["a"], "expects integers"),
        (layers.TextVectorization(vocabulary=["a"]), np.array([["a", "b"]]), "the input rank must be 1 or"),
        (layers.HashedCrossing(3), (["a"],), "should be called on at least two inputs"),
        (layers.HashedCrossing(3), (["a", "b"], [1]), "should have equal shape"),
        (layers.HashedCrossing(3), ([["a", "b"]], [[1, 2]]), "should have shape `()`, `(batch_size)` or"),
        (layers.HashedCrossing(3), (["a"], [1.5]), "should have an integer or string dtype"),
        (layers.CategoryEncoding(3), [3], "must be in the range 0 <= values < num_tokens"),
        (layers.CategoryEncoding(3), [-1], "must be in the range 0 <= values < num_tokens"),
        (layers.Discretization(num_bins=3), [1.0], "call `adapt(dataset)` before you can start"),
    ],
)
def test_wrong_inputs_are_refused(layer: Any, inputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(inputs)


def test_strings_come_in_many_forms() -> None:
    layer = layers.StringLookup(vocabulary=["a", "é"])
    for inputs in (
        ["a", "é"],
        ("a", "é"),
        np.array(["a", "é"]),
        np.array(["a", "é"], object),
        np.array([b"a", "é".encode()]),
    ):
        assert layer(inputs).tolist() == [1, 2]
    assert layer("é").item() == 2
    assert layers.StringLookup(vocabulary=["a", "é"], invert=True)(torch.tensor([2, 0, 9])).tolist() == [
        "é",
        "[UNK]",
        "[UNK]",
    ]


def test_functions_of_the_user_standardize_and_split() -> None:
    layer = layers.TextVectorization(
        vocabulary=["a", "b"],
        standardize=np.char.lower,
        split=lambda texts: [text.split("-") for text in texts],
    )
    assert layer(np.array(["A-B", "b"])).tolist() == [[2, 3], [3, 0]]


def test_learning_in_batches_is_learning_at_once() -> None:
    data = torch.randn(40, 3, 2, dtype=torch.float64) * 5 + 1
    whole, parts = layers.Normalization(axis=(1, 2)), layers.Normalization(axis=(1, 2))
    whole.adapt(data)
    parts.adapt(iter(data.split(7)))
    for a, b, exact in zip(
        whole.get_weights(), parts.get_weights(), (data.mean(0), data.var(0, correction=0)), strict=False
    ):
        np.testing.assert_allclose(a, exact, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    one, two = layers.TextVectorization(), layers.TextVectorization()
    one.adapt(DOCUMENTS)
    two.adapt(iter([DOCUMENTS[:1], DOCUMENTS[1:]]))
    assert one.get_vocabulary() == two.get_vocabulary()


def halves(table: Any) -> Any:
    """A table in two batches."""
    return iter(
        [{name: column[rows] for name, column in table.items()} for rows in (slice(6), slice(6, None))]
    )


@pytest.mark.parametrize("batches", [halves, dict])
def test_feature_spaces_are_those_of_keras(batches: Any) -> None:
    (matrix, parts), (real_matrix, real_parts) = feature_spaces(tkeras, batches), RECORDS["spaces"]
    np.testing.assert_allclose(matrix, real_matrix, rtol=1e-5, atol=1e-6)
    assert parts == real_parts


def test_a_feature_space_is_part_of_a_model_and_saved(tmp_path: Path) -> None:
    space = tkeras.utils.FeatureSpace(
        {"b": "float_normalized", "e": "integer_categorical", "g": "string_categorical"}, crosses=[("e", "g")]
    )
    with pytest.raises(ValueError, match=r"You need to call `.adapt"):
        space({name: TABLE[name][:1] for name in "beg"})
    space.adapt(TABLE)
    rows = {name: TABLE[name][:4] for name in "beg"}
    expected = space(rows)
    assert space({name: column[0] for name, column in rows.items()}).tolist() == expected[0].tolist()
    space.save(tmp_path / "space.keras")
    loaded = tkeras.models.load_model(tmp_path / "space.keras")
    assert torch.equal(loaded(rows), expected)
    model = tkeras.Model(space.get_inputs(), layers.Dense(2)(space.get_encoded_features()))
    model.compile("sgd", "mse")
    model.fit(rows, np.zeros((4, 2), "float32"), epochs=2, verbose=0)
    assert model.predict(rows, verbose=0).shape == (4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": {}}, "The `features` argument cannot be None or empty."),
        ({"features": {"a": "nope"}}, "Invalid feature type: nope"),
        ({"features": {"a": "float"}, "output_mode": "x"}, "Invalid value for argument `output_mode`."),
        ({"features": {"a": "float"}, "crosses": [("a", "b")]}, "Received unknown features: ('a', 'b')"),
    ],
)
def test_feature_spaces_refuse_wrong_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        tkeras.utils.FeatureSpace(**arguments)


def test_columns_that_are_not_encoded_cannot_be_joined() -> None:
    kinds = tkeras.utils.FeatureSpace
    space = kinds({"e": kinds.integer_hashed(4, output_mode="int"), "z": "float"})
    with pytest.raises(ValueError, match="feature 'e' has not been encoded"):
        space({"e": [1], "z": [2.0]})
