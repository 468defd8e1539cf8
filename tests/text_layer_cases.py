"""Layers over strings and vocabularies: what they are asked.

Real Keras needs TensorFlow for them, so its answers are recorded: ``python -m tests.text_layer_cases`` writes
them anew where both are installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

RECORDED = Path(__file__).parent / "recorded" / "text_layers.json"
Case = tuple[str, dict[str, Any], Any, Any]  # layer, arguments, data to adapt to or None, inputs

DOCUMENTS = ["The cat, sat on the MAT!", "a dog's   day\tout", "été à la plage — naïve"]
LONG = ["x" * size for size in (0, 1, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 128, 200)]
WORDS = [["a", "b", "c"], ["z", "m", "a"]]
FRUIT = [["fig", "kiwi", "fig"], ["plum", "été", "fig"]]
NUMBERS = [[5, 6, 7], [9, -10, 5]]
AB, FIVE = ["a", "b", "c"], [5, 6, 7]
SPACES = ["a\u00a0b", "a\u2003b", "a\x0bb", "a\x1cb a", " a  b "]

CASES: list[Case] = [
    *[("Hashing", {"num_bins": 97, **kw}, None, LONG) for kw in ({}, {"salt": 133}, {"salt": [133, 137]})],
    ("Hashing", {"num_bins": 7}, None, [[1, -2, 3], [1000, 0, 2**40]]),
    ("Hashing", {"num_bins": 7, "mask_value": 2}, None, [[1, 2, 3]]),
    ("Hashing", {"num_bins": 5, "mask_value": ""}, None, [["A"], [""], ["été"]]),
    *[("Hashing", {"num_bins": 5, "output_mode": mode}, None, WORDS) for mode in ("one_hot", "multi_hot", "count")],
    ("HashedCrossing", {"num_bins": 50}, None, [["A", "B", "A"], [101, 101, -102]]),
    ("HashedCrossing", {"num_bins": 50}, None, [[["A"], ["B"]], [[101], [101]], [["x"], ["été"]]]),
    ("HashedCrossing", {"num_bins": 5, "output_mode": "one_hot"}, None, [["A", "B", "A"], [101, 101, 102]]),
    *[
        (layer, {"vocabulary": vocabulary, **kw}, None, inputs)
        for layer, vocabulary, inputs, mask in (
            ("StringLookup", AB, WORDS, ""),
            ("IntegerLookup", FIVE, NUMBERS, 0),
        )
        for kw in (
            {}, {"num_oov_indices": 3}, {"mask_token": mask}, {"mask_token": mask, "num_oov_indices": 2},
            {"output_mode": "one_hot"}, {"output_mode": "multi_hot"}, {"output_mode": "count"},
            {"output_mode": "count", "mask_token": mask},
            {"output_mode": "count", "max_tokens": 10, "pad_to_max_tokens": True},
            {"output_mode": "tf_idf", "idf_weights": [0.5, 0.25, 1.5]},
        )
    ],
    ("StringLookup", {"vocabulary": AB, "num_oov_indices": 5, "salt": [1, 2]}, None, WORDS),
    ("StringLookup", {"vocabulary": AB, "num_oov_indices": 5, "salt": 4}, None, WORDS),
    ("StringLookup", {"vocabulary": ["", "[UNK]", "a"], "mask_token": ""}, None, WORDS),
    ("StringLookup", {"vocabulary": AB, "output_mode": "multi_hot"}, None, ["a", "z", "b"]),
    ("IntegerLookup", {"vocabulary": FIVE, "num_oov_indices": 5, "oov_method": "farmhash"}, None, NUMBERS),
    ("IntegerLookup", {"vocabulary": FIVE, "num_oov_indices": 5, "oov_method": "farmhash", "salt": 4}, None, NUMBERS),
    ("IntegerLookup", {"vocabulary": FIVE, "invert": True}, None, [[1, 3, 0], [2, 1, 1]]),
    ("IntegerLookup", {"vocabulary": FIVE, "invert": True, "mask_token": 0}, None, [[1, 3, 0], [2, 4, 1]]),
    *[
        (layer, kw, adapt, inputs)
        for layer, adapt, inputs, mask in (
            ("StringLookup", FRUIT, [["fig", "nut"], ["kiwi", "plum"]], "fig"),
            ("IntegerLookup", [[4, 4, 9], [-1, 2, 9]], [[4, 5], [9, 2]], 9),
        )
        for kw in (
            {}, {"max_tokens": 3}, {"mask_token": mask}, {"output_mode": "tf_idf"},
            {"output_mode": "tf_idf", "max_tokens": 3}, {"output_mode": "count", "mask_token": mask},
        )
    ],
    *[
        ("TextVectorization", kw, DOCUMENTS, [*DOCUMENTS, "the day of a cat"])
        for kw in (
            {}, {"ngrams": 2}, {"ngrams": (1, 3)}, {"split": "character"}, {"split": None}, {"standardize": None},
            {"standardize": "lower"}, {"standardize": "strip_punctuation"}, {"output_mode": "multi_hot"},
            {"output_mode": "count"}, {"output_mode": "tf_idf"}, {"output_sequence_length": 3},
            {"output_sequence_length": 12}, {"max_tokens": 5}, {"output_mode": "tf_idf", "max_tokens": 5},
            {"output_mode": "count", "max_tokens": 30, "pad_to_max_tokens": True},
        )
    ],
    ("TextVectorization", {"vocabulary": AB, "standardize": None}, None, SPACES),
    ("TextVectorization", {"vocabulary": AB}, None, [["a b c"], ["b"]]),
    ("TextVectorization", {"vocabulary": AB}, None, ["", ""]),
    ("TextVectorization", {"vocabulary": AB, "output_mode": "tf_idf", "idf_weights": [1, 2, 3]}, None, ["a b a"]),
    ("Discretization", {"num_bins": 4}, [[((7 * i) % 31) / 3.0] for i in range(50)], [[0.5, 3.0, 9.9]]),
    ("Discretization", {"num_bins": 3, "epsilon": 0.1}, [[((5 * i) % 101) / 2.0] for i in range(300)], [[7.5, 30.0]]),
]  # fmt: skip


def inputs_of(case: Case) -> Any:
    """The inputs as arrays: one, or those of several features."""
    layer, _, _, inputs = case
    return [np.array(feature) for feature in inputs] if layer == "HashedCrossing" else np.array(inputs)


def ask(layers: Any, case: Case) -> tuple[Any, dict[str, Any]]:
    """A layer and its answers as plain data."""
    name, arguments, adapt, _ = case
    layer = getattr(layers, name)(**arguments)
    if adapt is not None:
        layer.adapt(np.array(adapt))
    outputs = layer(inputs_of(case))
    answers: dict[str, Any] = {"outputs": outputs.numpy().tolist(), "config": layer.get_config()}
    if hasattr(layer, "get_vocabulary"):
        vocabulary = layer.get_vocabulary()
        answers["vocabulary"] = [int(v) if isinstance(v, (int, np.integer)) else str(v) for v in vocabulary]
        answers["size"] = int(layer.vocabulary_size())
    answers["config"].pop("name")
    return layer, answers


TABLE = {
    "z": np.arange(12) / 7.0,
    "b": np.arange(12) ** 2 / 10.0,
    "c": np.arange(12) - 5.5,
    "d": np.sin(np.arange(12)),
    "e": np.arange(12) % 3,
    "g": np.array(list("xyzxyzxxyyzz")),
    "h": np.arange(12) * 7,
    "a": np.array(list("abcdefghijkl")),
}


def feature_spaces(library: Any, batches: Any) -> list[Any]:
    """What two feature spaces make of three rows: a matrix, and columns by name.

    Args:
        batches: from a table to what `adapt` takes.
    """
    space = library.utils.FeatureSpace
    features = {
        "z": "float", "b": "float_normalized", "c": space.float_rescaled(2.0, 1.0), "e": "integer_categorical",
        "d": space.float_discretized(num_bins=3), "g": space.string_categorical(max_tokens=5),
        "h": space.integer_hashed(4), "a": "string_hashed",
    }  # fmt: skip
    whole = space(features, crosses=[("e", "g"), ("d", "h")], crossing_dim=6, hashing_dim=4)
    integers = {
        "e": space.integer_categorical(output_mode="int"),
        "g": space.string_categorical(output_mode="int"),
    }
    crosses = [space.cross(("e", "g"), crossing_dim=8, output_mode="int")]
    parts = space(integers, crosses=crosses, output_mode="dict")
    rows = {name: column[:3] for name, column in TABLE.items()}
    found = []
    for one in (whole, parts):
        one.adapt(batches({name: TABLE[name] for name in one.features}))
        values = one({name: rows[name] for name in one.features})
        found.append(
            {k: v.numpy().tolist() for k, v in values.items()}
            if isinstance(values, dict)
            else values.numpy().tolist()
        )
    return found


def main() -> None:
    """Record what real Keras answers."""
    import keras
    import tensorflow as tf

    spaces = feature_spaces(keras, lambda table: tf.data.Dataset.from_tensor_slices(table).batch(6))
    answers = [ask(keras.layers, case)[1] for case in CASES]
    RECORDED.write_text(
        json.dumps(
            {"keras": keras.__version__, "answers": answers, "spaces": spaces},
            ensure_ascii=False,
            indent=0,
            default=str,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
